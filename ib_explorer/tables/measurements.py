"""Measurements as CSV: one row per point of the plane, with the columns that every surface of the tool shares."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from cache.files import partial_path
from cache.measurements import row_key
from estimator.errors import InputError
from estimator.measurement import CheckpointMeasurements, Information, Layer, Measurement
from estimator.states.layers import parse_layers

Row = tuple[CheckpointMeasurements, Measurement]

COLUMNS = (
    "model",
    "revision",
    "commit",
    "stage",
    "step",
    "tokens",
    "layer",
    "site",
    "granularity",
    "weights",
    "variant",
    "anchors",
    "anchor_seeds",
    "temperature_rule",
    "temperature",
    "documents",
    "positions",
    "entropy",
    "ceiling",
    "complexity",
    "complexity_null",
    "complexity_corrected",
    "complexity_high",
    "complexity_se",
    "expressivity",
    "expressivity_null",
    "expressivity_corrected",
    "expressivity_high",
    "expressivity_se",
    "optimality",
    "optimality_corrected",
    "input_labels",
    "output_labels",
    "input_singletons",
    "output_singletons",
    "loss",
    "resultant_length",
    "participation_ratio",
    "corpus",
    "estimator_version",
    "key",
)


def rows_of(
    measurements: CheckpointMeasurements,
    layers: str | None = None,
    granularities: Collection[str] | None = None,
    temperatures: Collection[str] | None = None,
    weights: Collection[str] | None = None,
    variants: Collection[str] | None = None,
    min_count: int | None = None,
) -> list[Row]:
    """The rows of a checkpoint that fit, None being any; a checkpoint may hold rows of several requests.

    ``layers`` is as in a request: ``all`` is 1 to the depth and their mean. Temperatures are rules in canonical text;
    ``min_count`` chooses among uniform weights only.
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


def shown_layers(layers: str | None, depth: int) -> list[Layer]:
    """The layers that a request's ``layers`` shows: ``all`` is 1 to the depth and their mean, None any and it."""
    chosen: list[Layer] = []
    if layers is None:
        chosen = list(range(depth + 1))
    elif layers != "mean":
        chosen = list(parse_layers(layers, depth))
    return [*chosen, "mean"] if layers in (None, "all", "mean") else chosen


def table_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as RFC 4180 CSV: header always, floats at full precision, empty where a value is None or not finite."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def csv_text(pairs: Iterable[Row]) -> str:
    """The rows as CSV with :data:`COLUMNS`; a withheld optimality is empty."""
    return table_text(COLUMNS, (row_values(measurements, row) for measurements, row in pairs))


def write_csv(path: Path, pairs: Iterable[Row]) -> None:
    """Write the rows to ``path`` as :func:`write_text` does."""
    write_text(path, csv_text(pairs))


def write_text(path: Path, text: str) -> None:
    """Write a table's text to ``path`` so that it holds all of it or what it held before.

    Raises :class:`InputError` (``"csv"``) when the file cannot be written.
    """
    temporary = partial_path(path)
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError("csv", f"The CSV cannot be written to {path}: {error.strerror}.") from error


def check_writable(path: Path) -> None:
    """Find out before hours of work that ``path`` cannot be written; raises :class:`InputError` (``"csv"``)."""
    if not path.parent.is_dir():
        raise InputError("csv", f"The CSV cannot be written to {path}: there is no folder {path.parent}.")
    if path.is_dir():
        raise InputError("csv", f"The CSV cannot be written to {path}: it is a folder; name a file in it.")
    if not os.access(path.parent, os.W_OK):
        raise InputError("csv", f"The CSV cannot be written to {path}: you may not write in {path.parent}.")


def row_values(measurements: CheckpointMeasurements, row: Measurement) -> list[object]:
    """The values of a row under :data:`COLUMNS`."""
    return [
        measurements.model,
        measurements.revision,
        measurements.commit,
        measurements.stage,
        measurements.step,
        measurements.tokens,
        row.layer,
        row.site,
        row.granularity,
        row.weighting,
        row.variant,
        measurements.anchors,
        ",".join(map(str, measurements.anchor_seeds)),
        row.temperature_rule,
        row.temperature,
        measurements.documents,
        measurements.positions,
        row.entropy,
        row.ceiling,
        *_side(row.complexity),
        *_side(row.expressivity),
        row.optimality,
        row.optimality_corrected,
        row.complexity.labels,
        row.expressivity.labels,
        row.complexity.singletons,
        row.expressivity.singletons,
        row.loss,
        row.resultant_length,
        row.participation_ratio,
        measurements.corpus,
        measurements.estimator_version,
        row_key(measurements, row),
    ]


def _side(side: Information) -> tuple[float, ...]:
    return side.plugin, side.null, side.corrected, side.high, side.se


def _field(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)
