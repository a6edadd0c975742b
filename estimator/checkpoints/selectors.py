"""Selection of a model's checkpoints by what a user wrote after ``@``."""

from __future__ import annotations

import difflib
import fnmatch
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import in_training_order, positions, segments
from estimator.errors import InputError

Note = Callable[[str], None]

_COMMIT_PREFIX = re.compile(r"[0-9a-f]{7,40}")
_LOG = re.compile(r"log:(.*)")
_BOUND = r"(?:\d+(?:\.\d+)?[kKMBT]?)?"
_RANGE = re.compile(rf"({_BOUND})\.\.({_BOUND})")
_UNITS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def select(revisions: Sequence[Revision], selection: str, note: Note = lambda _: None) -> list[Revision]:
    """The revisions that ``selection`` matches, in training order; never empty.

    A selection is a name, the first 7 or more digits of a commit, ``all``, ``log:16`` (16 spaced evenly in the
    logarithm of the step, with the first, the ends of stages and branches, and ``main``), a stage (``stage1``), a
    branch (``ingredient3``) or both (``stage2-ingredient3``), each also before a colon and a further selection
    (``stage1:log:16``), a range of steps (``1000..50000``) or tokens (``10B..1T``) from the start of training, a glob,
    or several with commas. An exact name takes precedence. ``note`` hears why ``main`` is not among those of
    ``log:16``. Raises :class:`InputError` (``"revision"``) when any part matches nothing.
    """
    ordered = in_training_order(revisions)
    named = [revision for revision in ordered if revision.name == selection]
    if named:
        return named[:1]
    parts = selection.split(",")
    if not all(part.strip() for part in parts):
        raise InputError("revision", f"{selection!r} has an empty part: separate selections with single commas.")
    chosen = {revision for part in parts for revision in _one(ordered, part.strip(), note)}
    return [revision for revision in dict.fromkeys(ordered) if revision in chosen]


def _one(ordered: Sequence[Revision], selection: str, note: Note) -> list[Revision]:
    named = [revision for revision in ordered if revision.name == selection]
    if named:
        return named[:1]
    if selection == "all" and ordered:
        return list(ordered)
    if match := _LOG.fullmatch(selection):
        return _log_spaced(ordered, match[1], note)
    if match := _RANGE.fullmatch(selection):
        return _within(ordered, selection, match[1], match[2])
    if chosen := [revision for revision in ordered if selection in _scopes(revision)]:
        return chosen
    scope, colon, rest = selection.partition(":")
    if colon and (inner := [revision for revision in ordered if scope in _scopes(revision)]):
        return _one(inner, rest, note)
    if any(character in selection for character in "*?["):
        chosen = [revision for revision in ordered if fnmatch.fnmatchcase(revision.name, selection)]
    else:
        chosen = _by_commit(ordered, selection)
    if not chosen:
        raise _nothing_fits(ordered, selection)
    return chosen


def _scopes(revision: Revision) -> tuple[str, ...]:
    """The stage of a revision and its branch, as they are written in a selection."""
    branch = revision.branch.replace(" ", "") if revision.branch else ""
    stage = revision.stage or ""
    return tuple(filter(None, (stage, branch, f"{stage}-{branch}" if stage and branch else "")))


def _by_commit(revisions: Sequence[Revision], prefix: str) -> list[Revision]:
    if not _COMMIT_PREFIX.fullmatch(prefix):
        return []
    chosen = [revision for revision in revisions if revision.commit and revision.commit.startswith(prefix)]
    if len({revision.commit for revision in chosen}) > 1:
        names = ", ".join(revision.name for revision in chosen[:4])
        raise InputError("revision", f"Several commits begin with {prefix} ({names}): give more digits.")
    return chosen[:1]


def _within(ordered: Sequence[Revision], selection: str, lower: str, upper: str) -> list[Revision]:
    is_tokens = any(bound[-1:] in ("M", "B", "T") for bound in (lower, upper))
    what = "tokens" if is_tokens else "steps"
    if is_tokens and any(bound and bound[-1].isdecimal() and bound != "0" for bound in (lower, upper)):
        raise InputError(
            "revision", f"{selection} mixes steps and tokens: write steps as in 1000..50000, tokens as in 10B..1T."
        )
    least, most = _number(lower, 0), _number(upper, math.inf)
    if not (lower or upper) or least > most:
        raise InputError(
            "revision", f"{selection} is not a range: write its lower end first, as in 1000..50000 or 10B..1T."
        )
    places = [(one, at[is_tokens]) for one, at in zip(ordered, positions(ordered), strict=True)]
    known = [at for _, at in places if at is not None]
    if not known:
        raise InputError("revision", f"{selection} needs {what}, and no revision of {_model(ordered)} tells them.")
    chosen = [one for one, at in places if at is not None and least <= at <= most]
    if not chosen:
        raise InputError(
            "revision",
            f"{_model(ordered)} has no revision with {what} {selection}: it has {what} from {_short(min(known))} to "
            f"{_short(max(known))}.",
        )
    return chosen


def _number(bound: str, otherwise: float) -> float:
    if not bound:
        return otherwise
    unit = _UNITS.get(bound[-1])
    return float(Decimal(bound[:-1]) * unit if unit else Decimal(bound))


