"""Cost of a whole measurement, compared with the bare forward pass and with the published package.

    python -m benchmarks measure [rounds]

OLMo2 of three sizes with random weights on documents of 256 tokens from the documentation strings, float32, CPU: text
to values, all layers, 4 granularities, both sides, with null, jackknife, error and geometry. Every round runs each
contender once, in order; medians and ratios are printed, in wall time and in processor time.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Olmo2ForCausalLM, PreTrainedTokenizerFast

from benchmarks.setting import SHAPES, Timing, forward_alone, in_turn, random_model
from estimator.progress import Progress
from estimator.soft_entropy.plane import measure_layers, ngram_estimator
from estimator.soft_entropy.sweep import LayerScores, ModelScores
from estimator.soft_entropy.temperature import parse_temperature
from estimator.states.anchors import stack_anchors
from estimator.states.loading import LoadedModel
from estimator.states.scores import compute_scores
from estimator.text.corpus import Corpus
from estimator.text.sample import tokenise
from estimator.text.sources import open_corpus

DOCUMENTS = {"1M": 128, "33M": 128, "135M": 32}
LENGTH = 256
ANCHORS = 100
FORWARD, ONE, FOUR = "forward pass alone", "whole measurement, 1 draw", "whole measurement, 4 draws"
PUBLISHED = "soft-entropy LLMInferrer"


def train_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer trained on ``texts``."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|end|>")


def whole_measurement(model: LoadedModel, corpus: Corpus, tokenizer: Any, documents: int, draws: int) -> int:
    """Measure from text to values; returns the number of values."""
    progress = Progress()
    sample = tokenise(corpus, tokenizer, documents, LENGTH, progress)
    layers = range(1, model.depth + 1)
    out = [torch.empty((draws, sample.positions, ANCHORS), dtype=torch.float16) for _ in layers]
    anchors = stack_anchors(ANCHORS, model.width, range(draws))
    geometry = compute_scores(model, sample, anchors, layers, out, progress)
    scores = (LayerScores(layer, one, "raw", lies) for layer, one, lies in zip(layers, out, geometry, strict=True))
    prepared = ngram_estimator(sample, ("frequency",))
    given = ModelScores(scores, model.depth, model.depth, model.width, torch.get_num_threads())
    return len(list(measure_layers(prepared, given, [parse_temperature("exact")], progress)))


def published(folder: Path, texts: Path, documents: int) -> Callable[[], object] | None:
    """soft-entropy's LLMInferrer on the same texts with 3 granularities; None if it is not installed."""
    try:
        from soft_entropy.llm import LLMInferrer
    except ImportError:
        return None
    with contextlib.redirect_stderr(io.StringIO()):
        sizes = {"n_bins": ANCHORS, "max_length": LENGTH}
        inferrer = LLMInferrer(str(folder), str(texts), ["unigram", "bigram", "trigram"], **sizes)

    def run() -> object:
        for accumulator in inferrer.accs:
            accumulator.reset()
        with contextlib.redirect_stderr(io.StringIO()):
            return inferrer.run(n_examples=documents, batch_size=8)

    return run


def compare(size: str, rounds: int, *, documents: int | None = None, with_published: bool = False) -> dict[str, Timing]:
    """Time a model of that size, and the published package if requested and installed."""
    documents = documents or DOCUMENTS[size]
    shape = SHAPES[size]
    corpus = open_corpus("docstrings", Progress())
    texts = list(corpus.texts())
    tokenizer = train_tokenizer(texts, shape.vocabulary)
    model = random_model(shape, LENGTH)
    sample = tokenise(corpus, tokenizer, documents, LENGTH, Progress())
    parameters = sum(p.numel() for p in model.model.parameters()) / 1e6
    print(
        f"\nOLMo2 of {parameters:.1f} M parameters, {documents} documents, {sample.positions:,} positions", flush=True
    )
    contenders: dict[str, Callable[[], object]] = {
        FORWARD: lambda: forward_alone(model, sample),
        ONE: lambda: whole_measurement(model, corpus, tokenizer, documents, 1),
        FOUR: lambda: whole_measurement(model, corpus, tokenizer, documents, 4),
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder, data = Path(scratch, "model"), Path(scratch, "texts")
        if with_published:
            Olmo2ForCausalLM(shape.config(LENGTH)).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            data.mkdir()
            lines = (json.dumps({"text": text}) + "\n" for text in texts[:documents])
            data.joinpath("texts.jsonl").write_text("".join(lines))
            if peer := published(folder, data, documents):
                contenders[PUBLISHED] = peer
        return in_turn(contenders, rounds)


def report(timings: dict[str, Timing]) -> None:
    """Print a line for each contender."""
    print(f"  {'':28} {'wall':>9} {'/ forward':>9} {'/ ours':>7}   {'processor':>9} {'/ forward':>9} {'/ ours':>7}")
    forward, ours = timings[FORWARD], timings[ONE]
    for name, one in timings.items():
        print(
            f"  {name:28} {one.wall:7.2f} s {one.wall / forward.wall:9.3f} {one.wall / ours.wall:7.2f}   "
            f"{one.processor:7.2f} s {one.processor / forward.processor:9.3f} {one.processor / ours.processor:7.2f}",
            flush=True,
        )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, medians of {rounds} rounds")
    for size in DOCUMENTS:
        report(compare(size, rounds, with_published=size == "33M"))


if __name__ == "__main__":
    main()
