"""The model's own loss on the sample: mean next-token cross-entropy, from the forward pass that computes the scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from estimator.states.batches import Batch
from estimator.text.sample import Sample

LOGITS = 2**25
"""Logits in memory at once (128 MB in float32); all of a batch would be gigabytes at a vocabulary of 100,000."""


class LossSum:
    """Sums −log p(t_{i+1} | t_1 … t_i) over every token of the sample except the first of each document."""

    def __init__(self, head: nn.Module, sample: Sample) -> None:
        self._head = head
        self._lengths = np.diff(sample.offsets)
        self._total = 0.0
        self._count = 0

    def add(self, batch: Batch, last: Tensor) -> None:
        """Add the documents of a batch with their final hidden states ``last`` [documents, tokens, width]."""
        lengths = self._lengths[list(batch.documents)]
        predicts = np.arange(batch.tokens.shape[1])[None] < (lengths - 1)[:, None]
        rows = np.flatnonzero(predicts)
        following = torch.from_numpy(batch.tokens.reshape(-1)[rows + 1]).to(last.device)
        states = last.reshape(-1, last.shape[-1]).index_select(0, torch.from_numpy(rows).to(last.device))
        total = torch.zeros((), dtype=torch.float64, device="cpu" if last.device.type == "mps" else last.device)
        start, size = 0, 1
        while start < len(states):
            logits = self._head(states[start : start + size]).float()
            loss = nn.functional.cross_entropy(logits, following[start : start + size], reduction="none")
            total += loss.to(total.device).sum(dtype=torch.float64)
            start, size = start + size, max(1, LOGITS // logits.shape[-1])
        self._total += float(total)
        self._count += len(rows)

    @property
    def mean(self) -> float:
        """Nats per token."""
        return self._total / self._count
