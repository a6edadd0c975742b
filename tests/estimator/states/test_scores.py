"""The forward pass: scores are cosines of the very hidden states transformers gives, however documents are batched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import LoadedModel, load_model
from estimator.states.scores import compute_scores
from estimator.text.kinds import ngram_labels
from estimator.text.sample import Sample, _sample
from estimator.values import VALUES

LENGTHS = [8, 40, 12, 40, 9, 33, 40, 17]


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Eight documents of unequal length with a Zipf law over 250 tokens."""
    rng = np.random.default_rng(5)
    documents = [np.minimum(rng.zipf(1.4, length), 250).astype(np.int32) for length in LENGTHS]
    return _sample(documents, "synthetic", 40)


def _model(folder: Path) -> LoadedModel:
    return load_model(Revision(model=str(folder), name=folder.name, folder=str(folder)), "cpu", "float32", Progress())


def _scores(
    model: LoadedModel, sample: Sample, layers: list[int], draws: int = 2, **options: Any
) -> list[torch.Tensor]:
    anchors = stack_anchors(20, model.width, range(draws))
    out = [torch.full((draws, sample.positions, 20), torch.nan, dtype=torch.float16) for _ in layers]
    compute_scores(model, sample, anchors, layers, out, Progress(), **options)
    return out


def test_agrees_with_the_published_package_through_a_model(tiny_model: Callable[[str], Path], sample: Sample) -> None:
    """soft-entropy 0.1.5 on the hidden states of a real model: same anchors, temperature and positions, every label."""
    accumulator = pytest.importorskip("soft_entropy.accumulator").SoftEntropyAccumulator
    model = _model(tiny_model("olmo2"))
    layers = [1, 2, 3]
    theirs = {layer: accumulator(d=model.width, n_bins=100, seed=5, backend="torch") for layer in layers}
    anchors = theirs[1].w.double().numpy()[None]
    out = [torch.empty((1, sample.positions, 100), dtype=torch.float32) for _ in layers]
    compute_scores(model, sample, anchors, layers, out, Progress())
    labels = {f"{found.granularity} {found.side}": found.ids for found in ngram_labels(sample)}
    rule = parse_temperature(repr(theirs[1].temp))
    scores = [LayerScores(layer, found) for layer, found in zip(layers, out, strict=True)]
    prepared = ngram_estimator(sample, ("frequency",))
    rows = list(measure_layers(prepared, ModelScores(scores, 3, model.depth, model.width), [rule], Progress()))
    for layer in layers:
        theirs[layer].update(
            _states(model, sample, layer), labels={name: torch.tensor(i) for name, i in labels.items()}
        )
        published = theirs[layer].mutual_information()
        for row in (row for row in rows if row.layer == layer):
            assert row.entropy == pytest.approx(theirs[layer].entropy(), abs=1e-5)
            assert row.complexity.plugin == pytest.approx(published[f"{row.granularity} input"], abs=1e-5)
            assert row.expressivity.plugin == pytest.approx(published[f"{row.granularity} output"], abs=1e-5)


def test_states_without_relation_to_the_text_have_no_information(sample: Sample) -> None:
    """At every granularity the corrected value is 0 within its error, and optimality is withheld."""
    rng = np.random.default_rng(2)
    documents = [np.minimum(rng.zipf(1.3, 200), 900).astype(np.int32) for _ in range(40)]
    noise = _sample(documents, "noise", 200)
    states = rng.standard_normal((noise.positions, 64)) + rng.standard_normal(64)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    scores = torch.tensor(np.einsum("pd,rad->rpa", states, stack_anchors(100, 64, range(4)))).half()
    temperatures = [parse_temperature(text) for text in ("exact", "leading-order")]
    prepared = ngram_estimator(noise, ("frequency", "uniform"))
    rows = list(measure_layers(prepared, ModelScores([LayerScores(1, scores)], 1, 4, 64), temperatures, Progress()))
    assert {row.granularity for row in rows} == {"token", "bigram", "trigram", "quadgram"}
    for row in rows:
        for side in (row.complexity, row.expressivity):
            assert abs(side.corrected) < 3 * side.se + 1e-9, row
        assert VALUES["corrected"].optimality(row) is None
        if row.weights == "frequency" and row.granularity != "token":
            assert VALUES["paper"].optimality(row) == pytest.approx(1, abs=0.02)


def _states(model: LoadedModel, sample: Sample, layer: int) -> torch.Tensor:
    rows = []
    for start, end in zip(sample.offsets[:-1], sample.offsets[1:], strict=True):
        tokens = torch.tensor(sample.tokens[start:end][None].astype(np.int64))
        with torch.inference_mode():
            rows.append(model.model(tokens, output_hidden_states=True, use_cache=False).hidden_states[layer][0, 3:-4])
    return torch.cat(rows)


