"""The jackknife: document groups, and information with bracket and error from leave-one-group-out values."""

from __future__ import annotations

import numpy as np

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import Information


def document_groups(document_of_position: IntArray, groups: int = 16) -> IntArray:
    """A group number per position: whole documents in runs of about equal positions, at most ``groups`` groups.

    Raises ValueError when positions are not in document order.
    """
    starts = np.flatnonzero(np.diff(document_of_position, prepend=-1))
    if (np.diff(document_of_position) < 0).any():
        raise ValueError("positions must lie in document order")
    wanted = min(groups, len(starts))
    middle = (starts + np.append(starts[1:], len(document_of_position))) / 2
    raw = np.minimum((middle * wanted / len(document_of_position)).astype(np.int64), wanted - 1)
    _, compact = np.unique(raw, return_inverse=True)
    return np.repeat(compact, np.diff(np.append(starts, len(document_of_position))))


def bracketed(plugin: FloatArray, null: FloatArray, shuffling: float, *, labels: int, singletons: float) -> Information:
    """Information from plug-in and null values [draws, groups + 1]: in full, then without each document group.

    The upper end of the bracket is the jackknife estimate, never below the corrected value. The error is that of the
    mean over draws: the larger of the scatter between groups and the scatter of shuffled labels (variance
    ``shuffling``).
    """
    by_draw = (plugin - null)[:, 0]
    plugin, null = plugin.mean(0), null.mean(0)
    groups, corrected = len(plugin) - 1, plugin - null
    high = groups * plugin[0] - (groups - 1) * plugin[1:].mean()
    scatter = (groups - 1) / groups * np.square(corrected[1:] - corrected[1:].mean()).sum()
    return Information(
        plugin=float(plugin[0]),
        null=float(null[0]),
        high=float(max(high, corrected[0])),
        se=float(np.sqrt(max(scatter, shuffling))),
        spread=spread(by_draw),
        labels=labels,
        singletons=singletons,
    )


def spread(by_draw: FloatArray) -> float:
    """The standard deviation over anchor draws [draws], 0 for a single one."""
    return float(by_draw.std(ddof=1)) if len(by_draw) > 1 else 0.0
