"""Label weights π(x), in full and without each document group, which are independent of the forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import Weights
from estimator.soft_entropy.null import NullCurve
from estimator.text.labels import LabelSet


def frequency_bins(counts: IntArray) -> IntArray:
    """The bin of each label by its number of positions: 0 for 1, then 1 for 2–3, 2 for 4–7, …"""
    bins: IntArray = np.frexp(counts)[1].astype(np.int64) - 1
    return bins


@dataclass(frozen=True, slots=True)
class Weighting:
    """Weights π of the labels of one set: row 0 in full, row 1 + g without document group g.

    ``mass`` [groups + 1, sizes] is the total weight of the labels of each size, and ``share`` [groups + 1, bins] that
    of the labels of each bin of :func:`frequency_bins`. ``squared`` and ``cubed`` are Σ π² and Σ π³ per size in full.
    The marginal under these weights, Σ π(x) p(·|x), weighs positions by π(x)/n(x): ``collision`` [groups + 1] is the
    sum of their squares, 1/N for frequency weights. ``total`` [groups + 1] is what π is divided by, and ``positions``
    [groups + 1] the number of positions that remain.
    """

    weights: Weights
    min_count: int
    sizes: FloatArray
    mass: FloatArray
    share: FloatArray
    squared: FloatArray
    cubed: FloatArray
    collision: FloatArray
    total: FloatArray
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
        bins = frequency_bins(counts)

        def unnormalised(n: IntArray) -> FloatArray:
            return n.astype(np.float64) if weights == "frequency" else (n > 0).astype(np.float64)

        def without_each(places: tuple[IntArray, IntArray, IntArray], width: int, power: int = 1) -> FloatArray:
            """Totals of π^power / n^(power − 1) by place [groups + 1, width]; π is not yet normalised.

            ``places`` are those of each eligible label, of the label of each cell, and of that label without the cell.
            """
            of_label, before, after = places

            def total(place: IntArray, n: IntArray, rows: int) -> FloatArray:
                weight = unnormalised(n) ** power / np.maximum(n, 1) ** (power - 1)
                sums: FloatArray = np.bincount(place, weight, rows * width).astype(np.float64)
                return sums.reshape(rows, width)

            full = total(of_label, counts[eligible], 1)
            lost = total(cell_group * width + before, counts[cell_label], groups)
            left = total(cell_group * width + after, rest, groups)
            return np.concatenate([full, full - lost + left])

        mass = without_each((size_of[counts[eligible]], size_of[counts[cell_label]], size_of[rest]), len(sizes))
        share = without_each((bins[eligible], bins[cell_label], bins[cell_label]), int(bins.max()) + 1)
        nowhere = np.zeros_like(cell_label)
        collision = without_each((np.zeros_like(counts[eligible]), nowhere, nowhere), 1, power=2)
        mass[mass < 0.5] = 0.0
        share[share < 0.5] = 0.0
        total = np.maximum(mass.sum(1, keepdims=True), 1)
        positions = len(group) - np.concatenate([[0], np.bincount(group, minlength=groups)]).astype(np.float64)
        each = np.bincount(size_of[counts[eligible]], minlength=len(sizes)) / total[0] ** 2
        weight = unnormalised(sizes)
        return cls(
            weights=weights,
            min_count=min_count,
            sizes=sizes.astype(np.float64),
            mass=mass / total,
            share=share / total,
            squared=each * weight**2,
            cubed=each * weight**3 / total[0],
            collision=collision[:, 0] / total[:, 0] ** 2,
            total=total[:, 0],
            positions=positions,
        )

    def null(self, curve: NullCurve, scale: FloatArray) -> FloatArray:
        """Null information [groups + 1]: in full and without each group.

        The labels' apparent information, less that of the weighted marginal itself. ``scale`` [groups + 1] converts the
        deficits of the full curve to those of the remaining positions.
        """
        ratio, marginal = curve.ratio_at(self.sizes), curve.ratio_at(1 / self.collision)
        labels = self.mass @ (ratio / self.sizes) - (self.mass @ ratio) / self.positions
        return scale * (labels - marginal * (self.collision - 1 / self.positions))

    def shuffling(self, curve: NullCurve, factor: FloatArray | None = None) -> float:
        """Variance of the information under shuffled labels; ``factor`` [bins] multiplies the labels of each bin."""
        each = np.ones(len(self.sizes)) if factor is None else factor[frequency_bins(self.sizes.astype(np.int64))]
        return curve.scatter.variance(
            self.sizes, self.mass[0] * each, self.squared * each**2, self.cubed * each**2, float(self.collision[0])
        )

    def curve_error(self, curve: NullCurve) -> float:
        """Standard error of the null that is due to the estimated curve."""
        return float(self.mass[0] @ curve.error_at(self.sizes))
