"""Rules that choose one checkpoint of each model, so that models can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements, Layer, Measurement
from estimator.values import Value
from ib_explorer.drawing.trajectories import Trajectory, checkpoints_of, revision_of
from ib_explorer.drawing.view import View

FAR = 1.1
"""Ratio of training lengths from which a matched checkpoint is marked as far from the common one."""


@dataclass(frozen=True, slots=True)
class Run:
    """A trajectory in a view at one layer: its checkpoints with the labels in view, in training order."""

    trajectory: Trajectory
    checkpoints: tuple[tuple[CheckpointMeasurements, ...], ...]
    view: View
    layer: Layer

    @classmethod
    def of(cls, trajectory: Trajectory, records: Sequence[CheckpointMeasurements], view: View, layer: Layer) -> Run:
        """The run of a trajectory's records."""
        return cls(trajectory, tuple(checkpoints_of(filter(view.shows, records))), view, layer)

    def revision(self, index: int) -> Revision:
        """The revision of a checkpoint."""
        return revision_of(self.checkpoints[index][0])

    def row(self, index: int) -> tuple[CheckpointMeasurements, Measurement] | None:
        """The row of a checkpoint with its record; None if it is not measured in the view."""
        found = ((record, row) for record in self.checkpoints[index] for row in self.view.rows(record, [self.layer]))
        return next(found, None)

    def latest(self) -> int | None:
        """The last checkpoint with a row; None if none has one."""
        return next((index for index in reversed(range(len(self.checkpoints))) if self.row(index)), None)


@dataclass(frozen=True, slots=True)
class Target:
    """The common place in training: an ``amount`` of ``unit`` (``tokens``, ``step``), or None if runs share no unit."""

    unit: str | None
    amount: int = 0


Choice = tuple[int, str] | None
"""A checkpoint's index in its run, and a remark; None if the run has no row."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that chooses a checkpoint of a run; ``is_matched`` at a common length of training (``at_cursor``'s)."""

    name: str
    text: str
    choose: Callable[[Run, Target, Value], Choice]
    is_matched: bool = False
    at_cursor: bool = False


def target_of(runs: Sequence[Run], cursor: Revision | None) -> Target:
    """The place in training that runs are matched at: that of ``cursor``, or the last that all runs reach."""
    for unit in ("tokens", "step"):
        reached = [list(_amounts(run, unit)) for run in runs]
        if reached and all(reached):
            at = None if cursor is None else _amount(cursor, unit)
            return Target(unit, min(map(max, reached)) if at is None else at)
    return Target(None)


def _amounts(run: Run, unit: str) -> Iterator[int]:
    for index in range(len(run.checkpoints)):
        amount = _amount(run.revision(index), unit)
        if amount is not None:
            yield amount


def _amount(revision: Revision, unit: str) -> int | None:
    amount: int | None = getattr(revision, unit)
    return amount


def _nearest(run: Run, target: Target, _: Value) -> Choice:
    """The checkpoint nearest to the target in log tokens (or steps); the last one if runs share no unit."""
    if target.unit is None:
        return _said(run.latest(), "last: place in training unknown")
    unit = target.unit

    def off(index: int) -> float:
        amount = _amount(run.revision(index), unit)
        return math.inf if amount is None else abs(math.log1p(amount) - math.log1p(target.amount))

    by_distance = sorted(range(len(run.checkpoints)), key=off)
    index = next((index for index in by_distance if run.row(index)), None)
    if index is None:
        return None
    if math.isinf(off(index)):
        return index, "place in training unknown"
    times = math.exp(off(index))
    more = (_amount(run.revision(index), unit) or 0) > target.amount
    said = f"{times:.1f} × {'more' if more else 'fewer'} {unit if unit == 'tokens' else 'steps'}"
    return index, said if times > FAR else ""


def _last(run: Run, _: Target, __: Value) -> Choice:
    return _said(run.latest(), "")


def _said(index: int | None, remark: str) -> Choice:
    return None if index is None else (index, remark)


def _best(of: Callable[[Measurement, Value], float | None]) -> Callable[[Run, Target, Value], Choice]:
    def choose(run: Run, _: Target, value: Value) -> Choice:
        best: tuple[float, int] | None = None
        for index in range(len(run.checkpoints)):
            found = run.row(index)
            number = None if found is None else of(found[1], value)
            if number is not None and math.isfinite(number) and (best is None or number > best[0]):
                best = number, index
        return (best[1], "") if best else _said(run.latest(), "last: withheld at every checkpoint")

    return choose


def _optimality(row: Measurement, value: Value) -> float | None:
    return value.of(row.complexity) if row.expressivity is None else value.optimality(row)


def _share(row: Measurement, value: Value) -> float | None:
    return value.of(row.complexity) if row.expressivity is None else row.predictive_share


RULES = (
    Rule("tokens", "same length of training", _nearest, is_matched=True),
    Rule("cursor", "training length of the cursor", _nearest, is_matched=True, at_cursor=True),
    Rule("optimality", "each at its largest optimality", _best(_optimality)),
    Rule("share", "each at its largest predictive share", _best(_share)),
    Rule("last", "each at its last checkpoint", _last),
)
"""The rules by which checkpoints are matched, in the order in which the screen steps through them."""


def amount(number: int) -> str:
    """A number of tokens or steps, with a unit if it is large."""
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:,}"
