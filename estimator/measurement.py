"""Measured values, as frozen records that need no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import log
from typing import Literal

Granularity = str
"""The name of a kind of labels in :data:`estimator.text.kinds.LABELS`."""
Side = Literal["input", "output"]
SIDES: tuple[Side, ...] = ("input", "output")
Weights = Literal["frequency", "uniform"]
WEIGHTS: tuple[Weights, ...] = ("frequency", "uniform")
Variant = Literal["raw", "centred", "standardised"]
VARIANTS: tuple[Variant, ...] = ("raw", "centred", "standardised")
Site = Literal["embedding", "block", "final_norm", "mean"]
Layer = int | Literal["mean"]

MIN_COUNT = 5
"""Labels that occur less often are excluded from uniform weights (as in the paper's predecessor)."""
WITHHOLD_AT = 3.0
"""A ratio is withheld when its denominator is within this many standard errors of zero."""
MARGIN = 2.0
"""Standard errors by which the bracket extends beyond its two estimates."""


@dataclass(frozen=True, slots=True)
class Information:
    """Mutual information of one label set with Z, each value a fraction of log n (the anchors' entropy), in [0, 1].

    ``plugin`` is the paper's estimate; ``null`` is its expected value for labels with the same counts but no relation
    to Z; ``high`` is the jackknife estimate over document groups; ``se`` is the standard error of the corrected value,
    over document groups or over shuffled labels, whichever is larger; ``spread`` is the standard deviation of
    ``corrected`` over anchor draws. ``labels`` counts the distinct labels, ``singletons`` is the share of positions
    whose label occurs once.
    """

    plugin: float
    null: float
    high: float
    se: float
    spread: float
    labels: int
    singletons: float

    @property
    def corrected(self) -> float:
        """The plug-in estimate minus its null: the default value, on average not above the true one."""
        return self.plugin - self.null

    @property
    def bracket(self) -> tuple[float, float]:
        """The interval expected to contain the true value: corrected to jackknife, widened by :data:`MARGIN` errors."""
        return self.corrected - MARGIN * self.se, self.high + MARGIN * self.se

    @property
    def is_zero(self) -> bool:
        """Whether the corrected value is indistinguishable from zero."""
        return not self.corrected > WITHHOLD_AT * self.se


@dataclass(frozen=True, slots=True)
class Measurement:
    """One point of the information plane: a layer, a granularity, a weighting and a temperature of one checkpoint.

    ``entropy`` is H(Z) and ``ceiling`` the value for one label per position, both as fractions of log n. ``complexity``
    is I(X;Z) and ``expressivity`` I(Y;Z), None for labels with one side. ``layer`` 0 is the embedding; ``"mean"``
    averages layers 1 to the depth. ``variant`` is the transformation applied to hidden states before their directions
    are taken, and ``min_count`` the minimum count of a label with weight (1 for frequency weights).
    ``resultant_length`` and ``participation_ratio`` are those of :class:`estimator.states.geometry.Geometry`.
    """

    layer: Layer
    site: Site
    granularity: Granularity
    weights: Weights
    variant: Variant
    temperature_rule: str
    temperature: float
    entropy: float
    ceiling: float
    complexity: Information
    expressivity: Information | None
    resultant_length: float | None = None
    participation_ratio: float | None = None
    min_count: int = 1

    @property
    def weighting(self) -> str:
        """The name of the weighting, with the minimum count if it is not the default."""
        usual = self.weights == "frequency" or self.min_count == MIN_COUNT
        return self.weights if usual else f"{self.weights}>={self.min_count}"


@dataclass(frozen=True, slots=True)
class CheckpointMeasurements:
    """All measurements of one checkpoint on one sample with one set of anchors: one file of the cache.

    ``model`` and ``revision`` are names for display; ``commit`` (a hub commit, or the digest of a local folder) and
    ``key`` are identifiers. ``depth`` is the number of decoder blocks, ``width`` the size of a hidden state,
    ``positions`` the number of measured token positions in ``documents`` documents of ``corpus``; ``bytes_per_token``
    is the length of the text in UTF-8 bytes divided by its number of tokens. ``loss`` is the model's cross-entropy on
    the sample in nats per token.
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
    rows: tuple[Measurement, ...]
    bytes_per_token: float | None = None
    loss: float | None = None

    @property
    def bits_per_byte(self) -> float | None:
        """The loss in bits per byte of text, comparable across tokenizers; None if it was not measured."""
        return None if self.loss is None or not self.bytes_per_token else self.loss / log(2) / self.bytes_per_token

    def select(
        self,
        *,
        layers: Iterable[Layer] | None = None,
        granularity: Granularity | None = None,
        weights: Weights | None = None,
        temperature_rule: str | None = None,
        variant: Variant | None = None,
        min_count: int | None = None,
    ) -> tuple[Measurement, ...]:
        """The matching rows, in stored order; ``"mean"`` rows are computed on demand from rows 1 to ``depth``.

        ``min_count`` filters uniform weights only.
        """
        wanted = None if layers is None else set(layers)
        rows = [
            row
            for row in self.rows
            if (granularity is None or row.granularity == granularity)
            and (weights is None or row.weights == weights)
            and (temperature_rule is None or row.temperature_rule == temperature_rule)
            and (variant is None or row.variant == variant)
            and (min_count is None or row.weights == "frequency" or row.min_count == min_count)
        ]
        chosen = [row for row in rows if wanted is None or row.layer in wanted]
        if wanted is not None and "mean" in wanted:
            chosen += _layer_means(rows, self.depth)
        return tuple(chosen)


def _layer_means(rows: Iterable[Measurement], depth: int) -> list[Measurement]:
    groups: dict[tuple[str | int, ...], list[Measurement]] = {}
    for row in rows:
        if row.layer != 0:
            alike = (row.granularity, row.weights, row.min_count, row.variant, row.temperature_rule)
            groups.setdefault(alike, []).append(row)
    return [mean_over_layers(group) for group in groups.values() if len(group) == depth]


def mean_information(sides: list[Information]) -> Information:
    """The average of one label set over layers. Layers share their texts, so the mean's error is the mean error."""

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    return Information(
        plugin=mean([s.plugin for s in sides]),
        null=mean([s.null for s in sides]),
        high=mean([s.high for s in sides]),
        se=mean([s.se for s in sides]),
        spread=mean([s.spread for s in sides]),
        labels=sides[0].labels,
        singletons=sides[0].singletons,
    )


def mean_over_layers(rows: list[Measurement]) -> Measurement:
    """The average of measurements that differ only in their layer.

    Layers see the same texts, so their errors are treated as fully correlated: the error of the mean is the mean error.
    """

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    def maybe(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return mean(known) if len(known) == len(values) else None

    outputs = [row.expressivity for row in rows if row.expressivity is not None]

    return replace(
        rows[0],
        layer="mean",
        site="mean",
        entropy=mean([row.entropy for row in rows]),
        ceiling=mean([row.ceiling for row in rows]),
        complexity=mean_information([row.complexity for row in rows]),
        expressivity=mean_information(outputs) if outputs else None,
        resultant_length=maybe([row.resultant_length for row in rows]),
        participation_ratio=maybe([row.participation_ratio for row in rows]),
    )
