"""The displayed content, derived from the state: the plane, the point under the cursor, the tree of checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from estimator.bottleneck.bounds import Bound, bound_of
from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.revision import Revision
from estimator.curve import BoundCurve
from estimator.increments import CheckpointIncrements, Increment
from estimator.measurement import VARIANTS, CheckpointMeasurements, Granularity, Layer, Measurement
from estimator.request import MeasurementRequest
from estimator.text.kinds import LABELS, NGRAMS
from ib_explorer.drawing.companions import companions
from ib_explorer.drawing.plane import Plane, Point, plane
from ib_explorer.drawing.shelf import Same, shelf_of
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, layers_measured, revision_of
from ib_explorer.drawing.view import View
from ib_explorer.tui.jobs import JobKind
from ib_explorer.tui.state import State, bound_jobs, same_sample
from ib_explorer.tui.tree import Branch, branches, checkpoints

TEMPERATURES = ("exact", "leading-order", "x0.5", "x2")
"""The temperature rules that are always available; other measured rules follow them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The state, and the content derived from it.

    ``trajectory`` is the one in view: that of the place or, for labels of another kind, one of the same model;
    ``records`` are its own and ``checkpoints`` its measured ones, in order. ``curve`` is the bound of the sample and
    granularity in view, and ``low`` its low estimate, once they are available. ``stale`` is the last complete plane of
    the trajectory, which is shown instead while the current one lacks points.
    """

    state: State
    plane: Plane
    point: Point | None
    trajectory: Trajectory | None
    checkpoints: tuple[Revision, ...]
    records: tuple[CheckpointMeasurements, ...]
    branches: tuple[Branch, ...]
    curve: BoundCurve | None = None
    low: BoundCurve | None = None
    stale: Plane | None = None

    @property
    def points_in_view(self) -> int:
        """The number of checkpoints of the trajectory in view that have a point."""
        series = next((one for one in self.plane.series if one.trajectory == self.trajectory), None)
        return len(series.points) if series else 0

    @property
    def is_filling(self) -> bool:
        """Whether values that the view lacks are being computed."""
        return any(job.is_open and not job.is_given_up and job.kind.is_of_view for job in self.state.jobs)

    @property
    def companions(self) -> tuple[Point, ...]:
        """Of each other model on the plane, the point at the same place in training as the one under the cursor."""
        return () if self.point is None else companions(self.plane, self.point)

    @property
    def is_numbered(self) -> bool:
        """Whether the plane has several models, which digits hide and show."""
        return self.state.view.layer != "each" and len(self.plane.listed) > 1

    @property
    def at(self) -> int | None:
        """The index of the current checkpoint among the measured ones."""
        place = self.state.place
        return self.checkpoints.index(place.checkpoint) if place and place.checkpoint in self.checkpoints else None

    @property
    def is_bounding(self) -> bool:
        """Whether the curve of the sample and labels in view is being computed."""
        view, known = self.state.view, self.request
        if known is None:
            return False
        request = replace(known, granularities=(view.granularity,))
        return any(job.is_open for job in bound_jobs(self.state, request, view.drawn_bound.curve))

    @property
    def lacking_bounds(self) -> tuple[Bound, ...]:
        """Bounds whose curves the view lacks: the one in view, then one drawn from its low estimate."""
        drawn = self.state.view.drawn_bound
        low = None if drawn.curve.low is None else bound_of(drawn.curve.low)
        missing = drawn if self.curve is None else None, low if self.low is None else None
        return tuple(bound for bound in missing if bound is not None)

    @property
    def layers(self) -> tuple[int | str, ...]:
        """The layers available in this view."""
        return ("mean", "each", *layers_measured(self.records))

    @property
    def labels(self) -> tuple[Granularity, ...]:
        """The available labels: n-grams, and others that the model was measured for."""
        model = self.state.place.trajectory.model if self.state.place else None
        shelves = (shelf_of(record) for record in self.state.records if whole_model(record.model) == model)
        return tuple(sorted({*NGRAMS}.union(*(shelf.granularities for shelf in shelves)), key=LABELS.place))

    @property
    def temperatures(self) -> tuple[str, ...]:
        """The available temperature rules."""
        measured = dict.fromkeys(rule for record in self.records for rule in shelf_of(record).rules)
        return (*TEMPERATURES, *(rule for rule in measured if rule not in TEMPERATURES))

    @property
    def variants(self) -> tuple[str, ...]:
        """The available variants: raw, and others that were measured, which takes forward passes."""
        measured = {variant for record in self.records for variant in shelf_of(record).variants}
        return tuple(variant for variant in VARIANTS if variant == "raw" or variant in measured)

    @property
    def rows(self) -> tuple[Measurement, ...]:
        """The current checkpoint's rows in the current view, one per layer, ascending."""
        view = self.state.view
        found: dict[int, Measurement] = {}
        for record in self.records:
            if self.state.place and revision_of(record) == self.state.place.checkpoint:
                for row in view.rows(record):
                    if isinstance(row.layer, int):
                        found[row.layer] = row
        return tuple(found[layer] for layer in sorted(found))

    @property
    def request(self) -> MeasurementRequest | None:
        """The template for further requests of the trajectory in view, if its request is known."""
        if self.trajectory is None:
            return None
        return self.state.requests.get(self.trajectory) or self.state.recalled.get(self.trajectory)

    @property
    def layer(self) -> Layer:
        """The layer under the cursor, or the mean."""
        layer = self.state.view.layer
        if layer != "each":
            return layer
        return self.point.measurement.layer if self.point else "mean"

    @property
    def increments(self) -> tuple[Increment, ...]:
        """The increments at the cursor's checkpoint and layer and the temperature in view."""
        for found, depth in self._increments():
            rows = found.select([self.layer], depth)
            fitting = tuple(row for row in rows if row.temperature_rule == self.state.view.temperature_rule)
            if fitting:
                return fitting
        return ()

    @property
    def incremented_layers(self) -> tuple[int, ...]:
        """The layers whose increments are measured at the current checkpoint and the temperature in view."""
        rule = self.state.view.temperature_rule
        rows = [row for found, _ in self._increments() for row in found.rows if row.temperature_rule == rule]
        return tuple(sorted({row.layer for row in rows if isinstance(row.layer, int)}))

    @property
    def is_incrementing(self) -> bool:
        """Whether increments at the current checkpoint and the temperature in view are being measured."""
        place, known = self.state.place, self.request
        if place is None or known is None:
            return False
        wanted = place.checkpoint.name, (self.state.view.temperature_rule,)
        jobs = [job.request for job in self.state.jobs if job.kind is JobKind.INCREMENTS and job.is_open]
        return any((job.revision, job.temperatures) == wanted and same_sample(job, known) for job in jobs)

    def _increments(self) -> Iterator[tuple[CheckpointIncrements, int]]:
        """All increments of the current checkpoint, each with the depth of the model."""
        for record in self.records:
            found = self.state.increments.get(record.key)
            if found and self.state.place and revision_of(record) == self.state.place.checkpoint:
                yield found, record.depth


