"""Increments as CSV: one row per checkpoint, layer, temperature, side and order."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from estimator.increments import CheckpointIncrements, Increment
from estimator.measurement import CheckpointMeasurements
from ib_explorer.tables.csv import shown_layers, table_text

Found = tuple[CheckpointMeasurements, CheckpointIncrements]

COLUMNS = (
    "model",
    "revision",
    "commit",
    "stage",
    "step",
    "tokens",
    "layer",
    "site",
    "side",
    "order",
    "anchors",
    "anchor_seeds",
    "temperature_rule",
    "temperature",
    "documents",
    "positions",
    "increment",
    "increment_se",
    "increment_spread",
    "share",
    "corpus",
    "estimator_version",
    "key",
    "increment_adjusted",
    "increment_adjusted_se",
)


def increments_text(found: Iterable[Found], layers: str, temperatures: Collection[str]) -> str:
    """The increments as CSV with :data:`COLUMNS`; ``layers`` is as in a request, ``key`` that of the measurements."""
    rows = [
        _values(measurements, row)
        for measurements, increments in found
        for row in increments.select(shown_layers(layers, measurements.depth), measurements.depth)
        if row.temperature_rule in temperatures
    ]
    return table_text(COLUMNS, rows)


def _values(measurements: CheckpointMeasurements, row: Increment) -> list[object]:
    return [
        measurements.model,
        measurements.revision,
        measurements.commit,
        measurements.stage,
        measurements.step,
        measurements.tokens,
        row.layer,
        row.site,
        row.side,
        row.order,
        measurements.anchors,
        ",".join(map(str, measurements.anchor_seeds)),
        row.temperature_rule,
        row.temperature,
        measurements.documents,
        measurements.positions,
        row.increment,
        row.se,
        row.spread,
        row.share,
        measurements.corpus,
        measurements.estimator_version,
        measurements.key,
        row.adjusted,
        row.adjusted_se,
    ]
