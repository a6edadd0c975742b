"""The line through checkpoints of a tree: each branch starts anew from the checkpoint where it forks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import segments

Pair = tuple[float, float]
Order = tuple[int | None, ...]
"""Indices of checkpoints that a line visits; None is a gap in it."""

_GAP = (math.nan, math.nan)


def line_order(run: Sequence[Revision]) -> Order:
    """The order of a run in training order: before each branch there is a gap, then the checkpoint where it forks."""
    if all(one.ingredient is None and one.fork is None and (one.is_placed or one.name == "main") for one in run):
        return tuple(range(len(run)))
    at = {revision: index for index, revision in enumerate(run)}
    order: list[int | None] = []
    for segment in segments(run):
        if order:
            order.append(None)
        if segment.origin is not None:
            order.append(at[segment.origin])
        order += [at[revision] for revision in segment.revisions]
    return tuple(order)


def line(order: Order, pairs: Sequence[Pair]) -> Sequence[Pair]:
    """The pairs of a run's checkpoints in the order of their line."""
    return [_GAP if index is None else pairs[index] for index in order]
