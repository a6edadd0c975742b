"""A part of the screen as text or SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.color import Color
from rich.style import Style
from rich.terminal_theme import MONOKAI
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from ib_explorer.drawing.svg import Span, svg


def strips(screen: Screen[Any], region: Region) -> list[Strip]:
    """What ``screen`` shows in ``region``, also below a dialog."""
    rows = screen._compositor.render_strips()[region.y : region.bottom]
    return [row.crop(region.x, region.right) for row in rows]


def as_text(rows: list[Strip]) -> str:
    """The rows as text without styles and trailing blanks."""
    return "".join(f"{row.text.rstrip()}\n" for row in rows)


def screen_svg(screen: Screen[Any], colours: Mapping[str, str], title: str) -> str:
    """All that ``screen`` shows, as SVG; ``colours`` are the variables of its theme."""
    return as_svg(strips(screen, screen.region), colours, title)


def as_svg(rows: list[Strip], colours: Mapping[str, str], title: str) -> str:
    """The rows as SVG; cells without colours of their own have the ``foreground`` and ``background`` of ``colours``."""
    background, foreground = colours["background"], colours["foreground"]
    width = max((row.cell_length for row in rows), default=1)
    drawn = [[_span(text, style, foreground, background) for text, style, _ in row] for row in rows]
    return svg(drawn, width, background=background, title=title)


def _span(text: str, style: Style | None, foreground: str, background: str) -> Span:
    style = style or Style()
    front, back = _hex(style.color, foreground), _hex(style.bgcolor, background)
    if style.reverse:
        front, back = back, front
    return Span(text, front, None if back == background else back, bool(style.bold), bool(style.dim))


def _hex(colour: Color | None, default: str) -> str:
    if colour is None or colour.is_default:
        return default
    return colour.get_truecolor(MONOKAI).hex
