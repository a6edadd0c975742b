"""Labels of token positions: the n-grams that end at a position (input) or follow it (output)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from estimator.arrays import IntArray
from estimator.measurement import GRANULARITIES, SIDES, Granularity, Side

if TYPE_CHECKING:
    from estimator.text.sample import Sample


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A label for every position: ``ids`` [positions] in 0..labels-1, and ``counts`` [labels] of each."""

    granularity: Granularity
    side: Side
    ids: IntArray
    counts: IntArray

    @property
    def labels(self) -> int:
        """How many distinct labels occur."""
        return len(self.counts)

    @property
    def singletons(self) -> float:
        """Share of positions whose label occurs once."""
        return float((self.counts == 1).sum() / len(self.ids))


def label_set(values: npt.ArrayLike, granularity: Granularity = "token", side: Side = "input") -> LabelSet:
    """A label set from one value of any kind per position."""
    _, ids, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return LabelSet(granularity, side, ids.astype(np.int64), counts.astype(np.int64))


def ngram_labels(sample: Sample, granularities: Iterable[Granularity] = GRANULARITIES) -> list[LabelSet]:
    """Input labels X = (t_{i-k+1} … t_i) and output labels Y = (t_{i+1} … t_{i+k}) of the sample's positions.

    Every width k uses the same positions. A wider label is the inverse index of the pair (narrower label, next token),
    so its number stays below positions × distinct tokens and cannot overflow, whatever the vocabulary.
    """
    wanted = set(granularities)
    positions = sample.position_index()
    vocabulary, tokens = np.unique(sample.tokens, return_inverse=True)
    result = []
    for side in SIDES:
        ids = np.zeros(len(positions), dtype=np.int64)
        for step, granularity in enumerate(GRANULARITIES):
            offset = -step if side == "input" else step + 1
            _, ids, counts = np.unique(
                ids * len(vocabulary) + tokens[positions + offset], return_inverse=True, return_counts=True
            )
            if granularity in wanted:
                result.append(LabelSet(granularity, side, ids.astype(np.int64), counts.astype(np.int64)))
    return result
