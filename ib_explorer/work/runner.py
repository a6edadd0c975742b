"""Runs jobs: reads from the cache what is there, computes and stores the rest."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from cache import Cache
from cache.keys import key
from cache.locations import locations, score_budget
from estimator.bottleneck.bounds import BOUNDS, JointLabels
from estimator.checkpoints.catalogue import FILE, use_file
from estimator.checkpoints.resolve import begin_downloads, list_revisions, model_folder
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.selectors import select
from estimator.checkpoints.sizes import sizes
from estimator.errors import InputError, MeasurementError, foreseen
from estimator.measurement import SIDES
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.layers import check_layers, parse_layers
from estimator.text.docstrings import DOCSTRINGS
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelKind, LabelText
from ib_explorer.work.checkpoint import CheckpointWork
from ib_explorer.work.demo_run import DEMO, demo_revisions
from ib_explorer.work.downloads import Downloads
from ib_explorer.work.faults import ends_sweep
from ib_explorer.work.fetching import fetch_all
from ib_explorer.work.identities import bound_identity, with_labels
from ib_explorer.work.planning import Planner
from ib_explorer.work.prefetch import Fetching, Prefetch, read_ahead
from ib_explorer.work.samples import Samples
from ib_explorer.work.selection import Checkpoints
from ib_explorer.work.sharing import Busy, Turns
from ib_explorer.worker.messages import (
    BoundReady,
    CheckpointFailed,
    ComputeBound,
    Event,
    Fetch,
    ListRevisions,
    Measure,
    Planned,
    PlanSweep,
    Revisions,
    RevisionSizes,
    Task,
)

if TYPE_CHECKING:
    from ib_explorer.work.measurer import Measurer

_LOG = logging.getLogger(__name__)
Emit = Callable[[Event], None]


class Runner:
    """Runs the jobs of one worker process on one device, with the cache in ``cache_dir``."""

    def __init__(self, cache_dir: Path, device: str) -> None:
        use_file(locations().config / FILE)
        self._cache = Cache(cache_dir, score_budget())
        self.device = device if device == "cpu" else _device_name(device)
        self._samples = Samples(self._cache)
        self._checkpoints = Checkpoints(self._cache.runs, self._cache.listings)
        self._downloads = Downloads(self._cache)
        self._measurer: Measurer | None = None
        self._is_read_only_told = False
        self._work = CheckpointWork(self._cache, self._samples, self.device, self._measuring)
        self._planner = Planner(self._cache, self._samples, self._checkpoints, self._work)

    def run(self, request: Task, emit: Emit, progress: Progress) -> None:
        """Run a job and emit its results; raises InputError, MeasurementError or Cancelled.

        A small job may run within a ``progress`` call of another job, which then waits; it uses the files and names
        that the other job has resolved.
        """
        if not request.is_small:
            self._samples.begin()
            self._checkpoints.begin()
            begin_downloads()
        try:
            match request:
                case Measure():
                    self._measure(request, emit, progress)
                case PlanSweep():
                    plan = self._planner.fetching if request.keep else self._planner.measuring
                    emit(Planned(request.job, plan(request.request, progress)))
                case Fetch():
                    fetch_all(request, self._checkpoints, self._cache.checkpoints, emit, progress)
                case ComputeBound():
                    self._bound(request, emit, progress)
                case ListRevisions():
                    self._list(request, emit, progress)
                case _:
                    assert_never(request)
        finally:
            if damage := self._cache.aside.note():
                progress.note(damage)

    def _list(self, job: ListRevisions, emit: Emit, progress: Progress) -> None:
        if job.model == DEMO:
            revisions = demo_revisions(self._cache.runs)
        else:
            revisions = list_revisions(job.model, progress, self._cache.listings)
        if job.revision is not None:
            revisions = select(revisions, job.revision, progress.note)
        emit(Revisions(job.job, tuple(asdict(revision) for revision in revisions)))
        if job.sizes:
            emit(RevisionSizes(job.job, **asdict(sizes(revisions, progress))))

    def _measure(self, job: Measure, emit: Emit, progress: Progress) -> None:
        request = job.request
        check_layers(request.layers)
        for rule in request.temperatures:
            parse_temperature(rule)
        if self._measurer is not None and not job.stored_only:
            self._measurer.begin()
        if job.only:
            chosen = self._checkpoints.named(request.model, job.only, progress)
        else:
            chosen = self._checkpoints.chosen(request, progress)
        emit(Revisions(job.job, tuple(asdict(revision) for revision in chosen)))
        chosen = [revision for revision in chosen if revision.name not in job.skip]
        if not job.stored_only:
            self._downloads.begin(request)
        if chosen and not job.stored_only:
            self._check(request, chosen, progress)
        try:
            self._measure_each(job, chosen, emit, progress)
            if not job.stored_only:
                self._settle(progress)
        except (InputError, MeasurementError):
            if not job.stored_only:
                with contextlib.suppress(InputError):  # it would hide why the job failed
                    self._settle(progress)
            raise

    def _measure_each(self, job: Measure, chosen: list[Revision], emit: Emit, progress: Progress) -> None:
        """Measure checkpoint after checkpoint; one that fails is reported and left out, unless it is the only one.

        One that another process is measuring is put off; its values are then in the cache, unless that process failed.
        """
        is_fetched = job.request.model != DEMO and not job.stored_only
        is_sweep = len(chosen) + len(job.skip) > 1
        is_any_measured = bool(job.skip)
        prefetch: Prefetch | None = None
        try:
            turns = Turns(self._in_turn(job, chosen, progress), self._cache.claims, progress)
            for number, revision in enumerate(turns, 1):
                progress.revision = revision.name
                if prefetch is not None:
                    prefetch.finish()
                following = chosen[number:] if is_fetched else []
                prefetch = Prefetch(progress, partial(self._fetch, following, job.request))
                try:
                    with closing(self._work.measure(job, revision, prefetch)) as found:
                        for measured in found:
                            emit(measured)
                            is_any_measured = True
                    if not job.stored_only:
                        self._downloads.settle(revision, "measured")
                        self._cache.failures.forget(revision.model, revision.name)
                        self._tell_read_only(progress)
                except Busy as busy:
                    self._downloads.leave(revision)
                    turns.put_off(revision, busy)
                except BaseException as error:
                    failure = foreseen(error)
                    if not is_sweep or ends_sweep(failure, is_any_measured=is_any_measured):
                        if failure is error or (failure.kind == "internal" and isinstance(error, Exception)):
                            raise
                        raise failure from error
                    _LOG.info("%s was not measured:", revision.name, exc_info=True)
                    if not job.stored_only:
                        self._downloads.settle(revision, "failed")
                        self._cache.failures.add(revision.model, revision.name, str(failure))
                    emit(CheckpointFailed(job.job, revision.name, failure.kind, str(failure)))
        finally:
            if prefetch is not None:
                prefetch.stop()
            if not job.stored_only:
                self._downloads.end()

    def _tell_read_only(self, progress: Progress) -> None:
        """Note once that nothing can be stored, where a job was answered from the cache all the same."""
        if not (self._is_read_only_told or self._cache.is_writable()):
            self._is_read_only_told = True
            progress.note(f"The cache in {self._cache.root} can only be read: its values are used, none are stored.")

    def _check(self, request: MeasurementRequest, chosen: Sequence[Revision], progress: Progress) -> None:
        """Reject invalid input, and a cache that can neither answer nor be written, before lengthy work.

        A sweep whose first checkpoint cannot be read goes on: layers are checked again at each checkpoint.
        """
        if not self._cache.measurements.entries.stamps():
            self._cache.check_writable()
        try:
            depth = self._checkpoints.depth(chosen[0], progress)
        except (InputError, MeasurementError) as error:
            if len(chosen) == 1 or ends_sweep(error, is_any_measured=False):
                raise
        else:
            parse_layers(request.layers, depth)
        self._samples.open(request, progress)

    def _in_turn(self, job: Measure, chosen: list[Revision], progress: Progress) -> Iterable[Revision]:
        if job.stored_only:
            return self._checkpoints.existing(chosen)
        docstrings = partial(self._samples.corpus, DOCSTRINGS, progress)
        return self._checkpoints.in_turn(job.request.model, chosen, docstrings, progress)

    def _settle(self, progress: Progress) -> None:
        if self._measurer is not None:
            self._measurer.settle(progress)

    def _fetch(self, revisions: Sequence[Revision], request: MeasurementRequest, fetching: Fetching) -> None:
        """Fetch and read ahead the files of the first of ``revisions`` that needs its model, if there is room."""
        pickles = not request.safetensors_only
        for revision in revisions:
            fetching.check()
            if self._work.needs_model(request, revision, fetching):
                if self._downloads.obtain(revision, fetching, pickles=pickles, ahead=True):
                    fetching.wait_for_forward()
                    read_ahead(model_folder(revision, fetching, pickles=pickles), fetching.check)
                return

    def _bound(self, job: ComputeBound, emit: Emit, progress: Progress) -> None:
        curve = BOUNDS.find(job.bound).curve
        present = self._checkpoints.existing(self._checkpoints.chosen(job.request, progress))
        if not present:
            raise InputError(
                "model", "The demo has not been trained yet, so its tokenizer is missing: run ib-explorer demo first."
            )
        text, _ = self._samples.text(job.request, present[0], progress)
        chain = LABELS.chain(job.granularity)
        if not chain[-1].is_two_sided:
            raise InputError("granularity", f"{job.granularity} labels have no bound, which applies to the plane only.")
        identity = with_labels(bound_identity(text.sample.digest, job.granularity, curve.name), text, chain[-1:])
        if self._cache.curves.load(key(identity)) is None:
            self._cache.check_writable()
            self._cache.curves.put(identity, curve.compute(_joint_labels(text, chain), progress))
        emit(BoundReady(job.job, key(identity)))

    def _measuring(self) -> Measurer:
        if self._measurer is None:
            from ib_explorer.work.measurer import Measurer

            self._measurer = Measurer(self._cache.scores, self._downloads.obtain)
        return self._measurer


def _joint_labels(text: LabelText, chain: Sequence[LabelKind]) -> JointLabels:
    """The input and output labels of a sample's positions, of one kind and the narrower ones that it refines."""
    inputs, outputs = (tuple(text.labels(kind, side) for kind in chain) for side in SIDES)
    return JointLabels(inputs, outputs, text.unit_of_position)


def _device_name(device: str) -> str:
    """The resolved name of ``device``; CPU-only workers skip this, so that they do not wait for torch."""
    from estimator.states.loading import resolve_device

    return str(resolve_device(device))
