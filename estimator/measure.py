"""Measurements from scores: every granularity, side and weighting of every layer and temperature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from estimator.information import Estimator, LayerInformation
from estimator.labels import ngram_labels
from estimator.layers import site
from estimator.measurement import Measurement, Weights
from estimator.progress import Progress
from estimator.sample import Sample
from estimator.tally import document_groups
from estimator.temperature import Temperature


def sample_estimator(sample: Sample, weights: Iterable[Weights], device: torch.device | str = "cpu") -> Estimator:
    """The estimator of a sample's n-gram labels of every granularity, with whole documents as jackknife groups."""
    groups = document_groups(sample.document_of_position())
    return Estimator(ngram_labels(sample), groups, weights=weights, device=device)


def measure_layers(
    estimator: Estimator,
    scores: Iterable[tuple[int, Tensor]],
    layers: int,
    depth: int,
    width: int,
    temperatures: Sequence[Temperature],
    progress: Progress,
) -> Iterator[Measurement]:
    """Measurements of each (layer, scores [draws, positions, anchors]) at each temperature, in the order given.

    ``layers`` is how many there are, ``depth`` and ``width`` are the model's.
    """
    done, total = 0, layers * len(temperatures)
    progress.phase("estimate", 0, total, "layers")
    for layer, layer_scores in scores:
        for temperature in temperatures:
            value = temperature.value(layer_scores.shape[-1], width)
            information = estimator.measure(layer_scores, value)
            yield from _rows(layer, depth, information, temperature.rule, value)
            done += 1
            progress.phase("estimate", done, total, "layers")


def _rows(layer: int, depth: int, found: LayerInformation, rule: str, temperature: float) -> Iterator[Measurement]:
    for labels, weights, complexity in found.information:
        if labels.side != "input":
            continue
        expressivity = found.find(labels.granularity, "output", weights)
        if expressivity is None:
            continue
        yield Measurement(
            layer=layer,
            site=site(layer, depth),
            granularity=labels.granularity,
            weights=weights,
            variant="raw",
            temperature_rule=rule,
            temperature=temperature,
            entropy=found.entropy,
            ceiling=found.ceiling,
            complexity=complexity,
            expressivity=expressivity,
        )
