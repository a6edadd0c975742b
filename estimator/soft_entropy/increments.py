"""Nested increments: the information of the k-th token of context, free of the bias of longer labels.

The k-gram labels are shuffled within the (k−1)-grams of each document, which gives labels with the same counts that
carry the information of the narrower label and of the document only. The excess of the plug-in information over its
mean over shuffles is the increment. In

    I(X_k;Z) − mean over shuffles = 1/N Σ_i (s_i − mean over shuffles of s_i),   s_i = Σ_j p_ij log p(j | label of i),

H(Z) and the narrower label cancel. Only positions count whose narrower label has several continuations in its document,
at least one of them repeated: no shuffle changes the others. The labels of these positions are sorted once; each
shuffle permutes the positions of each narrower label over the same slots, and is reused for every layer and draw.

The adjusted increment is the excess as a fraction of the most that it could be, Σ_i (−H(p_i) − mean of s_i), times what
is left of I(context;Z) after the narrower labels. It estimates the difference of the adjusted values of both labels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import FloatArray, IntArray
from estimator.increments import Increment
from estimator.measurement import RESOLUTION, SIDES, Side
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
        stratum: IntArray,
        order: int,
        *,
        shuffles: int = SHUFFLES,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> Nesting:
        """Sort ``labels`` and shuffle them within each ``stratum`` [positions]: a narrower label in one document."""
        pairs = np.unique(np.stack([stratum, labels.ids]), axis=1)
        rows = np.flatnonzero(np.bincount(pairs[0])[stratum] > 1)
        repeated_here = np.bincount(labels.ids[rows], minlength=labels.labels)[labels.ids[rows]] > 1
        rows = rows[np.bincount(stratum[rows], repeated_here)[stratum[rows]] > 0]
        _, ids, counts = np.unique(labels.ids[rows], return_inverse=True, return_counts=True)
        tally = Tally.prepare(LabelSet(labels.granularity, labels.side, ids, counts), np.zeros_like(rows), device)
        repeated = len(tally.order)
        slots = rows[np.concatenate([tally.order.cpu().numpy(), tally.single.cpu().numpy()])]
        places = np.argsort(stratum[slots], kind="stable")
        rng = np.random.Generator(np.random.PCG64([seed, order, SIDES.index(labels.side)]))

        def deal(positions: IntArray) -> Tally:
            dealt = torch.from_numpy(positions).to(device)
            return replace(tally, order=dealt[:repeated], single=dealt[repeated:])

        tallies = [deal(slots)]
        for _ in range(shuffles):
            shuffled = np.empty_like(slots)
            shuffled[places] = slots[np.lexsort((rng.random(len(slots)), stratum[slots]))]
            tallies.append(deal(shuffled))
        slot_label = torch.repeat_interleave(tally.label_count)
        return cls(labels.side, order, len(rows) / len(stratum), tuple(tallies), slot_label)

    def scatter(self, p: Tensor, row_entropy: Tensor, group: Tensor, groups: int) -> Tensor:
        """Sums over the positions of each document group, [2 + shuffles, groups], for p [positions, anchors].

        First those of −H(p_i), the most that any label could give; then those of s_i as labelled, and as shuffled.
        """
        rows = torch.cat([self.tallies[0].order, self.tallies[0].single])
        most = p.new_zeros(groups, dtype=torch.float64).index_add_(0, group[rows], -row_entropy[rows].double())
        return torch.stack([most, *(self._sums(tally, p, row_entropy, group, groups) for tally in self.tallies)])

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
    adjusted: float | None
    adjusted_se: float | None


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A value with its standard error."""

    value: float
    se: float

    def times(self, other: _Estimate) -> _Estimate:
        """The product of two independent estimates."""
        return _Estimate(self.value * other.value, math.hypot(self.value * other.se, self.se * other.value))


