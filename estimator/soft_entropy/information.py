"""Information about each label set, from the scores of one layer.

The estimate is a Shannon quantity: draw an anchor A from p given z; then H(Z) is H(A) and I(X;Z) = H(A) − Σ_x π(x) H(A
| X = x), as fractions of log n (Conklin et al., section 3), where A has the marginal Σ_x π(x) p(·|x). In addition to
this plug-in value, the module computes its null, the mean over labels dealt anew within documents, and all of these
without each document group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import MIN_COUNT, SIDES, Granularity, Information, Weights
from estimator.soft_entropy.adjusted import Binned
from estimator.soft_entropy.assignment import column_sums, entropy, soft_assignments
from estimator.soft_entropy.conditionals import information_by_bins, most_by_bins
from estimator.soft_entropy.dealing import DEALS, dealt_within, turns
from estimator.soft_entropy.jackknife import Chance, bracketed, scatter
from estimator.soft_entropy.null import null_curve
from estimator.soft_entropy.random_groups import Orders, RandomGroups, random_groups
from estimator.soft_entropy.tally import Tally
from estimator.soft_entropy.weighting import Weighting
from estimator.text.labels import LabelSet


@dataclass(frozen=True, slots=True)
class LayerInformation:
    """Estimates of one layer, averaged over draws: H(Z), the ceiling, an Information per label set and weights.

    ``adjusted_without`` are, in the order of ``information``, the adjusted values without each document group [groups].
    """

    entropy: float
    ceiling: float
    information: tuple[tuple[LabelSet, Weights, Information], ...]
    adjusted_without: tuple[FloatArray | None, ...]

    def find(self, granularity: Granularity, side: str, weights: Weights) -> Information | None:
        """The value of one label set; None when no label is frequent enough for ``weights``."""
        place = self._place(granularity, side, weights)
        return None if place is None else self.information[place][2]

    def covariance(self, granularity: Granularity, weights: Weights) -> float | None:
        """The covariance of the adjusted values of a label's two sides; None if one is unknown."""
        sides = [self._place(granularity, side, weights) for side in SIDES]
        without = [None if place is None else self.adjusted_without[place] for place in sides]
        return None if without[0] is None or without[1] is None else scatter(without[0], without[1])

    def _place(self, granularity: Granularity, side: str, weights: Weights) -> int | None:
        asked = [(labels.granularity, labels.side, weighting) for labels, weighting, _ in self.information]
        wanted = (granularity, side, weights)
        return asked.index(wanted) if wanted in asked else None


@dataclass(frozen=True, slots=True)
class _Draw:
    """One anchor draw: (null, parts) by label set and weights, [groups + 1, …], and its random groups."""

    entropy: float
    ceiling: float
    values: tuple[tuple[FloatArray, Binned], ...]
    groups: RandomGroups


