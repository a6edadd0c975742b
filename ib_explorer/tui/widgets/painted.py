"""Rows of coloured characters as the content of a widget."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate

from textual.content import Content, Span

from ib_explorer.drawing.canvas import Run


def has_colours() -> bool:
    """Whether NO_COLOR is not set."""
    return not os.environ.get("NO_COLOR")


def content(rows: Sequence[Sequence[Run]]) -> Content:
    """The rows below each other, in their colours unless NO_COLOR is set."""
    runs = [run for row in rows for run in (*row, ("\n", None))][:-1]
    ends = list(accumulate(len(text) for text, _ in runs))
    spans = [
        Span(end - len(text), end, f"rgb{colour}".replace(" ", ""))
        for end, (text, colour) in zip(ends, runs, strict=True)
        if colour is not None and has_colours()
    ]
    return Content("".join(text for text, _ in runs), spans)
