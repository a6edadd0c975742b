"""Random groups of positions, from which the null and the scatter of independent labels are estimated.

The null's error would be the same at every layer and draw if all used the same groups, and would remain in their mean.
So each draw adds orders of positions of its own to those that all draws share; the scatter of a mean over draws needs
the shared ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimator.soft_entropy.assignment import column_squares, column_sums, entropy
from estimator.soft_entropy.dealing import DEALS, turns

ROWS = 8192
"""Maximum number of positions in one order, and number of grouped positions in the orders that all draws share."""
GROUPED = 3 * ROWS
"""Number of positions that one anchor draw groups, at most: shared orders, and one or two sets of its own."""
LEAST_GROUPS = 8
"""Minimum number of groups of one size in one order."""
_PAIR_ROWS = 512
"""Maximum number of positions that are compared pairwise."""
_SEED = 20_240_907


@dataclass(frozen=True, slots=True)
class Orders:
    """Random orders of positions, int64 [orders, rows]: those ``shared`` by all draws, and ``own`` [DEALS, …]."""

    shared: Tensor
    own: Tensor

    @classmethod
    def of(cls, positions: int, device: torch.device | str = "cpu") -> Orders:
        """The orders of a sample; the same for every layer."""
        rng = np.random.Generator(np.random.PCG64(_SEED))
        rows = min(positions, ROWS)
        orders = [[rng.permutation(positions)[:rows] for _ in range(-(-ROWS // rows))] for _ in range(DEALS + 1)]
        shared, *own = torch.from_numpy(np.array(orders, dtype=np.int64)).to(device)
        return cls(shared, torch.stack(own))

    def of_draw(self, draw: int, draws: int) -> Tensor:
        """The orders of one of several anchor draws [orders, rows]; the shared ones come first."""
        return torch.cat([self.shared, *self.own[turns(draw, draws)]])


@dataclass(frozen=True, slots=True)
class RandomGroups:
    """Statistics of groups of random positions, in one anchor draw or averaged over draws; on the device.

    ``values`` are, for each of ``sizes``, [3, orders, groups]: a group's divergence from the marginal, its chi-square
    and the mean e_i = KL(p_i ‖ p̂) of its positions. ``products`` are the inner products of (p_i − p̂) / √(2 p̂) for
    pairs of positions, and ``trace`` the mean of those of a position with itself; all in units of log n.
    """

    sizes: tuple[int, ...]
    values: tuple[Tensor, ...]
    products: Tensor
    trace: Tensor

    @classmethod
    def mean(cls, draws: Sequence[RandomGroups], shared: int) -> RandomGroups:
        """The values of the groups in the first ``shared`` orders, averaged over anchor draws."""
        first = draws[0]
        return cls(
            first.sizes,
            tuple(
                torch.stack([draw.values[size][:, :shared] for draw in draws]).mean(0)
                for size in range(len(first.sizes))
            ),
            torch.stack([draw.products for draw in draws]).mean(0),
            torch.stack([draw.trace for draw in draws]).mean(0),
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of groups of each size."""
        return tuple(part[0].numel() for part in self.values)

    def moments(self) -> Tensor:
        """The moments of the groups' statistics, concatenated [12 sizes + 2].

        Means [3] and covariances [9] of ``values``, size by size; the mean squared product of two positions, which is
        tr Σ² of p / √(2 p̂), and the trace of Σ.
        """
        each = [torch.cat([part.mean(1), torch.cov(part).flatten()]) for part in (v.flatten(1) for v in self.values)]
        rows = len(self.products)
        square = (self.products.square().sum() - self.products.diagonal().square().sum()) / (rows * (rows - 1))
        return torch.cat([*each, square[None], self.trace[None]])


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
    own = (shuffled @ log_marginal).double() - row_entropy[rows].double()
    sizes: list[int] = []
    values: list[Tensor] = []
    whole = rows.shape[1] // 3 * 3
    thirds = [each[:, :whole].unflatten(1, (-1, 3)).sum(2).div_(3) for each in (shuffled, own)]
    for size, (means, own_means) in ((1, (shuffled, own)), (3, thirds)):
        while means.shape[1] >= LEAST_GROUPS or (size == 1 and means.shape[1] > 1):
            divergence = own if size == 1 else (means @ log_marginal).double() - entropy(means).double()
            chi_square = (means.square() @ inverse).double() - 0.5 / unit
            values.append(torch.stack([divergence, chi_square, own_means]))
            sizes.append(size)
            means, own_means = _merged(means), _merged(own_means)
            size *= 2
    x = (shuffled[0, :_PAIR_ROWS] - marginal.to(p.dtype)) * inverse.sqrt()
    variance = (column_squares(p) / len(p) - marginal.square()).clamp_min(0) * len(p) / (len(p) - 1)
    trace = (variance / safe).sum() / (2 * unit)
    return RandomGroups(tuple(sizes), tuple(values), (x @ x.T).double(), trace)


def _merged(means: Tensor) -> Tensor:
    """Means [orders, groups, ...] of neighbouring groups, two by two; an odd one is dropped."""
    even = means.shape[1] // 2 * 2
    return means[:, 0:even:2].add(means[:, 1:even:2]).mul_(0.5)
