"""Memory requirements of a measurement in addition to the model, computed before it runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from estimator.errors import MeasurementError
from estimator.soft_entropy.assignment import BLOCK
from estimator.soft_entropy.random_groups import GROUPED

SHARE = 0.8
"""Share of the free memory that a measurement may plan to use; the rest is for the forward pass and other processes."""
CARD_SHARE = 0.5
"""Share of a GPU's free memory for scores; the forward pass that computes them needs the rest."""
_GROUP = Path("/sys/fs/cgroup")
_BOOKKEEPING = 64
"""Bytes per position other than scores and soft assignments."""


def free_memory(device: torch.device | str = "cpu") -> int:
    """Bytes available on ``device`` now, including those that the system can reclaim."""
    if torch.device(device).type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return min(int(psutil.virtual_memory().available), _left_in_group())


def _left_in_group() -> int:
    """Bytes still available within the control group of a container or batch job (Linux)."""
    try:
        limit, taken = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return sys.maxsize if limit == "max" else max(int(limit) - int(taken), 0)
    except (OSError, ValueError):
        return sys.maxsize


def score_bytes(positions: int, draws: int, anchors: int) -> int:
    """Bytes of the scores of one layer, in float16."""
    return 2 * positions * draws * anchors


def estimate_bytes(positions: int, anchors: int, device: torch.device | str = "cpu", *, copied: bool = False) -> int:
    """Bytes required on ``device`` to estimate one anchor draw of one layer.

    Includes soft assignments in float32, per position the entropies and weights of up to one label, the larger of the
    null's random groups and a block of labels (they are never in memory together), and the scores if they are
    ``copied`` to the device.
    """
    kind = torch.device(device).type
    row = 4 * anchors
    groups = 4 * GROUPED * row
    block = 6 * min(BLOCK[kind], positions) * row
    copy = 2 * positions * anchors if copied else 0
    return positions * (row + _BOOKKEEPING) + max(groups, block) + copy


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The memory use of a measurement of ``layers`` layers, in bytes in addition to the model.

    Scores of ``layers_at_once`` layers are in the memory of ``holder`` (0: none, they are on disk), ``scores`` bytes
    each; ``estimates`` run concurrently on ``device``, ``estimate`` bytes each. ``labels`` are the bytes of the
    sample's sorted labels.
    """

    layers: int
    layers_at_once: int
    estimates: int
    labels: int
    scores: int
    estimate: int
    device: torch.device
    holder: torch.device

    @property
    def passes(self) -> int:
        """The number of forward passes."""
        return -(-self.layers // self.layers_at_once) if self.layers_at_once else 1

    @property
    def layers_held(self) -> int:
        """Layers with scores in memory; with several passes, including those still being estimated."""
        return self.layers_at_once + (self.estimates if self.passes > 1 else 0)

    @property
    def on_device(self) -> int:
        """Bytes on ``device`` in addition to the model."""
        held = self.layers_held * self.scores if self.holder == self.device else 0
        return self.labels + self.estimates * self.estimate + held

    def __str__(self) -> str:
        scores = f"scores of {self.layers_held} of {self.layers} layers {_size(self.layers_held * self.scores)}"
        if self.holder != self.device:
            scores += f" on {self.holder}"
        parts = [
            f"labels {_size(self.labels)}",
            f"{self.estimates} estimate{'s' if self.estimates > 1 else ''} at once "
            f"{_size(self.estimates * self.estimate)}",
            scores if self.layers_at_once else f"scores on disk {_size(self.layers * self.scores)}",
        ]
        passes = f"{self.passes} forward pass{'es' if self.passes > 1 else ''}"
        return (
            f"Memory on {self.device} in addition to the model: {_size(self.on_device)} ({', '.join(parts)}); {passes}."
        )


def plan_memory(
    *, positions: int, draws: int, anchors: int, layers: int, labels: int, on_disk: bool, device: torch.device
) -> MemoryPlan:
    """The largest numbers of layers and concurrent estimates that fit in the free memory.

    ``labels`` bytes are already in use. A GPU with enough memory for the scores of all layers stores them, so that none
    is transferred before it is estimated. On the CPU, at most half of the memory goes to estimates, one per core; on
    another device, a single estimate fully occupies it. Raises :class:`MeasurementError` (``"memory"``) when one layer
    does not fit.
    """
    cpu, scores = torch.device("cpu"), score_bytes(positions, draws, anchors)
    estimate = estimate_bytes(positions, anchors, device)
    if device.type != "cpu":
        free = free_memory(device)
        if layers * scores <= min(CARD_SHARE * free, SHARE * free - estimate):
            return MemoryPlan(layers, layers, 1, labels, scores, estimate, device, device)
        estimate = estimate_bytes(positions, anchors, device, copied=True)
        _check_room(positions, estimate, free, device)
    # With one layer at a time, the last one is still being estimated while the next is scored.
    held = 0 if on_disk else scores * min(layers, 2)
    room = int(SHARE * free_memory())
    if device.type == "cpu":
        _check_room(positions, held + estimate, room, device)
        each = estimate + (0 if on_disk else scores)
        estimates = max(1, min(torch.get_num_threads(), layers, (room - held) // 2 // each))
        room -= estimates * estimate
    else:
        _check_room(positions, held, room, cpu)
        estimates = 1
    layers_at_once = 0 if on_disk else layers if layers * scores <= room else max(1, room // scores - estimates)
    return MemoryPlan(layers, layers_at_once, estimates, labels, scores, estimate, device, cpu)


def _check_room(positions: int, needed: int, room: int, device: torch.device) -> None:
    if needed > room:
        raise MeasurementError(
            "memory",
            f"Measuring {positions:,} positions needs {_size(needed)} of memory on {device} in addition to the "
            "model, and "
            f"{_size(room)} is available: lower --documents, or give fewer --anchor-seeds.",
        )


def _size(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
