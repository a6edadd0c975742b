"""What is done on a CUDA device keeps its rules, and gives the numbers of the CPU: on a pretended one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from estimator.checkpoints.revision import Revision
from estimator.measurement import Measurement
from estimator.progress import Progress
from estimator.soft_entropy.increments import increment_estimator
from estimator.soft_entropy.plane import label_estimator, measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import LoadedModel, load_model
from estimator.states.loss import LossSum
from estimator.states.scores import compute_scores
from estimator.states.variants import compute_moments, normalisation
from estimator.text.kinds import LABELS
from estimator.text.labels import LabelText
from estimator.text.pair_sample import PairSample
from estimator.text.sample import Sample, _sample
from tests.pretended_cuda import DEVICE, Pretended, pretend, pretend_cuda

LAYERS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def sample() -> Sample:
    rng = np.random.default_rng(3)
    documents = [np.minimum(rng.zipf(1.4, length), 250).astype(np.int32) for length in rng.integers(20, 60, 20)]
    return _sample(documents, "synthetic", 60)


def _loaded(folder: Path) -> LoadedModel:
    return load_model(Revision(str(folder), folder.name, folder=str(folder)), "cpu", "float32", Progress())


def _rows(model: LoadedModel, sample: Sample, out: list[torch.Tensor]) -> tuple[list[Measurement], float]:
    """Rows of all layers, and the loss; ``out`` holds the scores raw and then standardised."""
    anchors, layers = stack_anchors(50, model.width, (0, 1)), [*LAYERS, *LAYERS]
    moments = compute_moments(model, sample, LAYERS, Progress(), batch_tokens=200)
    normalisations = [None] * len(LAYERS) + [normalisation("standardised", moments[layer]) for layer in LAYERS]
    assert model.head is not None
    loss = LossSum(model.head, sample)
    lies = compute_scores(
        model, sample, anchors, layers, out, Progress(), normalisations=normalisations, loss=loss, batch_tokens=200
    )
    scores = (LayerScores(layer, one, "raw", shape) for layer, one, shape in zip(layers, out, lies, strict=True))
    prepared = ngram_estimator(sample, ("frequency", "uniform"), model.device, 5)
    temperatures = [parse_temperature("exact")]
    given = ModelScores(scores, len(layers), model.depth, model.width)
    return [*measure_layers(prepared, given, temperatures, Progress())], loss.mean


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_a_measurement(
    tiny_model: Callable[[str], Path], sample: Sample, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """From states to values, with scores left in main memory, and with scores left on the device."""
    folder, shape = tiny_model("olmo2"), (2, sample.positions, 50)
    model = load_model(Revision(str(folder), "tiny", folder=str(folder)), "cpu", "float32", Progress(), with_head=True)
    expected = _rows(model, sample, [torch.empty(shape, dtype=torch.float16) for _ in range(2 * len(LAYERS))])
    pretend_cuda(monkeypatch)
    out = [torch.full(shape, torch.nan, dtype=torch.float16, device=where) for _ in range(2 * len(LAYERS))]
    assert model.head is not None
    there = replace(model, model=pretend(model.model), head=pretend(model.head), device=DEVICE)
    assert _rows(there, sample, out) == expected
    assert all(isinstance(one, Pretended) == (where == "cuda") for one in out)


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_increments_and_preference(sample: Sample, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    pairs = PairSample(sample.tokens, sample.offsets, "set", "0" * 64, 60, starts=np.full(sample.documents, 5))
    scores = {one.digest: torch.rand(2, one.positions, 50) for one in (sample, pairs)}

    text, paired = LabelText(sample, LABELS), LabelText(pairs, LABELS)

    def measure(device: str, where: str) -> object:
        increments = increment_estimator(text, device).measure(scores[sample.digest].to(where), 0.1)
        prepared = label_estimator(paired, LABELS.family(["preference"]), ("frequency",), device)
        preference = prepared.measure(scores[pairs.digest].to(where), 0.1)
        return increments, preference.entropy, preference.ceiling, [value for *_, value in preference.information]

    expected = measure("cpu", "cpu")
    pretend_cuda(monkeypatch)
    assert measure("cuda", where) == expected
