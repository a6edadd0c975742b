"""Which checkpoints a job means, and when each of them can be measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from estimator.checkpoints.folders import stated_depth
from estimator.checkpoints.names import select
from estimator.checkpoints.resolve import model_folder, resolve
from estimator.checkpoints.revision import Revision
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.text.corpus import Corpus
from ib_explorer.work.demo_run import DEMO, RECIPE, demo_revisions, trained


class Checkpoints:
    """Requests resolved to revisions; those of the demo, whose folder is in ``runs``, need not exist yet."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._resolved: dict[tuple[str, str], Revision] = {}

    def begin(self) -> None:
        """A job begins, which must not see what a name meant before."""
        self._resolved.clear()

    def chosen(self, request: MeasurementRequest, progress: Progress) -> list[Revision]:
        """The checkpoints that a request means, in training order."""
        if request.model != DEMO:
            chosen = resolve(request.model, request.revision, progress)
            self._resolved |= {(request.model, revision.name): revision for revision in chosen}
            return chosen
        planned = demo_revisions(self._runs)
        return select(planned, request.revision) if request.revision else planned[-1:]

    def named(self, model: str, names: Sequence[str], progress: Progress) -> list[Revision]:
        """The checkpoints of these names; those of the job at work are known, and no hub is asked for them."""
        if model == DEMO:
            return [revision for revision in demo_revisions(self._runs) if revision.name in names]
        for name in names:
            if (model, name) not in self._resolved:
                self._resolved |= {(model, revision.name): revision for revision in resolve(model, name, progress)}
        return [self._resolved[model, name] for name in names]

    def existing(self, chosen: Iterable[Revision]) -> list[Revision]:
        """Those of ``chosen`` that are on a hub or on the disk."""
        return [revision for revision in chosen if revision.folder is None or Path(revision.folder).is_dir()]

    def depth(self, revision: Revision, progress: Progress) -> int | None:
        """The depth of a checkpoint that need not exist yet, or whose weights need not be here; None: not known."""
        if revision.model == DEMO:
            return RECIPE.depth
        return stated_depth(model_folder(revision, progress, weights=False))

    def in_turn(
        self, model: str, chosen: list[Revision], docstrings: Callable[[], Corpus], progress: Progress
    ) -> Iterable[Revision]:
        """The checkpoints of a model one after another; the demo's are trained on ``docstrings`` where they lack."""
        return trained(self._runs, chosen, docstrings, progress) if model == DEMO else chosen
