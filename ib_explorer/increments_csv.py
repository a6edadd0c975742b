"""Increments as CSV: one row per checkpoint, layer, temperature, side and order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from estimator.increments import CheckpointIncrements, Increment
from estimator.layers import parse_layers
from estimator.measurement import CheckpointMeasurements, Layer
from ib_explorer.export import table_text

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
)


def increments_text(found: Iterable[Found], layers: str, temperatures: Collection[str]) -> str:
    """The increments as CSV with :data:`COLUMNS`; ``layers`` is as in a request, ``key`` that of the measurements."""
    rows = [
        _values(measurements, row)
        for measurements, increments in found
        for row in increments.select(_chosen(layers, measurements.depth), measurements.depth)
        if row.temperature_rule in temperatures
    ]
    return table_text(COLUMNS, rows)


def _chosen(layers: str, depth: int) -> Sequence[Layer]:
    """The layers that a request's ``layers`` shows: ``all`` is 1 to the depth and their mean."""
    chosen: list[Layer] = [] if layers == "mean" else list(parse_layers(layers, depth))
    if layers in ("all", "mean"):
        chosen.append("mean")
    return chosen


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
    ]
