"""Random groups of positions, from which the null and the scatter of independent labels are estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.soft_entropy.assignment import column_squares, column_sums, entropy

ROWS = 32_768
"""Maximum number of grouped positions."""
_LEAST_ROWS = 8192
"""A sample with fewer positions is grouped in several orders, up to this number of grouped positions."""
LEAST_GROUPS = 8
"""Minimum number of groups of one size in one order."""
_PAIR_ROWS = 512
"""Maximum number of positions that are compared pairwise."""
_SEED = 20_240_907


def random_rows(positions: int) -> npt.NDArray[np.int64]:
    """The positions to group, in random orders [orders, rows]; the same for every layer and draw."""
    rng = np.random.Generator(np.random.PCG64(_SEED))
    orders = [rng.permutation(positions) for _ in range(max(_LEAST_ROWS // positions, 1))]
    return np.stack(orders)[:, :ROWS].astype(np.int64)


@dataclass(frozen=True, slots=True)
class RandomGroups:
    """Statistics of groups of random positions, in one anchor draw or averaged over draws; on the device.

    There are ``counts`` groups of each of ``sizes`` positions. ``values`` [3, groups] are a group's divergence from the
    marginal, its chi-square and the mean e_i = KL(p_i ‖ p̂) of its positions. ``surprise`` [rows] is −Σ_j p_ij log p̂_j
    of each position, ``products`` the inner products of (p_i − p̂) / √(2 p̂) for pairs of positions, and ``trace`` the
    mean of those of a position with itself; all in units of log n.
    """

    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    values: Tensor
    surprise: Tensor
    products: Tensor
    trace: Tensor

    @classmethod
    def mean(cls, draws: Sequence[RandomGroups]) -> RandomGroups:
        """The same groups' values, averaged over anchor draws."""
        return cls(
            draws[0].sizes,
            draws[0].counts,
            torch.stack([draw.values for draw in draws]).mean(0),
            torch.stack([draw.surprise for draw in draws]).mean(0),
            torch.stack([draw.products for draw in draws]).mean(0),
            torch.stack([draw.trace for draw in draws]).mean(0),
        )

    def moments(self) -> Tensor:
        """The moments of the groups' statistics, concatenated [12 sizes + 6].

        Means [3] and covariances [9] of ``values``, size by size; the covariances [4] of e_i and surprise over
        positions; the mean squared product of two positions, which is tr Σ² of p / √(2 p̂), and the trace of Σ.
        """
        each = [torch.cat([part.mean(1), torch.cov(part).flatten()]) for part in self.values.split(self.counts, dim=1)]
        singles = torch.cov(torch.stack([self.values[2, : len(self.surprise)], self.surprise]))
        rows = len(self.products)
        square = (self.products.square().sum() - self.products.diagonal().square().sum()) / (rows * (rows - 1))
        return torch.cat([*each, singles.flatten(), square[None], self.trace[None]])


def random_groups(p: Tensor, row_entropy: Tensor, rows: Tensor) -> RandomGroups:
    """Groups of soft assignments ``p`` [positions, anchors], taken in the orders ``rows`` [orders, rows].

    Groups of 1, 2, 4 … and of 3, 6, 12 … positions are built by merging neighbours, so that all sizes together cost
    less than three passes.
    """
    marginal = column_sums(p) / len(p)
    safe = marginal.clamp_min(torch.finfo(torch.float32).tiny)
    unit = float(np.log(p.shape[1]))
    log_marginal, inverse = (-safe.log() / unit).to(p.dtype), (0.5 / safe / unit).to(p.dtype)
    shuffled = p[rows]
    surprise = (shuffled @ log_marginal).double()
    own = surprise - row_entropy[rows].double()
    sizes: list[int] = []
    values: list[Tensor] = []
    whole = rows.shape[1] // 3 * 3
    thirds = [each[:, :whole].unflatten(1, (-1, 3)).sum(2).div_(3) for each in (shuffled, own)]
    for size, (means, own_means) in ((1, (shuffled, own)), (3, thirds)):
        while means.shape[1] >= LEAST_GROUPS or (size == 1 and means.shape[1] > 1):
            divergence = own if size == 1 else (means @ log_marginal).double() - entropy(means).double()
            chi_square = (means.square() @ inverse).double() - 0.5 / unit
            values.append(torch.stack([divergence, chi_square, own_means]).flatten(1))
            sizes.append(size)
            means, own_means = _merged(means), _merged(own_means)
            size *= 2
    x = (shuffled[0, :_PAIR_ROWS] - marginal.to(p.dtype)) * inverse.sqrt()
    variance = (column_squares(p) / len(p) - marginal.square()).clamp_min(0) * len(p) / (len(p) - 1)
    trace = (variance / safe).sum() / (2 * unit)
    counts = tuple(part.shape[1] for part in values)
    return RandomGroups(tuple(sizes), counts, torch.cat(values, dim=1), surprise.flatten(), (x @ x.T).double(), trace)


def _merged(means: Tensor) -> Tensor:
    """Means [orders, groups, ...] of neighbouring groups, two by two; an odd one is dropped."""
    even = means.shape[1] // 2 * 2
    return means[:, 0:even:2].add(means[:, 1:even:2]).mul_(0.5)
