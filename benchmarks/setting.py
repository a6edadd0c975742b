"""Functions shared by benchmarks: models with random weights, synthetic text, and interleaved timing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from transformers import Olmo2Config, Olmo2Model

from estimator.states.batches import BATCH_TOKENS, batched
from estimator.states.loading import LoadedModel
from estimator.text.sample import Sample


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of an OLMo2 model."""

    width: int
    inner: int
    depth: int
    heads: int
    vocabulary: int

    def config(self, length: int) -> Olmo2Config:
        """The configuration of such a model for documents of ``length`` tokens."""
        return Olmo2Config(
            hidden_size=self.width,
            intermediate_size=self.inner,
            num_hidden_layers=self.depth,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            vocab_size=self.vocabulary,
            max_position_embeddings=length,
            pad_token_id=0,
            eos_token_id=0,
        )


SHAPES = {
    "1M": Shape(128, 352, 4, 4, 2048),
    "33M": Shape(512, 1408, 8, 8, 8192),
    "135M": Shape(768, 2048, 14, 12, 16_384),
    "1B": Shape(2048, 8192, 16, 16, 100_352),
    "7B": Shape(4096, 11_008, 32, 32, 100_352),
}


def random_model(shape: Shape, length: int, device: str = "cpu", dtype: str = "float32") -> LoadedModel:
    """A base model of that shape with random weights, as :func:`estimator.states.loading.load_model` returns it."""
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model = Olmo2Model(shape.config(length)).eval()
    finally:
        torch.set_default_dtype(before)
    return LoadedModel(model, tuple(model.layers), shape.depth, shape.width, torch.device(device), dtype)


def zipf_sample(positions: int, length: int, vocabulary: int, seed: int = 0) -> Sample:
    """Documents of ``length`` tokens with about ``positions`` measured ones, whose words follow a Zipf law.

    Half of the text is fixed phrases of 8 tokens, with Zipf frequencies themselves, so that wide labels recur as they
    do in natural text.
    """
    rng = np.random.default_rng(seed)
    documents = -(-positions // (length - 7))
    blocks = -(-documents * length // 8)
    words = _zipf(rng, vocabulary, (blocks, 8))
    phrases = _zipf(rng, vocabulary, (50_000, 8))
    said = rng.random(blocks) < 0.5
    words[said] = phrases[_zipf(rng, len(phrases), int(said.sum()))]
    tokens = words.reshape(-1)[: documents * length]
    return Sample(tokens, np.arange(0, len(tokens) + 1, length), "zipf", f"zipf-{seed}", length)


def _zipf(rng: np.random.Generator, kinds: int, shape: int | tuple[int, ...]) -> npt.NDArray[np.int32]:
    weights = 1 / np.arange(1, kinds + 1)
    drawn = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(shape))
    return np.minimum(drawn, kinds - 1).astype(np.int32)


def forward_alone(model: LoadedModel, sample: Sample) -> None:
    """The bare forward pass over the batches of a measurement: no hooks, no logits, no cache."""
    with torch.inference_mode():
        for batch in batched(sample, BATCH_TOKENS[model.device.type]):
            model.model(input_ids=torch.from_numpy(batch.tokens).to(model.device), use_cache=False)


@dataclass(frozen=True, slots=True)
class Timing:
    """Median seconds of a contender: wall time, and processor time, which other processes affect less."""

    wall: float
    processor: float


def in_turn(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time contenders in alternation: every round runs each once, and a first round warms up."""
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    processor: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            start, used = time.perf_counter(), time.process_time()
            work()
            if number:
                wall[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - used)
    return {name: Timing(statistics.median(wall[name]), statistics.median(processor[name])) for name in contenders}