class Estimator:
    """The information estimator of one sample: sorts labels once and reuses them for every layer, draw and temperature.

    ``label_sets`` are labels of the same positions; ``group`` [positions] numbers document groups from 0, and
    ``document`` [positions] the documents within which labels are dealt anew, each in one group (None: within groups).
    Labels that
    occur less than ``min_count`` times are excluded from uniform weights.
    """

    def __init__(
        self,
        label_sets: Sequence[LabelSet],
        group: IntArray,
        document: IntArray | None = None,
        *,
        weights: Iterable[Weights] = ("frequency",),
        min_count: int = MIN_COUNT,
        device: torch.device | str = "cpu",
    ) -> None:
        weights = tuple(weights)
        self._tallies = [Tally.prepare(labels, group, device) for labels in label_sets]
        self.min_count = min_count
        self._device = device
        self._weightings = [
            [w for kind in weights if (w := Weighting.prepare(labels, group, kind, min_count)) is not None]
            for labels in label_sets
        ]
        self._asked = [
            (labels, weighting)
            for labels, weightings in zip(label_sets, self._weightings, strict=True)
            for weighting in weightings
        ]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        self._runs = list(zip(starts.tolist(), [*starts[1:].tolist(), len(group)], group[starts].tolist(), strict=True))
        self._sizes = torch.from_numpy(np.bincount(group)).to(device)
        self._orders = Orders.of(len(group), device)
        # Positions stay in their group, so that what is left out of dealt labels is what is left out of the others.
        self._deals = torch.from_numpy(dealt_within(group if document is None else document)).to(device)

    @property
    def nbytes(self) -> int:
        """Memory required for the sorted and dealt labels, in bytes."""
        return sum(tally.nbytes for tally in self._tallies) + self._deals.nbytes

    def measure(self, scores: Tensor, temperature: float) -> LayerInformation:
        """Information of one layer from its ``scores`` [draws, positions, anchors] (cosines) at temperature ε."""
        draws = [
            self._measure_draw(draw.to(self._device), temperature, number, len(scores))
            for number, draw in enumerate(scores)
        ]
        ceiling = float(np.mean([draw.ceiling for draw in draws]))
        groups = RandomGroups.mean([draw.groups for draw in draws], len(self._orders.shared))
        curve = null_curve(groups, groups.moments().cpu().numpy(), ceiling, scores.shape[1])
        found = []
        for index, (labels, weighting) in enumerate(self._asked):
            null, binned = zip(*(draw.values[index] for draw in draws), strict=True)
            chance = Chance(
                np.stack(null),
                weighting.curve_error(curve),
                partial(weighting.shuffling, curve),
                max(DEALS, len(draws)),
            )
            found.append((labels, weighting.weights, bracketed(Binned.of(binned), chance, labels)))
        return LayerInformation(
            float(np.mean([draw.entropy for draw in draws])),
            ceiling,
            tuple((labels, weights, one.information) for labels, weights, one in found),
            tuple(one.adjusted_without for _, _, one in found),
        )

    def _measure_draw(self, scores: Tensor, temperature: float, draw: int, draws: int) -> _Draw:
        p, row_entropy = soft_assignments(scores, temperature)
        groups = random_groups(p, row_entropy, self._orders.of_draw(draw, draws))
        marginal, mean_row = self._marginals(p, row_entropy)
        deals = [self._deals[deal] for deal in turns(draw, draws)]
        pieces = [groups.moments(), marginal, mean_row]
        for tally, weightings in zip(self._tallies, self._weightings, strict=True):
            pieces += self._parts(tally, weightings, p, row_entropy, marginal, deals)
        # One transfer for the whole draw: on a GPU, each separate transfer would wait for the device.
        ends = np.cumsum([piece.numel() for piece in pieces])[:-1]
        moments, entropy_z, mean_row_entropy, *parts = np.split(
            torch.cat([piece.flatten() for piece in pieces]).cpu().numpy(), ends
        )
        deficit = entropy_z - mean_row_entropy
        curve = null_curve(groups, moments, float(deficit[0]), len(p))
        values = []
        for (_, weighting), part in zip(self._asked, parts, strict=True):
            # Omitting documents changes B(1) and H(Z); the curve is assumed to retain its shape between the two.
            spread = deficit / (1 - 1 / weighting.positions)
            null = weighting.null(curve, spread / spread[0] if spread[0] > 0 else np.ones_like(spread))
            values.append((null, Binned(*part.reshape(3, *weighting.share.shape))))
        return _Draw(float(entropy_z[0]), float(deficit[0]), tuple(values), groups)

    def _marginals(self, p: Tensor, row_entropy: Tensor) -> tuple[Tensor, Tensor]:
        """H(Z) and the mean entropy of a position, each [groups + 1]: in full, then without each group."""
        sums = p.new_zeros((len(self._sizes), p.shape[1]), dtype=torch.float64)
        rows = sums.new_zeros(len(self._sizes))
        for start, end, group in self._runs:
            sums[group] += column_sums(p[start:end])
            rows[group] += row_entropy[start:end].sum(dtype=torch.float64)
        left = (self._sizes.sum() - torch.cat([torch.zeros_like(self._sizes[:1]), self._sizes])).double()
        without = torch.cat([sums.sum(0, keepdim=True), sums.sum(0) - sums])
        rows_without = torch.cat([rows.sum()[None], rows.sum() - rows])
        return entropy(without / left[:, None]), rows_without / left

    def _parts(
        self,
        tally: Tally,
        weightings: Sequence[Weighting],
        p: Tensor,
        row_entropy: Tensor,
        marginal: Tensor,
        deals: Sequence[Tensor],
    ) -> list[Tensor]:
        """Information by bins as in :class:`Binned`, [3, groups + 1, bins], for each weighting."""
        labelled = information_by_bins(tally, weightings, p, row_entropy, marginal)
        dealt = [information_by_bins(tally, weightings, p, row_entropy, marginal, deal) for deal in deals]
        return [
            torch.stack(
                [
                    labelled[index],
                    torch.stack([one[index] for one in dealt]).mean(0),
                    most_by_bins(tally, weighting, row_entropy, marginal),
                ]
            )
            for index, weighting in enumerate(weightings)
        ]
