"""Measurements from scores: every granularity, side and weighting of every layer and temperature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estimator.errors import InputError
from estimator.geometry import Geometry
from estimator.information import Estimator, LayerInformation
from estimator.labels import ngram_labels
from estimator.layers import site
from estimator.measurement import MIN_COUNT, Measurement, Variant, Weights
from estimator.progress import Progress
from estimator.sample import Sample
from estimator.tally import document_groups
from estimator.temperature import Temperature, at_each


@dataclass(frozen=True, slots=True, eq=False)
class LayerScores:
    """Scores [draws, positions, anchors] of one layer in one variant, with the geometry of its states where known."""

    layer: int
    scores: Tensor
    variant: Variant = "raw"
    geometry: Geometry | None = None


def sample_estimator(
    sample: Sample, weights: Iterable[Weights], device: torch.device | str = "cpu", min_count: int = MIN_COUNT
) -> Estimator:
    """The estimator of a sample's n-gram labels of every granularity, with whole documents as jackknife groups.

    Raises :class:`InputError` (``"min-count"``) when no label occurs ``min_count`` times.
    """
    groups = document_groups(sample.document_of_position())
    labels = ngram_labels(sample)
    weights = tuple(weights)
    if "uniform" in weights and max(int(one.counts.max()) for one in labels) < min_count:
        raise InputError("min-count", f"No label of this sample occurs {min_count} times: lower --min-count.")
    return Estimator(labels, groups, weights=weights, min_count=min_count, device=device)


def measure_layers(
    estimator: Estimator,
    scores: Iterable[LayerScores],
    layers: int,
    depth: int,
    width: int,
    temperatures: Sequence[Temperature],
    progress: Progress,
) -> Iterator[Measurement]:
    """Measurements of each layer's scores at each temperature, in the order given.

    ``layers`` is how many scores there are, ``depth`` and ``width`` are the model's.
    """
    for item, temperature in at_each(temperatures, scores, layers, progress):
        value = temperature.value(item.scores.shape[-1], width)
        information = estimator.measure(item.scores, value)
        yield from _rows(item, depth, information, estimator.min_count, temperature.rule, value)


def _rows(
    item: LayerScores, depth: int, found: LayerInformation, min_count: int, rule: str, temperature: float
) -> Iterator[Measurement]:
    for labels, weights, complexity in found.information:
        if labels.side != "input":
            continue
        expressivity = found.find(labels.granularity, "output", weights)
        if expressivity is None:
            continue
        yield Measurement(
            layer=item.layer,
            site=site(item.layer, depth),
            granularity=labels.granularity,
            weights=weights,
            min_count=min_count if weights == "uniform" else 1,
            variant=item.variant,
            temperature_rule=rule,
            temperature=temperature,
            entropy=found.entropy,
            ceiling=found.ceiling,
            complexity=complexity,
            expressivity=expressivity,
            resultant_length=item.geometry.resultant_length if item.geometry else None,
            participation_ratio=item.geometry.participation_ratio if item.geometry else None,
        )
