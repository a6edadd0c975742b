"""Measured values, as frozen records that need no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from math import log, sqrt
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
RESOLUTION = 1e-5
"""Information below this is not told from 0: soft assignments are summed in single precision."""


@dataclass(frozen=True, slots=True)
class Information:
    """Mutual information of one label set with Z, each value a fraction of log n (the anchors' entropy), in [0, 1].

    ``plugin`` is the paper's estimate; ``null`` is its expected value for labels with the same counts but no relation
    to Z, and ``within`` for labels dealt anew within each document. ``high`` is the jackknife estimate over document
    groups, or the corrected or adjusted value where that is higher. ``se`` is the standard error of the corrected
    value, over document groups or over shuffled labels, whichever is larger; ``spread`` is the standard deviation of
    ``corrected`` over anchor draws. ``low`` is the lower end of the bracket, and ``adjusted`` the value of
    :mod:`estimator.soft_entropy.adjusted` with its error ``adjusted_se``, None where no label repeats. ``labels``
    counts the distinct labels, ``singletons`` is the share of positions whose label occurs once. ``length`` is the part
    of the null that a difference in length between the completions of pairs makes, None for other labels. Values
    measured before version 3 of the estimator lack ``within``, ``low`` and ``adjusted``.
    """

    plugin: float
    null: float
    high: float
    se: float
    spread: float
    labels: int
    singletons: float
    within: float | None = None
    low: float | None = None
    adjusted: float | None = None
    adjusted_se: float | None = None
    length: float | None = None

    @property
    def corrected(self) -> float:
        """The plug-in estimate minus its null, on average not above the value with documents."""
        return self.plugin - self.null

    @property
    def document_part(self) -> float | None:
        """What the corrected value owes to the documents alone: the null within documents minus the null."""
        return None if self.within is None else self.within - self.null

    @property
    def bracket(self) -> tuple[float, float]:
        """The interval expected to contain the true value for a new document."""
        low = self.corrected - MARGIN * self.se if self.low is None else self.low
        return low, self.high + MARGIN * self.se

    @property
    def is_zero(self) -> bool:
        """Whether the corrected value is indistinguishable from zero."""
        return not self.corrected > max(WITHHOLD_AT * self.se, RESOLUTION)

    @property
    def is_adjusted_zero(self) -> bool:
        """Whether the adjusted value is unknown or indistinguishable from zero."""
        if self.adjusted is None or self.adjusted_se is None:
            return True
        return not self.adjusted > max(WITHHOLD_AT * self.adjusted_se, RESOLUTION)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One point of the information plane: a layer, a granularity, a weighting and a temperature of one checkpoint.

    ``entropy`` is H(Z) and ``ceiling`` the value for one label per position, both as fractions of log n. ``complexity``
    is I(X;Z) and ``expressivity`` I(Y;Z), None for labels with one side. ``layer`` 0 is the embedding; ``"mean"``
    averages layers 1 to the depth. ``covariance`` is that of the two adjusted values. ``variant`` is the transformation
    applied to hidden states before their directions are taken, and ``min_count`` the minimum count of a label with
    weight (1 for frequency weights). ``resultant_length`` and ``participation_ratio`` are those of
    :class:`estimator.states.geometry.Geometry`.
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
    covariance: float | None = None

    @property
    def optimality_se(self) -> float | None:
        """The standard error of the ratio of adjusted values; None if one of them is unknown."""
        x, y = self.complexity, self.expressivity
        if y is None or not x.adjusted or y.adjusted is None or self.covariance is None:
            return None
        assert x.adjusted_se is not None and y.adjusted_se is not None
        ratio = y.adjusted / x.adjusted
        together = max(min(self.covariance, x.adjusted_se * y.adjusted_se), -x.adjusted_se * y.adjusted_se)
        return sqrt(max(y.adjusted_se**2 - 2 * ratio * together + (ratio * x.adjusted_se) ** 2, 0.0)) / abs(x.adjusted)

    @property
    def predictive_share(self) -> float | None:
        """A_Y / I(context;Z): the share of all that Z retains of its context that tells what follows; None if unknown.

        Withheld where Z retains nothing of its context.
        """
        return self._of_context(None if self.expressivity is None else self.expressivity.adjusted)

    @property
    def predictive_share_se(self) -> float | None:
        """The standard error of :attr:`predictive_share`; I(context;Z) has no bias and hardly any error."""
        return self._of_context(None if self.expressivity is None else self.expressivity.adjusted_se)

    def _of_context(self, value: float | None) -> float | None:
        return None if value is None or self.ceiling <= RESOLUTION else value / self.ceiling

    @property
    def weighting(self) -> str:
        """The name of the weighting, with the minimum count if it is not the default."""
        usual = self.weights == "frequency" or self.min_count == MIN_COUNT
        return self.weights if usual else f"{self.weights}>={self.min_count}"


@dataclass(frozen=True, slots=True)
class CheckpointName:
    """The names of a checkpoint and its text, and its place in training as its name states it: no part of a key.

    Checkpoints of equal content have the same measurements under different names.
    """

    model: str
    revision: str
    stage: str | None
    step: int | None
    tokens: int | None
    corpus: str


@dataclass(frozen=True, slots=True)
class CheckpointMeasurements:
    """All measurements of one checkpoint on one sample with one set of anchors: one file of the cache.

    ``model``, ``revision``, ``stage``, ``step``, ``tokens`` and ``corpus`` are its :attr:`name`; ``commit`` (a hub
    commit, or the digest of a local folder) and ``key`` are identifiers. ``depth`` is the number of decoder blocks,
    ``width`` the size of a hidden state, ``positions`` the number of measured token positions in ``documents``
    documents of ``corpus``; ``bytes_per_token`` is the length of the text in UTF-8 bytes divided by its number of
    tokens. ``loss`` is the model's cross-entropy on the sample in nats per token.
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
    def name(self) -> CheckpointName:
        """The names that these measurements carry."""
        return CheckpointName(self.model, self.revision, self.stage, self.step, self.tokens, self.corpus)

    def named(self, name: CheckpointName | None) -> CheckpointMeasurements:
        """The same measurements under another name; None leaves them as they are."""
        if name is None or name == self.name:
            return self
        return replace(self, **{field.name: getattr(name, field.name) for field in fields(name)})

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

    return Information(
        plugin=_mean([s.plugin for s in sides]),
        null=_mean([s.null for s in sides]),
        high=_mean([s.high for s in sides]),
        se=_mean([s.se for s in sides]),
        spread=_mean([s.spread for s in sides]),
        labels=sides[0].labels,
        singletons=sides[0].singletons,
        within=mean_if_known([s.within for s in sides]),
        low=mean_if_known([s.low for s in sides]),
        adjusted=mean_if_known([s.adjusted for s in sides]),
        adjusted_se=mean_if_known([s.adjusted_se for s in sides]),
        length=mean_if_known([s.length for s in sides]),
    )


def mean_over_layers(rows: list[Measurement]) -> Measurement:
    """The average of measurements that differ only in their layer.

    Layers see the same texts, so their errors are treated as fully correlated: the error of the mean is the mean error.
    """

    outputs = [row.expressivity for row in rows if row.expressivity is not None]

    return replace(
        rows[0],
        layer="mean",
        site="mean",
        entropy=_mean([row.entropy for row in rows]),
        ceiling=_mean([row.ceiling for row in rows]),
        complexity=mean_information([row.complexity for row in rows]),
        expressivity=mean_information(outputs) if outputs else None,
        resultant_length=mean_if_known([row.resultant_length for row in rows]),
        participation_ratio=mean_if_known([row.participation_ratio for row in rows]),
        covariance=mean_if_known([row.covariance for row in rows]),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def mean_if_known(values: list[float | None]) -> float | None:
    """The mean of ``values``; None if one of them is unknown."""
    known = [value for value in values if value is not None]
    return _mean(known) if len(known) == len(values) else None
