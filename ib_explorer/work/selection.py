"""Selection of a job's checkpoints, and iteration over them as they become available."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from estimator.checkpoints.folders import stated_depth
from estimator.checkpoints.listings import Listings
from estimator.checkpoints.resolve import model_folder, resolve
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.selectors import select
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.text.corpus import Corpus
from ib_explorer.work.demo_run import DEMO, RECIPE, demo_revisions, trained


class Checkpoints:
    """Resolves requests to revisions; those of the demo, whose folder is in ``runs``, need not exist yet.

    ``listings`` has what the hub listed last.
    """

    def __init__(self, runs: Path, listings: Listings) -> None:
        self._runs = runs
        self._listings = listings
        self._resolved: dict[tuple[str, str], Revision] = {}

    def begin(self) -> None:
        """Begin a job, which must resolve names again because they may have moved."""
        self._resolved.clear()

    def chosen(self, request: MeasurementRequest, progress: Progress) -> list[Revision]:
        """The checkpoints that a request selects, in training order."""
        if request.model != DEMO:
            chosen = resolve(request.model, request.revision, progress, self._listings)
            self._resolved |= {(request.model, revision.name): revision for revision in chosen}
            return chosen
        planned = demo_revisions(self._runs)
        return select(planned, request.revision, progress.note) if request.revision else planned[-1:]

    def named(self, model: str, names: Sequence[str], progress: Progress) -> list[Revision]:
        """The checkpoints of these names, without a request to the hub for those already resolved in this job."""
        if model == DEMO:
            return [revision for revision in demo_revisions(self._runs) if revision.name in names]
        for name in names:
            if (model, name) not in self._resolved:
                found = resolve(model, name, progress, self._listings)
                self._resolved |= {(model, revision.name): revision for revision in found}
        return [self._resolved[model, name] for name in names]

    def existing(self, chosen: Iterable[Revision]) -> list[Revision]:
        """Those of ``chosen`` that are on a hub or on disk."""
        return [revision for revision in chosen if revision.folder is None or Path(revision.folder).is_dir()]

    def depth(self, revision: Revision, progress: Progress) -> int | None:
        """The depth of a checkpoint that may not exist yet, without its weights; None if unknown."""
        if revision.model == DEMO:
            return RECIPE.depth
        return stated_depth(model_folder(revision, progress, weights=False))

    def in_turn(
        self, model: str, chosen: list[Revision], docstrings: Callable[[], Corpus], progress: Progress
    ) -> Iterable[Revision]:
        """The checkpoints of a model one after another; missing ones of the demo are trained on ``docstrings``."""
        return trained(self._runs, chosen, docstrings, progress) if model == DEMO else chosen
