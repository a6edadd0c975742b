"""Models against each other: one checkpoint of each, matched by a rule, with values, brackets and differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cache.measurements import row_key
from estimator.checkpoints.revision import Revision
from estimator.measurement import MARGIN, SIDES, CheckpointMeasurements, Information, Layer, Measurement
from estimator.text.kinds import LABELS
from estimator.values import Value
from ib_explorer.drawing.plane import series_name
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, revision_of
from ib_explorer.drawing.view import View

FAR = 1.1
"""Ratio of training lengths from which a matched checkpoint is marked as far from the common one."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its bracket and standard error; each of these is None where it is unknown."""

    value: float
    low: float | None = None
    high: float | None = None
    se: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A value minus the value of the current model, with the standard error of independent estimates (or None)."""

    value: float
    se: float | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity that models are compared by; ``of`` is None for rows without it. ``name`` begins its CSV columns."""

    name: str
    title: str
    of: Callable[[CheckpointMeasurements, Measurement], Estimate | None]


@dataclass(frozen=True, slots=True)
class Run:
    """A trajectory as rows of the view, one per checkpoint, in training order."""

    trajectory: Trajectory
    name: str
    points: tuple[tuple[Revision, CheckpointMeasurements, Measurement], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that chooses a checkpoint of each run; ``choose`` gives an index of ``run.points`` and a remark."""

    name: str
    text: str
    choose: Callable[[Run, Target, Value], tuple[int, str]]
    at_cursor: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The common place in training: an ``amount`` of ``unit`` (``tokens``, ``step``), or None if runs share no unit."""

    unit: str | None
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """A model in a comparison: its chosen checkpoint, the estimates of each quantity, and its differences.

    ``other`` says why it is not compared with the current model (``other sample`` …); it is empty if it is.
    ``remark`` says what is particular about the chosen checkpoint.
    """

    trajectory: Trajectory
    name: str
    checkpoint: Revision
    record: CheckpointMeasurements
    row: Measurement
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Difference]
    other: str
    remark: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All models in a view at the checkpoints that ``rule`` chooses; ``home`` is the current trajectory."""

    rule: Rule
    target: Target
    view: View
    quantities: tuple[Quantity, ...]
    models: tuple[Compared, ...]
    home: Trajectory | None
    lacking: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is compared, in one line; ``lacking`` are models without the layer in view."""
        place = ""
        if self.rule.name in ("tokens", "cursor"):
            unit = self.target.unit
            place = f": {amount(self.target.amount)} {unit}s" if unit == "step" else ""
            place = f": {amount(self.target.amount)} tokens" if unit == "tokens" else place
            place = place or ": models share neither tokens nor steps"
        missing = f" · without {', '.join(self.lacking)}" if self.lacking else ""
        return f"{self.rule.text}{place}{missing}"


def compare(
    records: tuple[CheckpointMeasurements, ...],
    view: View,
    layer: Layer,
    rule: Rule,
    home: Trajectory | None,
    cursor: Revision | None,
) -> Comparison:
    """Compare all trajectories of ``records`` that have the view's labels, at ``layer``.

    ``home`` is the trajectory that differences are from, ``cursor`` the checkpoint for rules that match it.
    """
    names = [one for one, mine in by_trajectory(records).items() if any(map(view.shows, mine))]
    runs = [_run(one, by_trajectory(records)[one], view, layer, names) for one in names]
    kept = [run for run in runs if run.points]
    target = _target(kept, cursor if rule.at_cursor else None)
    quantities = quantities_of(view)
    chosen = []
    for run in kept:
        index, remark = rule.choose(run, target, view.value)
        chosen.append((run, *run.points[index], remark))
    base = next((one for one in chosen if one[0].trajectory == home), None)
    known = [(*one, _estimates(quantities, one[2], one[3])) for one in chosen]
    mine = next((one[-1] for one in known if one[0].trajectory == home), {})
    models = tuple(
        Compared(
            run.trajectory,
            run.name,
            checkpoint,
            record,
            row,
            estimates,
            {} if base is None or base[0] is run or other else _differences(estimates, mine),
            other,
            remark,
        )
        for run, checkpoint, record, row, remark, estimates in known
        for other in ["" if base is None else _other(run.trajectory, base[0].trajectory)]
    )
    lacking = tuple(run.name for run in runs if not run.points)
    return Comparison(rule, target, view, quantities, models, home, lacking)


