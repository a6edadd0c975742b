"""Filters of finished lines: sufficient contrast, the 16 colours of a terminal, and ASCII characters."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.color import Color as RichColor
from rich.color import ColorSystem, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from ib_explorer.drawing.looks import BAND, BOUND, DIAGONAL, PALETTE
from ib_explorer.drawing.plain import ascii_cells

Triplet = tuple[int, int, int]

_NAMED: dict[Triplet, int] = {
    **dict(zip(PALETTE, (3, 14, 2, 13, 11, 9, 12), strict=True)),
    DIAGONAL: 7,
    BOUND: 7,
    BAND: 7,
}
"""The number of the terminal's colour for each colour of the drawing, a different one for each series."""
_STEPS = 20


class _Restyled(LineFilter):
    """A filter that replaces the style of each segment."""

    def __init__(self) -> None:
        super().__init__()
        self._style: Callable[[Style, Triplet], Style] = lru_cache(4096)(self._restyled)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in their new styles."""
        ground = background.rgb
        return [
            segment
            if segment.style is None or segment.control
            else Segment(segment.text, self._style(segment.style, ground))
            for segment in segments
        ]

    def _restyled(self, style: Style, ground: Triplet) -> Style:
        raise NotImplementedError


class Contrast(_Restyled):
    """Moves text that has less than a ``least`` contrast with its ground (WCAG) towards white or black."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def _restyled(self, style: Style, ground: Triplet) -> Style:
        if style.color is None or style.color.triplet is None:
            return style
        below = ground if style.bgcolor is None or style.bgcolor.triplet is None else tuple(style.bgcolor.triplet)
        colour, ends = tuple(style.color.triplet), ((0, 0, 0), (255, 255, 255))
        if colour == below:  # invisible on purpose
            return style
        end = max(ends, key=lambda one: contrast(one, below))
        if colour == (255, 255, 255) and end == (0, 0, 0):
            return style + Style(color=RichColor.from_rgb(*end))
        for step in range(_STEPS + 1):
            mixed = tuple(round(a + (b - a) * step / _STEPS) for a, b in zip(colour, end, strict=True))
            if contrast(mixed, below) >= self.least:
                break
        return style + Style(color=RichColor.from_rgb(*mixed))


class SixteenColours(_Restyled):
    """Uses the terminal's own 16 colours: its default ground, and a different colour for each series."""

    def _restyled(self, style: Style, ground: Triplet) -> Style:
        return style + Style(
            color=None if style.color is None else _foreground(style.color),
            bgcolor=None if style.bgcolor is None else _background(style.bgcolor),
        )


class Ascii(LineFilter):
    """Replaces each character by ASCII ones of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(ascii_cells(segment.text), segment.style)
            for segment in segments
        ]


def contrast(one: Triplet | tuple[int, ...], other: Triplet | tuple[int, ...]) -> float:
    """The contrast ratio of two colours by WCAG 2, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, ...]) -> float:
    shares = (part / 255 for part in colour)
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def _foreground(colour: RichColor) -> RichColor:
    if colour.triplet is None:
        return colour
    rgb = tuple(colour.triplet)
    if rgb in _NAMED:
        return _numbered(_NAMED[rgb])
    if max(rgb) - min(rgb) < 40:  # grey: text, or faint text
        return RichColor.default() if _luminance(rgb) > 0.4 else _numbered(7 if _luminance(rgb) > 0.03 else 0)
    return colour.downgrade(ColorSystem.STANDARD)


def _background(colour: RichColor) -> RichColor:
    if colour.triplet is None:
        return colour
    rgb = tuple(colour.triplet)
    if max(rgb) - min(rgb) < 40 and _luminance(rgb) < 0.2:
        return RichColor.default()
    number = colour.downgrade(ColorSystem.STANDARD).number
    return _numbered((number or 0) % 8)  # few terminals have bright grounds


def _numbered(number: int) -> RichColor:
    return RichColor(f"color({number})", ColorType.STANDARD, number)
