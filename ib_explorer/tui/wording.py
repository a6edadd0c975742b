"""Formatting of numbers and names on the screen, with fixed widths so that columns do not shift."""

from __future__ import annotations

import math

from estimator.checkpoints.revision import Revision
from estimator.measurement import Measurement
from estimator.safe_text import safe
from estimator.values import USUAL, VALUES
from ib_explorer.drawing.names import short_number

WITHHELD = "–"


def value(number: float | None, width: int = 7) -> str:
    """An information value, or any fraction, with four decimals, right-aligned; a dash for None."""
    if number is None or not math.isfinite(number):
        return f"{WITHHELD:>{width}}"
    return f"{number:z{width}.4f}"


def count(number: int, width: int = 0) -> str:
    """A count with thousands separated."""
    return f"{number:>{width},}"


def rows_in_words(number: int) -> str:
    """A number of rows in words."""
    return "1 row" if number == 1 else f"{number:,} rows"


def percent(share: float, width: int = 4) -> str:
    """A share of one as a percentage."""
    return f"{share * 100:>{width - 2}.0f} %"


def duration(seconds: float | None) -> str:
    """Seconds as minutes and seconds (with hours if any); empty if unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def duration_in_words(seconds: float) -> str:
    """Seconds as a rounded number of seconds, minutes or hours."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(round(seconds), 1)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def checkpoint_name(checkpoint: Revision) -> str:
    """A checkpoint's place in training if known, else its own name."""
    if checkpoint.step is None:
        return safe(checkpoint.name)
    parts = [safe(checkpoint.stage or ""), safe(checkpoint.branch or "")]
    return " ".join(part for part in [*parts, f"step {checkpoint.step:,}"] if part)


def scope_name(checkpoint: Revision) -> str:
    """The stage and branch of a checkpoint, or its kind of training; empty if neither is known."""
    kind = "" if checkpoint.kind == "none" or checkpoint.branch else checkpoint.kind
    return safe(" ".join(filter(None, (checkpoint.stage or kind, checkpoint.branch))))


def place_name(checkpoint: Revision) -> str:
    """A checkpoint's step and tokens in short form (``1.0k   4B``); the name of one without a step."""
    if checkpoint.step is None and checkpoint.tokens is None:
        return safe(checkpoint.name)
    step = "" if checkpoint.step is None else short_number(checkpoint.step)
    return f"{step:>5} {'' if checkpoint.tokens is None else short_number(checkpoint.tokens):>5}"


def ending(name: str, width: int) -> str:
    """A name in at most ``width`` cells: a longer one is truncated to its end, which contains the step."""
    return name if len(name) <= width else f"…{name[1 - width :]}"


def layer_name(layer: int | str) -> str:
    """A layer, the mean of all, or each of them."""
    return {"mean": "mean of layers", "each": "each layer"}.get(str(layer), f"layer {layer}")


def why_withheld(row: Measurement) -> str:
    """The reason why the default optimality is withheld, in one clause; empty if it is not."""
    sides = [side for side in (row.complexity, row.expressivity) if side is not None]
    if VALUES[USUAL].optimality(row) is not None:
        return ""
    if any(side.within is None for side in sides):
        return "measured by an earlier version: measure again"
    if any(side.adjusted is None for side in sides):
        return "withheld: no label repeats"
    return "withheld: I(X;Z) is at most 3 errors"
