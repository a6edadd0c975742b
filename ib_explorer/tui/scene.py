"""What there is to see, derived from the state: the plane, the point under the cursor, the tree of checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from estimator.curve import BoundCurve
from estimator.increments import Increment
from estimator.measurement import VARIANTS, CheckpointMeasurements, Layer, Measurement
from estimator.request import MeasurementRequest
from estimator.revision import Revision
from ib_explorer.plane import Plane, Point, Trajectory, View, by_trajectory, layers_measured, plane, revision_of
from ib_explorer.shelf import Same, shelf_of
from ib_explorer.tui.state import Job, State, same_sample

TEMPERATURES = ("exact", "leading-order", "x0.5", "x2")
"""The temperature rules that one can always step to; rules measured otherwise come after them."""

MEASURED, RUNNING, WAITING = "●", "◐", "○"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A checkpoint in the tree; ``mark`` says measured, running (``percent`` of its phase) or not yet."""

    checkpoint: Revision
    mark: str
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """A model in the tree; ``trajectory`` is None until something of it is measured."""

    name: str
    trajectory: Trajectory | None
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """The state, and what follows from it; ``checkpoints`` are the current trajectory's measured ones, in order.

    ``curve`` is the bound of the sample and granularity in view, once it is known.
    """

    state: State
    plane: Plane
    point: Point | None
    checkpoints: tuple[Revision, ...]
    records: tuple[CheckpointMeasurements, ...]
    branches: tuple[Branch, ...]
    curve: BoundCurve | None = None

    @property
    def at(self) -> int | None:
        """The index of the current checkpoint among the measured ones."""
        place = self.state.place
        return self.checkpoints.index(place.checkpoint) if place and place.checkpoint in self.checkpoints else None

    @property
    def layers(self) -> tuple[int | str, ...]:
        """The layers that one can step through."""
        return ("mean", "each", *layers_measured(self.records))

    @property
    def temperatures(self) -> tuple[str, ...]:
        """The temperature rules that one can step through."""
        measured = dict.fromkeys(rule for record in self.records for rule in shelf_of(record).rules)
        return (*TEMPERATURES, *(rule for rule in measured if rule not in TEMPERATURES))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that one can step through: raw, and what else was measured, which takes forward passes."""
        measured = {variant for record in self.records for variant in shelf_of(record).variants}
        return tuple(variant for variant in VARIANTS if variant == "raw" or variant in measured)

    @property
    def rows(self) -> tuple[Measurement, ...]:
        """The current checkpoint's rows in the current view, one a layer, ascending."""
        view, found = self.state.view, {}
        for record in self.records:
            if self.state.place and revision_of(record) == self.state.place.checkpoint:
                for row in view.rows(record):
                    if isinstance(row.layer, int):
                        found[row.layer] = row
        return tuple(found[layer] for layer in sorted(found))

    @property
    def increments(self) -> tuple[Increment, ...]:
        """What each further token of context adds, at the current checkpoint, the temperature and the layer in view."""
        place, view = self.state.place, self.state.view
        layer: Layer = view.layer if isinstance(view.layer, int) else "mean"
        for record in self.records:
            found = self.state.increments.get(record.key)
            if place and found and revision_of(record) == place.checkpoint:
                rows = found.select([layer], record.depth)
                return tuple(row for row in rows if row.temperature_rule == view.temperature_rule)
        return ()


def scene(state: State) -> Scene:
    """Everything the screen shows in ``state``; what a key leaves as it was is remembered, not derived again."""
    records = state.here
    each = state.view.layer == "each"
    curve = state.curve()
    drawn = _plane(Same(state.records if state.overlay and not each else records), state.view, Same(curve))
    branches = _branches(Same(state.records), Same(state.jobs), Same(state.requests))
    return Scene(state, drawn, _selected(state, drawn), _checkpoints(Same(records)), records, branches, curve)


@lru_cache(maxsize=8)
def _plane(records: Same[tuple[CheckpointMeasurements, ...]], view: View, curve: Same[BoundCurve | None]) -> Plane:
    return plane(records.value, view, curve.value)


@lru_cache(maxsize=4)
def _checkpoints(records: Same[tuple[CheckpointMeasurements, ...]]) -> tuple[Revision, ...]:
    """The checkpoints of one trajectory's records, which are in training order."""
    return tuple(dict.fromkeys(map(revision_of, records.value)))


def _selected(state: State, drawn: Plane) -> Point | None:
    if state.place is None:
        return None
    rows = [one for one in drawn.series if one.trajectory == state.place.trajectory]
    rows = [one for one in rows if one.layer == state.place.layer] or rows
    return next(
        (point for one in rows for point in one.points if revision_of(point.checkpoint) == state.place.checkpoint), None
    )


@lru_cache(maxsize=2)
def _branches(
    all_records: Same[tuple[CheckpointMeasurements, ...]],
    all_jobs: Same[tuple[Job, ...]],
    requests: Same[Mapping[Trajectory, MeasurementRequest]],
) -> tuple[Branch, ...]:
    """Measured trajectories with what their running jobs will add, then models of which nothing is measured yet."""
    groups = by_trajectory(all_records.value)
    jobs = [job for job in all_jobs.value if job.kind == "measure" and job.is_open]
    adds_to = {job.number: _trajectory_of(job, requests.value, groups) for job in jobs}
    models = [trajectory.model for trajectory in groups]
    branches = []
    for trajectory, records in groups.items():
        mine = [job for job in jobs if adds_to[job.number] == trajectory]
        name = trajectory.model
        if models.count(name) > 1:
            name += f" ({records[0].corpus}, {records[0].documents})"
        branches.append(Branch(name, trajectory, _leaves(_checkpoints(Same(records)), mine)))
    for job in jobs:
        if adds_to[job.number] is None:
            name = job.revisions[0].model if job.revisions else job.request.model
            branches.append(Branch(name, None, _leaves([], [job])))
    return tuple(branches)


def _trajectory_of(
    job: Job, requests: Mapping[Trajectory, MeasurementRequest], groups: Collection[Trajectory]
) -> Trajectory | None:
    """The trajectory that a job adds to: one that its sample gave before, or else the only one of its model."""
    for trajectory, request in requests.items():
        if trajectory in groups and same_sample(request, job.request):
            return trajectory
    model = job.revisions[0].model if job.revisions else job.request.model
    named = [trajectory for trajectory in groups if trajectory.model == model and trajectory not in requests]
    return named[0] if len(named) == 1 else None


def _leaves(measured: Sequence[Revision], jobs: list[Job]) -> tuple[Leaf, ...]:
    leaves = {revision.name: Leaf(revision, MEASURED) for revision in measured}
    ordered = list(leaves)
    for job in jobs:
        for revision in job.revisions:
            if revision.name not in leaves:
                ordered.append(revision.name)
                leaves[revision.name] = Leaf(revision, WAITING)
        if job.revision in leaves and job.revision not in job.measured and job.status == "running":
            percent = None if job.share is None else int(100 * job.share)
            leaves[job.revision] = Leaf(leaves[job.revision].checkpoint, RUNNING, percent)
        if job.revisions:
            listed = {revision.name: index for index, revision in enumerate(job.revisions)}
            ordered.sort(key=lambda name: listed.get(name, -1))
    return tuple(leaves[name] for name in ordered)
