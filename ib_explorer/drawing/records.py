"""What a checkpoint was measured for, n-grams or preference, and what the two have in common for whoever shows them."""

from __future__ import annotations

from typing import Literal

from estimator.measurement import CheckpointMeasurements, Granularity, Information, Measurement
from estimator.preference import CheckpointPreferences, Preference

Labels = Granularity | Literal["preference"]
Record = CheckpointMeasurements | CheckpointPreferences
Row = Measurement | Preference

COMPLEXITY, EXPRESSIVITY, OF_PREFERENCE = "I(X;Z)", "I(Y;Z)", "I(pref;Z)"


def sides(row: Row) -> dict[str, Information]:
    """The information that a row holds, by its name on the screen."""
    if isinstance(row, Preference):
        return {OF_PREFERENCE: row.information}
    return {COMPLEXITY: row.complexity, EXPRESSIVITY: row.expressivity}


def sample_size(record: Record) -> str:
    """How many texts, or pairs of them, were measured."""
    if isinstance(record, CheckpointPreferences):
        return f"{record.documents // 2:,} pairs"
    return f"{record.documents:,} documents"
