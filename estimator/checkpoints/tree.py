"""Training as a tree: the order of checkpoints, the branches they belong to, and where these fork."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.revision import SOUP, Revision

_NUMBER = re.compile(r"\d+")
_RANKS = {"stage": 0.0, "phase": 0.0, "mid": 20.0, "longctx": 40.0, "extension": 40.0, "long": 40.0}
_POST_TRAINING = {"sft": 90.0, "dpo": 91.0, "rlvr": 92.0}
_CODE_NAMES = 95.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Checkpoints of one branch in training order, and the checkpoint that their training started from, if known."""

    revisions: tuple[Revision, ...]
    origin: Revision | None


def in_training_order(revisions: Iterable[Revision]) -> list[Revision]:
    """The revisions by stage, branch, step and tokens; then ``main``, then names without a place in training."""
    return sorted(revisions, key=training_key)


def training_key(revision: Revision) -> tuple[float | str, ...]:
    """The sort key of :func:`in_training_order`."""
    if not revision.is_placed:
        return (1 if revision.name == "main" else 2, 0, 0, "", 0, 0, 0, revision.name)
    return (
        0,
        stage_rank(revision),
        *_branch_rank(revision),
        math.inf if revision.step is None else revision.step,
        math.inf if revision.tokens is None else revision.tokens,
        revision.ordinal or 0,
        revision.name,
    )


def stage_rank(revision: Revision) -> float:
    """The place of a revision's stage among the stages; steps without a stage belong to the first.

    Repositories mix names with and without a stage. Later trainings (``mid1``, ``longctx``, post-training) follow the
    numbered stages.
    """
    if revision.ordinal is not None:
        return _CODE_NAMES
    if revision.stage is None:
        return _POST_TRAINING.get(revision.kind or "", 1.0)
    number = _NUMBER.search(revision.stage)
    word = re.match("[a-z]+", revision.stage)
    base = _RANKS.get(word[0] if word else "", 0.0)
    counted = float(number[0]) if number else 0.0
    return base + (counted / 1e4 if base == 40.0 else counted)


def _branch_rank(revision: Revision) -> tuple[float, str]:
    if revision.ingredient == SOUP:
        return math.inf, ""
    if revision.ingredient is not None:
        return float(revision.ingredient), ""
    if revision.fork is not None:
        return 0.0, revision.fork
    # A stage without a step is its end (the ingredients' average), so it sorts after all its steps.
    is_whole_stage = revision.stage is not None and revision.step is None and revision.tokens is None
    return (math.inf if is_whole_stage else 0.0), ""


def segments(revisions: Iterable[Revision]) -> list[Segment]:
    """The branches of one model's training; each checkpoint is in one segment, and segments are in training order.

    Ingredients start where the stages before them end. A stage continues the mean (soup) of the stage before it, or
    else its trunk. Seeds and learning rates are trainings of their own. Names without a place are not joined.
    """
    return _Tree(in_training_order(revisions)).grown()


class _Tree:
    """The segments of revisions in training order, in the making."""

    def __init__(self, ordered: Sequence[Revision]) -> None:
        self._ordered = ordered
        self._parts: list[tuple[list[Revision], Revision | None]] = []
        self._by_branch: dict[tuple[float | None, str], list[Revision]] = {}
        self._trunk: list[Revision] = []
        self._exit: Revision | None = None
        self._entries: dict[float, Revision | None] = {}

    def grown(self) -> list[Segment]:
        for revision in self._ordered:
            self._entries.setdefault(stage_rank(revision), self._exit)
            if revision.name == "main" and not revision.is_placed:
                self._add_main(revision)
            elif not revision.is_placed:
                self._parts.append(([revision], None))
            elif revision.branch is None:
                self._add_to_trunk(revision)
            else:
                self._add_to_branch(revision, revision.branch)
        return [Segment(tuple(part), origin) for part, origin in self._parts]

    def _add_main(self, main: Revision) -> None:
        same = self._same_as(main)
        if same is not None and same is not self._exit:
            self._parts.append(([main], same))
        elif main.fork is not None:
            self._parts.append(([main], self._exit))
        else:
            self._add_to_trunk(main)

    def _same_as(self, main: Revision) -> Revision | None:
        """The checkpoint that ``main`` equals or is annealed from, as the hub or the catalogue says."""
        known = facts(main.model)
        name = "" if known is None else known.main_of
        others = [revision for revision in self._ordered if revision.is_placed]
        by_commit = (revision for revision in others if revision.commit and revision.commit == main.commit)
        return next(by_commit, next((revision for revision in others if revision.name == name), None))

    def _add_to_trunk(self, revision: Revision) -> None:
        if not self._trunk or self._exit is not self._trunk[-1]:
            self._trunk = []
            self._parts.append((self._trunk, self._exit))
        self._trunk.append(revision)
        self._exit = revision

    def _add_to_branch(self, revision: Revision, branch: str) -> None:
        rank = stage_rank(revision)
        is_own_training = revision.ingredient is None
        key = (None if is_own_training else rank, branch)
        if key not in self._by_branch:
            self._by_branch[key] = []
            self._parts.append((self._by_branch[key], None if is_own_training else self._entries[rank]))
        self._by_branch[key].append(revision)
        if revision.ingredient == SOUP:
            self._exit = revision


def positions(revisions: Sequence[Revision]) -> list[tuple[int | None, int | None]]:
    """Steps and tokens of each revision of one model, counted from the start of training; None where unknown.

    A stage starts where the longest branch of the stages before it ends, unless its steps continue theirs.
    """
    placed = [revision for revision in revisions if revision.is_placed]
    steps = _offsets([(stage_rank(one), one.step) for one in placed], _continue(placed))
    tokens = _offsets([(stage_rank(one), one.tokens) for one in placed], _continue(placed))

    def at(revision: Revision) -> tuple[int | None, int | None]:
        if not revision.is_placed:
            return None, None
        rank = stage_rank(revision)
        step = None if revision.step is None else steps[rank] + revision.step
        return step, None if revision.tokens is None else tokens[rank] + revision.tokens

    return [at(revision) for revision in revisions]


def _continue(placed: Sequence[Revision]) -> bool:
    """Whether steps go on over stages: as the catalogue says, else as the steps of a model's whole list suggest."""
    known = facts(placed[0].model) if placed else None
    if known is not None and known.steps:
        return known.steps == "continue"
    by_rank: dict[float, list[int]] = {}
    for revision in placed:
        if revision.step is not None:
            by_rank.setdefault(stage_rank(revision), []).append(revision.step)
    stages = [by_rank[rank] for rank in sorted(by_rank)]
    return all(min(later) >= max(earlier) for earlier, later in itertools.pairwise(stages))


def _offsets(counts: Sequence[tuple[float, int | None]], continues: bool) -> dict[float, int]:
    longest: dict[float, int] = {}
    for rank, count in counts:
        longest[rank] = max(longest.get(rank, 0), count or 0)
    offsets, before = {}, 0
    for rank in sorted(longest):
        offsets[rank] = 0 if continues else before
        before += longest[rank]
    return offsets
