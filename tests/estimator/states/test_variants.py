"""Variants of hidden states, their geometry and the loss: what leaves the information unchanged, and what must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.measurement import VARIANTS, Measurement, Variant
from estimator.progress import Progress
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.geometry import participation_ratio
from estimator.states.loading import LoadedModel, load_model
from estimator.states.loss import LossSum
from estimator.states.scores import compute_scores
from estimator.states.variants import Moments, compute_moments, normalisation
from estimator.text.sample import Sample, _sample

DEPTH, WIDTH = 3, 32


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Twelve documents of unequal length with a Zipf law over 250 tokens."""
    rng = np.random.default_rng(11)
    documents = [np.minimum(rng.zipf(1.3, length), 250).astype(np.int32) for length in [60, 8, 45, 60, 33, 60] * 2]
    return _sample(documents, "synthetic", 60)


@pytest.fixture
def model(tiny_model: Callable[[str], Path]) -> LoadedModel:
    return _load(tiny_model("llama"))


def _load(folder: Path, **options: Any) -> LoadedModel:
    revision = Revision(model=str(folder), name=folder.name, folder=str(folder))
    return load_model(revision, "cpu", "float32", Progress(), **options)


def _after_the_norm(model: LoadedModel, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change the states of the last layer, and nothing that is computed from them."""
    model.model.norm.register_forward_hook(lambda _module, _inputs, output: change(output))


def _measure(
    model: LoadedModel, sample: Sample, variants: Sequence[Variant] = VARIANTS, batch_tokens: int = 500
) -> dict[Variant, Measurement]:
    """The last layer's token row in each variant."""
    moments = compute_moments(model, sample, [DEPTH], Progress(), batch_tokens=batch_tokens)[DEPTH]
    out = [torch.empty((2, sample.positions, 20), dtype=torch.float16) for _ in variants]
    geometry = compute_scores(
        model,
        sample,
        stack_anchors(20, WIDTH, range(2)),
        [DEPTH] * len(variants),
        out,
        Progress(),
        normalisations=[normalisation(variant, moments) for variant in variants],
        batch_tokens=batch_tokens,
    )
    scores = map(LayerScores, [DEPTH] * len(variants), out, variants, geometry)
    prepared = ngram_estimator(sample, ("frequency",))
    rows = measure_layers(prepared, ModelScores(scores, 1, DEPTH, WIDTH), [parse_temperature("exact")], Progress())
    return {row.variant: row for row in rows if row.granularity == "token"}


def _values(row: Measurement) -> list[float]:
    sides = [value for side in (row.complexity, row.expressivity) for value in (side.plugin, side.null, side.high)]
    return [row.entropy, row.ceiling, *sides]


def test_a_constant_vector_changes_raw_values_only(model: LoadedModel, sample: Sample) -> None:
    before = _measure(model, sample)
    constant = 20 * torch.randn(WIDTH, generator=torch.Generator().manual_seed(3))
    _after_the_norm(model, lambda states: states + constant)
    after = _measure(model, sample)
    for variant in ("centred", "standardised"):
        assert _values(after[variant]) == pytest.approx(_values(before[variant]), abs=1e-3)
    assert after["raw"].complexity.plugin < 0.2 * before["raw"].complexity.plugin
    assert before["raw"].resultant_length < 0.6 < 0.99 < after["raw"].resultant_length
    ratios = [row.participation_ratio for row in (before["raw"], before["centred"], after["raw"], after["centred"])]
    assert ratios == pytest.approx([ratios[0]] * 4, rel=1e-3)


def test_a_rogue_dimension_leaves_standardised_values(model: LoadedModel, sample: Sample) -> None:
    before = _measure(model, sample)
    rogue = torch.ones(WIDTH)
    rogue[5] = 300
    _after_the_norm(model, lambda states: states * rogue + 500 * (rogue > 1))
    after = _measure(model, sample)
    assert _values(after["standardised"]) == pytest.approx(_values(before["standardised"]), abs=1e-3)
    assert after["raw"].complexity.plugin < 0.5 * before["raw"].complexity.plugin
    assert abs(after["centred"].complexity.plugin - before["centred"].complexity.plugin) > 0.02
    assert after["raw"].participation_ratio < 1.1
    assert after["standardised"].participation_ratio == pytest.approx(before["standardised"].participation_ratio)


def test_variants_do_not_depend_on_batches(model: LoadedModel, sample: Sample) -> None:
    one, all_at_once = (_measure(model, sample, batch_tokens=tokens) for tokens in (1, 10_000))
    for variant in VARIANTS:
        assert _values(one[variant]) == pytest.approx(_values(all_at_once[variant]), abs=1e-5)
        assert one[variant].resultant_length == pytest.approx(all_at_once[variant].resultant_length, abs=1e-6)
        assert one[variant].participation_ratio == pytest.approx(all_at_once[variant].participation_ratio, rel=1e-5)


def test_a_halved_batch_is_counted_once(
    tiny_model: Callable[[str], Path], sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory runs out in the last layer, when the first has been read already."""
    model = _load(tiny_model("llama"), with_head=True)
    forward = model.model.norm.forward

    def short_of_memory(states: torch.Tensor) -> torch.Tensor:
        if len(states) > 2:
            raise torch.OutOfMemoryError
        return forward(states)

    def measured() -> tuple[list[float], float, Moments]:
        loss = LossSum(model.head, sample)
        out = [torch.empty((1, sample.positions, 4), dtype=torch.float16) for _ in (1, 3)]
        found = compute_scores(
            model, sample, stack_anchors(4, WIDTH, [0]), [1, 3], out, Progress(), loss=loss, batch_tokens=10_000
        )
        moments = compute_moments(model, sample, [1, 3], Progress(), batch_tokens=10_000)[1]
        return [geometry.resultant_length for geometry in found], loss.mean, moments

    lengths, loss, moments = measured()
    monkeypatch.setattr(model.model.norm, "forward", short_of_memory)
    halved_lengths, halved_loss, halved_moments = measured()
    assert halved_lengths == pytest.approx(lengths, abs=1e-6)
    assert halved_loss == pytest.approx(loss, abs=1e-6)
    assert halved_moments.count == moments.count == sample.positions
    assert torch.allclose(halved_moments.variance, moments.variance, rtol=1e-5)


def test_moments_of_parts_merge_to_those_of_all() -> None:
    z = torch.randn(700, 5, generator=torch.Generator().manual_seed(1)) * torch.tensor([1, 2, 30, 1e-3, 0]) + 1000
    parts = [Moments.of(part) for part in (z[:1], z[1:90], z[90:])]
    merged = parts[0].merged(parts[1]).merged(parts[2])
    assert merged.count == 700
    assert torch.allclose(merged.mean, z.double().mean(0), rtol=1e-6)
    assert torch.allclose(merged.variance, z.double().var(0, correction=0), rtol=1e-3, atol=1e-9)


def test_standardising_drops_dimensions_that_do_not_vary() -> None:
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    z[:, 1] = 7.3
    made = normalisation("standardised", Moments.of(z))
    assert made is not None
    states = made.apply(z)
    assert states[:, 1].abs().max() == 0
    assert torch.allclose(states[:, [0, 2]].var(0, correction=0), torch.ones(2), atol=1e-4)


@pytest.mark.parametrize("width", [16, 300])
def test_participation_ratio_is_that_of_the_distribution(width: int) -> None:
    """The plug-in ratio of 400 rows would be 171 of 300: sampling makes directions of its own."""
    scale = torch.linspace(0.5, 1.5, width)
    z = torch.randn(400, width, generator=torch.Generator().manual_seed(2)) * scale
    variance = scale.double().square()
    truth = float(variance.sum().square() / variance.square().sum())
    for states in (z, z * 1e-15, z * 1e15, z + 50):
        assert participation_ratio(states) == pytest.approx(truth, rel=0.03)


def test_participation_ratio_of_a_line_and_of_a_point() -> None:
    line = torch.linspace(-1, 1, 100)[:, None] * torch.arange(1.0, 9.0)
    assert participation_ratio(line + 3) == pytest.approx(1, rel=0.02)
    assert participation_ratio(torch.full((100, 8), 0.1)) is None
    assert participation_ratio(line[:3]) is None


def test_resultant_length_is_that_of_the_mean_direction(model: LoadedModel, sample: Sample) -> None:
    found = _measure(model, sample, ("raw",))["raw"]
    directions = []
    for start, end in zip(sample.offsets[:-1], sample.offsets[1:], strict=True):
        tokens = torch.tensor(sample.tokens[start:end][None].astype(np.int64))
        with torch.inference_mode():
            states = model.model(tokens, use_cache=False).last_hidden_state[0, 3:-4]
        directions.append(torch.nn.functional.normalize(states.double(), dim=-1))
    assert found.resultant_length == pytest.approx(float(torch.cat(directions).mean(0).norm()), abs=1e-6)


def _loss(model: LoadedModel, sample: Sample, batch_tokens: int) -> float:
    assert model.head is not None
    loss = LossSum(model.head, sample)
    assert (
        compute_scores(
            model, sample, stack_anchors(4, WIDTH, [0]), [], [], Progress(), loss=loss, batch_tokens=batch_tokens
        )
        == []
    )
    return loss.mean


@pytest.mark.parametrize("family", ["olmo2", "gpt_neox", "gpt2", "qwen2"])
def test_loss_is_the_models_own(tiny_model: Callable[[str], Path], sample: Sample, family: str) -> None:
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(tiny_model(family), dtype="float32")
    total = 0.0
    for start, end in zip(sample.offsets[:-1], sample.offsets[1:], strict=True):
        tokens = torch.tensor(sample.tokens[start:end][None].astype(np.int64))
        with torch.inference_mode():
            total += float(whole(tokens, labels=tokens).loss) * int(end - start - 1)
    expected = total / (len(sample.tokens) - sample.documents)
    model = _load(tiny_model(family), with_head=True)
    assert _loss(model, sample, 1) == pytest.approx(expected, abs=1e-5)
    assert _loss(model, sample, 10_000) == pytest.approx(expected, abs=1e-5)


def test_loss_in_chunks_is_the_same(
    tiny_model: Callable[[str], Path], sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _load(tiny_model("olmo2"), with_head=True)
    expected = _loss(model, sample, 10_000)
    monkeypatch.setattr("estimator.states.loss.LOGITS", 7 * 300)
    assert _loss(model, sample, 10_000) == pytest.approx(expected, abs=1e-6)


def test_logits_that_are_not_the_output_embeddings_are_refused(
    tiny_model: Callable[[str], Path], tmp_path: Path, tiny_tokenizer: Any
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
    config = AutoConfig.for_model("cohere", **shape, num_key_value_heads=4, vocab_size=300, logit_scale=0.0625)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    assert _load(tmp_path).head is None
    with pytest.raises(InputError, match="leave out --loss"):
        _load(tmp_path, with_head=True)


def test_uniform_weights_name_their_minimum_count(model: LoadedModel, sample: Sample) -> None:
    scores = [LayerScores(1, torch.rand((1, sample.positions, 20), dtype=torch.float32).half())]

    def rows(min_count: int) -> list[Measurement]:
        prepared = ngram_estimator(sample, ("frequency", "uniform"), min_count=min_count)
        return list(
            measure_layers(prepared, ModelScores(scores, 1, DEPTH, WIDTH), [parse_temperature("exact")], Progress())
        )

    few, many = rows(2), rows(9)
    assert {row.min_count for row in few if row.weights == "uniform"} == {2}
    assert {row.min_count for row in few if row.weights == "frequency"} == {1}
    assert {row.weighting for row in many} == {"frequency", "uniform>=9"}
    assert [row for row in few if row.weights == "frequency"] == [row for row in many if row.weights == "frequency"]
    values = [next(row.complexity for row in found if row.weights == "uniform") for found in (few, many)]
    assert values[0].plugin > 1.2 * values[1].plugin
    with pytest.raises(InputError, match="No label of this sample occurs 100000 times") as caught:
        rows(100_000)
    assert caught.value.kind == "min-count"
