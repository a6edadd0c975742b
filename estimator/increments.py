"""Information that each further token of context adds to a layer, as frozen records that need no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from estimator.measurement import Layer, Side, Site, mean_if_known


@dataclass(frozen=True, slots=True)
class Increment:
    """Information that the ``order``-th token of context adds to a layer, on one ``side``, given the nearer tokens.

    ``increment`` is the plug-in information of ``order``-grams minus its mean over shuffles of their labels within the
    narrower labels of each document, as a fraction of log n; at order 1 it is the corrected information of the token
    itself. ``se`` is its standard error over document groups, ``spread`` the standard deviation over anchor draws.
    ``share`` is the share of positions that contribute: those whose narrower label has several continuations in their
    document, at least one of them repeated. ``adjusted`` is the fraction of what those positions could add, times what
    is left of I(context;Z), with its error ``adjusted_se``: an estimate of the difference of the adjusted values of
    both labels; None where no position contributes.
    """

    layer: Layer
    site: Site
    side: Side
    order: int
    temperature_rule: str
    temperature: float
    increment: float
    se: float
    spread: float
    share: float
    adjusted: float | None = None
    adjusted_se: float | None = None


@dataclass(frozen=True, slots=True)
class CheckpointIncrements:
    """All increments of one checkpoint; ``measurements`` is the key of the corresponding measurements."""

    measurements: str
    rows: tuple[Increment, ...]

    def select(self, layers: Iterable[Layer], depth: int) -> tuple[Increment, ...]:
        """The rows of these layers in order; ``"mean"`` rows are computed on demand from layers 1 to ``depth``."""
        wanted = set(layers)
        rows = [row for row in self.rows if row.layer in wanted]
        return (*rows, *(_layer_means(self.rows, depth) if "mean" in wanted else ()))


def _layer_means(rows: Iterable[Increment], depth: int) -> list[Increment]:
    """Means over layers 1 to ``depth``. Layers share their texts, so the error of the mean is the mean error."""
    groups: dict[tuple[str, str, int], list[Increment]] = {}
    for row in rows:
        if row.layer != 0:
            groups.setdefault((row.temperature_rule, row.side, row.order), []).append(row)
    return [
        replace(
            group[0],
            layer="mean",
            site="mean",
            increment=sum(row.increment for row in group) / depth,
            se=sum(row.se for row in group) / depth,
            spread=sum(row.spread for row in group) / depth,
            adjusted=mean_if_known([row.adjusted for row in group]),
            adjusted_se=mean_if_known([row.adjusted_se for row in group]),
        )
        for group in groups.values()
        if len(group) == depth
    ]
