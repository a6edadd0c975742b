"""A value as a gauge: from 0 to what a state retains, with what documents account for, the bracket and the point."""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter

from rich.text import Text

from estimator.measurement import Information
from estimator.values import Value

DOCUMENTS, LOW, HIGH, POINT = "▒", "├", "┤", "●"
"""What is drawn into a gauge."""
_BEYOND = "▸"


def gauge(side: Information, drawn: Value, ceiling: float, width: int) -> Text:
    """The gauge of ``side`` in ``width`` cells (3 or more), of which the first and the last are its ends.

    The part of the documents is filled, the bracket a line between its caps, the point that of the drawn value. What
    exceeds the ceiling is an arrow at the end; an unknown value has no point.
    """
    room = width - 2
    cells, styles = [" "] * room, ["dim"] * room

    def cell(value: float) -> int:
        share = value / ceiling if ceiling > 0 else 0.0
        return min(max(int(share * room), 0), room - 1)

    def put(value: float, symbol: str, style: str) -> None:
        if math.isfinite(value):
            cells[cell(value)] = _BEYOND if value > ceiling else symbol
            styles[cell(value)] = style

    documents = side.document_part
    if documents is not None and documents > 0:
        for index in range(cell(documents) + 1):
            cells[index] = DOCUMENTS
    low, high = side.bracket
    if math.isfinite(low) and math.isfinite(high):
        for index in range(cell(low), cell(high) + 1):
            cells[index], styles[index] = "─", ""
        put(low, LOW, "")
        put(high, HIGH, "")
    put(drawn.of(side), POINT, "bold #e69f00")
    text = Text("▕", no_wrap=True)
    text.stylize("dim")
    for style, run in groupby(zip(cells, styles, strict=True), key=itemgetter(1)):  # long runs are few bytes
        text.append("".join(symbol for symbol, _ in run), style=style)
    return text.append("▏", style="dim")
