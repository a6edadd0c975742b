"""Numbers as horizontal bars."""

from __future__ import annotations

from ib_explorer.drawing.looks import PALETTE

COLOURS = tuple(f"rgb({red},{green},{blue})" for red, green, blue in (PALETTE[1], PALETTE[0]))
"""Styles of the bars of the input's side (or the only one) and of the output's."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(number: float, largest: float, width: int) -> str:
    """A bar as long as ``number`` is beside ``largest``, which fills ``width`` cells, to an eighth of a cell."""
    share = number / largest if largest > 0 else 0.0
    eighths = round(min(max(share, 0.0), 1.0) * width * 8) if share == share else 0
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)
