"""The recipe of the demo model, independent of torch so that checkpoints can be listed before they exist."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """All parameters of the demo's training; the first ``held_out`` documents are only measured, never trained on."""

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
        """Digest of the recipe, the name of the run's folder."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]


def checkpoint_folder(run: Path, step: int) -> Path:
    """The folder of the checkpoint of ``step`` in a run."""
    return run / f"checkpoint-{step}"
