"""Information about document-level labels, such as a topic, or the chosen and rejected completion of a pair.

Positions of one document resemble each other, so a null of labels shuffled over positions would be far too low: any two
sets of texts differ. Instead, the null permutes labels over whole documents, or swaps them within pairs, which
preserves prompts and topics. Documents that belong together (copies, pairs that share a prompt or a text) are one unit:
they are shuffled together, and the jackknife leaves them out together. It needs few sums of p per document only.

The null of pairs, minus the same null without the tokens that one completion has beyond the length of the other, is
what a difference in length alone gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import MIN_COUNT, Weights
from estimator.soft_entropy.adjusted import Binned
from estimator.soft_entropy.assignment import soft_assignments
from estimator.soft_entropy.information import LayerInformation
from estimator.soft_entropy.jackknife import Bracketed, Chance, bracketed, document_groups
from estimator.text.labels import LabelSet

SHUFFLES = 64
_SEED = 20_240_911
_ROWS = 1 << 15
"""Positions converted to float64 at once; limits the memory required in addition to p."""


class Relabelling(Protocol):
    """The labels of documents, as observed and relabelled in ``shuffles`` ways."""

    shuffles: int

    def sides(self, sums: FloatArray, members: Sequence[IntArray]) -> Iterator[FloatArray]:
        """Sums per label and group, in chunks [ways, groups, labels, values]: as labelled, then shuffled.

        ``sums`` [documents, 2, values] are those of each document, up to the length of the other one of its pair and
        beyond it; ``members`` are the documents of each group.
        """


class SwappedPairs:
    """Chosen and rejected swapped within each pair with probability ½, where both have tokens.

    What one completion has beyond the length of the other keeps its label: whether chosen completions are longer is not
    left to chance, and the classes keep their sizes. All pairs of a ``unit`` [pairs] are swapped together.
    """

    def __init__(self, unit: IntArray, shuffles: int, seed: int) -> None:
        self.shuffles = shuffles
        rng = np.random.Generator(np.random.PCG64(seed))
        units = int(unit.max()) + 1
        swap = np.concatenate([np.zeros((1, units), dtype=bool), rng.random((shuffles, units)) < 0.5])
        self._swap = swap.astype(np.float64)[:, unit]

    def sides(self, sums: FloatArray, members: Sequence[IntArray]) -> Iterator[FloatArray]:
        """All ways at once: a swap moves the difference of a pair's two sums."""
        pairs = sums.reshape(-1, 2, *sums.shape[1:])
        step = pairs[:, 1, 0] - pairs[:, 0, 0]
        both = []
        for documents in members:
            mine = documents[::2] // 2
            chosen, rejected = pairs[mine].sum((0, 2))
            moved = self._swap[:, mine] @ step[mine]
            both.append(np.stack([chosen + moved, rejected - moved], axis=1))
        yield np.stack(both, axis=1)


class ShuffledDocuments:
    """Labels permuted over units of documents with equally many members, a unit's labels together."""

    def __init__(self, label_of_document: IntArray, unit: IntArray, labels: int, shuffles: int, seed: int) -> None:
        self.shuffles = shuffles
        self._labels = labels
        rng = np.random.Generator(np.random.PCG64(seed))
        by_unit = np.argsort(unit, kind="stable")
        size = np.bincount(unit)
        first = np.concatenate([[0], np.cumsum(size)[:-1]])
        self._ways = [label_of_document]
        for _ in range(shuffles):
            source = np.lexsort((rng.random(len(size)), size))[np.argsort(np.argsort(size, kind="stable"))]
            within = np.arange(len(unit)) - np.repeat(first, size)
            dealt = np.empty_like(label_of_document)
            dealt[by_unit] = label_of_document[by_unit[np.repeat(first[source], size) + within]]
            self._ways.append(dealt)

    def sides(self, sums: FloatArray, members: Sequence[IntArray]) -> Iterator[FloatArray]:
        """One way at a time, because many labels would not fit in memory otherwise."""
        group = np.empty(len(sums), dtype=np.int64)
        for number, documents in enumerate(members):
            group[documents] = number
        whole = sums.sum(1)
        for label in self._ways:
            found = np.zeros((1, len(members), self._labels, sums.shape[-1]))
            np.add.at(found[0], (group, label), whole)
            yield found


