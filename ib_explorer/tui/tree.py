"""The tree of models and their checkpoints, derived from measurements and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.revision import Revision
from estimator.measurement import CheckpointMeasurements, Granularity
from estimator.request import MeasurementRequest
from estimator.text.kinds import LABELS, NGRAMS
from ib_explorer.drawing.names import short_models
from ib_explorer.drawing.records import sample_size
from ib_explorer.drawing.shelf import Same, Shelf, shelf_of
from ib_explorer.drawing.trajectories import Trajectory, by_trajectory, revision_of
from ib_explorer.tui.jobs import Job
from ib_explorer.tui.state import same_sample
from ib_explorer.tui.wording import ending

_TITLE = 28
"""Cells for a model in the tree."""
MEASURED, RUNNING, WAITING, FAILED = "●", "◐", "○", "✗"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A checkpoint in the tree; ``mark`` is measured, running (``percent`` of its phase), waiting or failed.

    ``reason`` is the kind of a failure, and a sentence.
    """

    checkpoint: Revision
    mark: str
    percent: int | None = None
    reason: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """A model in the tree; ``trajectory`` is None until something of it is measured."""

    name: str
    trajectory: Trajectory | None
    leaves: tuple[Leaf, ...]


@lru_cache(maxsize=4)
def checkpoints(records: Same[tuple[CheckpointMeasurements, ...]]) -> tuple[Revision, ...]:
    """The checkpoints of one trajectory's records, which are in training order."""
    return tuple(dict.fromkeys(map(revision_of, records.value)))


@lru_cache(maxsize=2)
def branches(
    all_records: Same[tuple[CheckpointMeasurements, ...]],
    all_jobs: Same[tuple[Job, ...]],
    requests: Same[Mapping[Trajectory, MeasurementRequest]],
) -> tuple[Branch, ...]:
    """Measured trajectories with the checkpoints their running jobs will add, then models without measurements."""
    groups = by_trajectory(all_records.value)
    jobs = unfinished(all_jobs.value)
    adds_to = {job.number: _trajectory_of(job, requests.value, groups) for job in jobs}
    models = [trajectory.model for trajectory in groups]
    models += [_model_of(job) for job in jobs if adds_to[job.number] is None]
    short = short_models(tuple(models))
    titles = {
        trajectory: _name(short[trajectory.model], *map(shelf_of, records)) for trajectory, records in groups.items()
    }
    names = list(titles.values())
    found = []
    for trajectory, records in groups.items():
        mine = [job for job in jobs if adds_to[job.number] == trajectory]
        name = titles[trajectory]
        if names.count(name) > 1:
            name += f" ({records[0].corpus}, {sample_size(records[0])})"
        found.append(Branch(name, trajectory, _leaves(checkpoints(Same(records)), mine)))
    for job in jobs:
        if adds_to[job.number] is None:
            name = _titled(short[_model_of(job)], job.request.granularities)
            found.append(Branch(name, None, _leaves([], [job])))
    return tuple(found)


def unfinished(jobs: Sequence[Job]) -> list[Job]:
    """The jobs that measure checkpoints, or lost some unless a later job measures the same."""
    ours = [job for job in jobs if job.kind.extends_trajectory]
    return [
        job
        for place, job in enumerate(ours)
        if job.is_open
        or job.is_paused
        or (job.lost and not any(later.request == job.request for later in ours[place + 1 :]))
    ]


def _name(model: str, *shelves: Shelf) -> str:
    return _titled(model, frozenset[Granularity]().union(*(shelf.granularities for shelf in shelves)))


def _titled(model: str, labels: Iterable[Granularity]) -> str:
    """A model's name, its end if it is long, with its labels unless they are n-grams."""
    labels = sorted(labels, key=LABELS.place)
    model = ending(model, _TITLE)
    return model if {*NGRAMS}.intersection(labels) else f"{model} · {', '.join(labels)}"


def _model_of(job: Job) -> str:
    return job.revisions[0].model if job.revisions else job.request.model


def _trajectory_of(
    job: Job,
    requests: Mapping[Trajectory, MeasurementRequest],
    groups: Mapping[Trajectory, Sequence[CheckpointMeasurements]],
) -> Trajectory | None:
    """The trajectory that a job adds to: an earlier one with the same sample, or else the only one of its model."""
    for trajectory, request in requests.items():
        if trajectory in groups and same_sample(request, job.request):
            return trajectory
    named = [
        trajectory
        for trajectory, (record, *_) in groups.items()
        if whole_model(record.model) == whole_model(_model_of(job))
        and LABELS.sample(record.rows[0].granularity) == job.request.sample_kind
        and trajectory not in requests
    ]
    return named[0] if len(named) == 1 else None


def _leaves(measured: Sequence[Revision], jobs: list[Job]) -> tuple[Leaf, ...]:
    leaves = {revision.name: Leaf(revision, MEASURED) for revision in measured}
    ordered = list(leaves)
    for job in jobs:
        for revision in job.revisions:
            if revision.name not in leaves and (job.is_open or job.is_paused or revision.name in job.lost):
                ordered.append(revision.name)
                leaves[revision.name] = Leaf(revision, WAITING)
        if job.revision in leaves and job.revision not in job.measured and job.status == "running":
            percent = None if job.share is None else int(100 * job.share)
            leaves[job.revision] = Leaf(leaves[job.revision].checkpoint, RUNNING, percent)
        for name in job.lost.keys() & leaves.keys() - {revision.name for revision in measured}:
            leaves[name] = Leaf(leaves[name].checkpoint, FAILED, reason=job.lost[name])
        if job.revisions:
            listed = {revision.name: index for index, revision in enumerate(job.revisions)}
            ordered.sort(key=lambda name: listed.get(name, -1))
    return tuple(leaves[name] for name in ordered)
