"""Anchors: the reference directions w_j to which hidden states are softly assigned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from estimator.arrays import FloatArray

_DIGEST_WIDTH = 64


def draw_anchors(anchors: int, width: int, seed: int) -> FloatArray:
    """Anchors [anchors, width] of unit length: normalised standard normal rows.

    Drawn from numpy's PCG64 in float64, so that they are the same for every device and batch size.
    """
    rows = np.random.Generator(np.random.PCG64(seed)).standard_normal((anchors, width))
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def stack_anchors(anchors: int, width: int, seeds: Sequence[int]) -> FloatArray:
    """The draws of several seeds, [draws, anchors, width]."""
    return np.stack([draw_anchors(anchors, width, seed) for seed in seeds])


@cache
def anchors_digest(anchors: int, seeds: tuple[int, ...]) -> str:
    """SHA-256 of the draws of ``seeds`` at a fixed width, as little-endian float32, the precision of their use.

    Part of the identity of a measured value, because numpy does not guarantee the same normal numbers from a seed in
    every version. Drawn once per process, however many checkpoints are identified.
    """
    return hashlib.sha256(stack_anchors(anchors, _DIGEST_WIDTH, seeds).astype("<f4").tobytes()).hexdigest()
