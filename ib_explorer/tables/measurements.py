"""Measurements as CSV: one row per point, with the same columns in every part of the tool."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

from cache.measurements import row_key
from estimator.bottleneck.bounds import ESTIMATE, RAW, Curve
from estimator.curve import BoundCurve, Distance, distance_to_bound
from estimator.measurement import CheckpointMeasurements, Information, Measurement
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.values import VALUES, Value, added_values
from ib_explorer.tables.csv import shown_layers, table_text

Row = tuple[CheckpointMeasurements, Measurement]
Column = Callable[[CheckpointMeasurements, Measurement], object]
CurveOf = Callable[[CheckpointMeasurements, Measurement, Curve], BoundCurve | None]
"""Finds the curve of a row's sample and labels; None if it has not been computed."""


def no_curve(_: CheckpointMeasurements, __: Measurement, ___: Curve) -> None:
    """Finds no curve: the distances to curves are empty."""


def _of_checkpoint(*names: str) -> dict[str, Column]:
    return {name: _field(0, name) for name in names}


def _of_row(*names: str) -> dict[str, Column]:
    return {name: _field(1, name) for name in names}


def _field(at: int, name: str) -> Column:
    return lambda *point: getattr(point[at], name)


def _part(quantity: str, of: Callable[[Information], Any]) -> Column:
    def column(_: CheckpointMeasurements, row: Measurement) -> object:
        information: Information | None = getattr(row, quantity)
        return None if information is None else of(information)

    return column


def _information(quantity: str) -> dict[str, Column]:
    return {
        quantity: _part(quantity, lambda one: one.plugin),
        f"{quantity}_null": _part(quantity, lambda one: one.null),
        f"{quantity}_corrected": _part(quantity, lambda one: one.corrected),
        f"{quantity}_high": _part(quantity, lambda one: one.high),
        f"{quantity}_se": _part(quantity, lambda one: one.se),
    }


def _adjusted(quantity: str) -> dict[str, Column]:
    return {
        f"{quantity}_within": _part(quantity, lambda one: one.within),
        f"{quantity}_document": _part(quantity, lambda one: one.document_part),
        f"{quantity}_adjusted": _part(quantity, lambda one: one.adjusted),
        f"{quantity}_adjusted_se": _part(quantity, lambda one: one.adjusted_se),
        f"{quantity}_low": _part(quantity, lambda one: one.low),
    }


def _optimality(value: Value) -> dict[str, Column]:
    return {value.column("optimality"): lambda _, row: value.optimality(row)}


def _gaps(curve_of: CurveOf) -> dict[str, Column]:
    """Distances from the adjusted point to the IB curve of its text, in bits; empty where the curve is unknown.

    The true curve lies between its held-out estimate (low) and the raw curve (high), which alone is a bound.
    """

    def part(curve: Curve, of: Callable[[Distance], float]) -> Column:
        def column(record: CheckpointMeasurements, row: Measurement) -> object:
            found = _adjusted_distance(record, row, curve_of(record, row, curve))
            return None if found is None else of(found)

        return column

    return {
        "bound_gap_low": part(ESTIMATE, lambda one: one.gap),
        "bound_gap_high": part(RAW, lambda one: one.gap),
        "epsilon_ib": part(RAW, lambda one: one.epsilon),
    }


def _adjusted_distance(record: CheckpointMeasurements, row: Measurement, curve: BoundCurve | None) -> Distance | None:
    """Distance from the adjusted point to ``curve``, whose labels are as frequent as in the text."""
    x, y = row.complexity, row.expressivity
    if curve is None or y is None or x.adjusted is None or y.adjusted is None or row.weights != "frequency":
        return None
    bits = math.log2(record.anchors)
    return distance_to_bound(curve, x.adjusted * bits, y.adjusted * bits)


_COLUMNS: dict[str, Column] = {
    **_of_checkpoint("model", "revision", "commit", "stage", "step", "tokens"),
    **_of_row("layer", "site", "granularity"),
    "weights": lambda _, row: row.weighting,
    **_of_row("variant"),
    **_of_checkpoint("anchors"),
    "anchor_seeds": lambda measurements, _: ",".join(map(str, measurements.anchor_seeds)),
    **_of_row("temperature_rule", "temperature"),
    **_of_checkpoint("documents", "positions"),
    **_of_row("entropy", "ceiling"),
    **_information("complexity"),
    **_information("expressivity"),
    **_optimality(VALUES["paper"]),
    **_optimality(VALUES["corrected"]),
    "input_labels": _part("complexity", lambda one: one.labels),
    "output_labels": _part("expressivity", lambda one: one.labels),
    "input_singletons": _part("complexity", lambda one: one.singletons),
    "output_singletons": _part("expressivity", lambda one: one.singletons),
    **_of_checkpoint("loss"),
    **_of_row("resultant_length", "participation_ratio"),
    **_of_checkpoint("corpus", "estimator_version"),
    "key": row_key,
    **_adjusted("complexity"),
    **_adjusted("expressivity"),
    **_optimality(VALUES["adjusted"]),
    "optimality_adjusted_se": lambda _, row: None if row.complexity.is_adjusted_zero else row.optimality_se,
    **_of_row("predictive_share", "predictive_share_se"),
}


def columns(curve_of: CurveOf = no_curve) -> dict[str, Column]:
    """The columns in order, each with the function of its value; those of values that are not built in come last."""
    found = _COLUMNS | _gaps(curve_of) | _of_checkpoint("bits_per_byte")
    found["complexity_length"] = _part("complexity", lambda one: one.length)
    for value in added_values():
        for quantity in ("complexity", "expressivity"):
            found[value.column(quantity)] = _part(quantity, value.of)
        found |= _optimality(value)
    return found


def points_text(points: Iterable[Row], curve_of: CurveOf = no_curve) -> str:
    """The points as CSV with :func:`columns`; a withheld optimality is empty, as are distances to unknown curves."""
    made = columns(curve_of)
    return table_text(list(made), ([column(*point) for column in made.values()] for point in points))


def points_asked(records: Iterable[CheckpointMeasurements], request: MeasurementRequest) -> list[Row]:
    """The points of records that a request asks for; raises :class:`InputError` for an invalid temperature."""
    temperatures = [parse_temperature(text).rule for text in request.temperatures]
    return [
        point
        for measurements in records
        for point in points_of(
            measurements,
            request.layers,
            request.granularities,
            temperatures,
            request.weights,
            request.variants,
            request.min_count,
        )
    ]


def points_of(
    measurements: CheckpointMeasurements,
    layers: str | None = None,
    granularities: Collection[str] | None = None,
    temperatures: Collection[str] | None = None,
    weights: Collection[str] | None = None,
    variants: Collection[str] | None = None,
    min_count: int | None = None,
) -> list[Row]:
    """The points of a checkpoint that match, None matching any; a checkpoint may hold rows of several requests.

    ``layers`` is as in a request: ``all`` is 1 to the depth and their mean. Temperatures are rules in canonical form;
    ``min_count`` filters uniform weights only.
    """
    rows = measurements.select(layers=shown_layers(layers, measurements.depth), min_count=min_count)
    return [
        (measurements, row)
        for row in rows
        if (granularities is None or row.granularity in granularities)
        and (temperatures is None or row.temperature_rule in temperatures)
        and (weights is None or row.weights in weights)
        and (variants is None or row.variant in variants)
    ]
