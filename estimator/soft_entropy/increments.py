"""Nested increments: the information of the k-th token of context, free of the bias of longer labels.

The k-gram labels are shuffled within the (k−1)-grams, which gives labels with the same counts that carry the
information of the narrower label only. The excess of the plug-in information over its mean over shuffles is the
increment. In

    I(X_k;Z) − mean over shuffles = 1/N Σ_i (s_i − mean over shuffles of s_i),   s_i = Σ_j p_ij log p(j | label of i),

H(Z) and the narrower label cancel, and so does every position whose narrower label has only one continuation, or none
that occurs twice: no shuffle changes it. The labels are sorted once; each shuffle permutes the positions of each
narrower label over the same slots, and is reused for every layer and draw.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import IntArray
from estimator.increments import Increment
from estimator.measurement import SIDES, Side
from estimator.progress import Progress
from estimator.soft_entropy.assignment import soft_assignments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.jackknife import document_groups, spread
from estimator.soft_entropy.sweep import ModelScores, sweep
from estimator.soft_entropy.tally import Tally
from estimator.soft_entropy.temperature import Temperature
from estimator.states.layers import site
from estimator.text.kinds import LABELS, NGRAMS
from estimator.text.labels import LabelSet, LabelText

SHUFFLES = 8
_ROWS = 1 << 15
"""Positions processed at once; limits the memory required in addition to p."""


@dataclass(frozen=True, slots=True)
class Nesting:
    """Labels of one order, observed and shuffled within the narrower ones, for the positions that contribute.

    ``tallies`` holds the observed labels first and then each shuffle; they differ in the assignment of positions to
    slots. ``slot_label`` is the label number of each slot in a tally's ``order``, ``share`` the share of positions that
    contribute.
    """

    side: Side
    order: int
    share: float
    tallies: tuple[Tally, ...]
    slot_label: Tensor

    @classmethod
    def prepare(
        cls,
        labels: LabelSet,
        narrower: IntArray,
        order: int,
        *,
        shuffles: int = SHUFFLES,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> Nesting:
        """Sort ``labels``, each of which is nested in one of ``narrower`` [positions], and shuffle them.

        Raises ValueError when a label occurs within two narrower ones.
        """
        within = np.empty(labels.labels, dtype=np.int64)
        within[labels.ids] = narrower
        if (within[labels.ids] != narrower).any():
            raise ValueError("labels must be nested in the narrower ones")
        total = np.bincount(narrower)
        largest = np.zeros(len(total), dtype=np.int64)
        np.maximum.at(largest, within, labels.counts)
        rows = np.flatnonzero(((largest > 1) & (largest < total))[narrower])
        _, ids, counts = np.unique(labels.ids[rows], return_inverse=True, return_counts=True)
        tally = Tally.prepare(LabelSet(labels.granularity, labels.side, ids, counts), np.zeros_like(rows), device)
        repeated = len(tally.order)
        slots = rows[np.concatenate([tally.order.cpu().numpy(), tally.single.cpu().numpy()])]
        places = np.argsort(narrower[slots], kind="stable")
        rng = np.random.Generator(np.random.PCG64([seed, order, SIDES.index(labels.side)]))

        def deal(positions: IntArray) -> Tally:
            dealt = torch.from_numpy(positions).to(device)
            return replace(tally, order=dealt[:repeated], single=dealt[repeated:])

        tallies = [deal(slots)]
        for _ in range(shuffles):
            shuffled = np.empty_like(slots)
            shuffled[places] = slots[np.lexsort((rng.random(len(slots)), narrower[slots]))]
            tallies.append(deal(shuffled))
        slot_label = torch.repeat_interleave(tally.label_count)
        return cls(labels.side, order, len(rows) / len(narrower), tuple(tallies), slot_label)

    def scatter(self, p: Tensor, row_entropy: Tensor, group: Tensor, groups: int) -> Tensor:
        """Σ s_i over the positions of each document group, [1 + shuffles, groups], for p [positions, anchors]."""
        return torch.stack([self._sums(tally, p, row_entropy, group, groups) for tally in self.tallies])

    def _sums(self, tally: Tally, p: Tensor, row_entropy: Tensor, group: Tensor, groups: int) -> Tensor:
        out = p.new_zeros(groups, dtype=torch.float64)
        for block, _, label_sums in tally.sums(p):
            q = (label_sums / tally.label_count[block.labels, None]).float()
            log_q = q.clamp_min_(torch.finfo(torch.float32).tiny).log_()
            slots = tally.order[block.order].split(_ROWS), self.slot_label[block.order].split(_ROWS)
            for rows, labels in zip(*slots, strict=True):
                s = torch.linalg.vecdot(p[rows], log_q[labels - block.labels.start]).double()
                out.index_add_(0, group[rows], s / float(np.log(p.shape[1])))
        return out.index_add_(0, group[tally.single], -row_entropy[tally.single].double())


@dataclass(frozen=True, slots=True)
class Excess:
    """An increment of one layer and temperature; the fields are those of :class:`Increment`."""

    side: Side
    order: int
    increment: float
    se: float
    spread: float
    share: float


class IncrementEstimator:
    """The increments of one sample's labels: shuffled once, then reused for every layer, draw and temperature.

    ``label_sets`` are the n-gram labels of both sides from the token on, each nested in the one before; ``group``
    [positions] numbers document groups, in ascending runs.
    """

    def __init__(
        self,
        label_sets: Sequence[LabelSet],
        group: IntArray,
        document: IntArray | None = None,
        *,
        shuffles: int = SHUFFLES,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        by_side = [[labels for labels in label_sets if labels.side == side] for side in SIDES]
        self._tokens = Estimator([sets[0] for sets in by_side if sets], group, document, device=device)
        self._nestings = [
            Nesting.prepare(wide, narrow.ids, order, shuffles=shuffles, seed=seed, device=device)
            for sets in by_side
            for order, (narrow, wide) in enumerate(itertools.pairwise(sets), 2)
        ]
        self._device = device
        self._sizes = np.bincount(group).astype(np.float64)
        self._group = torch.from_numpy(group).to(device)

    @property
    def nbytes(self) -> int:
        """Memory required for the sorted and shuffled labels, in bytes."""
        dealt = sum(tally.order.nbytes + tally.single.nbytes for one in self._nestings for tally in one.tallies[1:])
        return self._tokens.nbytes + sum(one.tallies[0].nbytes for one in self._nestings) + dealt

    def measure(self, scores: Tensor, temperature: float) -> list[Excess]:
        """The increments of one layer, by side and order, from its ``scores`` [draws, positions, anchors]."""
        found = [
            Excess(labels.side, 1, token.corrected, token.se, token.spread, 1.0)
            for labels, _, token in self._tokens.measure(scores, temperature).information
        ]
        draws = [self._measure_draw(draw.to(self._device), temperature) for draw in scores]
        for nesting, *sums in zip(self._nestings, *draws, strict=True):
            found.append(self._excess(nesting, np.stack(sums)))
        return sorted(found, key=lambda excess: (SIDES.index(excess.side), excess.order))

    def _measure_draw(self, scores: Tensor, temperature: float) -> list[np.ndarray]:
        p, row_entropy = soft_assignments(scores, temperature)
        groups = len(self._sizes)
        return [nesting.scatter(p, row_entropy, self._group, groups).cpu().numpy() for nesting in self._nestings]

    def _excess(self, nesting: Nesting, sums: np.ndarray) -> Excess:
        """The increment and its error, from the observed and shuffled sums [draws, 1 + shuffles, groups].

        As for information, the error is that of the mean over draws: the larger of the scatter between document groups
        and the scatter of shuffled labels.
        """
        positions, groups, shuffles = self._sizes.sum(), len(self._sizes), sums.shape[1] - 1
        each = sums[:, 0] - sums[:, 1:].mean(1)
        by_draw = each.sum(1) / positions
        value = by_draw.mean()
        residual = each.mean(0) - value * self._sizes
        between = groups / (groups - 1) * np.square(residual).sum() / positions**2
        shuffling = (1 + 1 / shuffles) * (sums[:, 1:].mean(0).sum(1) / positions).var(ddof=1)
        error = float(np.sqrt(max(between, shuffling)))
        return Excess(nesting.side, nesting.order, float(value), error, spread(by_draw), nesting.share)


def increment_estimator(text: LabelText, device: torch.device | str = "cpu") -> IncrementEstimator:
    """The estimator of increments for a sample's n-gram labels, with whole documents as groups."""
    sets = text.label_sets(LABELS.chain(NGRAMS[-1]))
    together = text.unit_of_position
    return IncrementEstimator(sets, document_groups(together), together, device=device)


def measure_increments(
    prepared: IncrementEstimator, model: ModelScores, temperatures: Sequence[Temperature], progress: Progress
) -> Iterator[Increment]:
    """Increments of each layer at each temperature, in the order of :func:`estimator.soft_entropy.sweep.sweep`."""
    for estimate in sweep(prepared.measure, model, temperatures, progress):
        for excess in estimate.found:
            yield Increment(
                layer=estimate.item.layer,
                site=site(estimate.item.layer, model.depth),
                side=excess.side,
                order=excess.order,
                temperature_rule=estimate.temperature.rule,
                temperature=estimate.epsilon,
                increment=excess.increment,
                se=excess.se,
                spread=excess.spread,
                share=excess.share,
            )