def scene(state: State) -> Scene:
    """The content of the screen in ``state``; parts that a key press leaves unchanged are cached."""
    return _scene(Same(state))


@lru_cache(maxsize=1)
def _scene(same: Same[State]) -> Scene:
    state = same.value
    trajectory = _trajectory_in_view(state)
    records = by_trajectory(state.records)[trajectory] if trajectory else ()
    drawn, curve, low = _drawn(state, state.view, trajectory, records)
    point = _selected(state, drawn, trajectory)
    tree = branches(Same(state.records), Same(state.jobs), Same(state.requests))
    now = Scene(state, drawn, point, trajectory, checkpoints(Same(records)), records, tree, curve, low)
    if state.whole_view is None or now.points_in_view >= len(now.checkpoints) or not now.is_filling:
        return now
    stale, *_ = _drawn(state, state.whole_view, trajectory, records)
    return replace(now, stale=stale if stale.points else None)


def _drawn(
    state: State, view: View, trajectory: Trajectory | None, records: tuple[CheckpointMeasurements, ...]
) -> tuple[Plane, BoundCurve | None, BoundCurve | None]:
    """The plane of a trajectory's ``records``, or of all where models share it, in a view, and the view's curves."""
    wanted, labels = view.drawn_bound.curve, view.granularity
    curve, low = state.curve(records, labels, wanted), state.curve(records, labels, wanted.low)
    is_shared = state.overlay and view.layer != "each"
    hidden = state.hidden - {trajectory} if is_shared else frozenset[Trajectory]()
    return _plane(Same(state.records if is_shared else records), view, Same(curve), Same(low), hidden), curve, low


@lru_cache(maxsize=8)
def _plane(
    records: Same[tuple[CheckpointMeasurements, ...]],
    view: View,
    curve: Same[BoundCurve | None],
    low: Same[BoundCurve | None],
    hidden: frozenset[Trajectory],
) -> Plane:
    return plane(records.value, view, curve.value, low.value, hidden=hidden)


def _trajectory_in_view(state: State) -> Trajectory | None:
    """The place's trajectory if it has the labels in view, else the newest of its model that has them, if any.

    Labels of pairs are measured on a separate sample, so their trajectory differs from that of n-grams.
    """
    if state.place is None:
        return None
    home = state.place.trajectory
    if any(map(state.view.shows, by_trajectory(state.records).get(home, ()))):
        return home
    others = (Trajectory.of(record) for record in reversed(state.records) if state.view.shows(record))
    return next((other for other in others if other.model == home.model), None)


def _selected(state: State, drawn: Plane, trajectory: Trajectory | None) -> Point | None:
    if state.place is None:
        return None
    rows = [one for one in drawn.series if one.trajectory == trajectory]
    rows = [one for one in rows if one.layer == state.place.layer] or rows
    return next(
        (point for one in rows for point in one.points if revision_of(point.checkpoint) == state.place.checkpoint), None
    )