class IncrementEstimator:
    """The increments of one sample's labels: shuffled once, then reused for every layer, draw and temperature.

    ``label_sets`` are the n-gram labels of both sides from the token on, each nested in the one before; ``group``
    [positions] numbers document groups, in ascending runs, and ``document`` [positions] the documents within which
    labels are shuffled (None: within groups). Raises ValueError when a label occurs within two narrower ones.
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
        together = group if document is None else document
        by_side = [[labels for labels in label_sets if labels.side == side] for side in SIDES]
        self._tokens = Estimator([sets[0] for sets in by_side if sets], group, document, device=device)
        self._nestings = [
            Nesting.prepare(wide, _strata(wide, narrow, together), order, shuffles=shuffles, seed=seed, device=device)
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
        tokens = self._tokens.measure(scores, temperature)
        draws = [self._measure_draw(draw.to(self._device), temperature) for draw in scores]
        sums = [np.stack(one) for one in zip(*draws, strict=True)]
        found = []
        for labels, _, token in tokens.information:
            adjusted, error = token.adjusted, token.adjusted_se
            found.append(Excess(labels.side, 1, token.corrected, token.se, token.spread, 1.0, adjusted, error))
            left = None if adjusted is None or error is None else _Estimate(tokens.ceiling - adjusted, error)
            for nesting, of_nesting in zip(self._nestings, sums, strict=True):
                if nesting.side == labels.side:
                    excess, left = self._excess(nesting, of_nesting, left)
                    found.append(excess)
        return sorted(found, key=lambda excess: (SIDES.index(excess.side), excess.order))

    def _measure_draw(self, scores: Tensor, temperature: float) -> list[np.ndarray]:
        p, row_entropy = soft_assignments(scores, temperature)
        groups = len(self._sizes)
        return [nesting.scatter(p, row_entropy, self._group, groups).cpu().numpy() for nesting in self._nestings]

    def _excess(self, nesting: Nesting, sums: FloatArray, left: _Estimate | None) -> tuple[Excess, _Estimate | None]:
        """The increment, its error and what is ``left`` after it, from sums [draws, 2 + shuffles, groups].

        As for information, errors are those of the mean over draws: the larger of the scatter between document groups
        and the scatter of shuffled labels.
        """
        positions, shuffles = self._sizes.sum(), sums.shape[1] - 2
        shuffled = sums[:, 2:].mean(1)
        each = sums[:, 1] - shuffled
        by_draw = each.sum(1) / positions
        value = float(by_draw.mean())
        chance = (1 + 1 / shuffles) * (sums[:, 2:].mean(0).sum(1) / positions).var(ddof=1)
        each, room = each.mean(0), (sums[:, 0] - shuffled).mean(0)
        error = self._error((each - value * self._sizes) / positions, chance)
        most = float(room.sum() / positions)
        adjusted: _Estimate | None = None
        if left is not None and most > RESOLUTION:
            fraction = value / most
            residual = (each - fraction * room) / positions / most
            fraction_error = self._error(residual, chance / most**2)
            adjusted = left.times(_Estimate(fraction, fraction_error))
            left = left.times(_Estimate(1 - fraction, fraction_error))
        else:
            left = None
        excess = Excess(
            side=nesting.side,
            order=nesting.order,
            increment=value,
            se=error,
            spread=spread(by_draw),
            share=nesting.share,
            adjusted=None if adjusted is None else adjusted.value,
            adjusted_se=None if adjusted is None else adjusted.se,
        )
        return excess, left

    def _error(self, residual: FloatArray, chance: float) -> float:
        """The standard error from residuals by document group, which scatter by ``chance`` (a variance) at least."""
        groups = len(self._sizes)
        return float(np.sqrt(max(groups / (groups - 1) * np.square(residual).sum(), chance)))


def _strata(wide: LabelSet, narrow: LabelSet, document: IntArray) -> IntArray:
    """The narrower label in its document, numbered from 0, for each position."""
    within = np.empty(wide.labels, dtype=np.int64)
    within[wide.ids] = narrow.ids
    if (within[wide.ids] != narrow.ids).any():
        raise ValueError("labels must be nested in the narrower ones")
    strata: IntArray = np.unique(document.astype(np.int64) * narrow.labels + narrow.ids, return_inverse=True)[1]
    return strata


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
                adjusted=excess.adjusted,
                adjusted_se=excess.adjusted_se,
            )
