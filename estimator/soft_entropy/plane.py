"""Measurements from scores: every granularity, side and weighting of every layer and temperature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, Measurement, Weights
from estimator.progress import Progress
from estimator.soft_entropy.information import Estimator, LayerInformation
from estimator.soft_entropy.jackknife import document_groups
from estimator.soft_entropy.sweep import Estimate, ModelScores, sweep
from estimator.soft_entropy.temperature import Temperature
from estimator.states.layers import site
from estimator.text.labels import ngram_labels
from estimator.text.sample import Sample


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
    estimator: Estimator, model: ModelScores, temperatures: Sequence[Temperature], progress: Progress
) -> Iterator[Measurement]:
    """Measurements of each layer at each temperature, in the order of :func:`estimator.soft_entropy.sweep.sweep`."""
    for estimate in sweep(estimator.measure, model, temperatures, progress):
        yield from _rows(estimate, model.depth, estimator.min_count)


def _rows(estimate: Estimate[LayerInformation], depth: int, min_count: int) -> Iterator[Measurement]:
    item, found = estimate.item, estimate.found
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
            temperature_rule=estimate.temperature.rule,
            temperature=estimate.epsilon,
            entropy=found.entropy,
            ceiling=found.ceiling,
            complexity=complexity,
            expressivity=expressivity,
            resultant_length=item.geometry.resultant_length if item.geometry else None,
            participation_ratio=item.geometry.participation_ratio if item.geometry else None,
        )
