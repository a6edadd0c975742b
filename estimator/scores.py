"""Hidden states of every wanted layer, turned at once into cosines with the anchors and let go.

Scores are what is kept: [layers, draws, positions, anchors] in float16. Everything a user turns afterwards (layer,
granularity, temperature, weights) is computed from them, without the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.batches import Batch
from estimator.forward import run_forward
from estimator.geometry import Geometry, chosen_rows, participation_ratio
from estimator.loading import LoadedModel
from estimator.loss import LossSum
from estimator.moments import Normalisation
from estimator.progress import Progress
from estimator.sample import Sample


def compute_scores(
    model: LoadedModel,
    sample: Sample,
    anchors: npt.NDArray[np.float64],
    layers: Sequence[int],
    out: Sequence[Tensor],
    progress: Progress,
    *,
    normalisations: Sequence[Normalisation | None] | None = None,
    loss: LossSum | None = None,
    batch_tokens: int | None = None,
) -> list[Geometry]:
    """Fill ``out[i]`` [draws, positions, anchors] (any device; kept as float16) with the cosines of ``layers[i]``.

    ``anchors`` [draws, anchors, width] have unit length. ``normalisations[i]`` is applied to the states first, so that
    a layer may be asked for in several variants. The final states are added to ``loss``, if given. Returns the geometry
    of each item. Batching, and what is raised, is that of :func:`estimator.forward.run_forward`.
    """
    scorer = _Scorer(model, sample, anchors, layers, normalisations or [None] * len(layers), out, loss)
    run_forward(model, sample, layers, scorer, progress, to_the_end=loss is not None, batch_tokens=batch_tokens)
    return [scorer.geometry(item) for item in range(len(layers))]


class _Scorer:
    """Projects each hidden state onto the anchors, and sums its directions."""

    def __init__(
        self,
        model: LoadedModel,
        sample: Sample,
        anchors: npt.NDArray[np.float64],
        layers: Sequence[int],
        normalisations: Sequence[Normalisation | None],
        out: Sequence[Tensor],
        loss: LossSum | None,
    ) -> None:
        self._layers, self._normalisations, self._out, self._loss = layers, normalisations, out, loss
        draws, count, width = anchors.shape
        self._shape = (draws, count)
        flat = torch.from_numpy(anchors.reshape(draws * count, width))
        self._directions = flat.to(model.device, torch.float32).T.contiguous()
        self._positions = sample.positions
        chosen = chosen_rows(sample.positions)
        self._place = np.full(sample.positions, -1)
        self._place[chosen] = np.arange(len(chosen))
        self._kept = {layer: torch.empty((len(chosen), width), dtype=torch.float32) for layer in layers}
        self._sums = [torch.zeros(width, dtype=torch.float64) for _ in layers]
        self._pending: dict[int, Tensor] = {}

    def begin(self) -> None:
        self._pending = {}

    def read(self, layer: int, z: Tensor, batch: Batch) -> None:
        place = self._place[batch.positions]
        rows = np.flatnonzero(place >= 0)
        states = z.index_select(0, torch.from_numpy(rows).to(z.device)).to("cpu", torch.float32)
        self._kept[layer].index_copy_(0, torch.from_numpy(place[rows]), states)
        for item, normalisation in enumerate(self._normalisations):
            if self._layers[item] == layer:
                self._score(item, z.float() if normalisation is None else normalisation.apply(z), batch)

    def _score(self, item: int, z: Tensor, batch: Batch) -> None:
        norm = torch.linalg.vector_norm(z, dim=-1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny)
        self._pending[item] = (z.T @ norm.reciprocal()).squeeze(1)
        cosines = (z @ self._directions).div_(norm)
        out = self._out[item]
        scores = cosines.view(-1, *self._shape).transpose(0, 1).to(out.device, out.dtype)
        out.index_copy_(1, torch.from_numpy(batch.positions).to(out.device), scores)

    def end(self, batch: Batch, last: Tensor | None) -> None:
        # Only now can the batch no longer be begun anew in halves, which would count it twice.
        if self._loss is not None and last is not None:
            self._loss.add(batch, last)
        for item, directions in self._pending.items():
            self._sums[item] += directions.to("cpu", torch.float64)

    def geometry(self, item: int) -> Geometry:
        """How the states of one item lie in space."""
        device = self._directions.device
        kept, normalisation = self._kept[self._layers[item]], self._normalisations[item]
        if device.type == "cuda":
            kept = kept.to(device)
        length = float(torch.linalg.vector_norm(self._sums[item])) / self._positions
        states = kept if normalisation is None else normalisation.apply(kept)
        return Geometry(min(length, 1.0), participation_ratio(states))
