"""Sixty revisions named as those of OLMo2 7B, which hold small models: the demo's checkpoints and what lies between."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from cache.locations import locations
from estimator.checkpoints.folders import CONFIG, WEIGHTS, tokenizer_files
from estimator.demo.recipe import Recipe
from estimator.progress import Progress
from estimator.quiet import quiet_libraries
from estimator.text.docstrings import DOCSTRINGS
from estimator.text.sources import open_corpus
from ib_explorer.work.demo_run import demo_revisions, trained

MODEL = "allenai/OLMo-2-1124-7B"
TOKENS_PER_STEP = 4_194_304
LAST_STEP, LAST_OF_STAGE2 = 928_646, 11_931
STAGE1, PER_INGREDIENT, INGREDIENTS = 44, 5, 3


@dataclass(frozen=True, slots=True)
class Published:
    """A revision's name, and the step of the demo's training that its weights are taken from."""

    name: str
    step: float
    ingredient: int = 0


def revisions() -> list[Published]:
    """The revisions: stage 1 evenly in log step, three ingredients of stage 2, and main."""
    last = Recipe().steps[-1]
    found = []
    step = 0
    for number in range(STAGE1):
        share = number / (STAGE1 - 1)
        step = max(step + 1000, int(round(1000 * (LAST_STEP / 1000) ** share, -3))) if share < 1 else LAST_STEP
        found.append(Published(_name("stage1", step), 0.64 * last**share))
    for ingredient in range(1, INGREDIENTS + 1):
        for number in range(1, PER_INGREDIENT + 1):
            share = number / PER_INGREDIENT
            step = LAST_OF_STAGE2 if share == 1 else int(round(LAST_OF_STAGE2 * share, -3))
            name = _name(f"stage2-ingredient{ingredient}", step)
            found.append(Published(name, last * (0.64 + 0.36 * share), ingredient))
    return [*found, Published("main", last)]


def publish(folder: Path, progress: Progress | None = None) -> list[str]:
    """Write every revision into a subfolder of ``folder``; trains the demo's model first if it never was."""
    progress = progress or Progress()
    runs = locations().cache / "runs"
    checkpoints = demo_revisions(runs)
    with quiet_libraries():
        for _ in trained(runs, checkpoints, lambda: open_corpus(DOCSTRINGS, progress), progress):
            pass
    folders = {int(one.step or 0): Path(str(one.folder)) for one in checkpoints}
    weights = {step: load_file(path / WEIGHTS) for step, path in folders.items()}
    names = []
    for one in revisions():
        target = folder / one.name
        target.mkdir(parents=True)
        for path in (folders[0] / CONFIG, *tokenizer_files(folders[0])):
            shutil.copy(path, target)
        save_file(dict(_between(weights, one)), target / WEIGHTS, {"format": "pt"})
        names.append(one.name)
    return names


def _between(weights: dict[int, dict[str, torch.Tensor]], one: Published) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights at a step, linearly between two checkpoints; those of ingredients differ by a little noise."""
    steps = sorted(weights)
    later = next(step for step in steps if step >= one.step)
    earlier = max((step for step in steps if step <= one.step), default=later)
    share = 0.0 if later == earlier else (one.step - earlier) / (later - earlier)
    random = torch.Generator().manual_seed(one.ingredient)
    for name, tensor in weights[earlier].items():
        mixed = torch.lerp(tensor, weights[later][name], share)
        if one.ingredient:
            mixed = mixed + 0.01 * mixed.std() * torch.randn(mixed.shape, generator=random)
        yield name, mixed.contiguous()


def _name(stage: str, step: float) -> str:
    return f"{stage}-step{int(step)}-tokens{math.ceil(int(step) * TOKENS_PER_STEP / 1e9)}B"
