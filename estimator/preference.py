"""What layers keep of preference, as frozen records that need no torch. They are no points of the plane: one axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from estimator.measurement import Information, Layer, Site, Weights, mean_information

PREFERENCE: Literal["preference"] = "preference"


@dataclass(frozen=True, slots=True)
class Preference:
    """I(pref;Z) of one layer, weighting and temperature: how much of chosen or rejected a completion's states tell.

    ``entropy`` is H(Z) over completion tokens and ``ceiling`` what one label per position would score, both fractions
    of log n. The null of ``information`` is that of chosen and rejected swapped within pairs at random.
    """

    layer: Layer
    site: Site
    weights: Weights
    variant: str
    temperature_rule: str
    temperature: float
    entropy: float
    ceiling: float
    information: Information


@dataclass(frozen=True, slots=True)
class CheckpointPreferences:
    """All that was measured of one checkpoint on the pairs of one preference set.

    The fields are those of :class:`estimator.measurement.CheckpointMeasurements`; ``documents`` counts completions, two
    of each pair, and ``positions`` their tokens.
    """

    key: str
    model: str
    revision: str
    commit: str
    stage: str | None
    step: int | None
    tokens: int | None
    depth: int
    width: int
    corpus: str
    sample: str
    documents: int
    positions: int
    anchors: int
    anchor_seeds: tuple[int, ...]
    dtype: str
    estimator_version: str
    rows: tuple[Preference, ...]

    def select(self, layers: Iterable[Layer]) -> tuple[Preference, ...]:
        """The rows of these layers in order; ``"mean"`` rows are made on the way from layers 1 to ``depth``."""
        wanted = set(layers)
        rows = [row for row in self.rows if row.layer in wanted]
        return (*rows, *(_layer_means(self.rows, self.depth) if "mean" in wanted else ()))


def _layer_means(rows: Iterable[Preference], depth: int) -> list[Preference]:
    groups: dict[tuple[str, ...], list[Preference]] = {}
    for row in rows:
        if row.layer != 0:
            groups.setdefault((row.weights, row.variant, row.temperature_rule), []).append(row)
    return [
        replace(
            group[0],
            layer="mean",
            site="mean",
            entropy=sum(row.entropy for row in group) / depth,
            ceiling=sum(row.ceiling for row in group) / depth,
            information=mean_information([row.information for row in group]),
        )
        for group in groups.values()
        if len(group) == depth
    ]
