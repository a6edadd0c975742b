"""What the functions for measurements return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from estimator.bottleneck.bounds import BOUNDS, IB, Bound
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve
from estimator.errors import InputError
from estimator.measurement import (
    MIN_COUNT,
    CheckpointMeasurements,
    Granularity,
    Information,
    Layer,
    Measurement,
    Variant,
    Weights,
)
from estimator.values import USUAL, VALUES, Value
from ib_explorer.api.table import Table, counted
from ib_explorer.tables.bounds import COLUMNS as BOUND_COLUMNS
from ib_explorer.tables.bounds import corner_rows
from ib_explorer.tables.checkpoints import PLACE, place_row
from ib_explorer.tables.measurements import Row, columns

if TYPE_CHECKING:
    from ib_explorer.drawing.view import XAxis


class Picture(str):
    """Text that a notebook and an interpreter show as it is."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """A checkpoint that could not be measured: its name, a short stable word for the kind, and a sentence."""

    model: str
    revision: str
    kind: str
    message: str


@dataclass(frozen=True, repr=False, eq=False)
class Result(Table):
    """Measured points, each with the checkpoint it belongs to.

    ``cache_dir`` is the cache that holds them, and ``preset`` names the value that is shown of them. ``failures`` are
    the checkpoints that have no points because they could not be measured.
    """

    points: tuple[Row, ...]
    cache_dir: Path
    preset: str = USUAL
    failures: tuple[Failure, ...] = ()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping per point, with the columns of the CSV that ``ib-explorer measure`` writes."""
        from cache import Cache
        from ib_explorer.cached import CachedCurves

        made = columns(CachedCurves(Cache(self.cache_dir)).of_row)
        return [{name: column(*point) for name, column in made.items()} for point in self.points]

    @property
    def records(self) -> list[CheckpointMeasurements]:
        """The records that the points are from: one for each checkpoint and family of labels."""
        return list({(record.key, record.name): record for record, _ in self.points}.values())

    @property
    def title(self) -> str:
        """What the points are of."""
        checkpoints = {(record.model, record.revision, record.commit) for record, _ in self.points}
        lost = f" ({counted(len(self.failures), 'checkpoint')} failed, see .failures)" if self.failures else ""
        return (
            f"{counted(len(self.points), 'point')} of {counted(len(checkpoints), 'checkpoint')}{lost}: "
            f"{VALUES.find(self.preset).title} values ± standard error, as fractions of log(anchors)"
        )

    def plot(
        self,
        kind: str = "plane",
        *,
        layer: Layer | Literal["each"] | None = None,
        granularity: Granularity | None = None,
        temperature: str | float | None = None,
        weights: Weights | None = None,
        variant: Variant | None = None,
        min_count: int | None = None,
        preset: str | None = None,
        bound: str = IB.name,
        x: XAxis = "labels",
        width: int = 100,
        height: int = 32,
    ) -> Picture:
        """Draw the plane, the layers or the training as text; what is not given is that of the first point.

        ``layer`` is a number, ``"mean"`` or ``"each"``: by default the mean where the points have it, else each. The
        bound is drawn where its curve is cached. ``x="context"`` has I(context;Z) as the x axis, where the diagonal
        bounds every point. Raises :class:`InputError` when nothing fits.
        """
        from cache import Cache
        from ib_explorer.cached import CachedCurves, canonical_temperature
        from ib_explorer.drawing.kinds import KINDS, charts_of
        from ib_explorer.drawing.text_plot import draw
        from ib_explorer.drawing.view import X_AXES, View

        if kind not in KINDS:
            raise InputError("plot", f"There is no plot {kind!r}: choose from {', '.join(KINDS)}.")
        if x not in X_AXES:
            raise InputError("plot", f"There is no x axis {x!r}: choose from {', '.join(X_AXES)}.")
        first = self.points[0][1]
        has_mean = any(row.layer == "mean" for _, row in self.points)
        view = View(
            layer=("mean" if has_mean else "each") if layer is None else layer,
            granularity=granularity or first.granularity,
            temperature_rule=first.temperature_rule if temperature is None else canonical_temperature(str(temperature)),
            weights=weights or first.weights,
            preset=VALUES.find(preset or self.preset).name,
            variant=variant or first.variant,
            min_count=min_count or (first.min_count if first.weights == "uniform" else MIN_COUNT),
            bound=BOUNDS.find(bound).name,
            x=x,
        )
        curves = CachedCurves(Cache(self.cache_dir)).drawn(self.records, view)
        charts = charts_of(kind, self.records, view, *curves)
        if not any(chart.series for chart in charts):
            raise InputError("filter", "No measured value matches this plot: .rows lists what was measured.")
        return Picture(draw(charts, width, height, colour=False))

    def _summaries(self) -> Iterator[Mapping[str, str]]:
        value = VALUES.find(self.preset)
        return (_summary(record, row, value) for record, row in self.points)


def _summary(record: CheckpointMeasurements, row: Measurement, value: Value) -> Mapping[str, str]:
    def shown(information: Information | None) -> str:
        return "" if information is None else f"{value.of(information):z.4f} ± {value.error(information):.4f}"

    ratio = value.optimality(row)
    return {
        "model": record.model,
        "revision": record.revision,
        "layer": str(row.layer),
        "labels": row.granularity,
        "weights": row.weighting,
        "temperature": row.temperature_rule,
        "I(X;Z)": shown(row.complexity),
        "I(Y;Z)": shown(row.expressivity),
        "ratio": "–" if ratio is None else f"{ratio:.2f}",
    }


@dataclass(frozen=True, repr=False, eq=False)
class Curves(Table):
    """Bounds of a text, each a line drawn from a curve; ``anchors`` scales bits to the plane."""

    bounds: tuple[tuple[Bound, BoundCurve], ...]
    anchors: int

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping per corner of each line, with the columns of the CSV that ``ib-explorer bound`` writes."""
        return [
            dict(zip(BOUND_COLUMNS, row, strict=True))
            for bound, curve in self.bounds
            for row in corner_rows(curve, bound, self.anchors)
        ]

    @property
    def title(self) -> str:
        """How many bounds there are."""
        return f"{counted(len(self.bounds), 'bound')}, in bits; .rows has the corners of each line"

    def _summaries(self) -> Iterator[Mapping[str, str]]:
        for bound, curve in self.bounds:
            yield {
                "labels": curve.granularity,
                "bound": bound.title,
                "H(X)": f"{curve.input_entropy:.3f}",
                "I(X;Y)": f"{curve.mutual_information:.3f}",
                "positions": f"{curve.positions:,}",
                "one successor": f"{curve.one_successor:.0%}",
            }


@dataclass(frozen=True, repr=False, eq=False)
class CheckpointList(Table):
    """The checkpoints of a model, in training order."""

    revisions: tuple[Revision, ...]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping per checkpoint, with the columns of ``ib-explorer checkpoints`` that its name determines."""
        return [dict(zip(PLACE, place_row(one), strict=True)) for one in self.revisions]

    @property
    def title(self) -> str:
        """How many checkpoints there are."""
        return counted(len(self.revisions), "checkpoint")

    def _summaries(self) -> Iterator[Mapping[str, str]]:
        return ({name: "" if value is None else str(value) for name, value in row.items()} for row in self.rows)
