"""Information about document-level labels, such as a topic, or the chosen and rejected completion of a pair.

Positions of one document resemble each other, so a null of labels shuffled over positions would be far too low: any two
sets of texts differ. Instead, the null permutes labels over whole documents, or swaps them within pairs, which
preserves prompts, topics and lengths. It needs one sum of p per document only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import MIN_COUNT, Information, Weights
from estimator.soft_entropy.assignment import soft_assignments
from estimator.soft_entropy.information import LayerInformation
from estimator.soft_entropy.jackknife import bracketed, document_groups
from estimator.text.labels import LabelSet

SHUFFLES = 64
_SEED = 20_240_911
_ROWS = 1 << 15
"""Positions converted to float64 at once; limits the memory required in addition to p."""


class Relabelling(Protocol):
    """The labels of documents, as observed and relabelled in ``shuffles`` ways.

    A unit is a document or a pair, which the jackknife never splits.
    """

    shuffles: int
    documents_per_unit: int

    def sides(self, counted: FloatArray, bounds: IntArray) -> Iterator[FloatArray]:
        """Sums per label and group of units, in chunks [ways, groups, labels, anchors + 1]: as labelled, then shuffled.

        ``counted`` [units, documents per unit, anchors + 1] are sums of p per document and its number of positions;
        ``bounds`` are the first units of the groups, followed by the total number of units.
        """


class SwappedPairs:
    """Chosen and rejected swapped within each pair with probability ½."""

    documents_per_unit = 2

    def __init__(self, documents: int, shuffles: int, seed: int) -> None:
        self.shuffles = shuffles
        pairs = documents // 2
        rng = np.random.Generator(np.random.PCG64(seed))
        swap = np.concatenate([np.zeros((1, pairs), dtype=bool), rng.random((shuffles, pairs)) < 0.5])
        self._swap = swap.astype(np.float64)

    def sides(self, counted: FloatArray, bounds: IntArray) -> Iterator[FloatArray]:
        """All ways at once: a swap moves the difference of a pair's two sums."""
        step = counted[:, 1] - counted[:, 0]
        total = np.add.reduceat(counted.sum(1), bounds[:-1])
        chosen = np.add.reduceat(counted[:, 0], bounds[:-1])[None] + np.stack(
            [self._swap[:, start:end] @ step[start:end] for start, end in itertools.pairwise(bounds)], axis=1
        )
        yield np.stack([chosen, total - chosen], axis=2)


class ShuffledDocuments:
    """Labels permuted over whole documents."""

    documents_per_unit = 1

    def __init__(self, label_of_document: IntArray, labels: int, shuffles: int, seed: int) -> None:
        self.shuffles = shuffles
        self._labels = labels
        rng = np.random.Generator(np.random.PCG64(seed))
        self._ways = [label_of_document, *(rng.permutation(label_of_document) for _ in range(shuffles))]

    def sides(self, counted: FloatArray, bounds: IntArray) -> Iterator[FloatArray]:
        """One way at a time, because many labels would not fit in memory otherwise."""
        group = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        for label in self._ways:
            sums = np.zeros((1, len(bounds) - 1, self._labels, counted.shape[-1]))
            np.add.at(sums[0], (group, label), counted[:, 0])
            yield sums


