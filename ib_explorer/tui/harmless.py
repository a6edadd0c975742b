"""A last look at every line of the screen: what could control the terminal does not reach it."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from estimator.safe_text import safe


class Harmless(LineFilter):
    """Leaves out control and format characters, which have no width; names are escaped before, where there is room."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without such characters; ``segments`` itself if it has none."""
        if all(segment.control or segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment if segment.control else Segment(_without_controls(segment.text), segment.style)
            for segment in segments
        ]


HARMLESS = Harmless()


def _without_controls(text: str) -> str:
    return "".join(character for character in text if safe(character) == character)
