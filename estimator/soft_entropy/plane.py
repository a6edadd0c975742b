"""Measurements from scores, for every label set, side and weighting at every layer and temperature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from estimator.arrays import IntArray
from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, Measurement, Weights
from estimator.progress import Progress
from estimator.soft_entropy.documents import DocumentEstimator
from estimator.soft_entropy.information import Estimator, LayerInformation
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.sweep import Estimate, ModelScores, sweep
from estimator.soft_entropy.temperature import Temperature
from estimator.states.layers import site
from estimator.text.kinds import LABELS, NGRAMS
from estimator.text.labels import LabelKind, LabelSet, LabelText, Null
from estimator.text.sample import Sample


class LabelEstimator(Protocol):
    """An estimator of the information about label sets of one sample, for every layer, draw and temperature."""

    min_count: int

    @property
    def nbytes(self) -> int:
        """Memory required, in bytes."""

    def measure(self, scores: Tensor, temperature: float) -> LayerInformation:
        """Information of one layer from its ``scores`` [draws, positions, anchors] (cosines) at temperature ε."""


def label_estimator(
    text: LabelText,
    kinds: Sequence[LabelKind],
    weights: Iterable[Weights],
    device: torch.device | str = "cpu",
    min_count: int = MIN_COUNT,
) -> LabelEstimator:
    """The estimator of ``kinds`` of labels that share a null, with whole documents as jackknife groups.

    Raises :class:`InputError`: ``"min-count"`` when no label occurs ``min_count`` times, ``"granularity"`` when all
    positions have the same label.
    """
    document = text.sample.document_of_position()
    return estimator_of(text.label_sets(kinds), kinds[0].null, document, text.units, weights, device, min_count)


def estimator_of(
    sets: Sequence[LabelSet],
    null: Null,
    document: IntArray,
    unit: IntArray,
    weights: Iterable[Weights],
    device: torch.device | str = "cpu",
    min_count: int = MIN_COUNT,
) -> LabelEstimator:
    """The estimator of label sets that share a ``null``; ``document`` [positions] ascends from 0 without gaps.

    ``unit`` [documents] numbers what belongs together, such as copies. Where every position is a document of its own,
    labels are dealt within jackknife groups. There is one set only where the null shuffles whole documents or pairs.
    Raises as :func:`label_estimator` does.
    """
    weights = tuple(weights)
    for labels in sets:
        if labels.labels < 2:
            raise InputError(
                "granularity",
                f"All positions have the same {labels.granularity} label, so there is no information to "
                "measure: choose other labels.",
            )
    if "uniform" in weights and max(int(one.counts.max()) for one in sets) < min_count:
        raise InputError("min-count", f"No label of this sample occurs {min_count} times: lower --min-count.")
    if null == "positions":
        together = unit[document]
        group, within = document_groups(together), None if len(unit) == len(document) else together
        return Estimator(sets, group, within, weights=weights, min_count=min_count, device=device)
    (labels,) = sets
    in_pairs = null == "pairs"
    return DocumentEstimator(
        document, labels, in_pairs=in_pairs, unit=unit, weights=weights, min_count=min_count, device=device
    )


def ngram_estimator(
    sample: Sample, weights: Iterable[Weights], device: torch.device | str = "cpu", min_count: int = MIN_COUNT
) -> LabelEstimator:
    """The estimator of a sample's token to quadgram labels; raises as :func:`label_estimator` does."""
    return label_estimator(LabelText(sample, LABELS), LABELS.chain(NGRAMS[-1]), weights, device, min_count)


def measure_layers(
    measured: LabelEstimator, model: ModelScores, temperatures: Sequence[Temperature], progress: Progress
) -> Iterator[Measurement]:
    """Measurements of each layer at each temperature, in the order of :func:`estimator.soft_entropy.sweep.sweep`."""
    for estimate in sweep(measured.measure, model, temperatures, progress):
        yield from _rows(estimate, model.depth, measured.min_count)


def _rows(estimate: Estimate[LayerInformation], depth: int, min_count: int) -> Iterator[Measurement]:
    item, found = estimate.item, with_monotone_low(estimate.found)
    two_sided = {labels.granularity for labels, _, _ in found.information if labels.side == "output"}
    for labels, weights, complexity in found.information:
        if labels.side != "input":
            continue
        expressivity = found.find(labels.granularity, "output", weights)
        if expressivity is None and labels.granularity in two_sided:
            continue  # no output label is frequent enough for these weights
        yield Measurement(
            layer=item.layer,
            site=site(item.layer, depth),
            granularity=labels.granularity,
            weights=weights,
            min_count=min_count if weights == "uniform" else 1,
            variant=item.variant,
            temperature_rule=estimate.temperature.rule,
            temperature=estimate.epsilon,
            entropy=found.entropy,
            ceiling=found.ceiling,
            complexity=complexity,
            expressivity=expressivity,
            covariance=found.covariance(labels.granularity, weights),
            resultant_length=item.geometry.resultant_length if item.geometry else None,
            participation_ratio=item.geometry.participation_ratio if item.geometry else None,
        )


def with_monotone_low(found: LayerInformation) -> LayerInformation:
    """The same with the lower end of each bracket at least that of the labels it refines, which it contains."""
    best: dict[tuple[str, str, Weights], float] = {}
    rows = []
    for labels, weights, value in found.information:
        kind = LABELS.get(labels.granularity)
        narrower = best.get((kind.within, labels.side, weights)) if kind and kind.within else None
        if value.low is not None and narrower is not None:
            value = replace(value, low=max(value.low, narrower))
        if value.low is not None:
            best[labels.granularity, labels.side, weights] = value.low
        rows.append((labels, weights, value))
    return replace(found, information=tuple(rows))