class DocumentEstimator:
    """The information estimator of document-level labels, for every layer, draw and temperature.

    ``document`` [positions] numbers the document of each position, ascending from 0 without gaps, and ``unit``
    [documents] the documents that belong together (None: each by itself). Raises ValueError when ``labels`` differ
    within a document.
    """

    def __init__(
        self,
        document: IntArray,
        labels: LabelSet,
        *,
        in_pairs: bool = False,
        unit: IntArray | None = None,
        weights: Iterable[Weights] = ("frequency",),
        min_count: int = MIN_COUNT,
        shuffles: int = SHUFFLES,
        seed: int = _SEED,
        device: torch.device | str = "cpu",
    ) -> None:
        self.weights, self.min_count = tuple(weights), min_count
        self._labels, self._device, self._in_pairs = labels, device, in_pairs
        first, counts = np.unique(document, return_index=True, return_counts=True)[1:]
        label_of_document = labels.ids[first]
        if (label_of_document[document] != labels.ids).any():
            raise ValueError("labels must be the same at all positions of a document")
        if unit is None:
            unit = np.arange(len(counts)) // (2 if in_pairs else 1)
        self._relabelling: Relabelling = (
            SwappedPairs(unit[::2], shuffles, seed)
            if in_pairs
            else ShuffledDocuments(label_of_document, unit, labels.labels, shuffles, seed)
        )
        shared = np.repeat(counts.reshape(-1, 2).min(1), 2) if in_pairs else counts
        is_beyond = np.arange(len(document)) - first[document] >= shared[document]
        self._part = torch.from_numpy(2 * document + is_beyond).to(device)
        self._counts = np.bincount(2 * document + is_beyond, minlength=2 * len(counts)).astype(np.float64)
        group = document_groups(unit[document])[first]
        self._members = [np.flatnonzero(group == number) for number in range(int(group.max()) + 1)]

    @property
    def nbytes(self) -> int:
        """Memory required for document indices and counts, in bytes."""
        return self._part.nbytes + self._counts.nbytes * (1 + self._relabelling.shuffles)

    def measure(self, scores: Tensor, temperature: float) -> LayerInformation:
        """Information of one layer from its ``scores`` [draws, positions, anchors] (cosines) at temperature ε."""
        entropies, ceilings = [], []
        values: dict[Weights, list[tuple[FloatArray, FloatArray]]] = {}
        lengths: dict[Weights, list[float]] = {}
        for draw in scores:
            p, row_entropy = soft_assignments(draw.to(self._device), temperature)
            sums = self._sums(p, row_entropy)
            *p_sum, rows, count = sums.sum((0, 1))
            entropies.append(float(_entropy(np.array(p_sum) / count)))
            ceilings.append(entropies[-1] - rows / count)
            found = self._plugin(sums)
            matched = self._plugin(_up_to_the_shorter(sums)) if self._in_pairs else {}
            for weights, plugin in found.items():
                values.setdefault(weights, []).append(plugin)
                if matched:
                    lengths.setdefault(weights, []).append(_null(plugin) - _null(matched[weights]))
        informed = [(weights, self._bracketed(draws, lengths.get(weights))) for weights, draws in values.items()]
        return LayerInformation(
            float(np.mean(entropies)),
            float(np.mean(ceilings)),
            tuple((self._labels, weights, one.information) for weights, one in informed),
            tuple(one.adjusted_without for _, one in informed),
        )

    def _sums(self, p: Tensor, row_entropy: Tensor) -> FloatArray:
        """Sums of p, of entropies and of positions, [documents, 2, anchors + 2]."""
        sums = p.new_zeros((len(self._counts), p.shape[1] + 1), dtype=torch.float64)
        parts = (each.split(_ROWS) for each in (p, row_entropy, self._part))
        for rows, entropies, part in zip(*parts, strict=True):
            sums.index_add_(0, part, torch.cat([rows, entropies[:, None]], dim=1).double())
        counted: FloatArray = np.concatenate([sums.cpu().numpy(), self._counts[:, None]], axis=1)
        return counted.reshape(-1, 2, counted.shape[1])

    def _plugin(self, sums: FloatArray) -> dict[Weights, tuple[FloatArray, FloatArray]]:
        """By weights, information [1 + shuffles, groups + 1] as labelled and shuffled, and the most [groups + 1].

        In full, then without each group; row 0 is as labelled.
        """
        values: dict[Weights, list[FloatArray]] = {}
        most: dict[Weights, FloatArray] = {}
        for sides in self._relabelling.sides(sums, self._members):
            whole = sides.sum(1, keepdims=True)
            left = np.concatenate([whole, whole - sides], axis=1)
            p, rows, counts = left[..., :-2].clip(0), left[..., -2], left[..., -1]
            means = p / np.maximum(counts, 1)[..., None]
            for weights in self.weights:
                share = self._shares(counts, weights)
                marginal = _entropy((share[..., None] * means).sum(2))
                values.setdefault(weights, []).append(marginal - (share * _entropy(means)).sum(2))
                most.setdefault(weights, (marginal - (share * rows / np.maximum(counts, 1)).sum(2))[0])
        return {weights: (np.concatenate(parts), most[weights]) for weights, parts in values.items()}

    def _shares(self, counts: FloatArray, weights: Weights) -> FloatArray:
        """π(x) of each label [..., labels], from its number of positions [..., labels]."""
        mass = counts if weights == "frequency" else ((counts > 0) & (self._labels.counts >= self.min_count)) * 1.0
        shares: FloatArray = mass / np.maximum(mass.sum(2, keepdims=True), 1)
        return shares

    def _bracketed(self, draws: Sequence[tuple[FloatArray, FloatArray]], lengths: list[float] | None) -> Bracketed:
        """Information from the values of each draw: [1 + shuffles, groups + 1], and the most [groups + 1].

        ``lengths`` are the parts of the null that a difference in length makes, for each draw.
        """
        plugin, most = (np.stack(each) for each in zip(*draws, strict=True))
        null, shuffles = plugin[:, 1:].mean(1), self._relabelling.shuffles
        variance = (1 + 1 / shuffles) * float(plugin[:, 1:, 0].mean(0).var(ddof=1))
        chance = Chance(null, 0.0, partial(_scaled, variance), None)
        found = bracketed(Binned(*map(_one_bin, (plugin[:, 0], null, most))), chance, self._labels)
        if lengths is None:
            return found
        return replace(found, information=replace(found.information, length=float(np.mean(lengths))))


def _null(values: tuple[FloatArray, FloatArray]) -> float:
    """The mean over shuffled labels of one weighting's values, as :meth:`DocumentEstimator._plugin` returns them."""
    return float(values[0][1:, 0].mean())


def _up_to_the_shorter(sums: FloatArray) -> FloatArray:
    """The sums without what each completion has beyond the length of the other of its pair."""
    matched = sums.copy()
    matched[:, 1] = 0
    return matched


def _one_bin(values: FloatArray) -> FloatArray:
    """Values as those of labels that repeat, in one bin."""
    return np.stack([np.zeros_like(values), values], axis=-1)


def _scaled(variance: float, factor: FloatArray | None) -> float:
    return variance if factor is None else variance * float(factor[1]) ** 2


def _entropy(q: FloatArray) -> FloatArray:
    """H(q) of each row of q [..., anchors], as a fraction of log n."""
    values: FloatArray = -(q * np.log(np.maximum(q, 1e-300))).sum(-1) / np.log(q.shape[-1])
    return values
