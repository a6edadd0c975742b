"""The points of a picture as CSV, with the columns that every surface of the tool shares."""

from __future__ import annotations

from collections.abc import Iterable

from estimator.measurement import CheckpointMeasurements, Measurement
from estimator.preference import CheckpointPreferences, Preference
from ib_explorer.drawing.records import Record, Row
from ib_explorer.tables.measurements import COLUMNS, row_values, table_text
from ib_explorer.tables.preference import preference_row_values


def points_text(points: Iterable[tuple[Record, Row]]) -> str:
    """The points as CSV with :data:`ib_explorer.tables.measurements.COLUMNS`."""
    return table_text(COLUMNS, (_values(record, row) for record, row in points))


def _values(record: Record, row: Row) -> list[object]:
    if isinstance(record, CheckpointPreferences) and isinstance(row, Preference):
        return preference_row_values(record, row)
    assert isinstance(record, CheckpointMeasurements) and isinstance(row, Measurement)
    return row_values(record, row)
