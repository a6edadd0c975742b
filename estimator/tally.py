"""Sums of soft assignments per label: the one place where positions are counted.

Positions are sorted by (label, document group) once and serve every layer and every anchor draw. A *cell* is the
positions of one label in one group; leaving a group out (the jackknife) is then a subtraction. A label seen once needs
no row: its distribution is its position's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimator.labels import IntArray, LabelSet

CHUNK = 256
"""Rows summed in float32 before float64 takes over: so few lose no more than about 1e-6 of their sum."""


def soft_assignments(scores: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """p_j = softmax_j(score_j / ε) [positions, anchors] and each row's entropy [positions], in units of log n."""
    log_p = torch.log_softmax(scores.float() / temperature, dim=-1)
    # A probability of exactly 0, far below anything that counts, would have no logarithm.
    p = log_p.exp().add_(torch.finfo(torch.float32).tiny)
    return p, torch.linalg.vecdot(p, log_p).div_(-float(np.log(p.shape[-1])))


def entropy(q: Tensor) -> Tensor:
    """H(q) of each row of q > 0 [..., anchors], as a fraction of log n (the paper's efficiency)."""
    surprise: Tensor = torch.linalg.vecdot(q, q.log())
    return surprise.div_(-float(np.log(q.shape[-1])))


def document_groups(document_of_position: IntArray, groups: int = 16) -> IntArray:
    """A group number per position: whole documents in runs of about equal positions, at most ``groups`` of them.

    Raises ValueError when positions are not in document order.
    """
    starts = np.flatnonzero(np.diff(document_of_position, prepend=-1))
    if (np.diff(document_of_position) < 0).any():
        raise ValueError("positions must lie in document order")
    wanted = min(groups, len(starts))
    middle = (starts + np.append(starts[1:], len(document_of_position))) / 2
    raw = np.minimum((middle * wanted / len(document_of_position)).astype(np.int64), wanted - 1)
    _, compact = np.unique(raw, return_inverse=True)
    return np.repeat(compact, np.diff(np.append(starts, len(document_of_position))))


@dataclass(frozen=True, slots=True)
class Tally:
    """One label set made ready for summation on a device (see the module's text for cells and groups).

    ``order`` lists the positions of repeated labels by (label, group), cut into chunks that begin at ``chunk_start``
    and belong to ``chunk_cell``. ``cell_*`` [cells] and ``label_count`` [repeated labels] describe what is summed;
    ``single`` [positions with a label of their own] and ``single_group`` the rest.
    """

    labels: LabelSet
    groups: int
    order: Tensor
    chunk_start: Tensor
    chunk_cell: Tensor
    cell_label: Tensor
    cell_group: Tensor
    cell_count: Tensor
    label_count: Tensor
    single: Tensor
    single_group: Tensor

    @classmethod
    def prepare(cls, labels: LabelSet, group: IntArray, device: torch.device | str = "cpu") -> Tally:
        """Sort the positions of ``labels`` by label and ``group`` [positions], for sums on ``device``."""
        repeated = labels.counts[labels.ids] > 1
        order = np.flatnonzero(repeated)
        order = order[np.lexsort((group[order], labels.ids[order]))]
        label, cell_group_of = labels.ids[order], group[order]
        new_cell = np.ones(len(order), dtype=bool)
        new_cell[1:] = (np.diff(label) != 0) | (np.diff(cell_group_of) != 0)
        cell_start = np.flatnonzero(new_cell)
        cell_count = np.diff(np.append(cell_start, len(order)))
        chunks = -(-cell_count // CHUNK)
        chunk_cell = np.repeat(np.arange(len(cell_start)), chunks)
        within = np.arange(len(chunk_cell)) - np.repeat(np.cumsum(chunks) - chunks, chunks)
        kept, cell_label = np.unique(label[cell_start], return_inverse=True)
        single = np.flatnonzero(~repeated)

        def put(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(device)

        return cls(
            labels=labels,
            groups=int(group.max(initial=0)) + 1,
            order=put(order),
            chunk_start=put(cell_start[chunk_cell] + within * CHUNK),
            chunk_cell=put(chunk_cell),
            cell_label=put(cell_label),
            cell_group=put(cell_group_of[cell_start]),
            cell_count=put(cell_count),
            label_count=put(labels.counts[kept]),
            single=put(single),
            single_group=put(group[single]),
        )

    def sums(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of p [positions, anchors] per cell (float32 where every cell is one chunk) and per label (float64)."""
        cells, labels = len(self.cell_count), len(self.label_count)
        if not cells:
            return p.new_zeros((0, p.shape[1])), p.new_zeros((0, p.shape[1]), dtype=torch.float64)
        chunk_sums = torch.nn.functional.embedding_bag(self.order, p, self.chunk_start, mode="sum")
        if len(chunk_sums) == cells:
            cell_sums = chunk_sums
        else:
            cell_sums = p.new_zeros((cells, p.shape[1]), dtype=torch.float64)
            cell_sums = cell_sums.index_add_(0, self.chunk_cell, chunk_sums.double())
        label_sums = p.new_zeros((labels, p.shape[1]), dtype=torch.float64)
        return cell_sums, label_sums.index_add_(0, self.cell_label, cell_sums.double())
