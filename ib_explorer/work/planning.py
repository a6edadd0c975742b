"""The plan of a sweep: which checkpoints are measured, what the others need from the hub, and what scores take."""

from __future__ import annotations

from collections.abc import Sequence

from cache import Cache
from cache.files import in_words
from cache.locations import score_budget
from estimator.checkpoints.download import cached_snapshot, check_space, free_space, missing_files, wanted_files
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.states.layers import parse_layers
from estimator.text.labels import LabelText
from ib_explorer.plan import SweepPlan
from ib_explorer.work.checkpoint import CheckpointWork
from ib_explorer.work.downloads import checkpoint_budget
from ib_explorer.work.samples import Samples
from ib_explorer.work.selection import Checkpoints

ASKED = 32
"""Revisions whose sizes are asked for, a request each; of others the size is that of the mean."""


class Planner:
    """Plans sweeps over the checkpoints of hub models."""

    def __init__(self, cache: Cache, samples: Samples, checkpoints: Checkpoints, work: CheckpointWork) -> None:
        self._cache, self._samples, self._checkpoints, self._work = cache, samples, checkpoints, work

    def measuring(self, request: MeasurementRequest, progress: Progress) -> SweepPlan:
        """The plan of a measurement.

        Raises as resolving does, and :class:`InputError` (``"checkpoint-budget"``) if no checkpoint fits the budget.
        """
        chosen = self._checkpoints.chosen(request, progress)
        text = self._text(request, chosen[0], progress)
        to_go = [revision for revision in chosen if text is None or not self._is_measured(request, revision, text)]
        fetched, is_estimated = _fetch_bytes(to_go, request, progress)
        budget = checkpoint_budget(request.checkpoint_budget, self._cache.checkpoints)
        _check_budget(fetched, budget)
        return SweepPlan(
            checkpoints=len(chosen),
            measured=len(chosen) - len(to_go),
            fetch=sum(fetched),
            is_estimated=is_estimated,
            at_most=budget,
            free=free_space(),
            scores=0 if text is None else self._score_bytes(request, chosen[0], text[0], progress),
            score_budget=score_budget(),
        )

    def fetching(self, request: MeasurementRequest, progress: Progress) -> SweepPlan:
        """The plan of downloads that are kept; raises :class:`InputError` (``"disk"``) if they do not fit."""
        chosen = self._checkpoints.chosen(request, progress)
        fetched, is_estimated = _fetch_bytes(chosen, request, progress)
        check_space(request.model, sum(fetched))
        return SweepPlan(len(chosen), 0, sum(fetched), is_estimated, None, free_space(), 0, score_budget())

    def _text(self, request: MeasurementRequest, first: Revision, progress: Progress) -> tuple[LabelText, str] | None:
        """The sample in the first checkpoint's tokens; None if that cannot be read, which measuring it reports."""
        try:
            return self._samples.text(request, first, progress)
        except (InputError, MeasurementError):
            return None

    def _is_measured(self, request: MeasurementRequest, revision: Revision, text: tuple[LabelText, str]) -> bool:
        """Whether a checkpoint is in the cache, if its tokenizer is that of the first."""
        return self._work.is_measured(request, revision, *text)

    def _score_bytes(self, request: MeasurementRequest, first: Revision, text: LabelText, progress: Progress) -> int:
        depth = self._checkpoints.depth(first, progress)
        if depth is None:
            return 0
        from estimator.soft_entropy.memory import score_bytes  # imports torch

        layers = len(parse_layers(request.layers, depth)) * len(request.variants)
        return layers * score_bytes(text.sample.positions, len(request.anchor_seeds), request.anchors)


def _fetch_bytes(
    revisions: Sequence[Revision], request: MeasurementRequest, progress: Progress
) -> tuple[list[int], bool]:
    """The bytes that each revision needs from the hub, and whether some are estimated; of a hub that is down, none."""
    pickles = not request.safetensors_only
    absent = [revision for revision in revisions if cached_snapshot(revision, pickles=pickles) is None]
    asked = absent if len(absent) <= ASKED else [absent[place * len(absent) // ASKED] for place in range(ASKED)]
    known = []
    for number, revision in enumerate(asked):
        progress.phase("resolve", number, len(asked), "sizes")
        try:
            missing = missing_files(revision, wanted_files(revision, progress, pickles=pickles))
        except InputError:  # measuring this checkpoint reports it
            continue
        except MeasurementError:  # the hub is down: asking it for the others takes as long as for this one
            break
        known.append(sum(file.size for file in missing))
    others = len(absent) - len(known)
    mean = sum(known) // len(known) if known else 0
    return known + [mean] * others, others > 0


def _check_budget(fetched: Sequence[int], budget: int) -> None:
    if fetched and min(fetched) > budget:
        raise InputError(
            "checkpoint-budget",
            f"Each checkpoint takes {in_words(min(fetched))} or more, and the checkpoint budget is {in_words(budget)}: "
            f"set --checkpoint-budget to {in_words(max(fetched))} or more.",
        )
