"""What each further token of context adds to what a layer keeps, as frozen records that need no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from estimator.measurement import Layer, Side, Site


@dataclass(frozen=True, slots=True)
class Increment:
    """What the ``order``-th token of context adds, on one ``side``, to what a layer keeps of the nearer ones.

    ``increment`` is the plug-in information of ``order``-grams less its mean when those labels are shuffled within the
    narrower ones, a fraction of log n; at order 1 it is the corrected information of the token itself. ``se`` is its
    standard error over document groups, ``spread`` the standard deviation over anchor draws. ``share`` is the part of
    the positions that can tell: whose narrower label has several continuations, one of them seen more than once.
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


@dataclass(frozen=True, slots=True)
class CheckpointIncrements:
    """All increments of one checkpoint; ``measurements`` is the key of the measurements that they stand beside."""

    measurements: str
    rows: tuple[Increment, ...]

    def select(self, layers: Iterable[Layer], depth: int) -> tuple[Increment, ...]:
        """The rows of these layers in order; ``"mean"`` rows are made on the way from layers 1 to ``depth``."""
        wanted = set(layers)
        rows = [row for row in self.rows if row.layer in wanted]
        return (*rows, *(_layer_means(self.rows, depth) if "mean" in wanted else ()))


def _layer_means(rows: Iterable[Increment], depth: int) -> list[Increment]:
    """Means over layers 1 to ``depth``; layers see the same texts, so the error of the mean is the mean error."""
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
        )
        for group in groups.values()
        if len(group) == depth
    ]
