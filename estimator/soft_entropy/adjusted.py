"""Adjusted information: the share of what could be known beyond chance, scaled to the most that could be known.

With the plug-in value I, its mean null when labels are dealt anew within each document, and R, the value of one label
per position (I(context;Z), which has no bias because no two contexts are equal),

    A = R · (I − null) / (R − null),

the adjusted mutual information of Vinh, Epps and Bailey (2010) with R for its maximum. It is 0 where Z knows only the
document, and R where Z is a function of the label. Rare labels have both a larger null and a larger share of signal
taken away with it, so the fraction is taken for labels of similar frequency, and the products with R are summed. Labels
that occur once say nothing by themselves, and take the fraction of the least frequent that repeat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray
from estimator.measurement import RESOLUTION


@dataclass(frozen=True, slots=True)
class Binned:
    """Contributions to information by bins of label frequency, [..., groups + 1, bins].

    ``plugin`` is as labelled, ``within`` with labels dealt within documents, and ``most`` with one label per position.
    Bin 0 holds labels that occur once.
    """

    plugin: FloatArray
    within: FloatArray
    most: FloatArray

    @classmethod
    def of(cls, draws: Iterable[Binned]) -> Binned:
        """The contributions of several anchor draws, along a first axis."""
        return cls(*map(np.stack, zip(*((one.plugin, one.within, one.most) for one in draws), strict=True)))

    def mean(self) -> Binned:
        """The mean over the first axis, the draws."""
        return Binned(self.plugin.mean(0), self.within.mean(0), self.most.mean(0))

    def adjusted(self) -> tuple[FloatArray, FloatArray] | None:
        """A [groups + 1], and its derivative by the information of each bin in full [bins].

        None when no label repeats, or those that do leave no room between chance and the most.
        """
        room = self.most - self.within
        is_open = room > RESOLUTION * np.maximum(self.most, RESOLUTION)
        fraction = np.where(is_open, (self.plugin - self.within) / np.where(is_open, room, 1.0), 0.0)
        repeated = np.flatnonzero(is_open[0, 1:]) + 1
        if not len(repeated):
            return None
        weight = self.most.copy()
        weight[:, repeated[0]] += weight[:, 0]
        weight[:, 0] = 0.0
        slope = np.where(is_open[0], weight[0] / np.where(is_open[0], room[0], 1.0), 0.0)
        return (weight * fraction).sum(-1), slope
