"""Preference information: what a layer's states tell of whether a completion was the chosen or the rejected one.

Every completion token carries its completion's label. Tokens of one completion resemble each other, so labels shuffled
over tokens would be far too good a null: any two piles of texts differ. The null is instead chosen and rejected swapped
within pairs at random: prompts, topics and lengths stay as they are. One sum of p per completion is all it takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.arrays import FloatArray
from estimator.measurement import Information, Weights
from estimator.preference import Preference
from estimator.progress import Progress
from estimator.soft_entropy.assignment import soft_assignments
from estimator.soft_entropy.jackknife import bracketed, document_groups
from estimator.soft_entropy.sweep import ModelScores, sweep
from estimator.soft_entropy.temperature import Temperature
from estimator.states.layers import site
from estimator.text.pair_sample import PairSample

SWAPS = 64
_SEED = 20_240_911
_ROWS = 1 << 15
"""Positions turned to float64 in one go: bounds the memory beside p."""


class PreferenceEstimator:
    """I(pref;Z) of one sample of pairs, for every layer, draw and temperature; a pair is never cut by the jackknife."""

    def __init__(
        self,
        sample: PairSample,
        *,
        weights: Iterable[Weights] = ("frequency",),
        swaps: int = SWAPS,
        seed: int = _SEED,
        device: torch.device | str = "cpu",
    ) -> None:
        self.weights = tuple(weights)
        self._device = device
        self._document = torch.from_numpy(sample.document_of_position()).to(device)
        self._counts = np.diff(sample.first_position()).astype(np.float64).reshape(-1, 2)
        self.group_of_pair = pair_groups(sample)
        rng = np.random.Generator(np.random.PCG64(seed))
        swap = np.concatenate([np.zeros((1, sample.pairs), dtype=bool), rng.random((swaps, sample.pairs)) < 0.5])
        self._swap = swap.astype(np.float64)

    @property
    def nbytes(self) -> int:
        """What the pairs' bookkeeping takes of memory."""
        return self._document.nbytes + self._counts.nbytes + self._swap.nbytes

    def measure(self, scores: Tensor, temperature: float) -> tuple[float, float, dict[Weights, Information]]:
        """H(Z), the ceiling and I(pref;Z) by weights, from ``scores`` [draws, positions, anchors] at temperature ε."""
        entropies, ceilings = [], []
        values: dict[Weights, list[FloatArray]] = {weights: [] for weights in self.weights}
        for draw in scores:
            p, row_entropy = soft_assignments(draw.to(self._device), temperature)
            sums = self._sums(p)
            entropy = float(_entropy(sums.sum((0, 1)) / len(p)))
            entropies.append(entropy)
            ceilings.append(entropy - float(row_entropy.double().mean()))
            for weights in self.weights:
                values[weights].append(self._plugin(sums, weights))
        found = {weights: self._information(np.stack(draws)) for weights, draws in values.items()}
        return float(np.mean(entropies)), float(np.mean(ceilings)), found

    def _sums(self, p: Tensor) -> FloatArray:
        """Sums of p [positions, anchors] per completion, [pairs, 2, anchors]."""
        sums = p.new_zeros((self._counts.size, p.shape[1]), dtype=torch.float64)
        for rows, document in zip(p.split(_ROWS), self._document.split(_ROWS), strict=True):
            sums.index_add_(0, document, rows.double())
        return sums.view(*self._counts.shape, -1).cpu().numpy()

    def _information(self, plugin: FloatArray) -> Information:
        """From plug-in values [draws, 1 + swaps, groups + 1], as labelled and for each swap."""
        swaps = plugin.shape[1] - 1
        swapping = (1 + 1 / swaps) * plugin[:, 1:, 0].mean(0).var(ddof=1)
        singletons = (self._counts.sum(0) == 1).sum() / self._counts.sum()
        return bracketed(plugin[:, 0], plugin[:, 1:].mean(1), swapping, labels=2, singletons=float(singletons))

    def _plugin(self, sums: FloatArray, weights: Weights) -> FloatArray:
        """Plug-in information as labelled and for each swap [1 + swaps, groups + 1]: in full and without each group."""
        counted = np.concatenate([sums, self._counts[..., None]], axis=-1)
        step = counted[:, 1] - counted[:, 0]
        bounds = np.searchsorted(self.group_of_pair, np.arange(self.group_of_pair[-1] + 2))
        total = np.add.reduceat(counted.sum(1), bounds[:-1])
        chosen = np.add.reduceat(counted[:, 0], bounds[:-1])[None] + np.stack(
            [self._swap[:, start:end] @ step[start:end] for start, end in itertools.pairwise(bounds)], axis=1
        )
        sides = np.stack([chosen, total - chosen], axis=2)  # [1 + swaps, groups, 2, anchors + 1]
        whole = sides.sum(1, keepdims=True)
        sides = np.concatenate([whole, whole - sides], axis=1)
        counts, sums = sides[..., -1], sides[..., :-1].clip(0)
        marginal = sums.sum(2) / counts.sum(2)[..., None]
        share = counts / counts.sum(2, keepdims=True) if weights == "frequency" else np.full_like(counts, 0.5)
        information: FloatArray = _entropy(marginal) - (share * _entropy(sums / counts[..., None])).sum(2)
        return information


def pair_groups(sample: PairSample) -> npt.NDArray[np.int64]:
    """The jackknife group of each pair, int64 [pairs]: runs of whole pairs with about equal positions."""
    pair_of_position = sample.document_of_position() // 2
    first = np.flatnonzero(np.diff(pair_of_position, prepend=-1))
    return document_groups(pair_of_position)[first]


def measure_preferences(
    estimator: PreferenceEstimator, model: ModelScores, temperatures: Sequence[Temperature], progress: Progress
) -> Iterator[Preference]:
    """Preference information of each layer at each temperature, in the order of :func:`.sweep.sweep`."""
    for estimate in sweep(estimator.measure, model, temperatures, progress):
        entropy, ceiling, found = estimate.found
        for weights, information in found.items():
            yield Preference(
                layer=estimate.item.layer,
                site=site(estimate.item.layer, model.depth),
                weights=weights,
                variant="raw",
                temperature_rule=estimate.temperature.rule,
                temperature=estimate.epsilon,
                entropy=entropy,
                ceiling=ceiling,
                information=information,
            )


def _entropy(q: FloatArray) -> FloatArray:
    """H(q) of each row of q [..., anchors], as a fraction of log n."""
    values: FloatArray = -(q * np.log(np.maximum(q, 1e-300))).sum(-1) / np.log(q.shape[-1])
    return values
