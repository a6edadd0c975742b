"""Label weights π(x), in full and without each document group, which are independent of the forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import Weights
from estimator.soft_entropy.null import NullCurve
from estimator.text.labels import LabelSet


@dataclass(frozen=True, slots=True)
class Weighting:
    """Total weight π of the labels of each size, [groups + 1, sizes]: row 0 in full, row 1 + g without group g.

    ``squared`` is Σ π² per size in full, and ``positions`` [groups + 1] the number of positions that remain.
    """

    weights: Weights
    sizes: FloatArray
    mass: FloatArray
    squared: FloatArray
    positions: FloatArray

    @classmethod
    def prepare(cls, labels: LabelSet, group: IntArray, weights: Weights, min_count: int) -> Weighting | None:
        """The weights of ``labels`` with document ``group`` [positions]; None when no label is frequent enough."""
        counts = labels.counts
        groups = int(group.max()) + 1
        eligible = counts >= (1 if weights == "frequency" else min_count)
        if not eligible.any():
            return None
        cell, cell_count = np.unique(labels.ids * groups + group, return_counts=True)
        cell_label, cell_group = np.divmod(cell, groups)
        kept = eligible[cell_label]
        cell_label, cell_group, cell_count = cell_label[kept], cell_group[kept], cell_count[kept]
        rest = counts[cell_label] - cell_count
        sizes = np.unique(np.concatenate([counts[eligible], rest[rest > 0]]))
        size_of = np.zeros(int(sizes[-1]) + 1, dtype=np.int64)
        size_of[sizes] = np.arange(len(sizes))

        def unnormalised(n: IntArray) -> FloatArray:
            return n.astype(np.float64) if weights == "frequency" else (n > 0).astype(np.float64)

        def by_group(n: IntArray) -> FloatArray:
            place = cell_group * len(sizes) + size_of[n]
            mass: FloatArray = np.bincount(place, unnormalised(n), groups * len(sizes)).astype(np.float64)
            return mass.reshape(groups, len(sizes))

        full = np.bincount(size_of[counts[eligible]], unnormalised(counts[eligible]), len(sizes))
        mass = np.concatenate([full[None], full - by_group(counts[cell_label]) + by_group(rest)])
        mass[mass < 0.5] = 0.0
        total = mass.sum(1, keepdims=True)
        positions = len(group) - np.concatenate([[0], np.bincount(group, minlength=groups)]).astype(np.float64)
        squared = full * (sizes if weights == "frequency" else 1) / total[0] ** 2
        return cls(weights, sizes.astype(np.float64), mass / np.maximum(total, 1), squared, positions)

    def null(self, curve: NullCurve, scale: FloatArray) -> FloatArray:
        """Null information [groups + 1]: in full and without each group.

        ``scale`` [groups + 1] converts the deficits of the full curve to those of the remaining positions.
        """
        ratio = curve.ratio_at(self.sizes)
        return scale * (self.mass @ (ratio / self.sizes) - (self.mass @ ratio) / self.positions)

    def variance(self, curve: NullCurve) -> float:
        """Variance of the null information under shuffled labels, plus that of the estimated curve itself."""
        shuffling = curve.scatter.variance(self.sizes, self.mass[0], self.squared)
        estimate = float(self.mass[0] @ curve.error_at(self.sizes))
        return shuffling + estimate**2
