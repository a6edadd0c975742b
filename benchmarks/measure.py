"""What a whole measurement costs beside the bare forward pass, and beside the published package, on this machine.

    make bench        or        python benchmarks/measure.py [rounds]

A 33 M-parameter OLMo2 with random weights, 128 documents of 256 tokens from the documentation strings, float32, CPU.
Each round runs every contender once, in turn; medians and their ratios are printed, in wall time and, because other
work on the machine shows less in it, in processor time.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Olmo2Config, Olmo2ForCausalLM, PreTrainedTokenizerFast

from estimator.anchors import stack_anchors
from estimator.batches import BATCH_TOKENS, batched
from estimator.corpus import Corpus, open_corpus
from estimator.loading import LoadedModel, load_model
from estimator.measure import measure_layers, sample_estimator
from estimator.progress import Progress
from estimator.revision import Revision
from estimator.sample import Sample, tokenise
from estimator.scores import compute_scores
from estimator.sweep import LayerScores
from estimator.temperature import parse_temperature

DOCUMENTS = 128
LENGTH = 256
ANCHORS = 100
SHAPE = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8, "num_attention_heads": 8}
VOCABULARY = 8192


def make_model(folder: Path, texts: list[str]) -> PreTrainedTokenizerFast:
    """Save a random model of the shape, and a tokenizer trained on ``texts``, in ``folder``."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|end|>")
    torch.manual_seed(0)
    config = Olmo2Config(vocab_size=VOCABULARY, max_position_embeddings=LENGTH, pad_token_id=0, eos_token_id=0, **SHAPE)
    model = Olmo2ForCausalLM(config)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    print(f"OLMo2 with {size:.1f} M parameters, {torch.get_num_threads()} threads")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def forward_alone(model: LoadedModel, sample: Sample) -> None:
    """The bare forward pass of the same batches: no hooks, no logits, no cache."""
    with torch.inference_mode():
        for batch in batched(sample, BATCH_TOKENS["cpu"]):
            model.model(input_ids=torch.from_numpy(batch.tokens), use_cache=False)


def whole_measurement(model: LoadedModel, corpus: Corpus, tokenizer: Any, draws: int) -> int:
    """Text to values: all layers, 4 granularities, both sides."""
    progress = Progress()
    sample = tokenise(corpus, tokenizer, DOCUMENTS, LENGTH, progress)
    layers = range(1, model.depth + 1)
    out = [torch.empty((draws, sample.positions, ANCHORS), dtype=torch.float16) for _ in layers]
    compute_scores(model, sample, stack_anchors(ANCHORS, model.width, range(draws)), layers, out, progress)
    estimator = sample_estimator(sample, ("frequency",))
    scores = map(LayerScores, layers, out)
    temperatures = [parse_temperature("exact")]
    return len(list(measure_layers(estimator, scores, model.depth, model.depth, model.width, temperatures, progress)))


def published(folder: Path, texts: Path) -> Callable[[], object] | None:
    """soft-entropy's LLMInferrer on the same texts with 3 granularities; None where it is not installed."""
    try:
        from soft_entropy.llm import LLMInferrer
    except ImportError:
        return None
    inferrer = LLMInferrer(str(folder), str(texts), ["unigram", "bigram", "trigram"], n_bins=ANCHORS, max_length=LENGTH)

    def run() -> object:
        for accumulator in inferrer.accs:
            accumulator.reset()
        with contextlib.redirect_stderr(io.StringIO()):
            return inferrer.run(n_examples=DOCUMENTS, batch_size=8)

    return run


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    corpus = open_corpus("docstrings", None, Progress())
    texts = list(corpus.texts())
    with tempfile.TemporaryDirectory() as scratch:
        folder, data = Path(scratch, "model"), Path(scratch, "texts")
        tokenizer = make_model(folder, texts)
        data.mkdir()
        data.joinpath("texts.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in texts[:DOCUMENTS])
        )
        model = load_model(Revision(str(folder), "model", folder=str(folder)), "cpu", "float32", Progress())
        sample = tokenise(corpus, tokenizer, DOCUMENTS, LENGTH, Progress())
        print(f"{sample.documents} documents, {len(sample.tokens):,} tokens, {sample.positions:,} positions")
        contenders: dict[str, Callable[[], object]] = {
            "forward pass alone": lambda: forward_alone(model, sample),
            "whole measurement, 1 draw": lambda: whole_measurement(model, corpus, tokenizer, 1),
            "whole measurement, 4 draws": lambda: whole_measurement(model, corpus, tokenizer, 4),
        }
        if peer := published(folder, data):
            contenders["soft-entropy LLMInferrer"] = peer
        wall: dict[str, list[float]] = {name: [] for name in contenders}
        processor: dict[str, list[float]] = {name: [] for name in contenders}
        for run in range(rounds + 1):
            for name, work in contenders.items():
                start, used = time.perf_counter(), time.process_time()
                work()
                if run:  # the first round warms up
                    wall[name].append(time.perf_counter() - start)
                    processor[name].append(time.process_time() - used)
    for kind, seconds in (("wall", wall), ("processor", processor)):
        median = {name: statistics.median(times) for name, times in seconds.items()}
        forward, ours = median["forward pass alone"], median["whole measurement, 1 draw"]
        print(f"{kind} time")
        for name, value in median.items():
            print(f"  {name:28} {value:7.2f} s   {value / forward:5.2f} x forward   {value / ours:5.2f} x ours")


if __name__ == "__main__":
    main()
