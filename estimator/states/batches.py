"""Batches of a sample's documents for the forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimator.arrays import IntArray
from estimator.text.sample import Sample

BATCH_TOKENS = {"cpu": 2048, "cuda": 16_384, "mps": 8192}
"""Tokens per forward pass, padding included, by device type."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of documents, each in a row of ``tokens`` [documents, longest].

    Documents are padded on the right, where a causal model cannot see the padding. ``rows`` are the measured indices of
    the flattened tokens, and ``positions`` the corresponding positions of the sample.
    """

    documents: tuple[int, ...]
    tokens: IntArray
    rows: IntArray
    positions: IntArray


def batched(sample: Sample, budget: int, alike_above: int | None = None) -> Iterator[Batch]:
    """All documents, longest first, so that a batch has similar lengths; at most ``budget`` tokens per batch.

    Documents of more than ``alike_above`` tokens are batched only with others of the same length.
    """
    lengths = np.diff(sample.offsets)
    chosen: list[int] = []
    for document in np.argsort(-lengths, kind="stable").tolist():
        longest = lengths[chosen[0]] if chosen else 0
        is_alone = alike_above is not None and longest > alike_above and lengths[document] != longest
        if chosen and (is_alone or (len(chosen) + 1) * longest > budget):
            yield make_batch(sample, tuple(chosen))
            chosen = []
        chosen.append(document)
    yield make_batch(sample, tuple(chosen))


def make_batch(sample: Sample, documents: tuple[int, ...]) -> Batch:
    """The batch of the given documents."""
    texts = [sample.tokens[sample.offsets[d] : sample.offsets[d + 1]] for d in documents]
    tokens = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    measured = np.zeros(tokens.shape, dtype=bool)
    for row, (document, text) in enumerate(zip(documents, texts, strict=True)):
        tokens[row, : len(text)] = text
        measured[row, sample.measured(document)] = True
    first = sample.first_position()
    positions = np.concatenate([np.arange(first[d], first[d + 1]) for d in documents])
    return Batch(documents, tokens, np.flatnonzero(measured), positions)
