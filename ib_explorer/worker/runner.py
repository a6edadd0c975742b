"""Where estimator and cache meet: does a job, taking from the cache what is there and leaving there what is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from cache import Cache
from cache.keys import key
from cache.locations import prepare
from estimator import ESTIMATOR_VERSION
from estimator.checkpoints import select
from estimator.corpus import Corpus, open_corpus
from estimator.curve import Conditionals
from estimator.errors import InputError
from estimator.folders import tokenizer_files
from estimator.labels import ngram_labels
from estimator.layers import check_layers, parse_layers
from estimator.measurement import GRANULARITIES, CheckpointMeasurements, Granularity
from estimator.models import content_files, list_revisions, resolve
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.revision import Revision
from estimator.sample import Sample, tokenise
from estimator.temperature import Temperature, parse_temperature
from estimator.tokenizer import load_tokenizer, tokenizer_folder
from ib_explorer.worker.demo import DEMO, demo_revisions, trained
from ib_explorer.worker.documents import bound_document, checkpoint_document, sample_document
from ib_explorer.worker.messages import Bound, BoundReady, Event, Job, ListRevisions, Measure, Measured, Revisions

if TYPE_CHECKING:
    from estimator.joint import JointDistribution
    from ib_explorer.worker.measuring import Measurer

Emit = Callable[[Event], None]


class Runner:
    """Runs the jobs of one worker process on one device, with the cache in ``cache_dir``."""

    def __init__(self, cache_dir: Path, device: str) -> None:
        self._cache = Cache(prepare(cache_dir))
        self.device = device if device == "cpu" else _device_name(device)
        self._corpora: dict[tuple[str | None, str | None], Corpus] = {}
        self._samples: dict[str, Sample] = {}
        self._measurer: Measurer | None = None

    def run(self, request: Job, emit: Emit, progress: Progress) -> None:
        """Do a job, emitting what it finds; raises InputError, MeasurementError or Cancelled."""
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
        for revision in self._revisions(job, emit, progress):
            progress.revision = revision.name
            sample, tokenizer = self._sample(request, revision, progress)
            commit = self._commit(revision)
            document = checkpoint_document(revision, commit, tokenizer, sample.digest, self._dtype(request), request)
            known = self._cache.measurements.load(key(document))
            missing = _missing(known, request, temperatures)
            if missing:
                found = self._measuring().measure(
                    revision, known, document, sample, request, self._device(request), missing, progress
                )
                measurements = CheckpointMeasurements(
                    key=key(document),
                    model=revision.model,
                    revision=revision.name,
                    commit=commit,
                    stage=revision.stage,
                    step=revision.step,
                    tokens=revision.tokens,
                    depth=found.depth,
                    width=found.width,
                    corpus=sample.corpus,
                    sample=sample.digest,
                    documents=sample.documents,
                    positions=sample.positions,
                    anchors=request.anchors,
                    anchor_seeds=request.anchor_seeds,
                    dtype=found.dtype,
                    estimator_version=ESTIMATOR_VERSION,
                    rows=found.rows,
                )
                self._cache.measurements.merge(document, measurements)
            emit(Measured(job.job, key(document), revision.name, cached=not missing))

    def _bound(self, job: Bound, emit: Emit, progress: Progress) -> None:
        from estimator.bound import information_bottleneck

        revisions = self._chosen(job.request, progress)
        present = [revision for revision in revisions if revision.folder is None or Path(revision.folder).is_dir()]
        if not present:
            raise InputError(
                "model", "The demo has no checkpoint yet whose tokenizer the bound could use: measure it first."
            )
        sample, _ = self._sample(job.request, present[0], progress)
        document = bound_document(sample.digest, job.granularity, job.conditionals)
        if self._cache.curves.load(key(document)) is None:
            joint = _joint(sample, job.granularity, job.conditionals)
            curve = information_bottleneck(joint, job.granularity, progress=progress)
            self._cache.curves.put(document, curve)
        emit(BoundReady(job.job, key(document)))

    def _chosen(self, request: MeasurementRequest, progress: Progress) -> list[Revision]:
        """The checkpoints that a request means, in training order; those of the demo need not exist yet."""
        if request.model != DEMO:
            return resolve(request.model, request.revision, progress)
        planned = demo_revisions(self._cache.runs)
        return select(planned, request.revision) if request.revision else planned[-1:]

    def _revisions(self, job: Measure, emit: Emit, progress: Progress) -> Iterator[Revision]:
        """The checkpoints of a job, announced first, each as soon as it can be measured."""
        chosen = self._chosen(job.request, progress)
        emit(Revisions(job.job, tuple(asdict(revision) for revision in chosen)))
        if job.request.model == DEMO:
            yield from trained(self._cache.runs, chosen, progress)
        else:
            yield from chosen

    def _commit(self, revision: Revision) -> str:
        if revision.folder is None:
            return str(revision.commit)
        return self._cache.folder_digest(content_files(Path(revision.folder)))

    def _sample(self, request: MeasurementRequest, revision: Revision, progress: Progress) -> tuple[Sample, str]:
        """The sample of a request in a revision's tokens, and the digest of the tokenizer's files."""
        tokenizer = self._cache.folder_digest(tokenizer_files(tokenizer_folder(revision, progress)))
        corpus = self._corpus(request, progress)
        document = sample_document(corpus.identity, tokenizer, request)
        name = key(document)
        if name not in self._samples:
            kept = self._cache.samples.get(document)
            if kept is None:
                words = load_tokenizer(revision, progress)
                sample = tokenise(corpus, words, request.documents, request.max_length, progress)
                arrays, values = sample.to_arrays()
                self._cache.samples.put(document, arrays, values)
            else:
                sample = Sample.from_arrays(kept, kept.about)
            self._samples[name] = sample
        return self._samples[name], tokenizer

    def _corpus(self, request: MeasurementRequest, progress: Progress) -> Corpus:
        """The corpus of a request, opened once per process: a job of 500 checkpoints hashes its text once."""
        asked = (request.corpus, request.text_column)
        if asked not in self._corpora:
            self._corpora[asked] = open_corpus(*asked, progress)
        return self._corpora[asked]

    def _dtype(self, request: MeasurementRequest) -> str:
        """What ``auto`` is as part of a key: on the CPU float32, elsewhere the checkpoint's own."""
        if request.dtype != "auto":
            return request.dtype
        return "float32" if self._device(request) == "cpu" else "own"

    def _device(self, request: MeasurementRequest) -> str:
        return self.device if request.device == "auto" else request.device

    def _measuring(self) -> Measurer:
        if self._measurer is None:
            from ib_explorer.worker.measuring import Measurer

            self._measurer = Measurer(self._cache.scores)
        return self._measurer


