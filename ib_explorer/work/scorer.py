"""A checkpoint's scores: from the cache, or computed in a forward pass and stored (this module imports torch)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cache.arrays import ArrayStore
from cache.locations import BUDGET_VARIABLE
from estimator.checkpoints.revision import Revision
from estimator.errors import MeasurementError
from estimator.measurement import Variant
from estimator.progress import Progress
from estimator.soft_entropy.memory import MemoryPlan, plan_memory
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.states.anchors import stack_anchors
from estimator.states.layers import parse_layers
from estimator.states.loading import LoadedModel, load_model, resolve_device, tally_device
from estimator.states.loss import LossSum
from estimator.states.scores import compute_scores
from estimator.states.variants import Normalisation, compute_moments, normalisation
from estimator.text.sample import Sample
from ib_explorer.work.identities import scores_identity
from ib_explorer.work.score_store import Identities, ModelFacts, ScoreStore, Shape
from ib_explorer.work.subject import Subject


class Obtain(Protocol):
    """Downloads a revision unless it is there; ``pickles`` says whether ``.bin`` files may be read."""

    def __call__(self, revision: Revision, progress: Progress, *, pickles: bool) -> object: ...


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A model's scores, the ``plan`` of their memory use, and the ``losses`` that accumulate as scores are read."""

    facts: ModelFacts
    model: ModelScores
    losses: LossSum | None
    plan: MemoryPlan


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One layer in one variant, to be scored."""

    layer: int
    variant: Variant
    normalisation: Normalisation | None


class Scorer:
    """Loads or computes the scores of one checkpoint after another; ``obtain`` downloads a model before its use."""

    def __init__(self, store: ArrayStore, obtain: Obtain) -> None:
        self._stored = ScoreStore(store)
        self._obtain = obtain
        self._told: set[str] = set()

    def begin(self) -> None:
        """Begin a job, so that an earlier job's failure to store scores is not raised in this one."""
        self._stored.begin()

    def settle(self, progress: Progress) -> None:
        """Wait until all scores are on disk; raises :class:`InputError` (``"disk"``) if they cannot be stored."""
        self._stored.settle(progress)

    def has_stored(self, subject: Subject) -> bool:
        """Whether the scores of a checkpoint are stored in all requested variants."""
        return all(map(self._stored.has, _identities(subject, subject.request.variants).values()))

    def see(
        self,
        subject: Subject,
        labels: int,
        progress: Progress,
        *,
        variants: Sequence[Variant] = ("raw",),
        with_loss: bool = False,
        stored_only: bool = False,
    ) -> Seen | None:
        """Scores of all requested layers in ``variants``; loads the model only if they are not stored.

        ``labels`` is the size of the sample's labels in bytes. With ``stored_only`` the model is not loaded; returns
        None if scores are not stored, or if memory is too short while another job is running.
        """
        request, identities = subject.request, _identities(subject, variants)
        found = {variant: self._stored.load(name, variant) for variant, name in identities.items()}
        stored = {variant: scores for variant, scores in found.items() if scores is not None}
        missing = {variant: name for variant, name in identities.items() if variant not in stored}
        from_disk = itertools.chain(*(scores.layers for scores in stored.values()))
        if stored and not missing and not with_loss:
            facts = next(iter(stored.values())).model
            try:
                plan = _plan(subject, sum(len(scores.layers) for scores in stored.values()), labels, on_disk=True)
            except MeasurementError:
                if stored_only:
                    return None
                raise
            return Seen(facts, _planned(from_disk, facts, plan), None, plan)
        if stored_only:
            return None
        pickles = not request.safetensors_only
        self._obtain(subject.revision, progress, pickles=pickles)
        model = load_model(
            subject.revision, subject.device, request.dtype, progress, with_head=with_loss, pickles=pickles
        )
        subject.check_unchanged()
        for note in model.notes:
            self._tell(note, progress)
        facts = ModelFacts(model.depth, model.width, model.dtype)
        self._stored.settle(progress)
        layers = parse_layers(request.layers, model.depth)
        on_disk = self._stored.admits(len(layers) * len(missing), _shape(subject))
        plan = _plan(subject, len(layers) * len(variants), labels, on_disk=on_disk)
        if self._tell(str(plan), progress) and plan.passes > 1:
            wanted = math.ceil(plan.layers * plan.scores / 1e9)
            progress.note(f"One pass is enough if the scores fit on disk: set {BUDGET_VARIABLE}={wanted} (GB).")
        losses = LossSum(model.head, subject.text.sample) if model.head is not None else None
        fresh = self._fresh(model, facts, subject, layers, missing, losses, plan, on_disk, progress)
        scores = itertools.chain(fresh, from_disk)
        return Seen(facts, _planned(scores, facts, plan), losses, plan)

    def _tell(self, note: str, progress: Progress) -> bool:
        """Report a note once for all checkpoints that share it; returns whether it is new."""
        is_new = note not in self._told
        if is_new:
            self._told.add(note)
            progress.note(note)
        return is_new

    def _fresh(
        self,
        model: LoadedModel,
        facts: ModelFacts,
        subject: Subject,
        layers: tuple[int, ...],
        identities: Identities,
        losses: LossSum | None,
        plan: MemoryPlan,
        on_disk: bool,
        progress: Progress,
    ) -> Iterator[LayerScores]:
        """Scores of each variant's layers in order, written to disk or held in memory in blocks, as planned.

        Those held in memory that are also stored are copied to disk while they are being estimated. Variants other than
        raw need the moments of z first: one additional forward pass, however many variants.
        """
        sample, request = subject.text.sample, subject.request
        anchors = stack_anchors(request.anchors, model.width, request.anchor_seeds)
        items = _items(model, sample, layers, tuple(identities), progress)
        shape = _shape(subject)

        def fill(part: Sequence[_Item], out: Sequence[Tensor], losses: LossSum | None) -> list[LayerScores]:
            geometry = compute_scores(
                model,
                sample,
                anchors,
                [item.layer for item in part],
                out,
                progress,
                normalisations=[item.normalisation for item in part],
                loss=losses,
            )
            return [
                LayerScores(item.layer, scores, item.variant, found)
                for item, scores, found in zip(part, out, geometry, strict=True)
            ]

        if items and not plan.layers_at_once:
            with self._stored.create(facts, identities, layers, shape) as files:
                found = fill(items, [files.scores(item.layer, item.variant) for item in items], losses)
                files.finish(found)
            yield from found
            return
        block = max(plan.layers_at_once, 1)
        for start in range(0, max(len(items), 1), block):
            part = items[start : start + block]
            out = [torch.empty(shape, dtype=torch.float16, device=plan.holder) for _ in part]
            found = fill(part, out, losses if not start else None)
            if items and on_disk:
                self._stored.copy(facts, found, identities, layers, shape)
            yield from found


