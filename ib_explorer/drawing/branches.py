"""Lines through checkpoints of a tree: each branch is a line of its own from the checkpoint where it forks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import segments

Pair = tuple[float, float]
_GAP = (math.nan, math.nan)


class Paths:
    """The lines through runs of checkpoints; equal runs, such as those of each layer, are ordered once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], list[int | None]] = {}

    def line(self, run: Sequence[Revision], pairs: Sequence[Pair]) -> Sequence[Pair]:
        """The pairs of a run of checkpoints in training order, with a gap and the fork's pair before each branch."""
        same = tuple(map(id, run))
        if same not in self._known:
            self._known[same] = _order(run)
        return [_GAP if index is None else pairs[index] for index in self._known[same]]


def _order(run: Sequence[Revision]) -> list[int | None]:
    """The indices that a line visits; None is a gap."""
    at = {revision: index for index, revision in enumerate(run)}
    order: list[int | None] = []
    for segment in segments(run):
        if order:
            order.append(None)
        if segment.origin is not None:
            order.append(at[segment.origin])
        order += [at[revision] for revision in segment.revisions]
    return order
