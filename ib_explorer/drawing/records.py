"""Contents of a measurement, by their names on the screen."""

from __future__ import annotations

from estimator.measurement import SIDES, CheckpointMeasurements, Information, Measurement
from estimator.text.kinds import LABELS


def sides(row: Measurement) -> dict[str, Information]:
    """The information of a row, by its name on the screen: one or two sides."""
    titles = LABELS.titles(row.granularity)
    found = zip(SIDES, (row.complexity, row.expressivity), strict=True)
    return {titles[side]: information for side, information in found if information is not None}


def sample_size(measurements: CheckpointMeasurements) -> str:
    """The number of measured texts, or of pairs of them."""
    if any(LABELS.sample(row.granularity) == "pairs" for row in measurements.rows[:1]):
        return f"{measurements.documents // 2:,} pairs"
    return f"{measurements.documents:,} documents"
