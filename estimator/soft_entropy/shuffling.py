"""The scatter of shuffled labels: the variance of the null information over permutations of the positions.

The divergence of a label's k positions S from the marginal is, by Hoeffding's decomposition,

    KL(p_S ‖ p̂) = D(k) + slope(k) · mean over S of (e_i − D(1)) + an interaction of the positions,   e_i = KL(p_i ‖ p̂),

and the information is the weighted mean of these divergences, less that of the labels' weighted marginal. The part that
is additive over positions does not scatter insofar as every position is used once with the same weight and slope: its
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
    ``limit`` as 1/k; ``single`` is the variance of e_i over positions.
    """

    positions: int
    sizes: FloatArray
    slope: FloatArray
    interaction: FloatArray
    limit: float
    single: float

    @classmethod
    def of(
        cls,
        sizes: FloatArray,
        counts: FloatArray,
        covariance: FloatArray,
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
        return cls(positions, sizes, slope, interaction, limit, float(own[0]))

    def variance(
        self, sizes: FloatArray, mass: FloatArray, squared: FloatArray, cubed: FloatArray, collision: float
    ) -> float:
        """Variance of the information when labels are shuffled.

        ``mass``, ``squared`` and ``cubed`` are Σ π, Σ π² and Σ π³ of the labels of each of ``sizes``, and ``collision``
        is Σ π² / n.
        """
        additive = max(self._additive(sizes, mass, squared), 0.0)
        return additive + max(self._interactions(sizes, mass, squared, cubed, collision), 0.0)

    def _additive(self, k: FloatArray, mass: FloatArray, squared: FloatArray) -> float:
        """Variance of Σ_i c_i(slot of i) · e_i, where a slot of a label with weight π has c_i = π/k · slope(k)."""
        largest = self.sizes[-1]
        slope = np.interp(np.log(np.minimum(k, largest)), np.log(self.sizes), self.slope * self.sizes) / k
        return self.single * float(slope**2 @ (squared / k) - (slope @ mass) ** 2 / self.positions)

    def _interactions(
        self, k: FloatArray, mass: FloatArray, squared: FloatArray, cubed: FloatArray, collision: float
    ) -> float:
        """The labels' own variances, less those that they share with the weighted marginal."""
        largest = self.sizes[-1]
        inside = np.interp(np.log(np.minimum(k, largest)), np.log(self.sizes), self.interaction)
        variance = np.where(k > largest, self.limit + (self.interaction[-1] - self.limit) * largest / k, inside)
        own = variance / k**2
        return float(own @ (squared - 2 * cubed) + collision**2 * (variance @ mass))