def _by_hand(model: LoadedModel, sample: Sample, layer: int) -> torch.Tensor:
    anchors = torch.tensor(stack_anchors(20, model.width, range(2)), dtype=torch.float64)
    states = torch.nn.functional.normalize(_states(model, sample, layer).double(), dim=-1)
    return torch.einsum("pd,rad->rpa", states, anchors)


@pytest.mark.parametrize("family", ["olmo2", "llama", "gpt_neox", "gpt2", "qwen2", "qwen3"])
def test_scores_are_cosines_of_the_hidden_states(
    tiny_model: Callable[[str], Path], sample: Sample, family: str
) -> None:
    model = _model(tiny_model(family))
    for layer, scores in enumerate(_scores(model, sample, [0, 1, 2, 3])):
        assert torch.allclose(scores.double(), _by_hand(model, sample, layer), atol=1e-3), layer


def test_batches_do_not_matter(tiny_model: Callable[[str], Path], sample: Sample) -> None:
    model = _model(tiny_model("olmo2"))
    one, few, all_at_once = (_scores(model, sample, [1, 2, 3], batch_tokens=tokens) for tokens in (1, 90, 10_000))
    for other in (few, all_at_once):
        for first, second in zip(one, other, strict=True):
            assert torch.allclose(first.float(), second.float(), atol=1e-3)


def test_values_do_not_depend_on_batches_nor_on_the_order_of_documents(
    tiny_model: Callable[[str], Path], sample: Sample
) -> None:
    model = _model(tiny_model("llama"))
    documents = [sample.tokens[start:end] for start, end in zip(sample.offsets[:-1], sample.offsets[1:], strict=True)]
    shuffled = _sample(documents[::-1], "synthetic", 40)
    assert shuffled.digest == sample.digest

    def measure(tokens: int, of: Sample) -> list[float]:
        scores = map(LayerScores, [1, 3], _scores(model, of, [1, 3], batch_tokens=tokens))
        temperatures = [parse_temperature("exact"), parse_temperature("x2")]
        prepared = ngram_estimator(of, ("frequency", "uniform"))
        rows = measure_layers(prepared, ModelScores(scores, 2, 3, model.width), temperatures, Progress())
        return [
            value
            for row in rows
            for side in (row.complexity, row.expressivity)
            for value in (row.entropy, row.ceiling, side.plugin, side.null, side.high, side.se)
        ]

    base = measure(1, sample)
    assert len(base) > 100
    assert measure(10_000, sample) == pytest.approx(base, abs=1e-5)
    assert measure(90, shuffled) == pytest.approx(base, abs=1e-5)


def test_blocks_below_the_deepest_layer_are_not_run(tiny_model: Callable[[str], Path], sample: Sample) -> None:
    model = _model(tiny_model("olmo2"))
    hooks = [len(block._forward_hooks) for block in model.blocks]
    ran: list[int] = []
    handles = [
        block.register_forward_pre_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(model.blocks)
    ]
    shallow = _scores(model, sample, [1], batch_tokens=10_000)
    for handle in handles:
        handle.remove()
    assert set(ran) == {0}
    assert torch.equal(shallow[0], _scores(model, sample, [1, 2, 3], batch_tokens=10_000)[0])
    assert [len(block._forward_hooks) for block in model.blocks] == hooks


def test_states_that_are_not_finite_are_named(tiny_model: Callable[[str], Path], sample: Sample) -> None:
    model = _model(tiny_model("olmo2"))
    with torch.no_grad():
        model.model.get_input_embeddings().weight[1] = torch.inf
    with pytest.raises(InputError, match=r"layer 0 \(and 3 deeper layers\).* of 143 positions") as caught:
        _scores(model, sample, [0, 1, 2, 3])
    assert caught.value.kind == "non-finite"


def test_out_of_memory_halves_the_batch(
    tiny_model: Callable[[str], Path], sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(tiny_model("olmo2"))
    forward = model.model.forward

    def short_of_memory(input_ids: torch.Tensor, **options: Any) -> Any:
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError
        return forward(input_ids=input_ids, **options)

    expected = _scores(model, sample, [2], batch_tokens=10_000)
    monkeypatch.setattr(model.model, "forward", short_of_memory)
    halved = _scores(model, sample, [2], batch_tokens=10_000)
    assert torch.allclose(halved[0].float(), expected[0].float(), atol=1e-3)


def test_labels_are_the_tokens_around_a_position(sample: Sample) -> None:
    sets = {(labels.granularity, labels.side): labels.ids for labels in ngram_labels(sample)}
    positions = sample.position_index()
    for width, granularity in enumerate(("token", "bigram", "trigram", "quadgram"), start=1):
        for side, offsets in (("input", range(1 - width, 1)), ("output", range(1, width + 1))):
            grams = [tuple(sample.tokens[p + o] for o in offsets) for p in positions]
            pairs = set(zip(grams, sets[granularity, side].tolist(), strict=True))
            assert len(pairs) == len(set(grams)) == len(set(sets[granularity, side]))
