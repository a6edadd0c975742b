"""Documents of a sample put together for the forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimator.arrays import IntArray
from estimator.text.sample import Sample

BATCH_TOKENS = {"cpu": 2048, "cuda": 16_384, "mps": 8192}
"""Tokens of one forward pass, padding included, per kind of device."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents side by side, each in a row of ``tokens`` [documents, longest].

    Padding stands right of a document, where a causal model cannot see it. ``rows`` are the measured places of the
    flattened tokens, and ``positions`` which positions of the sample they are.
    """

    documents: tuple[int, ...]
    tokens: IntArray
    rows: IntArray
    positions: IntArray


def batched(sample: Sample, budget: int) -> Iterator[Batch]:
    """All documents, longest first, so that a batch holds similar lengths; at most ``budget`` tokens a batch."""
    lengths = np.diff(sample.offsets)
    chosen: list[int] = []
    for document in np.argsort(-lengths, kind="stable").tolist():
        if chosen and (len(chosen) + 1) * lengths[chosen[0]] > budget:
            yield make_batch(sample, tuple(chosen))
            chosen = []
        chosen.append(document)
    yield make_batch(sample, tuple(chosen))


def make_batch(sample: Sample, documents: tuple[int, ...]) -> Batch:
    """The batch of these documents."""
    texts = [sample.tokens[sample.offsets[d] : sample.offsets[d + 1]] for d in documents]
    tokens = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    measured = np.zeros(tokens.shape, dtype=bool)
    for row, (document, text) in enumerate(zip(documents, texts, strict=True)):
        tokens[row, : len(text)] = text
        measured[row, sample.measured(document)] = True
    first = sample.first_position()
    positions = np.concatenate([np.arange(first[d], first[d + 1]) for d in documents])
    return Batch(documents, tokens, np.flatnonzero(measured), positions)
