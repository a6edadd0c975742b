"""Measuring a checkpoint: scores from the cache or a forward pass, then information (this module imports torch)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.arrays import ArrayStore
from estimator.anchors import stack_anchors
from estimator.increments import Increment
from estimator.information import Estimator
from estimator.layers import parse_layers
from estimator.loading import LoadedModel, load_model, resolve_device
from estimator.measure import measure_layers, sample_estimator
from estimator.measurement import CheckpointMeasurements, Measurement, Weights
from estimator.nesting import IncrementEstimator, increment_estimator, measure_increments
from estimator.pair_sample import PairSample
from estimator.preference import CheckpointPreferences, Preference
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.revision import Revision
from estimator.sample import Sample
from estimator.scores import compute_scores
from estimator.swaps import PreferenceEstimator, measure_preferences
from estimator.temperature import Temperature
from ib_explorer.worker.documents import scores_document

MEMORY_SHARE = 0.4
"""Share of the free memory that scores may take when they are not kept on disk."""


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """A model's shape, and (layer, scores [draws, positions, anchors]) of so many ``layers``."""

    depth: int
    width: int
    dtype: str
    layers: int
    scores: Iterator[tuple[int, Tensor]]


class Measurer:
    """Measures checkpoints one after another; labels are sorted once for all that share a sample."""

    def __init__(self, scores: ArrayStore) -> None:
        self._store = scores
        self._estimators: dict[tuple[str, tuple[Weights, ...], str], Estimator] = {}
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

        ``known`` is what the cache has of the checkpoint, ``document`` identifies it.
        """
        estimator = self._estimator(sample, request, device)
        seen = self._see(revision, known, document, sample, request, device, progress)
        rows = measure_layers(estimator, seen.scores, seen.layers, seen.depth, seen.width, temperatures, progress)
        return Found(seen.depth, seen.width, seen.dtype, tuple(rows))

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
        estimator = self._increments[wanted]
        return tuple(
            measure_increments(estimator, seen.scores, seen.layers, seen.depth, seen.width, temperatures, progress)
        )

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
        rows = measure_preferences(estimator, seen.scores, seen.layers, seen.depth, seen.width, temperatures, progress)
        return FoundPreferences(seen.depth, seen.width, seen.dtype, tuple(rows))

    def _see(
        self,
        revision: Revision,
        known: CheckpointMeasurements | CheckpointPreferences | None,
        document: dict[str, Any],
        sample: Sample,
        request: MeasurementRequest,
        device: str,
        progress: Progress,
    ) -> _Seen:
        """Scores of all layers asked for, as they are kept, else from a forward pass."""
        name = scores_document(document, request.layers)
        kept = self._store.get(name) if known is not None else None
        if known is not None and kept is not None:
            layers = parse_layers(request.layers, known.depth)
            scores = ((layer, _read_only(kept[_array(layer)])) for layer in layers)
            return _Seen(known.depth, known.width, known.dtype, len(layers), scores)
        model = load_model(revision, device, request.dtype, progress)
        layers = parse_layers(request.layers, model.depth)
        made = self._scores(model, sample, request, layers, name, progress)
        return _Seen(model.depth, model.width, model.dtype, len(layers), made)

    def _estimator(self, sample: Sample, request: MeasurementRequest, device: str) -> Estimator:
        wanted = (sample.digest, request.weights, device)
        if wanted not in self._estimators:
            self._estimators = {wanted: sample_estimator(sample, request.weights, resolve_device(device))}
        return self._estimators[wanted]

    def _scores(
        self,
        model: LoadedModel,
        sample: Sample,
        request: MeasurementRequest,
        layers: tuple[int, ...],
        document: dict[str, Any],
        progress: Progress,
    ) -> Iterator[tuple[int, Tensor]]:
        """Scores of each layer in turn: kept on disk if the budget allows, else in memory, by blocks of layers."""
        anchors = stack_anchors(request.anchors, model.width, request.anchor_seeds)
        shape = (len(request.anchor_seeds), sample.positions, request.anchors)
        layer_bytes = 2 * int(np.prod(shape))
        if self._store.admits(layer_bytes * len(layers)):
            with self._store.create(document, {_array(layer): (shape, "float16") for layer in layers}) as arrays:
                out = [torch.from_numpy(arrays[_array(layer)]) for layer in layers]
                compute_scores(model, sample, anchors, layers, out, progress)
            yield from zip(layers, out, strict=True)
            return
        room = MEMORY_SHARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        block = max(1, int(room // layer_bytes))
        if block < len(layers):
            progress.note(
                f"Scores take {layer_bytes * len(layers) / 2**30:.1f} GiB: "
                f"measuring {block} of {len(layers)} layers at a time."
            )
        for start in range(0, len(layers), block):
            part = layers[start : start + block]
            out = [torch.empty(shape, dtype=torch.float16) for _ in part]
            compute_scores(model, sample, anchors, part, out, progress)
            yield from zip(part, out, strict=True)


def _read_only(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over a read-only map without a copy; nothing here writes to scores that are kept."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _array(layer: int) -> str:
    return f"layer-{layer:03d}"
