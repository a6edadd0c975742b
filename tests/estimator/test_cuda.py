"""The CPU and a CUDA device give the same numbers; skipped where there is no such device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from estimator.checkpoints.revision import Revision
from estimator.measurement import Measurement
from estimator.progress import Progress
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import load_model
from estimator.states.scores import compute_scores
from estimator.text.sample import Sample, _sample

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

LAYERS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def sample() -> Sample:
    rng = np.random.default_rng(11)
    documents = [np.minimum(rng.zipf(1.4, length), 250).astype(np.int32) for length in rng.integers(20, 200, 40)]
    return _sample(documents, "synthetic", 200)


def _rows(folder: Path, sample: Sample, device: str, batch_tokens: int) -> list[Measurement]:
    model = load_model(Revision(str(folder), folder.name, folder=str(folder)), device, "float32", Progress())
    anchors = stack_anchors(50, model.width, (0, 1))
    out = [torch.full((2, sample.positions, 50), torch.nan, dtype=torch.float16) for _ in LAYERS]
    geometry = compute_scores(model, sample, anchors, LAYERS, out, Progress(), batch_tokens=batch_tokens)
    scores = (LayerScores(layer, one, "raw", lies) for layer, one, lies in zip(LAYERS, out, geometry, strict=True))
    prepared = ngram_estimator(sample, ("frequency", "uniform"), device)
    temperatures = [parse_temperature("exact")]
    given = ModelScores(scores, len(LAYERS), model.depth, model.width)
    return list(measure_layers(prepared, given, temperatures, Progress()))


@pytest.mark.parametrize("family", ["olmo2", "gpt2"])
def test_every_value_is_that_of_the_cpu(tiny_model: Callable[[str], Path], sample: Sample, family: str) -> None:
    expected = _rows(tiny_model(family), sample, "cpu", 2048)
    for batch_tokens in (200, 1000, 100_000):  # many batches on the way at once, and a single one
        found = _rows(tiny_model(family), sample, "cuda", batch_tokens)
        for row, other in zip(found, expected, strict=True):
            assert (row.layer, row.granularity, row.weights) == (other.layer, other.granularity, other.weights)
            assert row.entropy == pytest.approx(other.entropy, abs=1e-4)
            assert row.ceiling == pytest.approx(other.ceiling, abs=1e-4)
            assert row.resultant_length == pytest.approx(other.resultant_length, abs=1e-4)
            assert row.participation_ratio == pytest.approx(other.participation_ratio, rel=1e-3)
            for side, expected_side in ((row.complexity, other.complexity), (row.expressivity, other.expressivity)):
                for name in ("plugin", "null", "high", "se"):
                    assert getattr(side, name) == pytest.approx(getattr(expected_side, name), abs=1e-4), name
