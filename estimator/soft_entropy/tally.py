"""Sums of soft assignments per label; no other module counts positions.

Positions are sorted by (label, document group) once, for all layers and anchor draws. A *cell* is the positions of one
label in one group; leaving a group out (the jackknife) is then a subtraction. A label that occurs once needs no row:
its distribution is that of its position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from estimator.arrays import IntArray
from estimator.soft_entropy.assignment import BLOCK
from estimator.soft_entropy.weighting import frequency_bins
from estimator.text.labels import LabelSet

CHUNK = 256
"""Rows summed in float32 before switching to float64: so few lose no more than about 1e-6 of their sum."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive labels of a :class:`Tally`, with their ranges of its arrays."""

    labels: slice
    cells: slice
    chunks: slice
    order: slice
    shared: slice


@dataclass(frozen=True, slots=True)
class Tally:
    """One label set prepared for summation on a device (see the module's docstring for cells and groups).

    ``order`` lists the positions of repeated labels by (label, group), cut into chunks that begin at ``chunk_start``
    and belong to ``chunk_cell``. ``cell_*`` [cells] and ``label_*`` [repeated labels] describe the sums, the cells
    beginning at ``cell_start`` [cells + 1] in ``order``, and a label's at ``label_start`` within its block; ``single``
    [positions with a label of their own] and ``single_group`` the rest. Leaving a cell out leaves ``cell_rest``
    positions of its label: several for the cells ``shared``, one for the cells ``last_cell``, namely the position
    ``last``. The mean of several is that of two rows ``of_rest`` [shared, 2] of the sums of a block's labels, followed
    by those of its cells, with the weights ``of_rest_weight``.
    """

    labels: LabelSet
    groups: int
    blocks: tuple[Block, ...]
    order: Tensor
    chunk_start: Tensor
    chunk_cell: Tensor
    cell_start: Tensor
    cell_label: Tensor
    cell_group: Tensor
    cell_rest: Tensor
    label_start: Tensor
    label_count: Tensor
    label_bin: Tensor
    single: Tensor
    single_group: Tensor
    shared: Tensor
    of_rest: Tensor
    of_rest_weight: Tensor
    last_cell: Tensor
    last: Tensor

    @classmethod
    def prepare(cls, labels: LabelSet, group: IntArray, device: torch.device | str = "cpu") -> Tally:
        """Sort the positions of ``labels`` by label and ``group`` [positions], for sums on ``device``."""
        repeated = labels.counts[labels.ids] > 1
        order = np.argsort(group, kind="stable")  # a sort of values that are nearly in order, so it is fast
        order = order[repeated[order]]
        # A stable sort retains the order of groups; torch's is ten times as fast as numpy's.
        order = order[torch.from_numpy(labels.ids[order]).argsort(stable=True).numpy()]
        label, cell_group_of = labels.ids[order], group[order]
        new_cell = np.ones(len(order), dtype=bool)
        new_cell[1:] = (np.diff(label) != 0) | (np.diff(cell_group_of) != 0)
        cell_start = np.flatnonzero(new_cell)
        cell_count = np.diff(np.append(cell_start, len(order)))
        chunks = -(-cell_count // CHUNK)
        chunk_cell = np.repeat(np.arange(len(cell_start)), chunks)
        within = np.arange(len(chunk_cell)) - np.repeat(np.cumsum(chunks) - chunks, chunks)
        kept, cell_label = np.unique(label[cell_start], return_inverse=True)
        rest = labels.counts[kept][cell_label] - cell_count
        shared, last_cell = np.flatnonzero(rest > 1), np.flatnonzero(rest == 1)
        # The one remaining position is all of the label's other cell, which is adjacent to this one.
        other = last_cell + np.where(np.append(cell_label, -1)[last_cell + 1] == cell_label[last_cell], 1, -1)
        single = np.flatnonzero(~repeated)
        size = BLOCK[torch.device(device).type]
        blocks = tuple(_blocks(cell_label, cell_start, chunk_cell, shared, order, size))
        label_start = np.flatnonzero(np.diff(cell_label, prepend=-1))
        of_rest = np.stack([cell_label[shared], shared], axis=1)
        for block in blocks:
            label_start[block.labels] -= block.cells.start
            of_rest[block.shared] += -block.labels.start, block.labels.stop - block.labels.start - block.cells.start

        def put(array: np.ndarray, dtype: npt.DTypeLike = np.int64) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype)).to(device)

        return cls(
            labels=labels,
            groups=int(group.max(initial=0)) + 1,
            blocks=blocks,
            order=put(order),
            chunk_start=put(cell_start[chunk_cell] + within * CHUNK),
            chunk_cell=put(chunk_cell),
            cell_start=put(np.append(cell_start, len(order))),
            cell_label=put(cell_label),
            cell_group=put(cell_group_of[cell_start]),
            cell_rest=put(rest),
            label_start=put(label_start),
            label_count=put(labels.counts[kept]),
            label_bin=put(frequency_bins(labels.counts[kept])),
            single=put(single),
            single_group=put(group[single]),
            shared=put(shared),
            of_rest=put(of_rest),
            of_rest_weight=put(np.array([1.0, -1.0]) / rest[shared, None], np.float32),
            last_cell=put(last_cell),
            last=put(order[cell_start[other]]),
        )

    @property
    def nbytes(self) -> int:
        """Memory required, labels included, in bytes."""
        tensors = [value for field in fields(self) if isinstance(value := getattr(self, field.name), Tensor)]
        return sum(tensor.nbytes for tensor in tensors) + self.labels.ids.nbytes + self.labels.counts.nbytes

    def sums(self, p: Tensor, dealt: Tensor | None = None) -> Iterator[tuple[Block, Tensor, Tensor]]:
        """Sums of p [positions, anchors] per cell and label, by blocks; in float64 where any cell has several chunks.

        With ``dealt`` [positions], a permutation within documents, position ``dealt[i]`` has the label of position i.
        """
        for block in self.blocks:
            starts = self.chunk_start[block.chunks] - block.order.start
            order = self.order[block.order] if dealt is None else dealt[self.order[block.order]]
            cell_sums = torch.nn.functional.embedding_bag(order, p, starts, mode="sum")
            cells = block.cells.stop - block.cells.start
            if len(cell_sums) > cells:
                chunk_sums, cell_sums = cell_sums.double(), p.new_zeros((cells, p.shape[1]), dtype=torch.float64)
                cell_sums.index_add_(0, self.chunk_cell[block.chunks] - block.cells.start, chunk_sums)
            of_label = torch.arange(cells, device=p.device)
            starts = self.label_start[block.labels]
            yield block, cell_sums, torch.nn.functional.embedding_bag(of_label, cell_sums, starts, mode="sum")

    def cell_totals(self, values: Tensor) -> Tensor:
        """Sums of ``values`` [positions] per cell, float64 [cells]."""
        running = torch.zeros(len(self.order) + 1, dtype=torch.float64, device=values.device)
        torch.cumsum(values[self.order].double(), 0, out=running[1:])
        return running[self.cell_start].diff()


def _blocks(
    cell_label: IntArray, cell_start: IntArray, chunk_cell: IntArray, shared: IntArray, order: IntArray, size: int
) -> Iterator[Block]:
    """Runs of whole labels with about ``size`` cells."""
    first_cell = np.append(np.flatnonzero(np.diff(cell_label, prepend=-1)), len(cell_label))
    start_of_cell = np.append(cell_start, len(order))
    label = 0
    while label < len(first_cell) - 1:
        end = max(int(np.searchsorted(first_cell, first_cell[label] + size, side="right")) - 1, label + 1)
        cells = slice(int(first_cell[label]), int(first_cell[end]))
        ends = (cells.start, cells.stop)
        yield Block(
            labels=slice(label, end),
            cells=cells,
            chunks=slice(*np.searchsorted(chunk_cell, ends).tolist()),
            order=slice(*start_of_cell[[*ends]].tolist()),
            shared=slice(*np.searchsorted(shared, ends).tolist()),
        )
        label = end
