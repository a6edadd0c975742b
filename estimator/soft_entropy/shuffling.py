"""The scatter of shuffled labels: the variance of the null information over permutations of the positions.

The divergence of a label's k positions S from the marginal is, by Hoeffding's decomposition,

    KL(p_S ‖ p̂) = D(k) + slope(k) · mean over S of (e_i − D(1)) + an interaction of the positions,   e_i = KL(p_i ‖ p̂),

and its entropy is the mean over S of the surprise s_i = −Σ_j p_ij log p̂_j minus that divergence. The parts that are
additive over positions do not scatter insofar as every position is used once with the same weight and slope: their
remainder is the variance of a sum over a random permutation. Interactions of different labels are nearly uncorrelated.
For large k they are those of the chi-square, of variance 2 tr Σ² / k², with Σ = Cov(p_i / √(2 p̂)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Scatter:
    """The scatter of random groups of ``sizes`` positions (1 first) among N ``positions``, averaged over anchor draws.

    ``slope`` is as above; ``interaction`` is the interaction's variance divided by (1/k − 1/N)², which approaches
    ``limit`` as 1/k; ``singles`` [2, 2] is the covariance of e_i and s_i over positions.
    """

    positions: int
    sizes: FloatArray
    slope: FloatArray
    interaction: FloatArray
    limit: float
    singles: FloatArray

    @classmethod
    def of(
        cls,
        sizes: FloatArray,
        counts: FloatArray,
        covariance: FloatArray,
        singles: FloatArray,
        limit: float,
        positions: int,
    ) -> Scatter:
        """The scatter of ``counts`` groups per size, from the ``covariance`` [sizes, 3, 3] of their values.

        The values are those of :class:`estimator.soft_entropy.random_groups.RandomGroups`.
        """
        own = covariance[:, 2, 2]
        slope = covariance[:, 0, 2] / np.maximum(own, 1e-300)
        rest = np.maximum(covariance[:, 0, 0] - slope * covariance[:, 0, 2], 0)
        interaction = rest * (counts - 1) / np.maximum(counts - 2, 1) / (1 / sizes - 1 / positions) ** 2
        interaction[0] = 0.0
        return cls(positions, sizes, slope, interaction, limit, singles)

    def variance(self, sizes: FloatArray, mass: FloatArray, squared: FloatArray) -> float:
        """Variance of Σ_x π(x) H(Z|x) when labels are shuffled; ``mass`` is Σ π and ``squared`` Σ π² per size."""
        return max(self._additive(sizes, mass, squared), 0.0) + self._interactions(sizes, mass, squared)

    def _additive(self, k: FloatArray, mass: FloatArray, squared: FloatArray) -> float:
        """Variance of Σ_i c_i(slot of i), where a slot of a label with weight π has c_i = π/k (slope(k) e_i − s_i)."""
        largest = self.sizes[-1]
        slope = np.interp(np.log(np.minimum(k, largest)), np.log(self.sizes), self.slope * self.sizes) / k
        parts = np.stack([slope, -np.ones_like(slope)])
        mean = parts @ mass
        each = np.einsum("ik,ij,jk->k", parts, self.singles, parts)
        return float(each @ (squared / k) - mean @ self.singles @ mean / self.positions)

    def _interactions(self, k: FloatArray, mass: FloatArray, squared: FloatArray) -> float:
        """The labels' own variances, and the covariances of means drawn without replacement."""
        largest = self.sizes[-1]
        inside = np.interp(np.log(np.minimum(k, largest)), np.log(self.sizes), self.interaction)
        variance = np.where(k > largest, self.limit + (self.interaction[-1] - self.limit) * largest / k, inside)
        own = variance * (1 / k**2 - 2 / (k * self.positions))
        return float(own @ squared + variance @ mass / self.positions**2)
