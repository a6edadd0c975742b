"""Which failures concern one checkpoint, so that a sweep goes on, and which concern all of them."""

from __future__ import annotations

from estimator.errors import InputError, MeasurementError

_OF_THE_REQUEST = frozenset(
    {
        *("device", "dtype", "max-length", "layers", "temperature", "anchors", "anchor-seeds", "extra", "score-budget"),
        *("corpus", "column", "documents", "granularity", "labels", "min-count", "clusters", "part"),
        *("disk", "hub"),
    }
)
"""Kinds of failures that the request, the text, the disk or the hub's address causes, whatever the checkpoint.

A cache that can only be read is not among them, because it may have the values of the next checkpoint.
"""
_OF_THE_ARCHITECTURE = frozenset({"memory", "architecture", "access", "checkpoint-budget"})
"""Kinds that checkpoints of one model share: unless one of them was measured, the others fail likewise."""


def ends_sweep(failure: InputError | MeasurementError, *, is_any_measured: bool) -> bool:
    """Whether the checkpoints that follow one with this failure would fail for the same reason."""
    return failure.kind in _OF_THE_REQUEST or (failure.kind in _OF_THE_ARCHITECTURE and not is_any_measured)
