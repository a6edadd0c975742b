"""Transfer of scores off the device, concurrent with the computation of the next batch."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

_SLOTS = 2


class Delivery:
    """Writes the scores of each batch to ``out``, one [draws, positions, anchors] per item, all of one ``dtype``.

    From a CUDA device they are copied to page-locked memory on a separate stream, and a thread writes them to their
    positions; two batches may be in flight. Leaving the context waits for all of them, including those that stay on the
    device.
    """

    def __init__(self, out: Sequence[Tensor], device: torch.device) -> None:
        self._out = out
        self.dtype = out[0].dtype if out else torch.float16
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._slots = [torch.empty(0, dtype=self.dtype) for _ in range(_SLOTS)]
        self._pending: list[Future[None] | None] = [None] * _SLOTS
        self._batches = 0
        self._writer = ThreadPoolExecutor(1, "scores")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        self._writer.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._pending:
                if future is not None:
                    future.result()
            if self._stream is not None:
                torch.cuda.synchronize(self._stream.device)

    def put(self, scores: Mapping[int, Tensor], positions: Tensor) -> None:
        """Write ``scores[item]`` [draws, len(positions), anchors] to ``positions`` (on the host) of each item."""
        if self._stream is None or any(self._out[item].device.type != "cpu" for item in scores):
            places = {device: positions.to(device) for device in {self._out[item].device for item in scores}}
            for item, values in scores.items():
                out = self._out[item]
                out.index_copy_(1, places[out.device], values.to(out.device))
            return
        self._send(scores, positions, self._stream)

    def _send(self, scores: Mapping[int, Tensor], positions: Tensor, stream: torch.cuda.Stream) -> None:
        slot = self._batches % _SLOTS
        self._batches += 1
        if (earlier := self._pending[slot]) is not None:
            earlier.result()
        needed = sum(values.numel() for values in scores.values())
        if self._slots[slot].numel() < needed:
            self._slots[slot] = torch.empty(needed, dtype=self.dtype, pin_memory=True)
        parts = self._slots[slot][:needed].split([values.numel() for values in scores.values()])
        stream.wait_stream(torch.cuda.current_stream(stream.device))
        with torch.cuda.stream(stream):
            arrived: dict[int, Tensor] = {}
            for (item, values), part in zip(scores.items(), parts, strict=True):
                arrived[item] = part.view(values.shape)
                arrived[item].copy_(values, non_blocking=True)
                values.record_stream(stream)  # prevents reuse of its memory before the copy has read it
            done = torch.cuda.Event(blocking=True)
            done.record(stream)
        self._pending[slot] = self._writer.submit(self._write, arrived, positions, done)

    def _write(self, arrived: Mapping[int, Tensor], positions: Tensor, done: torch.cuda.Event) -> None:
        done.synchronize()
        for item, values in arrived.items():
            self._out[item].index_copy_(1, positions, values)


def copy_off(scores: Tensor, out: Tensor) -> None:
    """Copy finished ``scores`` to ``out`` in main memory, on a separate stream so that computation continues."""
    own = torch.cuda.stream(torch.cuda.Stream(scores.device)) if scores.is_cuda else contextlib.nullcontext()
    with own:
        out.copy_(scores)
