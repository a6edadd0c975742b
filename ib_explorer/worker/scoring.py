"""A checkpoint's scores: from the cache, or from a forward pass that leaves them there (this module imports torch)."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.arrays import ArrayStore, StoredArrays
from cache.locations import BUDGET_VARIABLE
from estimator.anchors import stack_anchors
from estimator.geometry import Geometry
from estimator.layers import parse_layers
from estimator.loading import LoadedModel, load_model, resolve_device, tally_device
from estimator.loss import LossSum
from estimator.measurement import CheckpointMeasurements, Variant
from estimator.memory import MemoryPlan, plan_memory, score_bytes
from estimator.moments import Normalisation, compute_moments, normalisation
from estimator.preference import CheckpointPreferences
from estimator.progress import Progress
from estimator.sample import Sample
from estimator.scores import compute_scores
from estimator.sweep import LayerScores
from ib_explorer.worker.documents import scores_document
from ib_explorer.worker.subject import Subject

_GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A model's shape, and its scores, all variants counted; ``losses`` fill as they are read.

    ``plan`` says how many layers there are, and how many of them may be estimated at once.
    """

    depth: int
    width: int
    dtype: str
    scores: Iterator[LayerScores]
    losses: LossSum | None
    plan: MemoryPlan


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One layer in one variant, to be scored."""

    layer: int
    variant: Variant
    normalisation: Normalisation | None


class Scorer:
    """Finds or makes the scores of one checkpoint after another."""

    def __init__(self, store: ArrayStore) -> None:
        self._store = store
        self._told: set[str] = set()

    def keeps(self, subject: Subject[Any]) -> bool:
        """Whether the scores of a checkpoint are kept in all variants asked for."""
        request = subject.request
        names = (scores_document(subject.document, request.layers, variant) for variant in request.variants)
        return all(self._store.get(name) is not None for name in names)

    def see(
        self,
        subject: Subject[Any],
        known: CheckpointMeasurements | CheckpointPreferences | None,
        labels: int,
        progress: Progress,
        *,
        variants: Sequence[Variant] = ("raw",),
        with_loss: bool = False,
    ) -> Seen:
        """Scores of all layers asked for in ``variants``; loads the model only where they are not kept.

        ``known`` is what the cache has of the checkpoint; ``labels`` are the bytes that the sample's labels take.
        """
        request = subject.request
        names = {variant: scores_document(subject.document, request.layers, variant) for variant in variants}
        kept: dict[Variant, StoredArrays] = {}
        if known is not None:
            stored = {variant: self._store.get(name) for variant, name in names.items()}
            kept = {variant: arrays for variant, arrays in stored.items() if arrays is not None}
        missing = {variant: name for variant, name in names.items() if variant not in kept}
        if known is not None and not missing and not with_loss:
            layers = parse_layers(request.layers, known.depth)
            plan = _plan(subject, len(layers) * len(variants), labels, on_disk=True)
            return Seen(known.depth, known.width, known.dtype, _kept_scores(kept, layers), None, plan)
        model = load_model(subject.revision, subject.device, request.dtype, progress, with_head=with_loss)
        layers = parse_layers(request.layers, model.depth)
        size = score_bytes(subject.sample.positions, len(request.anchor_seeds), request.anchors)
        on_disk = self._store.admits(size * len(layers) * len(missing))
        plan = _plan(subject, len(layers) * len(variants), labels, on_disk=on_disk)
        self._tell(plan, progress)
        losses = LossSum(model.head, subject.sample) if model.head is not None else None
        fresh = self._scores(model, subject, layers, missing, losses, plan, progress)
        scores = itertools.chain(fresh, _kept_scores(kept, layers))
        return Seen(model.depth, model.width, model.dtype, scores, losses, plan)

    def _tell(self, plan: MemoryPlan, progress: Progress) -> None:
        """Say the plan, once for all checkpoints that share it."""
        if str(plan) not in self._told:
            self._told.add(str(plan))
            progress.note(str(plan))
            if plan.passes > 1:
                wanted = math.ceil(plan.layers * plan.scores / 1e9)
                progress.note(f"One pass would do with the scores on disk: set {BUDGET_VARIABLE}={wanted} (GB).")

    def _scores(
        self,
        model: LoadedModel,
        subject: Subject[Any],
        layers: tuple[int, ...],
        names: Mapping[Variant, dict[str, Any]],
        losses: LossSum | None,
        plan: MemoryPlan,
        progress: Progress,
    ) -> Iterator[LayerScores]:
        """Scores of each variant's layers in turn: on disk, or in memory by blocks, as planned.

        Variants other than raw need the moments of z first: one forward pass more, however many variants.
        """
        sample, request = subject.sample, subject.request
        anchors = stack_anchors(request.anchors, model.width, request.anchor_seeds)
        items = _items(model, sample, layers, tuple(names), progress)
        shape = (len(request.anchor_seeds), sample.positions, request.anchors)

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
            # Room for all variants at once: those being written do not count yet when the next one makes room.
            self._store.prune(self._store.budget - plan.scores * len(items))
            with ExitStack() as stack:
                arrays = {
                    variant: stack.enter_context(self._store.create(name, _shapes(shape, layers)))
                    for variant, name in names.items()
                }
                out = [torch.from_numpy(arrays[item.variant][_array(item.layer)]) for item in items]
                found = fill(items, out, losses)
                for variant, kept in arrays.items():
                    kept[_GEOMETRY][...] = _geometry_array(one for one in found if one.variant == variant)
            yield from found
            return
        block = max(plan.layers_at_once, 1)
        for start in range(0, max(len(items), 1), block):
            part = items[start : start + block]
            yield from fill(
                part, [torch.empty(shape, dtype=torch.float16) for _ in part], losses if not start else None
            )


def _plan(subject: Subject[Any], layers: int, labels: int, *, on_disk: bool) -> MemoryPlan:
    return plan_memory(
        positions=subject.sample.positions,
        draws=len(subject.request.anchor_seeds),
        anchors=subject.request.anchors,
        layers=layers,
        labels=labels,
        on_disk=on_disk,
        device=tally_device(resolve_device(subject.device)),
    )


def _items(
    model: LoadedModel, sample: Sample, layers: tuple[int, ...], variants: Sequence[Variant], progress: Progress
) -> list[_Item]:
    if all(variant == "raw" for variant in variants):
        return [_Item(layer, variant, None) for variant in variants for layer in layers]
    moments = compute_moments(model, sample, layers, progress)
    return [_Item(layer, variant, normalisation(variant, moments[layer])) for variant in variants for layer in layers]


def _shapes(shape: tuple[int, ...], layers: Sequence[int]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {_array(layer): (shape, "float16") for layer in layers} | {_GEOMETRY: ((len(layers), 2), "float64")}


def _kept_scores(kept: Mapping[Variant, StoredArrays], layers: Sequence[int]) -> Iterator[LayerScores]:
    for variant, arrays in kept.items():
        for layer, (length, ratio) in zip(layers, arrays[_GEOMETRY].tolist(), strict=True):
            geometry = Geometry(length, None if np.isnan(ratio) else ratio)
            yield LayerScores(layer, _read_only(arrays[_array(layer)]), variant, geometry)


def _geometry_array(scores: Iterable[LayerScores]) -> npt.NDArray[np.float64]:
    """Resultant length and participation ratio of each layer, [layers, 2]; NaN where there is none."""
    pairs = [(one.geometry.resultant_length, one.geometry.participation_ratio) for one in scores if one.geometry]
    return np.array([(length, np.nan if ratio is None else ratio) for length, ratio in pairs])


def _read_only(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over a read-only map without a copy; nothing here writes to scores that are kept."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _array(layer: int) -> str:
    return f"layer-{layer:03d}"
