"""The quantities that models are compared by, each a value with its bracket and standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from estimator.measurement import MARGIN, SIDES, CheckpointMeasurements, Information, Measurement
from estimator.text.kinds import LABELS
from estimator.values import Value
from ib_explorer.drawing.view import View


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its bracket and standard error; each of these is None where it is unknown."""

    value: float
    low: float | None = None
    high: float | None = None
    se: float | None = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity that models are compared by; ``of`` is None for rows without it. ``name`` begins its CSV columns."""

    name: str
    title: str
    of: Callable[[CheckpointMeasurements, Measurement], Estimate | None]


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