class DocumentEstimator:
    """The information estimator of document-level labels, for every layer, draw and temperature.

    ``document`` [positions] numbers the document of each position, ascending from 0 without gaps. The jackknife never
    splits pairs. Raises ValueError when ``labels`` differ within a document.
    """

    def __init__(
        self,
        document: IntArray,
        labels: LabelSet,
        *,
        in_pairs: bool = False,
        weights: Iterable[Weights] = ("frequency",),
        min_count: int = MIN_COUNT,
        shuffles: int = SHUFFLES,
        seed: int = _SEED,
        device: torch.device | str = "cpu",
    ) -> None:
        self.weights, self.min_count = tuple(weights), min_count
        self._labels, self._device = labels, device
        first, counts = np.unique(document, return_index=True, return_counts=True)[1:]
        label_of_document = labels.ids[first]
        if (label_of_document[document] != labels.ids).any():
            raise ValueError("labels must be the same at all positions of a document")
        self._relabelling: Relabelling = (
            SwappedPairs(len(counts), shuffles, seed)
            if in_pairs
            else ShuffledDocuments(label_of_document, labels.labels, shuffles, seed)
        )
        self._document = torch.from_numpy(document).to(device)
        self._counts = counts.astype(np.float64).reshape(-1, self._relabelling.documents_per_unit)
        group = unit_groups(document // self._relabelling.documents_per_unit)
        self._bounds = np.searchsorted(group, np.arange(group[-1] + 2))

    @property
    def nbytes(self) -> int:
        """Memory required for document indices and counts, in bytes."""
        return self._document.nbytes + self._counts.nbytes * (2 + self._relabelling.shuffles)

    def measure(self, scores: Tensor, temperature: float) -> LayerInformation:
        """Information of one layer from its ``scores`` [draws, positions, anchors] (cosines) at temperature ε."""
        entropies, ceilings = [], []
        values: dict[Weights, list[FloatArray]] = {}
        for draw in scores:
            p, row_entropy = soft_assignments(draw.to(self._device), temperature)
            sums = self._sums(p)
            entropy = float(_entropy(sums.sum((0, 1)) / len(p)))
            entropies.append(entropy)
            ceilings.append(entropy - float(row_entropy.double().mean()))
            for weights, plugin in self._plugin(sums).items():
                values.setdefault(weights, []).append(plugin)
        information = tuple(
            (self._labels, weights, self._information(np.stack(draws))) for weights, draws in values.items()
        )
        return LayerInformation(float(np.mean(entropies)), float(np.mean(ceilings)), information)

    def _sums(self, p: Tensor) -> FloatArray:
        """Sums of p [positions, anchors] per document, [units, documents per unit, anchors]."""
        sums = p.new_zeros((self._counts.size, p.shape[1]), dtype=torch.float64)
        for rows, document in zip(p.split(_ROWS), self._document.split(_ROWS), strict=True):
            sums.index_add_(0, document, rows.double())
        return sums.view(*self._counts.shape, -1).cpu().numpy()

    def _plugin(self, sums: FloatArray) -> dict[Weights, FloatArray]:
        """Plug-in information by weights, [1 + shuffles, groups + 1]: in full, then without each group.

        Row 0 is as labelled, the others are the shuffles.
        """
        counted = np.concatenate([sums, self._counts[..., None]], axis=-1)
        values: dict[Weights, list[FloatArray]] = {}
        for sides in self._relabelling.sides(counted, self._bounds):
            whole = sides.sum(1, keepdims=True)
            left = np.concatenate([whole, whole - sides], axis=1)
            counts, p = left[..., -1], left[..., :-1].clip(0)
            marginal = _entropy(p.sum(2) / counts.sum(2)[..., None])
            conditional = _entropy(p / np.maximum(counts, 1)[..., None])
            for weights in self.weights:
                share = self._shares(counts, weights)
                values.setdefault(weights, []).append(marginal - (share * conditional).sum(2))
        return {weights: np.concatenate(parts) for weights, parts in values.items()}

    def _shares(self, counts: FloatArray, weights: Weights) -> FloatArray:
        """π(x) of each label [..., labels], from its number of positions [..., labels]."""
        mass = counts if weights == "frequency" else ((counts > 0) & (self._labels.counts >= self.min_count)) * 1.0
        shares: FloatArray = mass / np.maximum(mass.sum(2, keepdims=True), 1)
        return shares

    def _information(self, plugin: FloatArray) -> Information:
        """Information from plug-in values [draws, 1 + shuffles, groups + 1], as labelled and for each shuffle."""
        shuffles = self._relabelling.shuffles
        shuffling = (1 + 1 / shuffles) * plugin[:, 1:, 0].mean(0).var(ddof=1)
        labels = self._labels
        return bracketed(
            plugin[:, 0], plugin[:, 1:].mean(1), shuffling, labels=labels.labels, singletons=labels.singletons
        )


def unit_groups(unit_of_position: IntArray) -> IntArray:
    """The jackknife group of each unit (a document or a pair), int64 [units]: runs of about equal positions."""
    first = np.flatnonzero(np.diff(unit_of_position, prepend=-1))
    groups: IntArray = document_groups(unit_of_position)[first]
    return groups


def _entropy(q: FloatArray) -> FloatArray:
    """H(q) of each row of q [..., anchors], as a fraction of log n."""
    values: FloatArray = -(q * np.log(np.maximum(q, 1e-300))).sum(-1) / np.log(q.shape[-1])
    return values
