"""One checkpoint of a job: its cached records, and what remains to be measured."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cache import Cache
from cache.digests import file_states
from cache.keys import key
from estimator import ESTIMATOR_VERSION
from estimator.checkpoints.folders import model_name
from estimator.checkpoints.resolve import content_files
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements, CheckpointName
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.soft_entropy.temperature import Temperature, parse_temperature
from estimator.states.layers import parse_layers
from estimator.text.kinds import NGRAM
from estimator.text.labels import LabelKind, LabelText
from ib_explorer.work.identities import checkpoint_identity, increments_identity, series_identity, with_labels
from ib_explorer.work.samples import Samples
from ib_explorer.work.sharing import claimed
from ib_explorer.work.subject import Subject
from ib_explorer.worker.messages import Measure, Measured

if TYPE_CHECKING:
    from ib_explorer.work.measurer import CheckpointValues, Measurer

_MB = 10**6


class CheckpointWork:
    """Measures what the cache lacks, checkpoint by checkpoint; ``measurer`` is created when first needed.

    ``device`` is the resolution of ``auto``.
    """

    def __init__(self, cache: Cache, samples: Samples, device: str, measurer: Callable[[], Measurer]) -> None:
        self._cache, self._samples, self._device, self._measurer = cache, samples, device, measurer
        self._noted: set[tuple[str, str]] = set()
        self._remembered: dict[str, MeasurementRequest] = {}

    def measure(self, job: Measure, revision: Revision, progress: Progress) -> Generator[Measured]:
        """Measure what a job requests of one checkpoint; a job on stored scores skips checkpoints without them.

        Raises :class:`Busy` if another process is measuring this checkpoint.
        """
        text, tokenizer = self._samples.text(job.request, revision, progress)
        asked = self._name(job.request, revision, progress)
        subjects = list(self._subjects(job.request, revision, text, tokenizer, progress))
        if job.stored_only or all(self._is_complete(job, subject) for subject in subjects):
            yield from self._measure(job, subjects, asked, progress)
            return
        self._cache.check_writable()
        with claimed(self._cache.claims, subjects[0].states):
            yield from self._measure(job, subjects, asked, progress)

    def _measure(
        self, job: Measure, subjects: Sequence[Subject], asked: CheckpointName, progress: Progress
    ) -> Iterator[Measured]:
        loss: float | None = None
        for subject in subjects:
            name = key(subject.identity)
            # Read now: another process may have stored it before this one claimed the checkpoint.
            cached = self._cache.measurements.load(name)
            record = self._completed(job, subject, asked, cached, loss, progress)
            if record is None:
                continue
            loss = record.loss if loss is None else loss
            if job.increments and subject.kinds[0].family == NGRAM:
                self._measure_increments(subject, record, progress)
            is_first = record.name == asked
            if not is_first:
                self._also_named(record, asked, progress)
            if not (job.stored_only or job.only):
                self._remember(subject, record.named(asked), progress)
            yield Measured(job.job, name, asked.revision, record is cached, None if is_first else asked)

    def needs_model(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> bool:
        """Whether this process is to measure a checkpoint, as far as can be determined without making its sample.

        False if it is in the cache, or another process is measuring it.
        """
        known = self._samples.known(request, revision, progress)
        if known is None:
            return True
        subjects = list(self._subjects(request, revision, *known, progress))
        stored = [self._cache.measurements.load(key(subject.identity)) for subject in subjects]
        is_measured = all(found is not None and not _lacks_loss(found, request) for found in stored)
        return not is_measured and self._cache.claims.holder(key(subjects[0].states)) is None

    def is_measured(self, request: MeasurementRequest, revision: Revision, text: LabelText, tokenizer: str) -> bool:
        """Whether all that a request asks of a hub checkpoint is in the cache, given its sample."""
        subjects = self._subjects(request, revision, text, tokenizer, Progress())
        return all(self._is_complete(Measure(0, request), subject) for subject in subjects)

    def _is_complete(self, job: Measure, subject: Subject) -> bool:
        """Whether all that a job requests of a subject is in the cache."""
        known = self._cache.measurements.load(key(subject.identity))
        if known is None or _lacks_loss(known, job.request) or _missing(known, subject, _temperatures(job.request)):
            return False
        return not (job.increments and subject.kinds[0].family == NGRAM and self._missing_increments(subject, known))

    def _name(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> CheckpointName:
        corpus = self._samples.corpus_name(request, progress)
        return CheckpointName(revision.model, revision.name, revision.stage, revision.step, revision.tokens, corpus)

    def _also_named(self, record: CheckpointMeasurements, asked: CheckpointName, progress: Progress) -> None:
        """Store a further name of measured content, and note once that two checkpoints are identical."""
        try:
            self._cache.names.add(record.key, asked)
        except InputError as error:  # the answer has the name all the same
            if error.kind == "disk":
                progress.note(str(error))
        known, other = _checkpoint(asked), _checkpoint(record.name)
        if known != other and (known, other) not in self._noted:
            self._noted.add((known, other))
            progress.note(f"{known} and {other} are identical, so they have the same values.")

    def _remember(self, subject: Subject, record: CheckpointMeasurements, progress: Progress) -> None:
        """Store the request of a checkpoint's trajectory, which a later process derives further requests from.

        What depends on this machine, folder or hour is replaced by what it resolved to.
        """
        series, request = series_identity(record), subject.request
        if self._remembered.get(key(series)) == request:
            return
        dtype = _dtype(request, subject.device)
        lasting = replace(
            request,
            model=model_name(request.model),
            corpus=self._samples.corpus_spec(request, progress),
            dtype="auto" if dtype == "own" else dtype,
        )
        try:
            self._cache.requests.put(series, lasting)
        except InputError as error:  # the measurements are there all the same
            if error.kind == "disk":
                progress.note(str(error))
        self._remembered[key(series)] = request

    def _completed(
        self,
        job: Measure,
        subject: Subject,
        asked: CheckpointName,
        cached: CheckpointMeasurements | None,
        loss: float | None,
        progress: Progress,
    ) -> CheckpointMeasurements | None:
        """The complete record of a subject; None if a job on stored scores would need the model.

        Returns ``cached`` itself if it is complete. ``loss`` is that of the checkpoint, if another record has it.
        """
        request = subject.request
        missing = _missing(cached, subject, _temperatures(request))
        lacks_loss = _lacks_loss(cached, request)
        if cached is not None and not missing and not lacks_loss:
            return cached
        with_loss = lacks_loss and loss is None
        if with_loss and job.stored_only:
            return None
        self._cache.check_writable()
        if cached is not None and not missing and not with_loss:
            return self._cache.measurements.merge(subject.identity, replace(cached, loss=loss))
        found = self._measurer().measure(subject, missing, progress, with_loss=with_loss, stored_only=job.stored_only)
        if found is None:
            return None
        record = _record(subject, asked, found, found.loss if loss is None else loss)
        return self._cache.measurements.merge(subject.identity, record)

    def _measure_increments(self, subject: Subject, known: CheckpointMeasurements, progress: Progress) -> None:
        """Measure the increments that the cache lacks, and store them under the key of the measurements."""
        missing = self._missing_increments(subject, known)
        if missing:
            self._cache.check_writable()
            rows = self._measurer().measure_increments(subject, missing, progress)
            self._cache.increments.merge(increments_identity(known.key), CheckpointIncrements(known.key, rows))

    def _missing_increments(self, subject: Subject, known: CheckpointMeasurements) -> list[Temperature]:
        """The temperatures at which the cache lacks increments of a requested layer."""
        stored = self._cache.increments.load(key(increments_identity(known.key)))
        present = {(row.temperature_rule, row.layer) for row in (stored.rows if stored else ())}
        layers = parse_layers(subject.request.layers, known.depth)
        wanted = _temperatures(subject.request)
        return [one for one in wanted if any((one.rule, layer) not in present for layer in layers)]

    def _subjects(
        self, request: MeasurementRequest, revision: Revision, text: LabelText, tokenizer: str, progress: Progress
    ) -> Iterator[Subject]:
        """The subjects of a revision: each family of labels has a record of its own."""
        device = self._device if request.device == "auto" else request.device
        files = [] if revision.folder is None else content_files(Path(revision.folder))
        before = file_states(files)
        commit = self._commit(revision, files, progress)
        states = checkpoint_identity(revision, commit, tokenizer, text.sample.digest, _dtype(request, device), request)
        for kinds in _families(request.kinds):
            identity = with_labels(states, text, kinds)
            yield Subject(revision, commit, identity, states, text, kinds, request, device, before)

    def _commit(self, revision: Revision, files: Sequence[Path], progress: Progress) -> str:
        if revision.folder is None:
            return str(revision.commit)

        def heard(done: int, total: int) -> None:
            progress.phase("resolve", done // _MB, total // _MB, "MB")

        return self._cache.folder_digest(files, heard)


def _checkpoint(name: CheckpointName) -> str:
    return f"{name.model} {name.revision}"


def _record(
    subject: Subject, name: CheckpointName, found: CheckpointValues, loss: float | None
) -> CheckpointMeasurements:
    sample, request = subject.text.sample, subject.request
    return CheckpointMeasurements(
        key=key(subject.identity),
        model=name.model,
        revision=name.revision,
        commit=subject.commit,
        stage=name.stage,
        step=name.step,
        tokens=name.tokens,
        depth=found.model.depth,
        width=found.model.width,
        corpus=name.corpus,
        sample=sample.digest,
        documents=sample.documents,
        positions=sample.positions,
        anchors=request.anchors,
        anchor_seeds=request.anchor_seeds,
        dtype=found.model.dtype,
        estimator_version=ESTIMATOR_VERSION,
        rows=found.rows,
        bytes_per_token=sample.bytes_per_token,
        loss=loss,
    )


def _temperatures(request: MeasurementRequest) -> list[Temperature]:
    return [parse_temperature(rule) for rule in request.temperatures]


def _families(kinds: Sequence[LabelKind]) -> list[list[LabelKind]]:
    families: dict[str, list[LabelKind]] = {}
    for kind in kinds:
        families.setdefault(kind.family or kind.name, []).append(kind)
    return list(families.values())


def _dtype(request: MeasurementRequest, device: str) -> str:
    """The resolution of ``auto`` for a key: float32 on the CPU, elsewhere the checkpoint's own."""
    if request.dtype != "auto":
        return request.dtype
    return "float32" if device == "cpu" else "own"


def _lacks_loss(known: CheckpointMeasurements | None, request: MeasurementRequest) -> bool:
    return request.loss and (known is None or known.loss is None)


def _missing(
    known: CheckpointMeasurements | None, subject: Subject, temperatures: Sequence[Temperature]
) -> list[Temperature]:
    """The temperatures at which ``known`` lacks a requested layer, weighting or variant.

    Labels need no check: those of a family are always measured together.
    """
    if known is None:
        return list(temperatures)
    request = subject.request
    present = {(row.temperature_rule, row.layer, row.weights, row.min_count, row.variant) for row in known.rows}
    weights = [(weights, request.min_count if weights == "uniform" else 1) for weights in request.weights]
    wanted = list(itertools.product(parse_layers(request.layers, known.depth), weights, request.variants))
    return [
        temperature
        for temperature in temperatures
        if any((temperature.rule, layer, *weighting, variant) not in present for layer, weighting, variant in wanted)
    ]
