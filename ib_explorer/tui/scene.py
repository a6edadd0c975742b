"""What there is to see, derived from the state: the plane, the point under the cursor, the tree of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from estimator.curve import BoundCurve
from estimator.increments import Increment
from estimator.measurement import VARIANTS, CheckpointMeasurements, Layer, Measurement
from estimator.revision import Revision
from ib_explorer.plane import Plane, Point, Trajectory, checkpoints_of, layers_measured, plane, revision_of
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
        measured = dict.fromkeys(row.temperature_rule for record in self.records for row in record.rows)
        return (*TEMPERATURES, *(rule for rule in measured if rule not in TEMPERATURES))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that one can step through: raw, and what else was measured, which takes forward passes."""
        measured = {row.variant for record in self.records for row in record.rows}
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
    """Everything the screen shows in ``state``."""
    trajectory = state.place.trajectory if state.place else None
    records = tuple(record for record in state.records if Trajectory.of(record) == trajectory)
    each = state.view.layer == "each"
    curve = state.curve()
    drawn = plane(state.records if state.overlay and not each else records, state.view, curve)
    checkpoints = tuple(revision_of(parts[0]) for parts in checkpoints_of(records))
    return Scene(state, drawn, _selected(state, drawn), checkpoints, records, _branches(state), curve)


def _selected(state: State, drawn: Plane) -> Point | None:
    if state.place is None:
        return None
    rows = [one for one in drawn.series if one.trajectory == state.place.trajectory]
    rows = [one for one in rows if one.layer == state.place.layer] or rows
    return next(
        (point for one in rows for point in one.points if revision_of(point.checkpoint) == state.place.checkpoint), None
    )


def _branches(state: State) -> tuple[Branch, ...]:
    """Measured trajectories with what their running jobs will add, then models of which nothing is measured yet."""
    groups: dict[Trajectory, list[CheckpointMeasurements]] = {}
    for record in state.records:
        groups.setdefault(Trajectory.of(record), []).append(record)
    jobs = [job for job in state.jobs if job.kind == "measure" and job.is_open]
    by_trajectory = {job.number: _trajectory_of(job, state, groups) for job in jobs}
    models = [trajectory.model for trajectory in groups]
    branches = []
    for trajectory, records in groups.items():
        measured = [revision_of(parts[0]) for parts in checkpoints_of(records)]
        mine = [job for job in jobs if by_trajectory[job.number] == trajectory]
        name = trajectory.model
        if models.count(name) > 1:
            name += f" ({records[0].corpus}, {records[0].documents})"
        branches.append(Branch(name, trajectory, _leaves(measured, mine)))
    for job in jobs:
        if by_trajectory[job.number] is None:
            name = job.revisions[0].model if job.revisions else job.request.model
            branches.append(Branch(name, None, _leaves([], [job])))
    return tuple(branches)


def _trajectory_of(job: Job, state: State, groups: dict[Trajectory, list[CheckpointMeasurements]]) -> Trajectory | None:
    """The trajectory that a job adds to: one that its sample gave before, or else the only one of its model."""
    for trajectory, request in state.requests.items():
        if trajectory in groups and same_sample(request, job.request):
            return trajectory
    model = job.revisions[0].model if job.revisions else job.request.model
    named = [trajectory for trajectory in groups if trajectory.model == model and trajectory not in state.requests]
    return named[0] if len(named) == 1 else None


def _leaves(measured: list[Revision], jobs: list[Job]) -> tuple[Leaf, ...]:
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
            listed = [revision.name for revision in job.revisions]
            ordered.sort(key=lambda name: listed.index(name) if name in listed else -1)
    return tuple(leaves[name] for name in ordered)
