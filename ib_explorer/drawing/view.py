"""What of the measurements is shown: a choice of layer, labels, settings, value and bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from estimator.bottleneck.bounds import BOUNDS, DIAGONAL, IB, Bound
from estimator.measurement import MIN_COUNT, CheckpointMeasurements, Granularity, Layer, Measurement, Variant, Weights
from estimator.text.kinds import LABELS
from estimator.values import VALUES, Value
from ib_explorer.drawing.shelf import shelf_of

XAxis = Literal["labels", "context"]
X_AXES: tuple[XAxis, ...] = ("labels", "context")
CONTEXT = "I(context;Z)"
"""The title of the axis of all that a state retains of its context, which no I(Y;Z) exceeds."""


@dataclass(frozen=True, slots=True)
class View:
    """The selection of measurements to show; ``preset`` names the plotted value.

    ``bound`` names the bound drawn with the points, unless the value may only be compared with another one. ``x`` is
    the information on the x axis: that of the labels, or of the whole context, where the diagonal is the bound.
    """

    layer: Layer | Literal["each"] = "mean"
    granularity: Granularity = "token"
    temperature_rule: str = "exact"
    weights: Weights = "frequency"
    preset: str = next(iter(VALUES))
    variant: Variant = "raw"
    min_count: int = MIN_COUNT
    bound: str = IB.name
    x: XAxis = "labels"

    @property
    def is_of_context(self) -> bool:
        """Whether the x axis is I(context;Z)."""
        return self.x == "context" and not self.is_over_training

    @property
    def is_over_training(self) -> bool:
        """Whether the labels have one side, which is shown over training instead of on the plane."""
        return len(LABELS.titles(self.granularity)) == 1

    @property
    def value(self) -> Value:
        """The plotted value."""
        return VALUES.find(self.preset)

    @property
    def drawn_bound(self) -> Bound:
        """The bound that is drawn."""
        return DIAGONAL if self.is_of_context else BOUNDS[self.value.bound or self.bound]

    def shows(self, record: CheckpointMeasurements) -> bool:
        """Whether ``record`` has rows of the labels in view."""
        return self.granularity in shelf_of(record).granularities

    def rows(self, record: CheckpointMeasurements, layers: Sequence[Layer] | None = None) -> tuple[Measurement, ...]:
        """The rows of ``record`` at ``layers`` (None: each measured one) that match the view, whatever its layer."""
        shelf = shelf_of(record)
        least = 1 if self.weights == "frequency" else self.min_count
        choice = (self.granularity, self.weights, least, self.variant, self.temperature_rule)
        rows = shelf.rows(choice)
        if layers is None:
            return tuple(rows.values())
        found = (shelf.mean(choice) if layer == "mean" else rows.get(layer) for layer in layers)
        return tuple(row for row in found if row is not None)
