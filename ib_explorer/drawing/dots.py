"""A dot plot: one row per model, with its value as a marker and its bracket as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ib_explorer.drawing.axes import extent, ticks
from ib_explorer.drawing.canvas import Run
from ib_explorer.drawing.looks import DIAGONAL, appearance

SMALLEST = 30
"""Cells below which there is no room for a dot plot."""
_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Dot:
    """A row: its name, value (None if withheld) and bracket.

    ``look`` is the index of its appearance, ``note`` why it is not comparable.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    look: int
    note: str = ""


def dot_rows(dots: Sequence[Dot], title: str, width: int, height: int, *, selected: int | None) -> list[list[Run]]:
    """The dots as at most ``height`` rows of ``width`` cells: a row per dot, the axis, and its title and numbers.

    If there are more dots than rows, those around ``selected`` are shown. The plot of a comparison with scores can
    take the same place.
    """
    rows = min(height - 2, len(dots))
    numbers = [end for dot in dots for end in (dot.value, dot.low, dot.high) if end is not None and math.isfinite(end)]
    if width < SMALLEST or rows < 1 or not numbers:
        return []
    names = min(max(len(title), *(len(dot.name) for dot in dots)), width // 3)
    cells = width - names - 2 - _NUMBER
    window = extent(numbers)
    first = 0 if selected is None else min(max(selected - rows // 2, 0), len(dots) - rows)
    drawn: list[list[Run]] = []
    for index in range(first, first + rows):
        drawn.append(_row(dots[index], len(dots), names, cells, window, is_selected=index == selected))
    values, texts = ticks(*window, max(cells // 12, 2))
    line, below = ["─"] * cells, [" "] * (cells + _NUMBER)
    free = 0
    for value, text in zip(values, texts, strict=True):
        cell = _cell(value, window, cells)
        line[cell] = "┬"
        start = max(cell - len(text) // 2, 0)
        if start >= free and start + len(text) <= len(below):
            below[start : start + len(text)] = text
            free = start + len(text) + 1
    drawn.append([(f"{'':{names}} └{''.join(line)}", None)])
    drawn.append([(f"{title[:names]:>{names}}  {''.join(below)}"[:width], None)])
    return drawn


def _row(dot: Dot, count: int, names: int, cells: int, window: tuple[float, float], *, is_selected: bool) -> list[Run]:
    look = appearance(dot.look, count, False)
    name = dot.name if len(dot.name) <= names else f"…{dot.name[1 - names :]}"
    head = f"{'▸' if is_selected else ' '}{name:>{names}}"[: names + 1] + "│"
    if dot.value is None:
        return [(head, None), (f"{'withheld':<{cells + _NUMBER}}", DIAGONAL)]
    line = [" "] * cells
    if dot.low is not None and dot.high is not None:
        start, end = _cell(dot.low, window, cells), _cell(dot.high, window, cells)
        line[start : end + 1] = "─" * (end - start + 1)
        if end > start:
            line[start], line[end] = "├", "┤"
    at = _cell(dot.value, window, cells)
    line[at] = look.marker
    return [(head, None), ("".join(line), DIAGONAL if dot.note else look.colour), (f"{dot.value:>{_NUMBER}.4f}", None)]


def _cell(value: float, window: tuple[float, float], cells: int) -> int:
    share = (value - window[0]) / (window[1] - window[0])
    return min(max(int(share * cells), 0), cells - 1)
