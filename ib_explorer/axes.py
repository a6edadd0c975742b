"""What the axes of a picture mean: fractions of log n, or the place of a checkpoint in its training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from estimator.revision import Revision


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis's title and, where it is not numbered by its own values, the places that are marked, ascending."""

    title: str
    marks: tuple[tuple[float, str], ...] = ()


def training_axis(runs: Sequence[Sequence[Revision]]) -> tuple[Axis, list[Mapping[Revision, float]]]:
    """The axis of training and, run by run, the place on it of each checkpoint; each run is in training order.

    That is log2(1 + step), where checkpoints that double their step are evenly apart. Where a step is unknown, or
    steps start anew (as those of a second stage do), checkpoints lie at their ordinals in their run.
    """
    by_step = all(_ascending([checkpoint.step for checkpoint in run]) for run in runs)
    places: list[Mapping[Revision, float]] = []
    marks: dict[float, str] = {}
    for run in runs:
        mine: dict[Revision, float] = {}
        for ordinal, checkpoint in enumerate(run, 1):
            step = checkpoint.step if by_step else None
            place = float(ordinal) if step is None else math.log2(1 + step)
            mine[checkpoint] = place
            marks[place] = f"{ordinal if step is None else step:,}"
        places.append(mine)
    return Axis("training step" if by_step else "checkpoint", tuple(sorted(marks.items()))), places


def _ascending(steps: Sequence[int | None]) -> bool:
    known = [step for step in steps if step is not None]
    return len(known) == len(steps) and all(before < after for before, after in itertools.pairwise(known))
