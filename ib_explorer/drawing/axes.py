"""Axes of a picture: fractions of log n, or the place of a checkpoint in training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from estimator.checkpoints.revision import Revision

PADDING = 0.06
"""Share of the data's extent left free on each side of the suggested limits."""
LEAST_EXTENT = 0.01
"""Minimum extent of both axes, so that a single point, or noise, is not magnified to a full screen."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The part of the plane that is drawn; both extents are finite and not empty."""

    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis's title and, if it is not numbered by its own values, its marks in ascending order."""

    title: str
    marks: tuple[tuple[float, str], ...] = ()


def training_axis(runs: Sequence[Sequence[Revision]]) -> tuple[Axis, list[Mapping[Revision, float]]]:
    """The training axis and, run by run, the place of each checkpoint on it; each run is in training order.

    The place is log2(1 + step), so that checkpoints with doubling steps are evenly spaced. If a step is unknown, or
    steps restart (as in a second stage), it is the checkpoint's ordinal in its run.
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


def extent(values: Sequence[float]) -> tuple[float, float]:
    """Padded ends, rounded outwards to a twentieth of their extent, so that a new point seldom moves them."""
    centre = min(values) / 2 + max(values) / 2
    half = max(max(values) / 2 - min(values) / 2, LEAST_EXTENT / 2, abs(centre) * 1e-9) * (1 + 2 * PADDING)
    if not (abs(centre) < 1e300 and half < 1e300):
        return -1e300, 1e300
    grain = 10.0 ** math.floor(math.log10(half)) / 5
    lower, upper = math.floor((centre - half) / grain) * grain, math.ceil((centre + half) / grain) * grain
    # Information is never below 0 by more than its error, so the axis starts at 0.
    return (0.0 if lower < 0 <= min(values) else lower), upper
