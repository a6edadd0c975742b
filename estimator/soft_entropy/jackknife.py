"""The jackknife: document groups, and information with bracket and errors from leave-one-group-out values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from estimator.arrays import FloatArray, IntArray
from estimator.measurement import MARGIN, Information
from estimator.soft_entropy.adjusted import Binned
from estimator.text.labels import LabelSet


def document_groups(document: IntArray, groups: int = 16) -> IntArray:
    """A group number per position: whole documents in runs of about equal positions, at most ``groups`` groups.

    ``document`` [positions] numbers documents, or units of documents that belong together, from 0 in any order.
    """
    sizes = np.bincount(document)
    ends = np.cumsum(sizes)
    wanted = min(groups, int((sizes > 0).sum()))
    raw = np.minimum(((ends - sizes / 2) * wanted / len(document)).astype(np.int64), wanted - 1)
    compact: IntArray = np.unique(raw[document], return_inverse=True)[1]
    return compact


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance alone gives of one label set: ``null`` [draws, groups + 1], with the error ``null_error`` of a curve.

    ``shuffling`` is the variance of information under shuffled labels, with a factor for each bin of label frequency
    (None: 1), and ``deals`` the number of shuffles within documents that were averaged (None: the same as ``null``).
    """

    null: FloatArray
    null_error: float
    shuffling: Callable[[FloatArray | None], float]
    deals: int | None


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Information, with the adjusted value without each document group, [groups]; None where it is not defined."""

    information: Information
    adjusted_without: FloatArray | None


def bracketed(binned: Binned, chance: Chance, labels: LabelSet) -> Bracketed:
    """Information from the parts of each draw [draws, groups + 1, bins]: in full, then without each document group.

    The lower end of the bracket is that of the value corrected within documents, the upper end the jackknife estimate.
    Every error is that of the mean over draws: the larger of the scatter between groups and that of shuffled labels.
    """
    by_draw = binned.plugin[:, 0].sum(-1) - chance.null[:, 0]
    binned, null = binned.mean(), chance.null.mean(0)
    plugin, within = binned.plugin.sum(-1), binned.within.sum(-1)
    groups = len(plugin) - 1
    high = groups * plugin[0] - (groups - 1) * plugin[1:].mean()
    shuffling = chance.shuffling(None)
    dealt = 1 + 1 / chance.deals if chance.deals else 1.0
    found = binned.adjusted()
    value, factor = found if found is not None else (None, None)
    within_se = _error(plugin - within, shuffling * dealt)
    information = Information(
        plugin=float(plugin[0]),
        null=float(null[0]),
        high=float(max(high, plugin[0] - null[0], 0.0 if value is None else value[0])),
        se=_error(plugin - null, shuffling + chance.null_error**2),
        spread=spread(by_draw),
        labels=labels.labels,
        singletons=labels.singletons,
        within=float(within[0]),
        low=float(plugin[0] - within[0] - MARGIN * within_se),
        adjusted=None if value is None else float(value[0]) + 0.0,  # no -0.0
        adjusted_se=None if value is None else _error(value, chance.shuffling(factor) * dealt),
    )
    return Bracketed(information, None if value is None else value[1:])


def scatter(first: FloatArray, second: FloatArray) -> float:
    """The jackknife covariance of two values from those without each document group, [groups]."""
    groups = len(first)
    return float((groups - 1) / groups * ((first - first.mean()) * (second - second.mean())).sum())


def _error(values: FloatArray, shuffling: float) -> float:
    """The standard error of values [groups + 1] that scatter by ``shuffling`` (a variance) at least."""
    return float(np.sqrt(max(scatter(values[1:], values[1:]), shuffling)))


def spread(by_draw: FloatArray) -> float:
    """The standard deviation over anchor draws [draws], 0 for a single one."""
    return float(by_draw.std(ddof=1)) if len(by_draw) > 1 else 0.0
