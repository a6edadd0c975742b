"""What the demo trains: known without torch, so that its checkpoints can be listed before they exist."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the demo's weights. The first ``held_out`` documents are for measuring and never trained on."""

    vocabulary: int = 2048
    width: int = 128
    intermediate: int = 256
    depth: int = 4
    heads: int = 4
    context: int = 256
    batch: int = 8
    window: int = 128
    learning_rate: float = 4e-3
    warmup: int = 30
    held_out: int = 96
    seed: int = 7
    steps: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32, 64, 100, 160, 256, 400)

    @property
    def digest(self) -> str:
        """Names the run's folder."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]


def checkpoint_folder(run: Path, step: int) -> Path:
    """Where the checkpoint of ``step`` lies in a run."""
    return run / f"checkpoint-{step}"
