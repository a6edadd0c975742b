"""The demo as a model: its checkpoints are listed before they exist, and trained in order on demand."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.demo.recipe import Recipe, checkpoint_folder
from estimator.progress import Progress
from estimator.text.corpus import Corpus

DEMO = "demo"
RECIPE = Recipe()


def demo_revisions(runs: Path) -> list[Revision]:
    """The demo's checkpoints in training order, whether or not they exist yet."""
    folders = [checkpoint_folder(_run(runs), step) for step in RECIPE.steps]
    return [parse_checkpoint(DEMO, folder.name, None, str(folder)) for folder in folders]


def trained(
    runs: Path, chosen: Sequence[Revision], docstrings: Callable[[], Corpus], progress: Progress
) -> Iterator[Revision]:
    """The chosen checkpoints, each as soon as it is on disk; trains on ``docstrings`` only if one is missing."""
    if all(Path(str(revision.folder)).is_dir() for revision in chosen):
        yield from chosen
        return
    from estimator.demo.training import train_demo

    by_step = {revision.step: revision for revision in chosen}
    last = chosen[-1].step
    for step in train_demo(RECIPE, docstrings(), _run(runs), progress):
        if step in by_step:
            yield by_step[step]
        if step == last:
            return


def _run(runs: Path) -> Path:
    """The run's folder; the training text, and so the weights, depend on the version of Python."""
    return runs / f"demo-{RECIPE.digest}-python{platform.python_version()}"
