"""What a measurement holds, by its names on the screen."""

from __future__ import annotations

from estimator.measurement import SIDES, CheckpointMeasurements, Information, Measurement
from estimator.text.kinds import LABELS


def sides(row: Measurement) -> dict[str, Information]:
    """The information that a row holds, by its name on the screen: one or two sides."""
    titles = LABELS.titles(row.granularity)
    found = zip(SIDES, (row.complexity, row.expressivity), strict=True)
    return {titles[side]: information for side, information in found if information is not None}


def sample_size(measurements: CheckpointMeasurements) -> str:
    """How many texts, or pairs of them, were measured."""
    if any(LABELS.sample(row.granularity) == "pairs" for row in measurements.rows[:1]):
        return f"{measurements.documents // 2:,} pairs"
    return f"{measurements.documents:,} documents"
