"""The null: what the plug-in estimate makes of labels that have nothing to do with Z.

By exchangeability the expected entropy B(k) of the mean of k random positions depends on k only, so one curve per layer
and anchor draw gives the null of every label set. Labels are shuffled without replacement, hence the finite-population
factor: the deficit D(k) = H(Z) − B(k) is r(k) · (1/k − 1/N), exactly 0 for a label that holds every position, and r(k)
tends to ½ Σ_j Var(p_j) / p̂_j (in nats) as k grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from estimator.tally import entropy

FloatArray = npt.NDArray[np.float64]
ROWS = 16_384
"""Positions from which the curve is estimated, at most."""
LEAST_GROUPS = 8
_SEED = 20_240_907


@dataclass(frozen=True, slots=True)
class NullCurve:
    """D(k) of one layer and anchor draw, by its ratio r(k) on a grid of group sizes (fractions of log n).

    ``divergence_variance`` is that of KL(p_x ‖ p̂) and ``entropy_variance`` that of H(p_x) of one group of k
    positions; ``error`` is the standard error of D(k).
    """

    positions: int
    sizes: FloatArray
    ratio: FloatArray
    limit: float
    divergence_variance: FloatArray
    entropy_variance: FloatArray
    error: FloatArray

    def ratio_at(self, k: FloatArray) -> FloatArray:
        """r(k) for any group size k in 1..N; beyond the grid it nears its limit as 1/k."""
        largest = self.sizes[-1]
        if len(self.sizes) == 1:
            inside = np.full(len(k), self.ratio[0])
        else:
            inside = PchipInterpolator(np.log(self.sizes), self.ratio)(np.log(np.minimum(k, largest)))
        return np.where(k > largest, self.limit + (self.ratio[-1] - self.limit) * largest / k, inside)

    def deficit(self, k: FloatArray) -> FloatArray:
        """D(k) = H(Z) − B(k), the information that a label with k unrelated positions seems to carry."""
        return self.ratio_at(k) * (1 / k - 1 / self.positions)

    def variance_at(self, k: FloatArray, *, balanced: bool) -> FloatArray:
        """Variance of one label's part in the null.

        When the labels' weighted mean is p̂ (``balanced``: frequency weights) the entropies' first-order scatter cancels
        and only that of the divergences is left.
        """
        if balanced:
            return _log_interpolate(k, self.sizes, self.divergence_variance, power=2.0)
        return _log_interpolate(k, self.sizes, self.entropy_variance, power=1.0)

    def error_at(self, k: FloatArray) -> FloatArray:
        """Standard error of D(k)."""
        return _log_interpolate(k, self.sizes, self.error, power=1.0)


def _log_interpolate(k: FloatArray, sizes: FloatArray, values: FloatArray, power: float) -> FloatArray:
    inside = np.interp(np.log(np.minimum(k, sizes[-1])), np.log(sizes), values)
    values_at: FloatArray = np.where(k > sizes[-1], inside * (sizes[-1] / k) ** power, inside)
    return values_at


def random_rows(positions: int) -> npt.NDArray[np.int64]:
    """The positions the curve is estimated from, in the random order that groups them; the same for every layer."""
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(positions)
    return order[:ROWS].astype(np.int64)


@dataclass(frozen=True, slots=True)
class GroupMoments:
    """How random groups of ``sizes`` positions scatter: [sizes, 6] moments, then the limit of r(k), as one tensor.

    A row holds the means of divergence and chi-square, their variances and covariance, and the entropy's variance.
    """

    sizes: tuple[int, ...]
    groups: tuple[int, ...]
    values: Tensor


def group_moments(p: Tensor, row_entropy: Tensor, rows: Tensor) -> GroupMoments:
    """Moments of random groups of soft assignments ``p`` [positions, anchors], taken in the order ``rows``.

    Groups of 1, 2, 4 … and of 3, 6, 12 … positions are built by merging neighbours, so that all sizes together cost
    less than three passes.
    """
    marginal = p.sum(0, dtype=torch.float64) / len(p)
    safe = marginal.clamp_min(torch.finfo(torch.float32).tiny)
    unit = float(np.log(p.shape[1]))
    surprise, inverse = (-safe.log() / unit).to(p.dtype), (0.5 / safe / unit).to(p.dtype)
    sizes: list[int] = []
    groups: list[int] = []
    moments: list[Tensor] = []
    shuffled = p[rows]
    thirds = shuffled[: len(shuffled) // 3 * 3].view(-1, 3, p.shape[1]).sum(1).div_(3)
    for size, means in ((1, shuffled), (3, thirds)):
        while len(means) >= LEAST_GROUPS or (size == 1 and len(means) > 1):
            scatter = (row_entropy[rows] if size == 1 else entropy(means)).double()
            values = torch.stack(
                [(means @ surprise).double() - scatter, (means.square() @ inverse).double() - 0.5 / unit]
            )
            covariance = torch.cov(values)
            moments.append(torch.cat([values.mean(1), covariance.diagonal(), covariance[0, 1:], scatter.var()[None]]))
            sizes.append(size)
            groups.append(len(means))
            even = len(means) // 2 * 2
            means = means[0:even:2].add(means[1:even:2]).mul_(0.5)
            size *= 2
    variance = (
        (torch.linalg.vecdot(p.T, p.T).double() / len(p) - marginal.square()).clamp_min(0) * len(p) / (len(p) - 1)
    )
    return GroupMoments(tuple(sizes), tuple(groups), torch.cat([*moments, (variance / safe).sum()[None] / (2 * unit)]))


def null_curve(
    sizes: tuple[int, ...], groups: tuple[int, ...], values: FloatArray, deficit: float, positions: int
) -> NullCurve:
    """The curve of :func:`group_moments`; ``deficit`` is D(1) = H(Z) − B(1), which is known exactly.

    The chi-square of a random group has a known mean, so it serves as control variate for the divergence: for large
    groups the two nearly coincide and the estimate's error all but vanishes.
    """
    order = np.argsort(sizes)
    k = np.array(sizes, dtype=np.float64)[order]
    count = np.array(groups, dtype=np.float64)[order]
    divergence, chi, divergence_var, chi_var, covariance, entropy_var = values[:-1].reshape(-1, 6)[order].T
    limit = float(values[-1])
    finite = 1 / k - 1 / positions
    slope = covariance / np.maximum(chi_var, 1e-300)
    mean = divergence - slope * (chi - limit * finite)
    error = np.sqrt(np.maximum(divergence_var - slope * covariance, 0) / count)
    mean[0], error[0] = deficit, 0.0
    return NullCurve(positions, k, mean / finite, limit, divergence_var, entropy_var, error)
