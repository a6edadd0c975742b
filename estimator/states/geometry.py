"""Geometry of hidden states, which may explain a small information value.

The mean resultant length measures how closely all states point in one direction, the participation ratio over how many
dimensions they spread. Both are computed in the forward pass that computes the scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ROWS = 1024
"""Positions from which the participation ratio is estimated: 16 MB per layer for states of width 4096."""
_SEED = 20_250_329


@dataclass(frozen=True, slots=True)
class Geometry:
    """Mean resultant length and participation ratio of one layer's states.

    ``resultant_length`` is ‖mean z̄‖ in [0, 1]: 1 when all states point in one direction, about 0 when directions
    balance. ``participation_ratio`` is (tr C)² / tr C² of their covariance C, from 1 (a line) to the width (a ball);
    None if undefined: fewer than 4 positions, or states that do not differ.
    """

    resultant_length: float
    participation_ratio: float | None


def chosen_rows(positions: int) -> npt.NDArray[np.int64]:
    """The positions from which the participation ratio is estimated, at most 1,024 at random, ascending."""
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(positions)
    return np.sort(order[:ROWS]).astype(np.int64)


def participation_ratio(z: Tensor) -> float | None:
    """(tr C)² / tr C² of the distribution that z [positions, width] was drawn from; None if undefined.

    tr C² is the unbiased estimate of the Hilbert–Schmidt norm from the Gram matrix (Song et al. 2012, eq. 5): that of
    the sample's own covariance is too large by (tr C)² / positions, which would cap the ratio at the number of
    positions.
    """
    n = len(z)
    if n < 4:
        return None
    centred = z.double() - z.double().mean(0)
    size = centred.square().sum().sqrt()
    if not size > torch.finfo(torch.float32).eps * z.double().square().sum().sqrt():
        return None
    # Scaled before squaring, so that states of any magnitude stay within float32.
    scaled = (centred / size * n**0.5).float()
    gram = (scaled @ scaled.T).double()
    trace = gram.trace() / (n - 1)
    gram.fill_diagonal_(0)
    sums = gram.sum(0)
    square = (gram.square().sum() + sums.sum().square() / ((n - 1) * (n - 2)) - 2 / (n - 2) * sums.square().sum()) / (
        n * (n - 3)
    )
    ratio = float(trace.square() / square)
    return min(max(ratio, 1.0), float(z.shape[1])) if square > 0 else float(z.shape[1])
