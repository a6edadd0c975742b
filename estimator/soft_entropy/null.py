"""The null: the expected plug-in estimate for labels that are independent of Z.

By exchangeability, the expected entropy B(k) of the mean of k random positions depends on k only, so one curve per
layer and anchor draw gives the null of every label set. Labels are shuffled without replacement, hence the
finite-population factor: the deficit D(k) = H(Z) − B(k) is r(k) · (1/k − 1/N), exactly 0 for a label that covers every
position, and r(k) tends to ½ Σ_j Var(p_j) / p̂_j (in nats) as k grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from estimator.arrays import FloatArray
from estimator.soft_entropy.random_groups import RandomGroups
from estimator.soft_entropy.shuffling import Scatter

SCATTER_GROUPS = 128
"""Minimum number of groups of one size from which a variance is estimated."""


@dataclass(frozen=True)
class NullCurve:
    """D(k) of one layer, in one anchor draw or their mean, by its ratio r(k) on a grid of group sizes.

    In fractions of log n. ``error`` is the standard error of D(k); ``scatter`` models the scatter of labels about it.
    """

    positions: int
    sizes: FloatArray
    ratio: FloatArray
    limit: float
    error: FloatArray
    scatter: Scatter

    def ratio_at(self, k: FloatArray) -> FloatArray:
        """r(k) for any group size k in 1..N; beyond the grid it approaches its limit as 1/k."""
        largest = self.sizes[-1]
        only_one = len(self.sizes) == 1
        inside = np.full(len(k), self.ratio[0]) if only_one else self._between(np.log(np.minimum(k, largest)))
        return np.where(k > largest, self.limit + (self.ratio[-1] - self.limit) * largest / k, inside)

    @cached_property
    def _between(self) -> PchipInterpolator:
        return PchipInterpolator(np.log(self.sizes), self.ratio)

    def deficit(self, k: FloatArray) -> FloatArray:
        """D(k) = H(Z) − B(k), the apparent information of a label with k unrelated positions."""
        return self.ratio_at(k) * (1 / k - 1 / self.positions)

    def error_at(self, k: FloatArray) -> FloatArray:
        """Standard error of D(k)."""
        largest = self.sizes[-1]
        inside = np.interp(np.log(np.minimum(k, largest)), np.log(self.sizes), self.error)
        error: FloatArray = np.where(k > largest, inside * largest / k, inside)
        return error


def null_curve(groups: RandomGroups, moments: FloatArray, deficit: float, positions: int) -> NullCurve:
    """The curve of random ``groups`` and their moments; ``deficit`` is D(1) = H(Z) − B(1), which is known exactly.

    Two control variates have known means: the chi-square of a random group, which nearly equals the divergence for
    large groups, and the mean divergence of its single positions, which is the divergence for groups of one.
    """
    order = np.argsort(groups.sizes)
    k = np.array(groups.sizes, dtype=np.float64)[order]
    count = np.array(groups.counts, dtype=np.float64)[order]
    square, limit = float(moments[-2]), float(moments[-1])
    by_size = moments[:-2].reshape(-1, 12)[order]
    means, covariance = by_size[:, :3], by_size[:, 3:].reshape(-1, 3, 3)
    finite = 1 / k - 1 / positions
    shared = covariance[:, 1:, 0]
    slopes = np.einsum("kij,kj->ki", np.linalg.pinv(covariance[:, 1:, 1:], hermitian=True), shared)
    off = means[:, 1:] - np.stack([limit * finite, np.full_like(k, deficit)], axis=1)
    mean = means[:, 0] - (slopes * off).sum(1)
    residual = covariance[:, 0, 0] - (slopes * shared).sum(1)
    error = np.sqrt(np.maximum(residual, 0) * (count - 1) / np.maximum(count - 3, 1) / count)
    mean[0], error[0] = deficit, 0.0
    known = max(int((count >= SCATTER_GROUPS).sum()), 1)
    scatter = Scatter.of(k[:known], count[:known], covariance[:known], 2 * square, positions)
    return NullCurve(positions, k, mean / finite, limit, error, scatter)
