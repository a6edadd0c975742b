"""Models against each other: one checkpoint of each, matched by a rule, with values, brackets and differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cache.measurements import row_key
from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements, Layer, Measurement
from ib_explorer.drawing.plane import series_name
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory
from ib_explorer.drawing.view import View
from ib_explorer.tables.matching import Rule, Run, Target, amount, target_of
from ib_explorer.tables.quantities import Estimate, Quantity, quantities_of


@dataclass(frozen=True, slots=True)
class Difference:
    """A value minus the value of the current model, with the standard error of independent estimates (or None)."""

    value: float
    se: float | None


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
        places = {
            "tokens": f"{amount(self.target.amount)} tokens",
            "step": f"step {amount(self.target.amount)}",
            None: "models share neither tokens nor steps",
        }
        place = f": {places[self.target.unit]}" if self.rule.is_matched else ""
        missing = f" · not measured here: {', '.join(self.lacking)}" if self.lacking else ""
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
    groups = {one: mine for one, mine in by_trajectory(records).items() if any(map(view.shows, mine))}
    names = {one: series_name(one, mine[0], "mean", _NAMED, list(groups)) for one, mine in groups.items()}
    runs = [Run.of(one, mine, view, layer) for one, mine in groups.items()]
    target = target_of(runs, cursor if rule.at_cursor else None)
    quantities = quantities_of(view)
    chosen = [_chosen(run, rule, target, names[run.trajectory], quantities) for run in runs]
    found = [one for one in chosen if one is not None]
    base = next((one for one in found if one.trajectory == home), None)
    models = tuple(one if base is None else _against(one, base) for one in found)
    lacking = tuple(names[run.trajectory] for run, one in zip(runs, chosen, strict=True) if one is None)
    return Comparison(rule, target, view, quantities, models, home, lacking)


_NAMED = View()
"""A view whose series are named by model and, where models share a name, by sample."""


def _chosen(run: Run, rule: Rule, target: Target, name: str, quantities: Iterable[Quantity]) -> Compared | None:
    """The checkpoint of a run that the rule chooses, without differences; None if the run has no row."""
    choice = rule.choose(run, target, run.view.value)
    found = None if choice is None else run.row(choice[0])
    if choice is None or found is None:
        return None
    estimates = _estimates(quantities, *found)
    return Compared(run.trajectory, name, run.revision(choice[0]), *found, estimates, {}, "", choice[1])


def _against(one: Compared, base: Compared) -> Compared:
    """A model with its differences from ``base``, or why it has none."""
    if one is base:
        return one
    other = _other(one.trajectory, base.trajectory)
    return replace(one, other=other, differences={} if other else _differences(one.estimates, base.estimates))


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
