"""The kinds of pictures that are drawn as text."""

from __future__ import annotations

from collections.abc import Sequence

from estimator.curve import BoundCurve
from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.charts import Chart, layers_chart, plane_chart
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.training import training_charts
from ib_explorer.drawing.view import View

KINDS = ("plane", "layers", "training")


def charts_of(
    kind: str,
    records: Sequence[CheckpointMeasurements],
    view: View,
    curve: BoundCurve | None,
    low: BoundCurve | None,
) -> Sequence[Chart]:
    """The charts of one of :data:`KINDS`; ``curve`` is the one that the view's bound is drawn from, if it is cached.

    ``low`` is its low estimate.
    """
    if kind == "layers":
        return [layers_chart(records, view)]
    if kind == "training":
        return training_charts(plane(records, view, None))
    return [plane_chart(plane(records, view, curve, low))]