def _joint(sample: Sample, granularity: Granularity, conditionals: Conditionals) -> JointDistribution:
    """The joint of a sample's input and output labels of one width."""
    from estimator.held_out import held_out_joint
    from estimator.joint import joint_counts

    widths = GRANULARITIES[: GRANULARITIES.index(granularity) + 1]
    labels = ngram_labels(sample, widths)
    inputs, y = labels[: len(widths)], labels[-1]
    if conditionals == "raw":
        return joint_counts(inputs[-1].ids, y.ids)
    return held_out_joint([narrow.ids for narrow in inputs], y.ids, sample.document_of_position())


def _device_name(device: str) -> str:
    """The device that ``device`` means here; the workers that only use the CPU need not wait for torch to tell."""
    from estimator.loading import resolve_device

    return str(resolve_device(device))


def _missing(
    known: CheckpointMeasurements | None, request: MeasurementRequest, temperatures: Sequence[Temperature]
) -> list[Temperature]:
    """The temperatures at which ``known`` lacks a layer or a weighting asked for; all granularities come together."""
    if known is None:
        return list(temperatures)
    present = {(row.temperature_rule, row.layer, row.weights) for row in known.rows}
    wanted = list(itertools.product(parse_layers(request.layers, known.depth), request.weights))
    return [t for t in temperatures if any((t.rule, *parts) not in present for parts in wanted)]
