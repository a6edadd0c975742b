"""Hidden states of every requested layer, projected onto the anchors as cosines, then discarded.

Scores are what is stored: [layers, draws, positions, anchors] in float16. All settings that a user changes later
(layer, granularity, temperature, weights) are computed from them, without the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.progress import Progress
from estimator.states.batches import Batch
from estimator.states.forward import run_forward
from estimator.states.geometry import Geometry, chosen_rows, participation_ratio
from estimator.states.loading import LoadedModel, tally_device
from estimator.states.loss import LossSum
from estimator.states.transfer import Delivery
from estimator.states.variants import Normalisation
from estimator.text.sample import Sample


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
    """Fill ``out[i]`` [draws, positions, anchors] (any device; stored as float16) with the cosines of ``layers[i]``.

    ``anchors`` [draws, anchors, width] have unit length. ``normalisations[i]`` is applied to the states first, so that
    a layer may be requested in several variants. The final states are added to ``loss``, if given. Returns the geometry
    of each item. Batches and raises as :func:`estimator.states.forward.run_forward` does.
    """
    with Delivery(out, model.device) as delivery:
        scorer = _Scorer(model, sample, anchors, layers, normalisations or [None] * len(layers), delivery, loss)
        run_forward(model, sample, layers, scorer, progress, to_the_end=loss is not None, batch_tokens=batch_tokens)
    return [scorer.geometry(item) for item in range(len(layers))]


class _Scorer:
    """Projects hidden states onto the anchors and sums their directions, on the device until a batch has ended."""

    def __init__(
        self,
        model: LoadedModel,
        sample: Sample,
        anchors: npt.NDArray[np.float64],
        layers: Sequence[int],
        normalisations: Sequence[Normalisation | None],
        delivery: Delivery,
        loss: LossSum | None,
    ) -> None:
        self._layers, self._normalisations, self._delivery, self._loss = layers, normalisations, delivery, loss
        draws, count, width = anchors.shape
        self._shape = (draws, count)
        flat = torch.from_numpy(anchors.reshape(draws * count, width))
        self._directions = flat.to(model.device, torch.float32).T.contiguous()
        self._positions = sample.positions
        chosen = chosen_rows(sample.positions)
        self._place = np.full(sample.positions, -1)
        self._place[chosen] = np.arange(len(chosen))
        summing = tally_device(model.device)
        self._kept = {layer: torch.empty((len(chosen), width), device=summing) for layer in layers}
        self._sums = [torch.zeros(width, dtype=torch.float64, device=summing) for _ in layers]

    def begin(self, batch: Batch) -> None:
        place = self._place[batch.positions]
        rows = np.flatnonzero(place >= 0)
        self._rows = torch.from_numpy(rows).to(self._directions.device)
        self._places = torch.from_numpy(place[rows]).to(tally_device(self._directions.device))
        self._scores: dict[int, Tensor] = {}
        self._sides: dict[int, Tensor] = {}

    def read(self, layer: int, z: Tensor) -> None:
        kept = self._kept[layer]
        kept.index_copy_(0, self._places, z.index_select(0, self._rows).to(kept.device, torch.float32))
        for item, normalisation in enumerate(self._normalisations):
            if self._layers[item] == layer:
                self._score(item, z.float() if normalisation is None else normalisation.apply(z))

    def _score(self, item: int, z: Tensor) -> None:
        norm = torch.linalg.vector_norm(z, dim=-1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny)
        self._sides[item] = (z.T @ norm.reciprocal()).squeeze(1)
        cosines = (z @ self._directions).div_(norm)
        by_draw = cosines.view(-1, *self._shape).transpose(0, 1)
        self._scores[item] = by_draw.to(self._delivery.dtype, memory_format=torch.contiguous_format)

    def end(self, batch: Batch, last: Tensor | None) -> None:
        # Sums come last: if a batch runs out of memory before that, it is retried in halves, and scores are
        # overwritten.
        self._delivery.put(self._scores, torch.from_numpy(batch.positions))
        if self._loss is not None and last is not None:
            self._loss.add(batch, last)
        for item, side in self._sides.items():
            self._sums[item] += side.to(self._sums[item].device, torch.float64)

    def geometry(self, item: int) -> Geometry:
        """Geometry of the states of one item."""
        kept, normalisation = self._kept[self._layers[item]], self._normalisations[item]
        length = float(torch.linalg.vector_norm(self._sums[item])) / self._positions
        states = kept if normalisation is None else normalisation.apply(kept)
        return Geometry(min(length, 1.0), participation_ratio(states))