def _identities(subject: Subject, variants: Sequence[Variant]) -> Identities:
    return {variant: scores_identity(subject.states, subject.request.layers, variant) for variant in variants}


def _shape(subject: Subject) -> Shape:
    return len(subject.request.anchor_seeds), subject.text.sample.positions, subject.request.anchors


def _plan(subject: Subject, layers: int, labels: int, *, on_disk: bool) -> MemoryPlan:
    draws, positions, anchors = _shape(subject)
    return plan_memory(
        positions=positions,
        draws=draws,
        anchors=anchors,
        layers=layers,
        labels=labels,
        on_disk=on_disk,
        device=tally_device(resolve_device(subject.device)),
    )


def _planned(scores: Iterable[LayerScores], facts: ModelFacts, plan: MemoryPlan) -> ModelScores:
    return ModelScores(scores, plan.layers, facts.depth, facts.width, plan.estimates)


def _items(
    model: LoadedModel, sample: Sample, layers: tuple[int, ...], variants: Sequence[Variant], progress: Progress
) -> list[_Item]:
    if all(variant == "raw" for variant in variants):
        return [_Item(layer, variant, None) for variant in variants for layer in layers]
    moments = compute_moments(model, sample, layers, progress)
    return [_Item(layer, variant, normalisation(variant, moments[layer])) for variant in variants for layer in layers]
