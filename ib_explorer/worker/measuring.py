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
from estimator.information import Estimator
from estimator.layers import parse_layers
from estimator.loading import LoadedModel, load_model, resolve_device
from estimator.measure import measure_layers, sample_estimator
from estimator.measurement import CheckpointMeasurements, Measurement, Weights
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.revision import Revision
from estimator.sample import Sample
from estimator.scores import compute_scores
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


class Measurer:
    """Measures checkpoints one after another; labels are sorted once for all that share a sample."""

    def __init__(self, scores: ArrayStore) -> None:
        self._store = scores
        self._estimators: dict[tuple[str, tuple[Weights, ...], str], Estimator] = {}

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
        name = scores_document(document, request.layers)
        kept = self._store.get(name) if known is not None else None
        estimator = self._estimator(sample, request, device)
        scores: Iterator[tuple[int, Tensor]]
        if known is not None and kept is not None:
            depth, width, dtype = known.depth, known.width, known.dtype
            layers = parse_layers(request.layers, depth)
            scores = ((layer, _read_only(kept[_array(layer)])) for layer in layers)
        else:
            model = load_model(revision, device, request.dtype, progress)
            depth, width, dtype = model.depth, model.width, model.dtype
            layers = parse_layers(request.layers, depth)
            scores = self._scores(model, sample, request, layers, name, progress)
        rows = measure_layers(estimator, scores, len(layers), depth, width, temperatures, progress)
        return Found(depth, width, dtype, tuple(rows))

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
