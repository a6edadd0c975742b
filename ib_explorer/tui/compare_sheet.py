"""The comparison of models in view, and its table as a sheet."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements, Layer
from estimator.safe_text import safe
from ib_explorer.drawing.dots import Dot
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import Trajectory
from ib_explorer.drawing.view import View
from ib_explorer.tables.comparison import Compared, Comparison, compare
from ib_explorer.tables.matching import RULES, amount
from ib_explorer.tables.quantities import Quantity
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Arrangement, Column, Sheet, Source, sheet
from ib_explorer.tui.state import Place, State
from ib_explorer.tui.wording import WITHHELD, checkpoint_name, ending

NAME, CHECKPOINT = 18, 14
"""Widths of the fixed columns."""


def comparison_of(scene: Scene) -> Comparison:
    """All models with the labels in view, at checkpoints matched by the rule in the state."""
    state = scene.state
    cursor = state.place.checkpoint if state.place else None
    rule = next(rule for rule in RULES if rule.name == state.matching)
    return _comparison(
        Same(state.records), state.view, scene.layer, rule.name, scene.trajectory, cursor if rule.at_cursor else None
    )


@lru_cache(maxsize=8)
def _comparison(
    records: Same[tuple[CheckpointMeasurements, ...]],
    view: View,
    layer: Layer,
    rule: str,
    home: Trajectory | None,
    cursor: Revision | None,
) -> Comparison:
    chosen = next(one for one in RULES if one.name == rule)
    return compare(records.value, view, layer, chosen, home, cursor)


def compare_sheet(scene: Scene) -> Sheet:
    """The comparison as a table, arranged as the user chose in the Compare tab."""
    comparison = comparison_of(scene)
    models = comparison.models
    current = next((index for index, one in enumerate(models) if one.trajectory == comparison.home), None)
    return sheet(_source(Same(comparison)), scene.state.arranged.get("compare", Arrangement()), current)


def sorted_quantity(comparison: Comparison, arrangement: Arrangement) -> Quantity:
    """The quantity that the dots show: that of the column sorted by, or of the cursor, or the first."""
    for name in (arrangement.by, arrangement.column):
        for quantity in comparison.quantities:
            if name in (quantity.name, f"{quantity.name} bracket", f"{quantity.name} difference"):
                return quantity
    return comparison.quantities[0]


def dots(shown: Sheet, quantity: Quantity) -> list[Dot]:
    """The models in the order of the table, each with its estimate of ``quantity``."""
    found = []
    for row in range(len(shown.order)):
        one: Compared = shown.item(row)
        estimate = one.estimates.get(quantity.name)
        bracket = (None, None) if estimate is None else (estimate.low, estimate.high)
        number = None if estimate is None else estimate.value
        found.append(Dot(ending(safe(one.name), NAME), number, *bracket, shown.order[row], one.other))
    return found


@lru_cache(maxsize=4)
def _source(comparison: Same[Comparison]) -> Source:
    columns: list[Column] = [
        Column("model", "model", NAME, lambda one: one.name, lambda one: ending(safe(one.name), NAME), numbers=False),
        Column(
            "checkpoint",
            "checkpoint",
            CHECKPOINT,
            lambda one: checkpoint_name(one.checkpoint),
            lambda one: ending(checkpoint_name(one.checkpoint), CHECKPOINT),
            numbers=False,
        ),
        Column(
            "tokens",
            "tokens",
            7,
            lambda one: one.checkpoint.tokens,
            lambda one: f"{_marked(one):>7}",
        ),
    ]
    for quantity in comparison.value.quantities:
        columns += _columns(quantity)
    columns.append(Column("remark", "remark", 34, lambda one: one.remark, lambda one: safe(one.remark), numbers=False))
    return Source(comparison.value.models, tuple(columns), fixed=2, go=_to_model)


def _to_model(scene: Scene, one: Compared) -> State:
    """Move the cursor to a model's chosen checkpoint."""
    place = scene.state.place
    if one.trajectory == scene.trajectory:
        return scene.state
    moved = Place(one.trajectory, one.checkpoint, place.layer if place else None)
    return replace(scene.state, place=moved, live=False, playing=False)


def _marked(one: Compared) -> str:
    """The tokens of a checkpoint, after ``~`` if it is not the one that the rule asks for."""
    tokens = one.checkpoint.tokens
    return f"{'~' if one.remark else ''}{WITHHELD if tokens is None else amount(tokens)}"


def _columns(quantity: Quantity) -> list[Column]:
    """The value of a quantity, its difference from the current model, and its bracket."""
    name, width = quantity.name, max(len(quantity.title), 7)

    def value(one: Compared) -> float | None:
        estimate = one.estimates.get(name)
        return None if estimate is None else estimate.value

    def difference(one: Compared) -> float | None:
        found = one.differences.get(name)
        return None if found is None else found.value

    def value_text(one: Compared) -> str:
        found = value(one)
        return f"{WITHHELD if found is None else f'{found:z.4f}':>{width}}"

    def difference_text(one: Compared) -> str:
        found = one.differences.get(name)
        if found is None:
            return f"{one.other:>16}"
        error = "" if found.se is None else f" ±{found.se:.4f}"
        return f"{f'{found.value:+z.4f}{error}':>16}"

    def bracket_text(one: Compared) -> str:
        estimate = one.estimates.get(name)
        if estimate is None or estimate.low is None or estimate.high is None:
            return f"{WITHHELD:>17}"
        return f"{f'{estimate.low:z.4f} to {estimate.high:z.4f}':>17}"

    def bracket_width(one: Compared) -> float | None:
        estimate = one.estimates.get(name)
        if estimate is None or estimate.low is None or estimate.high is None:
            return None
        return estimate.high - estimate.low

    return [
        Column(name, quantity.title, width, value, value_text),
        Column(f"{name} difference", "difference", 16, difference, difference_text),
        Column(f"{name} bracket", "bracket", 17, bracket_width, bracket_text),
    ]
