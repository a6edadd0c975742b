"""Short names for models and for places in training, where a picture has little room."""

from __future__ import annotations

import re
from functools import lru_cache

from estimator.checkpoints.revision import Revision

_SIZE = re.compile(r"\d+(\.\d+)?[bmk]", re.IGNORECASE)


@lru_cache(maxsize=64)
def short_models(models: tuple[str, ...], *, by_size: bool = False) -> dict[str, str]:
    """A name for each of ``models``: the end of its hub id or path that tells it from the others.

    With ``by_size``, models of one family that differ in size are named by it: ``7B`` and ``1B``.
    """
    distinct = tuple(dict.fromkeys(models))
    ends = {model: _end(model, distinct) for model in distinct}
    if by_size and len(distinct) > 1:
        sizes = {model: _size(end) for model, end in ends.items()}
        families = {re.split(r"[-_]", end)[0] for end in ends.values()}
        if len(families) == 1 and None not in sizes.values() and len(set(sizes.values())) == len(distinct):
            return {model: size or "" for model, size in sizes.items()}
    return ends


def short_number(number: int) -> str:
    """A count in at most five characters, such as ``512``, ``1.0k``, ``143k`` or ``62.9B``."""
    scaled = float(number)
    for unit in ("", "k", "M", "B", "T"):
        if scaled < 999.5 or unit == "T":
            break
        scaled /= 1000
    if not unit:
        return str(number)
    return f"{scaled:.1f}{unit}" if scaled < (9.95 if unit == "k" else 99.5) else f"{scaled:.0f}{unit}"


def short_place(checkpoint: Revision) -> str:
    """A checkpoint's step in short, else its tokens, else its name."""
    if checkpoint.step is not None:
        return short_number(checkpoint.step)
    if checkpoint.tokens is not None:
        return f"{short_number(checkpoint.tokens)} tokens"
    return checkpoint.name


def _end(model: str, models: tuple[str, ...]) -> str:
    """The last parts of a model's name, as few as no other model ends with."""
    parts = [part for part in model.split("/") if part]
    for count in range(1, len(parts) + 1):
        end = parts[-count:]
        if not any(other != model and [part for part in other.split("/") if part][-count:] == end for other in models):
            return "/".join(end)
    return model


def _size(name: str) -> str | None:
    """The size in a model's name, if it is the last part of it that is no date or version."""
    *_, last = re.split(r"[-_]", name)
    return last.upper() if _SIZE.fullmatch(last) else None
