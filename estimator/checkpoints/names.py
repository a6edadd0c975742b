"""Names of checkpoints: parsed, sorted into training order, and selected by what a user wrote after ``@``."""

from __future__ import annotations

import difflib
import fnmatch
import math
import re
from collections.abc import Iterable, Sequence

from estimator.checkpoints.revision import Revision
from estimator.errors import InputError

_PART = r"(?:^|[-_/.])"
_STAGE = re.compile(_PART + r"stage[-_]?(\d+)(?![a-z0-9])", re.IGNORECASE)
_INGREDIENT = re.compile(_PART + r"ingredient[-_]?(\d+)(?![a-z0-9])", re.IGNORECASE)
_STEP = re.compile(_PART + r"(?:global[-_]?)?(?:step|checkpoint)[-_]?(\d+)(?![a-z0-9])", re.IGNORECASE)
_TOKENS = re.compile(_PART + r"tokens[-_]?(\d+)([KMBT]?)(?![a-z0-9])", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}

_COMMIT_PREFIX = re.compile(r"[0-9a-f]{7,40}")
_LOG = re.compile(r"log:(.*)")
_STAGE_SELECTION = re.compile(r"stage\d+(?:-ingredient\d+)?")


def parse_checkpoint(model: str, name: str, commit: str | None, folder: str | None = None) -> Revision:
    """The revision called ``name``, with its place in training as parsed from the name.

    Recognised names are of the form ``stage2-ingredient1-step2000-tokens5B``, ``step512``, ``step-250000``,
    ``step0001220`` and ``checkpoint-1000``; for any other name (``main``) stage, step and tokens are None.
    """
    stage, ingredient, step, tokens = (pattern.search(name) for pattern in (_STAGE, _INGREDIENT, _STEP, _TOKENS))
    return Revision(
        model=model,
        name=name,
        commit=commit,
        folder=folder,
        stage=f"stage{int(stage[1])}" if stage else None,
        ingredient=int(ingredient[1]) if ingredient else None,
        step=int(step[1]) if step else None,
        tokens=int(tokens[1]) * _UNITS[tokens[2].upper()] if tokens else None,
    )


def in_training_order(revisions: Iterable[Revision]) -> list[Revision]:
    """The revisions by stage, ingredient, step and tokens; then ``main``, then names without a place in training."""
    return sorted(revisions, key=training_key)


def select(revisions: Sequence[Revision], selection: str) -> list[Revision]:
    """The revisions that ``selection`` matches, in training order; never empty.

    A selection is a name, the first 7 or more digits of a commit, ``all``, ``log:16`` (16 spaced evenly in the
    logarithm of the step, always including the first and the last), ``stage1``, ``stage2-ingredient3``, or a glob. An
    exact name takes precedence. Raises :class:`InputError` (``"revision"``) when nothing matches.
    """
    ordered = in_training_order(revisions)
    named = [revision for revision in ordered if revision.name == selection]
    if named:
        return named[:1]
    if selection == "all" and ordered:
        return ordered
    if match := _LOG.fullmatch(selection):
        return _log_spaced(ordered, match[1])
    if _STAGE_SELECTION.fullmatch(selection):
        stage, _, ingredient = selection.partition("-ingredient")
        chosen = [r for r in ordered if r.stage == stage and (not ingredient or r.ingredient == int(ingredient))]
    elif any(character in selection for character in "*?["):
        chosen = [revision for revision in ordered if fnmatch.fnmatchcase(revision.name, selection)]
    else:
        chosen = _by_commit(ordered, selection)
    if not chosen:
        raise _nothing_fits(ordered, selection)
    return chosen


def training_key(revision: Revision) -> tuple[float | str, ...]:
    """The sort key of :func:`in_training_order`."""
    if revision.stage is None and revision.step is None and revision.tokens is None:
        return (1 if revision.name == "main" else 2, 0, 0, 0, 0, revision.name)
    # A stage or ingredient without a step is its end (the ingredients' average), so it sorts after all its steps.
    whole_stage = revision.step is None and revision.tokens is None and revision.ingredient is None
    return (
        0,
        _stage_number(revision),
        math.inf if whole_stage else revision.ingredient or 0,
        math.inf if revision.step is None else revision.step,
        math.inf if revision.tokens is None else revision.tokens,
        revision.name,
    )


def _stage_number(revision: Revision) -> int:
    """Steps without a stage belong to the first stage: repositories mix them with names of later stages."""
    return 1 if revision.stage is None else int(revision.stage.removeprefix("stage"))


def _by_commit(revisions: Sequence[Revision], prefix: str) -> list[Revision]:
    if not _COMMIT_PREFIX.fullmatch(prefix):
        return []
    chosen = [revision for revision in revisions if revision.commit and revision.commit.startswith(prefix)]
    if len({revision.commit for revision in chosen}) > 1:
        names = ", ".join(revision.name for revision in chosen[:4])
        raise InputError("revision", f"Several commits begin with {prefix} ({names}): give more digits.")
    return chosen[:1]


def _log_spaced(ordered: Sequence[Revision], wanted: str) -> list[Revision]:
    if not wanted.isdecimal() or int(wanted) < 1:
        raise InputError("revision", f"log:{wanted} is not a selection: give the number of checkpoints, as in log:16.")
    placed = [(revision, at) for revision, at in _training_steps(ordered) if revision.step is not None]
    if not placed:
        raise InputError(
            "revision", f"log:{wanted} needs steps, and no revision has one in its name: name revisions, or use all."
        )
    count = min(int(wanted), len(placed))
    if count == 1:
        return [placed[-1][0]]
    places = _log_places([at for _, at in placed])
    chosen: list[int] = []
    for index in range(count):
        target = places[0] + (places[-1] - places[0]) * index / (count - 1)
        first = chosen[-1] + 1 if chosen else 0
        last = len(placed) - count + index
        if index == count - 1:
            first = last
        chosen.append(min(range(first, last + 1), key=lambda place: abs(places[place] - target)))
    return [placed[index][0] for index in chosen]


def _training_steps(ordered: Sequence[Revision]) -> list[tuple[Revision, int]]:
    """Each revision with its step counted from the start of training rather than of its stage."""
    longest: dict[int, int] = {}
    for revision in ordered:
        stage = _stage_number(revision)
        longest[stage] = max(longest.get(stage, 0), revision.step or 0)

    def before(stage: int) -> int:
        return sum(steps for earlier, steps in longest.items() if earlier < stage)

    return [(revision, before(_stage_number(revision)) + (revision.step or 0)) for revision in ordered]


def _log_places(steps: Sequence[int]) -> list[float]:
    """Logarithms of the steps; step 0 precedes the first other step by the distance from that to the second."""
    later = sorted({step for step in steps if step > 0})
    gap = math.log(later[1] / later[0]) if len(later) > 1 else math.log(2)
    start = math.log(later[0]) - gap if later else 0.0
    return [math.log(step) if step > 0 else start for step in steps]


def _nothing_fits(revisions: Sequence[Revision], selection: str) -> InputError:
    names = [revision.name for revision in revisions]
    model = revisions[0].model if revisions else "The model"
    close = difflib.get_close_matches(selection, names, n=3, cutoff=0.5)
    if close:
        hint = f"the closest are {', '.join(close)}"
    elif len(names) > 4:
        hint = f"it has {len(names)}, from {names[0]} to {names[-1]}"
    else:
        hint = f"it has {', '.join(names) or 'none'}"
    return InputError("revision", f"{model} has no revision {selection!r}: {hint}.")
