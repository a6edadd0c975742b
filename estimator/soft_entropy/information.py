"""Information about each label set, from the scores of one layer.

The estimate is a Shannon quantity: draw an anchor A from p given z; then H(Z) is H(A) and I(X;Z) = H(A) − Σ_x π(x) H(A
| X = x), as fractions of log n (Conklin et al., section 3). In addition to this plug-in value, the module computes its
null, a jackknife over document groups, and the error of the difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import MIN_COUNT, Granularity, Information, Weights
from estimator.soft_entropy.assignment import column_sums, entropy, soft_assignments
from estimator.soft_entropy.jackknife import bracketed
from estimator.soft_entropy.null import null_curve
from estimator.soft_entropy.random_groups import RandomGroups, random_groups, random_rows
from estimator.soft_entropy.tally import Tally
from estimator.soft_entropy.weighting import Weighting
from estimator.text.labels import LabelSet


@dataclass(frozen=True, slots=True)
class LayerInformation:
    """Estimates of one layer, averaged over draws: H(Z), the ceiling, an Information per label set and weights."""

    entropy: float
    ceiling: float
    information: tuple[tuple[LabelSet, Weights, Information], ...]

    def find(self, granularity: Granularity, side: str, weights: Weights) -> Information | None:
        """The value of one label set; None when no label is frequent enough for ``weights``."""
        for labels, weighting, value in self.information:
            if (labels.granularity, labels.side, weighting) == (granularity, side, weights):
                return value
        return None


@dataclass(frozen=True, slots=True)
class _Draw:
    """One anchor draw: (plug-in, null) by label set and weights, each [groups + 1], and its random groups."""

    entropy: float
    ceiling: float
    values: tuple[tuple[FloatArray, FloatArray], ...]
    groups: RandomGroups


class Estimator:
    """The information estimator of one sample: sorts labels once and reuses them for every layer, draw and temperature.

    ``label_sets`` are labels of the same positions; ``group`` [positions] numbers document groups, in ascending runs.
    Labels that occur less than ``min_count`` times are excluded from uniform weights.
    """

    def __init__(
        self,
        label_sets: Sequence[LabelSet],
        group: IntArray,
        *,
        weights: Iterable[Weights] = ("frequency",),
        min_count: int = MIN_COUNT,
        device: torch.device | str = "cpu",
    ) -> None:
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
        self._bounds = np.searchsorted(group, np.arange(int(group.max()) + 2)).tolist()
        self._null_rows = torch.from_numpy(random_rows(len(group))).to(device)

    @property
    def nbytes(self) -> int:
        """Memory required for the sorted labels, in bytes."""
        return sum(tally.nbytes for tally in self._tallies)

    def measure(self, scores: Tensor, temperature: float) -> LayerInformation:
        """Information of one layer from its ``scores`` [draws, positions, anchors] (cosines) at temperature ε."""
        draws = [self._measure_draw(draw.to(self._device), temperature) for draw in scores]
        ceiling = float(np.mean([draw.ceiling for draw in draws]))
        groups = RandomGroups.mean([draw.groups for draw in draws])
        curve = null_curve(groups, groups.moments().cpu().numpy(), ceiling, scores.shape[1])
        information = []
        for index, (labels, weighting) in enumerate(self._asked):
            plugin, null = (np.stack(each) for each in zip(*(draw.values[index] for draw in draws), strict=True))
            value = bracketed(
                plugin, null, weighting.variance(curve), labels=labels.labels, singletons=labels.singletons
            )
            information.append((labels, weighting.weights, value))
        return LayerInformation(float(np.mean([draw.entropy for draw in draws])), ceiling, tuple(information))

    def _measure_draw(self, scores: Tensor, temperature: float) -> _Draw:
        p, row_entropy = soft_assignments(scores, temperature)
        groups = random_groups(p, row_entropy, self._null_rows)
        marginal, mean_row = self._marginals(p, row_entropy)
        pieces = [groups.moments(), marginal, mean_row]
        for tally, weightings in zip(self._tallies, self._weightings, strict=True):
            pieces += self._conditionals(tally, weightings, p, row_entropy)
        # One transfer for the whole draw: on a GPU, each separate transfer would wait for the device.
        ends = np.cumsum([len(piece) for piece in pieces])[:-1]
        moments, entropy_z, mean_row_entropy, *conditional = np.split(torch.cat(pieces).cpu().numpy(), ends)
        deficit = entropy_z - mean_row_entropy
        curve = null_curve(groups, moments, float(deficit[0]), len(p))
        values = []
        for (_, weighting), conditional_entropy in zip(self._asked, conditional, strict=True):
            # Omitting documents changes B(1) and H(Z); the curve is assumed to retain its shape between the two.
            spread = deficit / (1 - 1 / weighting.positions)
            null = weighting.null(curve, spread / spread[0] if spread[0] > 0 else np.ones_like(spread))
            values.append((entropy_z - conditional_entropy, null))
        return _Draw(float(entropy_z[0]), float(deficit[0]), tuple(values), groups)

    def _marginals(self, p: Tensor, row_entropy: Tensor) -> tuple[Tensor, Tensor]:
        """H(Z) and the mean entropy of a position, each [groups + 1]: in full, then without each group."""
        runs = list(itertools.pairwise(self._bounds))
        sums = torch.stack([column_sums(p[start:end]) for start, end in runs])
        rows = torch.stack([row_entropy[start:end].sum(dtype=torch.float64) for start, end in runs])
        total = self._bounds[-1]
        left = torch.tensor([total, *(total - (end - start) for start, end in runs)], dtype=p.dtype, device=p.device)
        without = torch.cat([sums.sum(0, keepdim=True), sums.sum(0) - sums])
        rows_without = torch.cat([rows.sum()[None], rows.sum() - rows])
        return entropy(without / left[:, None].double()), rows_without / left.double()

    def _conditionals(
        self, tally: Tally, weightings: Sequence[Weighting], p: Tensor, row_entropy: Tensor
    ) -> list[Tensor]:
        """Σ_x π(x) H(Z|x) under each weighting, [groups + 1]: in full, then without each group."""
        count, rest = tally.label_count, tally.cell_rest
        label_entropy, rest_entropy = _entropies(tally, p, row_entropy)
        single_entropy = row_entropy[tally.single].double()
        pieces = []
        for weighting in weightings:
            if weighting.weights == "frequency":
                weight, rest_weight, single_weight = count.double(), rest.double(), 1.0
            else:
                weight = (count >= self.min_count).double()
                rest_weight = weight[tally.cell_label] * (rest > 0)
                single_weight = float(self.min_count == 1)
            cell_weight = weight[tally.cell_label]
            loss = p.new_zeros(tally.groups, dtype=torch.float64)
            weight_loss = torch.zeros_like(loss)
            loss.index_add_(
                0, tally.cell_group, cell_weight * label_entropy[tally.cell_label] - rest_weight * rest_entropy
            )
            loss.index_add_(0, tally.single_group, single_weight * single_entropy)
            weight_loss.index_add_(0, tally.cell_group, cell_weight - rest_weight)
            weight_loss.index_add_(0, tally.single_group, torch.full_like(single_entropy, single_weight))
            total = weight @ label_entropy + single_weight * single_entropy.sum()
            total_weight = weight.sum() + single_weight * len(single_entropy)
            left = torch.cat([total_weight[None], total_weight - weight_loss]).clamp_min(1)
            pieces.append(torch.cat([total[None], total - loss]) / left)
        return pieces


def _entropies(tally: Tally, p: Tensor, row_entropy: Tensor) -> tuple[Tensor, Tensor]:
    """H(Z|x) of each repeated label, and of its remainder without each of its cells (0 if nothing remains)."""
    labels = p.new_empty(len(tally.label_count), dtype=torch.float64)
    rests = p.new_zeros(len(tally.cell_rest), dtype=torch.float64)
    rests[tally.last_cell] = row_entropy[tally.last].double()
    for block, cell_sums, label_sums in tally.sums(p):
        labels[block.labels] = entropy((label_sums / tally.label_count[block.labels, None]).float()).double()
        shared = tally.shared[block.shared]
        rest = label_sums.float()[tally.cell_label[shared] - block.labels.start]
        rest = rest.sub_(cell_sums[shared - block.cells.start]).div_(tally.cell_rest[shared, None])
        rests[shared] = entropy(rest.clamp_min_(torch.finfo(torch.float32).tiny)).double()
    return labels, rests
