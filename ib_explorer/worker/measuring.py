"""Measuring a checkpoint: scores from the cache or a forward pass, then information (this module imports torch)."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.arrays import ArrayStore, StoredArrays
from estimator.anchors import stack_anchors
from estimator.geometry import Geometry
from estimator.increments import Increment
from estimator.information import Estimator
from estimator.layers import parse_layers
from estimator.loading import LoadedModel, load_model, resolve_device
from estimator.loss import LossSum
from estimator.measure import measure_layers, sample_estimator
from estimator.measurement import CheckpointMeasurements, Measurement, Variant
from estimator.moments import Normalisation, compute_moments, normalisation
from estimator.nesting import IncrementEstimator, increment_estimator, measure_increments
from estimator.pair_sample import PairSample
from estimator.preference import CheckpointPreferences, Preference
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.revision import Revision
from estimator.sample import Sample
from estimator.scores import compute_scores
from estimator.swaps import PreferenceEstimator, measure_preferences
from estimator.sweep import LayerScores
from estimator.temperature import Temperature
from ib_explorer.worker.documents import scores_document

MEMORY_SHARE = 0.4
"""Share of the free memory that scores may take when they are not kept on disk."""
_GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of a checkpoint, and what of the model belongs beside it."""

    depth: int
    width: int
    dtype: str
    rows: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class FoundPreferences:
    """The same of preference information."""

    depth: int
    width: int
    dtype: str
    rows: tuple[Preference, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A model's shape, and scores of ``layers`` layers, all variants counted; ``losses`` fill as they are read."""

    depth: int
    width: int
    dtype: str
    layers: int
    scores: Iterator[LayerScores]
    losses: LossSum | None


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One layer in one variant, to be scored."""

    layer: int
    variant: Variant
    normalisation: Normalisation | None


class Measurer:
    """Measures checkpoints one after another; labels are sorted once for all that share a sample."""

    def __init__(self, scores: ArrayStore) -> None:
        self._store = scores
        self._estimators: dict[tuple[Any, ...], Estimator] = {}
        self._increments: dict[tuple[str, str], IncrementEstimator] = {}

    def measure(
        self,
        revision: Revision,
        known: CheckpointMeasurements | None,
        document: dict[str, Any],
        sample: Sample,
        request: MeasurementRequest,
        device: str,
        temperatures: Sequence[Temperature],
        progress: Progress,
    ) -> Found:
        """Values at ``temperatures`` of all layers asked for; loads the model only if their scores are not kept.

        ``known`` is what the cache has of the checkpoint, ``document`` identifies it. A loss that was not known before
        is written into the known rows as well: it belongs to the checkpoint and the text.
        """
        estimator = self._estimator(sample, request, device)
        loss = known_loss(known)
        variants = request.variants if temperatures else ()
        seen = self._see(
            revision, known, document, sample, request, device, progress, variants, request.loss and loss is None
        )
        shape = (seen.depth, seen.width)
        rows = list(measure_layers(estimator, seen.scores, seen.layers, *shape, temperatures, progress))
        if seen.losses is not None:
            loss = seen.losses.mean
            rows = [*(known.rows if known else ()), *rows]
        return Found(*shape, seen.dtype, tuple(replace(row, loss=loss) for row in rows))

    def measure_increments(
        self,
        revision: Revision,
        known: CheckpointMeasurements,
        document: dict[str, Any],
        sample: Sample,
        request: MeasurementRequest,
        device: str,
        temperatures: Sequence[Temperature],
        progress: Progress,
    ) -> tuple[Increment, ...]:
        """Increments at ``temperatures`` of all layers asked for, of a checkpoint whose measurements are ``known``."""
        wanted = (sample.digest, device)
        if wanted not in self._increments:
            self._increments = {wanted: increment_estimator(sample, resolve_device(device))}
        seen = self._see(revision, known, document, sample, request, device, progress)
        shape = (seen.depth, seen.width)
        estimator = self._increments[wanted]
        return tuple(measure_increments(estimator, seen.scores, seen.layers, *shape, temperatures, progress))

    def measure_preferences(
        self,
        revision: Revision,
        known: CheckpointPreferences | None,
        document: dict[str, Any],
        sample: PairSample,
        request: MeasurementRequest,
        device: str,
        temperatures: Sequence[Temperature],
        progress: Progress,
    ) -> FoundPreferences:
        """Preference information at ``temperatures`` of all layers asked for; arguments are as of :meth:`measure`."""
        estimator = PreferenceEstimator(sample, weights=request.weights, device=resolve_device(device))
        seen = self._see(revision, known, document, sample, request, device, progress)
        shape = (seen.depth, seen.width)
        rows = measure_preferences(estimator, seen.scores, seen.layers, *shape, temperatures, progress)
        return FoundPreferences(*shape, seen.dtype, tuple(rows))

    def _see(
        self,
        revision: Revision,
        known: CheckpointMeasurements | CheckpointPreferences | None,
        document: dict[str, Any],
        sample: Sample,
        request: MeasurementRequest,
        device: str,
        progress: Progress,
        variants: Sequence[Variant] = ("raw",),
        with_loss: bool = False,
    ) -> _Seen:
        """Scores of all layers asked for in ``variants``: as they are kept, else from a forward pass."""
        names = {variant: scores_document(document, request.layers, variant) for variant in variants}
        kept: dict[Variant, StoredArrays] = {}
        if known is not None:
            stored = {variant: self._store.get(name) for variant, name in names.items()}
            kept = {variant: arrays for variant, arrays in stored.items() if arrays is not None}
        missing = {variant: name for variant, name in names.items() if variant not in kept}
        if known is not None and not missing and not with_loss:
            layers = parse_layers(request.layers, known.depth)
            count = len(layers) * len(variants)
            return _Seen(known.depth, known.width, known.dtype, count, _kept_scores(kept, layers), None)
        model = load_model(revision, device, request.dtype, progress, with_head=with_loss)
        layers = parse_layers(request.layers, model.depth)
        losses = LossSum(model.head, sample) if model.head is not None else None
        fresh = self._scores(model, sample, request, layers, missing, losses, progress)
        scores = itertools.chain(fresh, _kept_scores(kept, layers))
        return _Seen(model.depth, model.width, model.dtype, len(layers) * len(variants), scores, losses)

    def _estimator(self, sample: Sample, request: MeasurementRequest, device: str) -> Estimator:
        wanted = (sample.digest, request.weights, request.min_count, device)
        if wanted not in self._estimators:
            made = sample_estimator(sample, request.weights, resolve_device(device), request.min_count)
            self._estimators = {wanted: made}
        return self._estimators[wanted]

    def _scores(
        self,
        model: LoadedModel,
        sample: Sample,
        request: MeasurementRequest,
        layers: tuple[int, ...],
        names: Mapping[Variant, dict[str, Any]],
        losses: LossSum | None,
        progress: Progress,
    ) -> Iterator[LayerScores]:
        """Scores of each variant's layers in turn: kept on disk if the budget allows, else in memory, by blocks.

        Variants other than raw need the moments of z first: one forward pass more, however many variants.
        """
        anchors = stack_anchors(request.anchors, model.width, request.anchor_seeds)
        items = _items(model, sample, layers, tuple(names), progress)
        shape = (len(request.anchor_seeds), sample.positions, request.anchors)
        item_bytes = 2 * int(np.prod(shape))

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

        if items and self._store.admits(item_bytes * len(items)):
            # Room for all variants at once: those being written do not count yet when the next one makes room.
            self._store.prune(self._store.budget - item_bytes * len(items))
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
        room = MEMORY_SHARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        block = max(1, int(room // item_bytes))
        if block < len(items):
            progress.note(
                f"Scores take {item_bytes * len(items) / 2**30:.1f} GiB: "
                f"measuring {block} of {len(items)} layers at a time."
            )
        for start in range(0, max(len(items), 1), block):
            part = items[start : start + block]
            yield from fill(
                part, [torch.empty(shape, dtype=torch.float16) for _ in part], losses if not start else None
            )


def known_loss(known: CheckpointMeasurements | None) -> float | None:
    """The loss of a measured checkpoint, if it was ever asked for."""
    return next((row.loss for row in known.rows if row.loss is not None), None) if known else None


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
