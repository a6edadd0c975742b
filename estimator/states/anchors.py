"""Anchors: the reference directions w_j to which hidden states are softly assigned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def draw_anchors(anchors: int, width: int, seed: int) -> FloatArray:
    """Anchors [anchors, width] of unit length: normalised standard normal rows.

    Drawn from numpy's PCG64 in float64, so that every device and every batch size sees the same ones.
    """
    rows = np.random.Generator(np.random.PCG64(seed)).standard_normal((anchors, width))
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def stack_anchors(anchors: int, width: int, seeds: Sequence[int]) -> FloatArray:
    """The draws of several seeds, [draws, anchors, width]."""
    return np.stack([draw_anchors(anchors, width, seed) for seed in seeds])


def anchors_digest(stacked: FloatArray) -> str:
    """SHA-256 of stacked anchors as little-endian float32, the precision in which they are used."""
    return hashlib.sha256(stacked.astype("<f4").tobytes()).hexdigest()