def quantities_of(view: View) -> tuple[Quantity, ...]:
    """The quantities of a view: its value of each side, what derives from both, loss, and the document parts."""
    titles = LABELS.titles(view.granularity)
    value = view.value
    sides = [(side, name) for side, name in zip(SIDES, ("complexity", "expressivity"), strict=True) if side in titles]
    both = [
        Quantity("optimality", "optimality", lambda _, row: _wide(value.optimality(row), value.ratio_error(row))),
        Quantity("share", "share", lambda _, row: _wide(row.predictive_share, row.predictive_share_se)),
    ]
    return (
        *(Quantity(name, titles[side], _side(name, value)) for side, name in sides),
        *(both if len(sides) == len(SIDES) else ()),
        Quantity("loss", "loss", lambda record, _: _wide(record.loss, None)),
        Quantity("bits_per_byte", "bits/byte", lambda record, _: _wide(record.bits_per_byte, None)),
        *(Quantity(f"{name}_document", f"docs of {titles[side]}", _document(name)) for side, name in sides),
    )


def _side(name: str, value: Value) -> Callable[[CheckpointMeasurements, Measurement], Estimate | None]:
    def of(_: CheckpointMeasurements, row: Measurement) -> Estimate | None:
        side: Information = getattr(row, name)
        number, error = value.of(side), value.error(side)
        if not math.isfinite(number):
            return None
        return Estimate(number, *side.bracket, error if math.isfinite(error) else None)

    return of


def _document(name: str) -> Callable[[CheckpointMeasurements, Measurement], Estimate | None]:
    return lambda _, row: _wide(getattr(row, name).document_part, None)


def _wide(value: float | None, se: float | None) -> Estimate | None:
    """An estimate whose bracket is made from its error, as wide as those of information."""
    if value is None or not math.isfinite(value):
        return None
    return Estimate(value) if se is None else Estimate(value, value - MARGIN * se, value + MARGIN * se, se)


def _estimates(quantities: Iterable[Quantity], record: CheckpointMeasurements, row: Measurement) -> dict[str, Estimate]:
    found = ((quantity.name, quantity.of(record, row)) for quantity in quantities)
    return {name: estimate for name, estimate in found if estimate is not None}


def _differences(estimates: Mapping[str, Estimate], base: Mapping[str, Estimate]) -> dict[str, Difference]:
    return {
        name: Difference(one.value - base[name].value, _together(one.se, base[name].se))
        for name, one in estimates.items()
        if name in base
    }


