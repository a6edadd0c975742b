"""The soft entropy of hidden states, as the paper defines it (Conklin et al., arXiv 2604.07569, section 3).

A hidden state z is normalised and softly assigned to n anchors w_j, unit vectors drawn at random, at temperature ε:

    z̄ = z / ‖z‖
    p_j = softmax_j(z̄·w_j / ε)

The mean of p over all positions is a distribution over anchors; its entropy, divided by the maximum log n, is the
entropy of the states. The mean over the positions of a label x has an entropy as well; the information that the states
carry about labels X of weights π(x) is the difference:

    p̂ = mean p
    H(Z) = −Σ_j p̂_j log p̂_j / log n
    I(X;Z) = H(Z) − Σ_x π(x) H(Z|x)

The cosines z̄·w_j are the *scores* computed by :mod:`estimator.states.scores`; :mod:`.tally` sums p by label, and
:mod:`.information` computes the estimate.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK = {"cpu": 4096, "cuda": 262_144, "mps": 65_536}
"""Rows processed at once, by device type: enough to fit a CPU's cache or to occupy a GPU."""


def soft_assignments(scores: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """p_j = softmax_j(score_j / ε) [positions, anchors] and each row's entropy [positions], in units of log n."""
    p = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
    row_entropy = torch.empty(len(p), dtype=torch.float32, device=scores.device)
    block = BLOCK[p.device.type]
    for rows, given, out in zip(p.split(block), scores.split(block), row_entropy.split(block), strict=True):
        log_p = torch.log_softmax(rows.copy_(given).div_(temperature), dim=-1)
        # A probability that underflows to 0 has no logarithm; the smallest float32 is negligible.
        torch.exp(log_p, out=rows).add_(torch.finfo(torch.float32).tiny)
        torch.linalg.vecdot(rows, log_p, out=out)
    return p, row_entropy.div_(-float(np.log(p.shape[-1])))


def column_sums(p: Tensor) -> Tensor:
    """Σ p over positions, float64 [anchors], of p [positions, anchors]; divided by their number it is p̂."""
    return torch.stack([block.sum(0) for block in p.split(BLOCK[p.device.type])]).double().sum(0)


def column_squares(p: Tensor) -> Tensor:
    """Σ p² over positions, float64 [anchors], of p [positions, anchors]."""
    blocks = p.split(BLOCK[p.device.type])
    return torch.stack([torch.linalg.vecdot(block.T, block.T) for block in blocks]).double().sum(0)


def entropy(q: Tensor) -> Tensor:
    """H(q) of each row of q > 0 [..., anchors], as a fraction of log n (the paper's efficiency).

    Means of p are positive. The differences of sums in :mod:`.documents` may be 0, and the order of addition differs
    between torch and numpy, so that module has a function of its own.
    """
    surprise: Tensor = torch.linalg.vecdot(q, q.log())
    return surprise.div_(-float(np.log(q.shape[-1])))
