"""Axes of a picture: fractions of log n, or the place of a checkpoint in training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import Segment, segments

PADDING = 0.06
"""Share of the data's extent left free on each side of the suggested limits."""
LEAST_EXTENT = 0.01
"""Minimum extent of both axes, so that a single point, or noise, is not magnified to a full screen."""


SHARE = "share of log n"
"""The unit of information: n anchors have an entropy of log n."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The part of the plane that is drawn; both extents are finite and not empty."""

    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis's title and, if it is not numbered by its own values, its marks in ascending order; its unit, if any."""

    title: str
    marks: tuple[tuple[float, str], ...] = ()
    unit: str = ""

    @property
    def caption(self) -> str:
        """The title with the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


def training_axis(runs: Sequence[Sequence[Revision]]) -> tuple[Axis, list[Mapping[Revision, float]]]:
    """The training axis and, run by run, the place of each checkpoint on it; each run is in training order.

    The place is log2(1 + step), so that checkpoints with doubling steps are evenly spaced. If a step is unknown, or
    steps restart (as in a second stage), it is the checkpoint's ordinal, which on a branch counts from its fork.
    """
    trees = [segments(run) for run in runs]
    by_step = all(_ascending(segment) for tree in trees for segment in tree)
    places: list[Mapping[Revision, float]] = []
    marks: dict[float, str] = {}
    for tree in trees:
        ordinals = _ordinals(tree)
        mine: dict[Revision, float] = {}
        for checkpoint, ordinal in ordinals.items():
            step = checkpoint.step if by_step else None
            place = float(ordinal) if step is None else math.log2(1 + step)
            mine[checkpoint] = place
            marks[place] = f"{ordinal if step is None else step:,}"
        places.append(mine)
    return Axis("training step" if by_step else "checkpoint", tuple(sorted(marks.items()))), places


def _ordinals(tree: Sequence[Segment]) -> dict[Revision, int]:
    """The number of each checkpoint on its branch, counted from the start of training; unplaced names are last."""
    ordinals: dict[Revision, int] = {}
    for segment in tree:
        before = 0 if segment.origin is None else ordinals[segment.origin]
        if segment.origin is None and not segment.revisions[0].is_placed:
            before = max(ordinals.values(), default=0)
        ordinals |= {revision: before + number for number, revision in enumerate(segment.revisions, 1)}
    return ordinals


def _ascending(segment: Segment) -> bool:
    origin = () if segment.origin is None else (segment.origin,)
    steps = [checkpoint.step for checkpoint in (*origin, *segment.revisions)]
    known = [step for step in steps if step is not None]
    return len(known) == len(steps) and all(before < after for before, after in itertools.pairwise(known))


def ticks(lower: float, upper: float, count: int) -> tuple[list[float], list[str]]:
    """At most ``count`` (2 or more) round values from ``lower`` to ``upper``, and how they are written."""
    span = upper - lower
    power = 10.0 ** math.floor(math.log10(span / count))
    for step in (factor * power for factor in (1, 2, 5, 10, 20)):
        first, last = math.ceil(lower / step - 1e-9), math.floor(upper / step + 1e-9)
        if last - first < count:
            break
    values = [index * step for index in range(first, last + 1)]
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e5 or step < 1e-6:
        return values, [f"{value:.1e}" for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return values, [f"{value:.{decimals}f}" for value in values]


def marked(marks: Sequence[tuple[float, str]], lower: float, upper: float, width: int) -> tuple[list[float], list[str]]:
    """The marks from ``lower`` to ``upper`` that stand apart on an axis of ``width`` cells; the last is among them."""
    shown: list[tuple[float, str]] = []
    room = math.inf
    for place, name in reversed(marks):
        cell = (place - lower) / (upper - lower) * width
        right = min(cell + len(name) / 2, width)
        if 0 <= cell <= width and right + 2 <= room:
            shown.insert(0, (place, name))
            room = right - len(name)
    return [place for place, _ in shown], [name for _, name in shown]


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
