"""Conditional entropies of one label set in one anchor draw, and the information that follows, by bins of frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estimator.soft_entropy.assignment import entropy
from estimator.soft_entropy.tally import Tally
from estimator.soft_entropy.weighting import Weighting

_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True)
class _Values:
    """One value of each repeated label, of what remains of it without each of its cells, and of each single label."""

    label: Tensor
    rest: Tensor
    single: Tensor


def information_by_bins(
    tally: Tally,
    weightings: Sequence[Weighting],
    p: Tensor,
    row_entropy: Tensor,
    marginal: Tensor,
    dealt: Tensor | None = None,
) -> list[Tensor]:
    """Σ over the labels of a bin of π(x) (H(A) − H(A|x)), [groups + 1, bins] for each weighting.

    ``p`` [positions, anchors] are soft assignments and ``row_entropy`` [positions] their entropies; ``marginal``
    [groups + 1] is H(Z). Labels are dealt anew by the permutation ``dealt`` [positions], if given.
    """
    mixtures = [None if one.weights == "frequency" else _Mixture(tally, one, p) for one in weightings]
    values = _entropies(tally, p, row_entropy, dealt, [mixture for mixture in mixtures if mixture is not None])
    return [
        _shares(weighting, p) * (marginal if mixture is None else mixture.entropy())[:, None]
        - _by_bins(tally, weighting, values)
        for weighting, mixture in zip(weightings, mixtures, strict=True)
    ]


def most_by_bins(tally: Tally, weighting: Weighting, row_entropy: Tensor, marginal: Tensor) -> Tensor:
    """The same with one label per position: Σ π(x) (H(A) − mean H(p_i) of the positions of x), [groups + 1, bins]."""
    cells = tally.cell_totals(row_entropy)
    labels = torch.zeros(len(tally.label_count), dtype=torch.float64, device=cells.device)
    labels.index_add_(0, tally.cell_label, cells)
    rest = (labels[tally.cell_label] - cells) / tally.cell_rest.clamp_min(1)
    values = _Values(labels / tally.label_count, rest, row_entropy[tally.single].double())
    return _shares(weighting, row_entropy) * marginal[:, None] - _by_bins(tally, weighting, values)


def _shares(weighting: Weighting, like: Tensor) -> Tensor:
    return torch.from_numpy(weighting.share).to(like.device)


def _label_weights(tally: Tally, weighting: Weighting) -> tuple[Tensor, Tensor, float]:
    """Weights of the repeated labels, of what remains of them without each cell, and of a single label."""
    count, rest = tally.label_count, tally.cell_rest
    if weighting.weights == "frequency":
        return count.double(), rest.double(), 1.0
    weight = (count >= weighting.min_count).double()
    return weight, weight[tally.cell_label] * (rest > 0), float(weighting.min_count == 1)


def _by_bins(tally: Tally, weighting: Weighting, values: _Values) -> Tensor:
    """Σ π(x) value(x) over the labels of each bin [groups + 1, bins]: in full, then without each group."""
    weight, rest_weight, single_weight = _label_weights(tally, weighting)
    bins, width = tally.label_bin, weighting.share.shape[1]
    full = torch.zeros(width, dtype=torch.float64, device=weight.device)
    full.index_add_(0, bins, weight * values.label)
    full[0] += single_weight * values.single.sum()
    loss = torch.zeros(tally.groups * width, dtype=torch.float64, device=weight.device)
    of_cell = tally.cell_label
    change = (weight * values.label)[of_cell] - rest_weight * values.rest
    loss.index_add_(0, tally.cell_group * width + bins[of_cell], change)
    loss.index_add_(0, tally.single_group * width, single_weight * values.single)
    total = torch.from_numpy(weighting.total).to(weight.device)
    return torch.cat([full[None], full - loss.view(tally.groups, width)]) / total[:, None]


def _entropies(
    tally: Tally, p: Tensor, row_entropy: Tensor, dealt: Tensor | None, mixtures: Sequence[_Mixture]
) -> _Values:
    """H(A|x) of each repeated label, of its remainder without each of its cells, and of single labels."""
    last, single = (at if dealt is None else dealt[at] for at in (tally.last, tally.single))
    labels = p.new_empty(len(tally.label_count), dtype=torch.float64)
    rests = p.new_zeros(len(tally.cell_rest), dtype=torch.float64)
    rests[tally.last_cell] = row_entropy[last].double()
    for block, cell_sums, label_sums in tally.sums(p, dealt):
        means = (label_sums / tally.label_count[block.labels, None]).float()
        labels[block.labels] = entropy(means).double()
        shared = tally.shared[block.shared]
        rest = _weighted_sums(
            torch.cat([label_sums, cell_sums]).float(), tally.of_rest[block.shared], tally.of_rest_weight[block.shared]
        ).clamp_min_(_TINY)
        rests[shared] = entropy(rest).double()
        for mixture in mixtures:
            mixture.add_labels(block.labels, block.cells, means, shared, rest)
    for mixture in mixtures:
        mixture.add_positions(p, last, single)
    return _Values(labels, rests, row_entropy[single].double())


def _weighted_sums(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Sums of the ``rows`` [sums, 2] of ``table`` with their ``weights`` [sums, 2]."""
    return torch.nn.functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weights)


class _Mixture:
    """The weighted marginal Σ π(x) p(·|x), in full and without each group."""

    def __init__(self, tally: Tally, weighting: Weighting, p: Tensor) -> None:
        self._tally, self._weighting = tally, weighting
        self._weight, self._rest_weight, self._single = _label_weights(tally, weighting)
        self._full = p.new_zeros(p.shape[1], dtype=torch.float64)
        self._loss = p.new_zeros((tally.groups, p.shape[1]), dtype=torch.float64)

    def add_labels(self, labels: slice, cells: slice, means: Tensor, shared: Tensor, rest: Tensor) -> None:
        """Add a block: ``means`` [labels, anchors], and ``rest`` [shared, anchors] of the cells ``shared``."""
        tally = self._tally
        weighted = means.double() * self._weight[labels, None]
        self._full += weighted.sum(0)
        self._loss.index_add_(0, tally.cell_group[cells], weighted[tally.cell_label[cells] - labels.start])
        self._loss.index_add_(0, tally.cell_group[shared], rest.double() * self._rest_weight[shared, None], alpha=-1)

    def add_positions(self, p: Tensor, last: Tensor, single: Tensor) -> None:
        """Add the labels of one position: those ``last`` of their label without one cell, and the ``single`` ones."""
        tally, cells = self._tally, self._tally.last_cell
        rest = p[last].double() * self._rest_weight[cells, None]
        self._loss.index_add_(0, tally.cell_group[cells], rest, alpha=-1)
        if self._single:
            alone = p[single].double()
            self._full += alone.sum(0)
            self._loss.index_add_(0, tally.single_group, alone)

    def entropy(self) -> Tensor:
        """Its entropy [groups + 1]."""
        total = torch.from_numpy(self._weighting.total).to(self._full.device)
        mixed = torch.cat([self._full[None], self._full - self._loss]) / total[:, None]
        return entropy(mixed.clamp_min(_TINY))
