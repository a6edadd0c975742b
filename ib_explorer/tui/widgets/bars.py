"""Numbers as horizontal bars."""

from __future__ import annotations

from ib_explorer.drawing.looks import PALETTE

COLOURS = tuple(f"rgb({red},{green},{blue})" for red, green, blue in (PALETTE[1], PALETTE[0]))
"""Bar colours of the input side (or the only one) and of the output side."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(number: float, largest: float, width: int) -> str:
    """A bar of length ``number`` / ``largest`` × ``width`` cells, to an eighth of a cell."""
    share = number / largest if largest > 0 else 0.0
    eighths = round(min(max(share, 0.0), 1.0) * width * 8) if share == share else 0
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)
