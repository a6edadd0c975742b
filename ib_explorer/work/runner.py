"""Where estimator and cache meet: does a job, taking from the cache what is there and leaving there what is not."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from cache import Cache
from cache.keys import key
from cache.locations import prepare, score_budget
from estimator import ESTIMATOR_VERSION
from estimator.checkpoints.names import select
from estimator.checkpoints.resolve import content_files, list_revisions, model_folder
from estimator.checkpoints.revision import Revision
from estimator.curve import Conditionals
from estimator.errors import InputError, MeasurementError
from estimator.increments import CheckpointIncrements
from estimator.measurement import GRANULARITIES, CheckpointMeasurements, Granularity, Measurement
from estimator.preference import CheckpointPreferences
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import Temperature, parse_temperature
from estimator.states.layers import check_layers, parse_layers
from estimator.text.corpus import DOCSTRINGS
from estimator.text.labels import ngram_labels
from estimator.text.pair_sample import PairSample
from estimator.text.sample import Sample
from ib_explorer.work.demo_run import DEMO, demo_revisions
from ib_explorer.work.identities import (
    bound_document,
    checkpoint_document,
    increments_document,
    preferences_document,
)
from ib_explorer.work.prefetch import Prefetch, StartsPrefetch, read_ahead
from ib_explorer.work.samples import Samples
from ib_explorer.work.selection import Checkpoints
from ib_explorer.work.subject import AnySample, Subject
from ib_explorer.worker.messages import Bound, BoundReady, Event, ListRevisions, Measure, Measured, Revisions, Task

if TYPE_CHECKING:
    from estimator.bottleneck.joint import JointDistribution
    from ib_explorer.work.measurer import Measurer

Emit = Callable[[Event], None]
_MB = 10**6


class Runner:
    """Runs the jobs of one worker process on one device, with the cache in ``cache_dir``."""

    def __init__(self, cache_dir: Path, device: str) -> None:
        self._cache = Cache(prepare(cache_dir), score_budget())
        self.device = device if device == "cpu" else _device_name(device)
        self._samples = Samples(self._cache)
        self._checkpoints = Checkpoints(self._cache.runs)
        self._measurer: Measurer | None = None
        self._at_work = False

    def run(self, request: Task, emit: Emit, progress: Progress) -> None:
        """Do a job, emitting what it finds; raises InputError, MeasurementError or Cancelled.

        May be called for a job on kept scores out of the ``progress`` of another one, which then waits.
        """
        is_inner, self._at_work = self._at_work, True
        try:
            if not is_inner:
                self._samples.begin()
                self._checkpoints.begin()
            self._do(request, emit, progress)
        finally:
            self._at_work = is_inner

    def _do(self, request: Task, emit: Emit, progress: Progress) -> None:
        match request:
            case Measure():
                self._measure(request, emit, progress)
            case Bound():
                self._bound(request, emit, progress)
            case ListRevisions():
                self._list(request, emit, progress)
            case _:
                assert_never(request)

    def _list(self, job: ListRevisions, emit: Emit, progress: Progress) -> None:
        revisions = demo_revisions(self._cache.runs) if job.model == DEMO else list_revisions(job.model)
        if job.revision is not None:
            revisions = select(revisions, job.revision)
        emit(Revisions(job.job, tuple(asdict(revision) for revision in revisions)))

    def _measure(self, job: Measure, emit: Emit, progress: Progress) -> None:
        request = job.request
        check_layers(request.layers)
        temperatures = [parse_temperature(text) for text in request.temperatures]
        if self._measurer is not None and not job.kept:
            self._measurer.begin()
        if job.only:
            chosen = self._checkpoints.named(request.model, job.only, progress)
        else:
            chosen = self._checkpoints.chosen(request, progress)
        emit(Revisions(job.job, tuple(asdict(revision) for revision in chosen)))
        is_fetched = request.model != DEMO and not job.kept
        prefetch = Prefetch()
        try:
            for number, revision in enumerate(self._in_turn(job, chosen, progress), 1):
                progress.revision = revision.name
                prefetch.finish(progress)
                prefetch = Prefetch(partial(self._fetch, chosen[number:], request)) if is_fetched else Prefetch()
                if (measured := self._measure_one(job, revision, temperatures, progress, prefetch)) is not None:
                    emit(measured)
            if not job.kept:
                self._settle(progress)
        except (InputError, MeasurementError):
            if not job.kept:
                with contextlib.suppress(InputError):  # which would hide why the job failed
                    self._settle(progress)
            raise
        finally:
            prefetch.stop()

    def _in_turn(self, job: Measure, chosen: list[Revision], progress: Progress) -> Iterable[Revision]:
        if job.kept:
            return self._checkpoints.existing(chosen)
        docstrings = partial(self._samples.corpus, DOCSTRINGS, None, progress)
        return self._checkpoints.in_turn(job.request.model, chosen, docstrings, progress)

    def _settle(self, progress: Progress) -> None:
        if self._measurer is not None:
            self._measurer.settle(progress)

    def _measure_one(
        self,
        job: Measure,
        revision: Revision,
        temperatures: Sequence[Temperature],
        progress: Progress,
        prefetch: Prefetch,
    ) -> Measured | None:
        """Measure what the cache lacks of one checkpoint, and keep it; None where a job on kept scores passes it."""
        request = job.request
        if request.is_preference:
            pairs = self._subject(request, revision, self._samples.pairs(request, revision, progress), progress)
            return self._prefer(job, pairs, temperatures, progress)
        subject = self._subject(request, revision, self._samples.text(request, revision, progress), progress)
        name = key(subject.document)
        known = self._cache.measurements.load(name)
        missing = _missing(known, request, temperatures)
        wants_loss = known is not None and _lacks_loss(known, request)
        if job.kept and (known is None or wants_loss):
            return None
        if missing or wants_loss:
            listener = StartsPrefetch(progress, prefetch)
            found = self._measuring().measure(subject, known, missing, listener, from_kept=job.kept)
            if found is None:
                return None
            # A loss belongs to the checkpoint and the text, so to rows that were measured without it as well: those
            # of now, as a job on kept scores may have added some.
            others = self._cache.measurements.load(name) if wants_loss else None
            measurements = CheckpointMeasurements(
                **self._identity(name, subject),
                depth=found.depth,
                width=found.width,
                dtype=found.dtype,
                rows=tuple(replace(row, loss=found.loss) for row in (others.rows if others else ())) + found.rows,
                bytes_per_token=subject.sample.bytes_per_token,
            )
            known = self._cache.measurements.merge(subject.document, measurements)
        if job.increments and known is not None:
            self._increments(subject, known, temperatures, progress)
        return Measured(job.job, name, revision.name, cached=not (missing or wants_loss))

    def _subject(
        self, request: MeasurementRequest, revision: Revision, sampled: tuple[AnySample, str], progress: Progress
    ) -> Subject[AnySample]:
        """What is to be measured of a revision, on a sample in its tokens (and the digest of their tokenizer)."""
        sample, tokenizer = sampled
        commit = self._commit(revision, progress)
        document = checkpoint_document(revision, commit, tokenizer, sample.digest, self._dtype(request), request)
        if request.is_preference:
            document = preferences_document(document)
        return Subject(revision, commit, document, sample, request, self._device(request))

    def _prefer(
        self, job: Measure, subject: Subject[PairSample], temperatures: Sequence[Temperature], progress: Progress
    ) -> Measured | None:
        """The same for a checkpoint's preference information."""
        name = key(subject.document)
        known = self._cache.preferences.load(name)
        missing = _missing(known, subject.request, temperatures)
        if job.kept and known is None:
            return None
        if missing:
            found = self._measuring().measure_preferences(subject, known, missing, progress, from_kept=job.kept)
            if found is None:
                return None
            preferences = CheckpointPreferences(
                **self._identity(name, subject),
                depth=found.depth,
                width=found.width,
                dtype=found.dtype,
                rows=found.rows,
            )
            self._cache.preferences.merge(subject.document, preferences)
        return Measured(job.job, name, subject.revision.name, cached=not missing)

    def _increments(
        self,
        subject: Subject[Sample],
        known: CheckpointMeasurements,
        temperatures: Sequence[Temperature],
        progress: Progress,
    ) -> None:
        """Measure the increments of a checkpoint that the cache lacks, and keep them beside its measurements."""
        name = increments_document(known.key)
        kept = self._cache.increments.load(key(name))
        present = {(row.temperature_rule, row.layer) for row in (kept.rows if kept else ())}
        layers = parse_layers(subject.request.layers, known.depth)
        missing = [t for t in temperatures if any((t.rule, layer) not in present for layer in layers)]
        if missing:
            rows = self._measuring().measure_increments(subject, known, missing, progress)
            self._cache.increments.merge(name, CheckpointIncrements(known.key, rows))

    def _bound(self, job: Bound, emit: Emit, progress: Progress) -> None:
        from estimator.bottleneck.solver import information_bottleneck

        present = self._checkpoints.existing(self._checkpoints.chosen(job.request, progress))
        if not present:
            raise InputError(
                "model", "The demo has no checkpoint yet whose tokenizer the bound could use: measure it first."
            )
        sample, _ = self._samples.text(job.request, present[0], progress)
        document = bound_document(sample.digest, job.granularity, job.conditionals)
        if self._cache.curves.load(key(document)) is None:
            joint = _joint(sample, job.granularity, job.conditionals)
            curve = information_bottleneck(joint, job.granularity, progress=progress)
            self._cache.curves.put(document, curve)
        emit(BoundReady(job.job, key(document)))

    def _fetch(self, revisions: Sequence[Revision], request: MeasurementRequest, prefetch: Prefetch) -> None:
        """Have the files of the first of ``revisions`` that will be loaded at hand."""
        for revision in revisions:
            prefetch.check()
            known = None
            if (sampled := self._samples.known(request, revision, prefetch)) is not None:
                known = self._cache.measurements.load(key(self._subject(request, revision, sampled, prefetch).document))
            if known is None or _lacks_loss(known, request):
                read_ahead(model_folder(revision, prefetch), prefetch.check)
                return

    def _commit(self, revision: Revision, progress: Progress) -> str:
        if revision.folder is None:
            return str(revision.commit)

        def heard(done: int, total: int) -> None:
            progress.phase("resolve", done // _MB, total // _MB, "MB")

        return self._cache.folder_digest(content_files(Path(revision.folder)), heard)

    def _identity(self, name: str, subject: Subject[Any]) -> dict[str, Any]:
        """The fields of a record that say what was measured; ``name`` is its key."""
        revision, sample, request = subject.revision, subject.sample, subject.request
        return {
            "key": name,
            "model": revision.model,
            "revision": revision.name,
            "commit": subject.commit,
            "stage": revision.stage,
            "step": revision.step,
            "tokens": revision.tokens,
            "corpus": sample.corpus,
            "sample": sample.digest,
            "documents": sample.documents,
            "positions": sample.positions,
            "anchors": request.anchors,
            "anchor_seeds": request.anchor_seeds,
            "estimator_version": ESTIMATOR_VERSION,
        }

    def _dtype(self, request: MeasurementRequest) -> str:
        """What ``auto`` is as part of a key: on the CPU float32, elsewhere the checkpoint's own."""
        if request.dtype != "auto":
            return request.dtype
        return "float32" if self._device(request) == "cpu" else "own"

    def _device(self, request: MeasurementRequest) -> str:
        return self.device if request.device == "auto" else request.device

    def _measuring(self) -> Measurer:
        if self._measurer is None:
            from ib_explorer.work.measurer import Measurer

            self._measurer = Measurer(self._cache.scores)
        return self._measurer


def _joint(sample: Sample, granularity: Granularity, conditionals: Conditionals) -> JointDistribution:
    """The joint of a sample's input and output labels of one width."""
    from estimator.bottleneck.held_out import held_out_joint
    from estimator.bottleneck.joint import joint_counts

    widths = GRANULARITIES[: GRANULARITIES.index(granularity) + 1]
    labels = ngram_labels(sample, widths)
    inputs, y = labels[: len(widths)], labels[-1]
    if conditionals == "raw":
        return joint_counts(inputs[-1].ids, y.ids)
    return held_out_joint([narrow.ids for narrow in inputs], y.ids, sample.document_of_position())


def _device_name(device: str) -> str:
    """The device that ``device`` means here; the workers that only use the CPU need not wait for torch to tell."""
    from estimator.states.loading import resolve_device

    return str(resolve_device(device))


def _lacks_loss(known: CheckpointMeasurements, request: MeasurementRequest) -> bool:
    return request.loss and all(row.loss is None for row in known.rows)


def _missing(
    known: CheckpointMeasurements | CheckpointPreferences | None,
    request: MeasurementRequest,
    temperatures: Sequence[Temperature],
) -> list[Temperature]:
    """The temperatures at which ``known`` lacks a layer, weights or variant asked for; granularities come together."""
    if known is None:
        return list(temperatures)
    present = {
        (
            row.temperature_rule,
            row.layer,
            (row.weights, row.min_count if isinstance(row, Measurement) else 1),
            row.variant,
        )
        for row in known.rows
    }
    least = 1 if request.is_preference else request.min_count
    weights = [(weights, least if weights == "uniform" else 1) for weights in request.weights]
    wanted = list(itertools.product(parse_layers(request.layers, known.depth), weights, request.variants))
    return [t for t in temperatures if any((t.rule, *parts) not in present for parts in wanted)]