def _short(count: int) -> str:
    for unit, size in (("T", 10**12), ("B", 10**9)):
        if count >= size:
            return f"{count / size:.4g}{unit}"
    return f"{count}"


def _log_spaced(ordered: Sequence[Revision], wanted: str, note: Note) -> list[Revision]:
    if not wanted.isdecimal() or int(wanted) < 1:
        raise InputError("revision", f"log:{wanted} is not a selection: give the number of checkpoints, as in log:16.")
    steps = [step for step, _ in positions(ordered)]
    if all(step is None for step in steps):
        raise InputError(
            "revision", f"log:{wanted} needs steps, and no revision has one in its name: name revisions, or use all."
        )
    main = _main(ordered, note)
    placed = [(revision, step) for revision, step in zip(ordered, steps, strict=True) if step is not None]
    placed.sort(key=lambda pair: pair[1])
    count = int(wanted)
    needed = _needed([revision for revision, _ in placed], main)[:count]
    fixed = {index for index, (revision, _) in enumerate(placed) if any(revision is one for one in needed)}
    spaced = _spaced([step for _, step in placed], fixed, count - (main in needed))
    return [placed[index][0] for index in spaced] + ([main] if main is not None and main in needed else [])


def _main(ordered: Sequence[Revision], note: Note) -> Revision | None:
    """The revision ``main`` if it is a checkpoint of its own; None, with a note, if it is not."""
    main = next((revision for revision in ordered if revision.name == "main"), None)
    if main is None or main.step is not None:
        return None
    if reason := _why_not(main, ordered):
        note(f"main of {main.model} is not selected, because {reason}.")
        return None
    return main


def _why_not(main: Revision, ordered: Sequence[Revision]) -> str:
    """Why ``main`` is no checkpoint of its own at the end of training, as the hub or the catalogue says; else empty."""
    same = next((one for one in ordered if one is not main and one.commit and one.commit == main.commit), None)
    if same is not None:
        return f"it is the same commit as {same.name}"
    known = facts(main.model)
    if known is None:
        return ""
    if known.main == "equal" and any(revision.name == known.main_of for revision in ordered):
        return f"it equals {known.main_of}"
    if known.main == "annealed":
        return f"it is annealed from {known.main_of}, which is not the last checkpoint"
    return "it holds no model" if known.main == "empty" else ""


def _needed(placed: Sequence[Revision], main: Revision | None) -> list[Revision]:
    """The last, the first, ``main``, then the ends of stages and branches from the latest: what has to be selected."""
    ends = []
    for segment in segments(placed):
        later = (*segment.revisions[1:], None)
        pairs = zip(segment.revisions, later, strict=True)
        ends += [one for one, after in pairs if after is None or after.stage != one.stage]
    wanted = [placed[-1], placed[0], *([main] if main is not None else []), *reversed(ends)]
    return list({id(one): one for one in wanted}.values())


def _spaced(steps: Sequence[int], fixed: set[int], count: int) -> list[int]:
    """``count`` indices of ascending ``steps``, spaced evenly in their logarithm, with those that are ``fixed``."""
    count = min(count, len(steps))
    places = _log_places(steps)
    chosen = set(fixed)
    for number in range(count, 1, -1):
        if len(fixed.union(even := _even(places, number))) <= count:
            chosen |= set(even)
            break
    while len(chosen) < count:  # the place that is farthest from those chosen
        free = [index for index in range(len(places)) if index not in chosen]
        chosen.add(max(free, key=lambda index: min(abs(places[index] - places[other]) for other in chosen)))
    return sorted(chosen)


def _even(places: Sequence[float], count: int) -> list[int]:
    """``count`` (2 or more) distinct indices of ascending places, each as near as possible to its even share."""
    chosen: list[int] = []
    for index in range(count - 1):
        target = places[0] + (places[-1] - places[0]) * index / (count - 1)
        first = chosen[-1] + 1 if chosen else 0
        chosen.append(min(range(first, len(places) - count + index + 1), key=lambda at: abs(places[at] - target)))
    return [*chosen, len(places) - 1]


def _log_places(steps: Sequence[int]) -> list[float]:
    """Logarithms of the steps; step 0 precedes the first other step by the distance from that to the second."""
    later = sorted({step for step in steps if step > 0})
    gap = math.log(later[1] / later[0]) if len(later) > 1 else math.log(2)
    start = math.log(later[0]) - gap if later else 0.0
    return [math.log(step) if step > 0 else start for step in steps]


def _nothing_fits(revisions: Sequence[Revision], selection: str) -> InputError:
    names = [revision.name for revision in revisions]
    close = difflib.get_close_matches(selection, names, n=3, cutoff=0.5)
    scopes = list(dict.fromkeys(scope for revision in revisions for scope in _scopes(revision)[-1:]))
    if close:
        hint = f"the closest are {', '.join(close)}"
    elif len(names) > 4:
        hint = f"it has {len(names)}, from {names[0]} to {names[-1]}"
        if scopes:
            more = f" and {len(scopes) - 8} more" if len(scopes) > 8 else ""
            hint += f", of {', '.join(scopes[:8])}{more}"
    else:
        hint = f"it has {', '.join(names) or 'none'}"
    return InputError("revision", f"{_model(revisions)} has no revision {selection!r}: {hint}.")


def _model(revisions: Sequence[Revision]) -> str:
    return revisions[0].model if revisions else "The model"
