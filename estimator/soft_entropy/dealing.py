"""Labels dealt anew within documents: permutations that keep each document's labels and their counts.

What a state knows of its document survives, and everything that it knows of its own token is lost. Labels that are
dealt within documents give the information that is due to documents and to chance, whatever the label set.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from estimator.arrays import IntArray

DEALS = 4
"""Permutations of a sample; several anchor draws take turns, so that their noise is independent between draws."""
_SEED = 20_261_126


def dealt_within(document: IntArray) -> npt.NDArray[np.int64]:
    """Permutations [DEALS, positions] of the positions within each ``document`` [positions].

    A document's number may occur anywhere: positions with the same number are dealt together.
    """
    rng = np.random.Generator(np.random.PCG64(_SEED))
    places = np.argsort(document, kind="stable")
    dealt = np.empty((DEALS, len(document)), dtype=np.int64)
    for one in dealt:
        one[places] = np.lexsort((rng.random(len(document)), document))
    return dealt


def turns(draw: int, draws: int) -> range:
    """The permutations of :data:`DEALS` that one of ``draws`` anchor draws uses: a single draw, or one of two, two."""
    return range(draw % DEALS, DEALS, max(draws, 2))