def _together(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else math.hypot(one, other)


def _other(one: Trajectory, base: Trajectory) -> str:
    """Why values of two trajectories are not comparable; empty if they are."""
    if one.sample != base.sample:
        return "other sample"
    if (one.anchors, one.anchor_seeds) != (base.anchors, base.anchor_seeds):
        return "other anchors"
    if one.estimator_version != base.estimator_version:
        return "other version"
    return "other dtype" if one.dtype != base.dtype else ""


def _run(
    trajectory: Trajectory,
    records: Sequence[CheckpointMeasurements],
    view: View,
    layer: Layer,
    names: Sequence[Trajectory],
) -> Run:
    points: dict[Revision, tuple[Revision, CheckpointMeasurements, Measurement]] = {}
    for record in records:
        for row in view.rows(record, [layer]):
            points.setdefault(revision_of(record), (revision_of(record), record, row))
    return Run(trajectory, series_name(trajectory, records[0], "mean", _NAMED, names), tuple(points.values()))


_NAMED = View()
"""A view whose series are named by model and, where models share a name, by sample."""


def _target(runs: Sequence[Run], cursor: Revision | None) -> Target:
    """The place in training that runs are matched at: that of ``cursor``, or the last that all runs reach."""
    for unit in ("tokens", "step"):
        reached = [[amount for point in run.points if (amount := _amount(point[0], unit)) is not None] for run in runs]
        if reached and all(reached):
            at = None if cursor is None else _amount(cursor, unit)
            return Target(unit, min(map(max, reached)) if at is None else at)
    return Target(None)


def _amount(revision: Revision, unit: str) -> int | None:
    amount: int | None = getattr(revision, unit)
    return amount


def _nearest(run: Run, target: Target, _: Value) -> tuple[int, str]:
    """The checkpoint nearest to the target in log tokens (or steps); the last one if runs share no unit."""
    if target.unit is None:
        return len(run.points) - 1, "last: place in training unknown"
    unit = target.unit

    def off(index: int) -> float:
        amount = _amount(run.points[index][0], unit)
        return math.inf if amount is None else abs(math.log1p(amount) - math.log1p(target.amount))

    index = min(range(len(run.points)), key=off)
    times = math.exp(off(index))
    more = (_amount(run.points[index][0], unit) or 0) > target.amount
    said = f"{times:.1f} × {'more' if more else 'fewer'} {unit if unit == 'tokens' else 'steps'}"
    return index, said if times > FAR else ""


def _last(run: Run, _: Target, __: Value) -> tuple[int, str]:
    return len(run.points) - 1, ""


def _best(of: Callable[[Measurement, Value], float | None]) -> Callable[[Run, Target, Value], tuple[int, str]]:
    def choose(run: Run, _: Target, value: Value) -> tuple[int, str]:
        found = [of(row, value) for _, __, row in run.points]
        known = [(number, -index) for index, number in enumerate(found) if number is not None and math.isfinite(number)]
        return (-max(known)[1], "") if known else (len(run.points) - 1, "last: withheld at every checkpoint")

    return choose


def _optimality(row: Measurement, value: Value) -> float | None:
    return value.of(row.complexity) if row.expressivity is None else value.optimality(row)


def _share(row: Measurement, value: Value) -> float | None:
    """The predictive share, unless optimality is withheld because the state carries nothing; or the only side."""
    return value.of(row.complexity) if row.expressivity is None else row.predictive_share


RULES = (
    Rule("tokens", "same length of training", _nearest),
    Rule("cursor", "training length of the cursor", _nearest, at_cursor=True),
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


def comparison_columns(comparison: Comparison) -> list[str]:
    """The columns of a comparison's CSV."""
    parts = ("", "_low", "_high", "_se", "_difference", "_difference_se")
    return [*_ABOUT, *(f"{one.name}{part}" for one in comparison.quantities for part in parts)]


_ABOUT: dict[str, Callable[[Comparison, Compared], Any]] = {
    "model": lambda _, one: one.record.model,
    "revision": lambda _, one: one.record.revision,
    "commit": lambda _, one: one.record.commit,
    "stage": lambda _, one: one.checkpoint.stage,
    "step": lambda _, one: one.checkpoint.step,
    "tokens": lambda _, one: one.checkpoint.tokens,
    "layer": lambda _, one: one.row.layer,
    "granularity": lambda _, one: one.row.granularity,
    "weights": lambda _, one: one.row.weighting,
    "variant": lambda _, one: one.row.variant,
    "temperature_rule": lambda _, one: one.row.temperature_rule,
    "preset": lambda all_, _: all_.view.preset,
    "rule": lambda all_, _: all_.rule.name,
    "is_base": lambda all_, one: one.trajectory == all_.home,
    "not_compared": lambda _, one: one.other or None,
    "remark": lambda _, one: one.remark or None,
    "corpus": lambda _, one: one.record.corpus,
    "sample": lambda _, one: one.record.sample,
    "documents": lambda _, one: one.record.documents,
    "positions": lambda _, one: one.record.positions,
    "anchors": lambda _, one: one.record.anchors,
    "estimator_version": lambda _, one: one.record.estimator_version,
    "key": lambda _, one: row_key(one.record, one.row),
}


def comparison_row(comparison: Comparison, one: Compared) -> list[object]:
    """A model as a row of :func:`comparison_columns`."""
    cells: list[object] = [of(comparison, one) for of in _ABOUT.values()]
    for quantity in comparison.quantities:
        estimate, difference = one.estimates.get(quantity.name), one.differences.get(quantity.name)
        cells += [None] * 4 if estimate is None else [estimate.value, estimate.low, estimate.high, estimate.se]
        cells += [None] * 2 if difference is None else [difference.value, difference.se]
    return cells
