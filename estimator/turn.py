"""The turn of a training run from expansion to compression, with its uncertainty.

Conklin et al., "Learning is Forgetting: LLM Training As Lossy Compression" (ICLR 2026, arXiv 2604.07569), describe two
phases of pre-training: both informations grow (expansion), then I(X;Z) falls (compression). The turn is the checkpoint
with the largest I(Y;Z) before I(X;Z) falls by more than its error. It is claimed only where that fall is larger than
noise alone makes it in a series without any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from estimator.measurement import MARGIN

FEWEST = 4
"""Checkpoints below which no turn is claimed."""
CONFIDENCE = 0.95
"""Coverage of the interval."""
LEVEL = 0.01
"""Probability with which independent errors of a constant series make a fall that is claimed."""
_REPLICATES = 400
_NULL_REPLICATES = 2000
_SEED = 0

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn: the index of its checkpoint, and the first and last index that cannot be told from it.

    ``errors`` is the fall of I(X;Z) from its largest value, in standard errors of the difference.
    """

    index: int
    first: int
    last: int
    errors: float


@dataclass(frozen=True, slots=True)
class NoTurn:
    """The reason why no turn is claimed, as a clause."""

    reason: str


def find_turn(
    complexity: Sequence[float],
    complexity_se: Sequence[float],
    expressivity: Sequence[float],
    expressivity_se: Sequence[float],
) -> Turn | NoTurn:
    """The turn of checkpoints in training order, from I(X;Z), I(Y;Z) and their standard errors in any one unit.

    Checkpoints with a value or an error that is not finite are left out. The interval holds the 95 % central turns of
    a parametric bootstrap, in which each value is drawn anew with its error. Errors of different checkpoints count as
    independent; those of one sample are correlated, which makes falls more certain than stated. Raises ``ValueError``
    for sequences of different lengths.
    """
    values = np.array([complexity, complexity_se, expressivity, expressivity_se], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values).all(axis=0))
    if len(known) < FEWEST:
        return NoTurn(f"fewer than {FEWEST} checkpoints have values with errors")
    x, x_se, y, y_se = values[:, known]
    x_se = np.maximum(x_se, np.finfo(np.float64).tiny)
    fall = float(_falls(x[None], x_se)[0])
    if not fall > _critical(len(known)):
        return NoTurn("I(X;Z) does not fall by more than its error after its largest value")
    random = np.random.default_rng(_SEED)
    shape = _REPLICATES, len(known)
    drawn = _turns(x + x_se * random.standard_normal(shape), x_se, y + y_se * random.standard_normal(shape))
    index = int(_turns(x[None], x_se, y[None])[0])
    tail = (1 - CONFIDENCE) / 2
    first, last = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf").astype(int)
    return Turn(int(known[index]), int(known[min(first, index)]), int(known[max(last, index)]), fall)


def _drops(x: _Array, se: _Array) -> _Array:
    """How far each value [row, checkpoint] is below its row's largest, in errors of the difference; 0 up to it."""
    peak = x.argmax(axis=1)
    rows = np.arange(len(x))
    drops = (x[rows, peak][:, None] - x) / np.sqrt(se[peak][:, None] ** 2 + se**2)
    return np.where(np.arange(x.shape[1]) > peak[:, None], drops, 0.0)


def _falls(x: _Array, se: _Array) -> _Array:
    falls: _Array = _drops(x, se).max(axis=1)
    return falls


def _turns(x: _Array, se: _Array, y: _Array) -> npt.NDArray[np.intp]:
    """The index of the largest y of each row before the first fall of x by more than its error."""
    fallen = np.logical_or.accumulate(_drops(x, se) > MARGIN, axis=1)
    turns: npt.NDArray[np.intp] = np.where(fallen, -np.inf, y).argmax(axis=1)
    return turns


@lru_cache(maxsize=512)
def _critical(checkpoints: int) -> float:
    """The fall that a constant series of that many checkpoints exceeds with probability :data:`LEVEL`."""
    noise = np.random.default_rng(_SEED).standard_normal((_NULL_REPLICATES, checkpoints))
    return float(np.quantile(_falls(noise, np.ones(checkpoints)), 1 - LEVEL))
