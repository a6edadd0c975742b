"""How series look: one colour and one marker each, the same on the screen and in a plot."""

from __future__ import annotations

from dataclasses import dataclass

from ib_explorer.drawing.canvas import Colour

# Okabe and Ito: colours that colour-blind eyes tell apart, without black, one blue lightened for dark screens.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (64, 140, 215),
)
# Layers have an order, and so have their colours: viridis without its dark end.
ORDERED: tuple[Colour, ...] = ((110, 110, 220), (52, 148, 190), (40, 175, 125), (150, 210, 70), (253, 231, 60))
# Eight markers against seven colours: 56 series differ in at least one, and 8 without any colour.
MARKERS = "●■▲◆○□△◇"
SMALLER = dict(zip(MARKERS, ("∘•", "▫▪", "▵▴", "⋄⋄", "∘∘", "▫▫", "▵▵", "⋄⋄"), strict=True))
"""Two smaller forms of each marker, for the first and the second third of a run."""
DIAGONAL: Colour = (110, 110, 110)
BOUND: Colour = (160, 160, 200)
BAND: Colour = (95, 95, 125)
GHOST: Colour = (130, 130, 130)


@dataclass(frozen=True, slots=True)
class Appearance:
    """How one series looks, everywhere: its colour and its marker."""

    colour: Colour
    marker: str


def appearance(index: int, count: int, ordered: bool) -> Appearance:
    """The appearance of series ``index`` of ``count``; ``ordered`` series (layers) get neighbouring colours."""
    marker = MARKERS[index % len(MARKERS)]
    if not ordered:
        return Appearance(PALETTE[index % len(PALETTE)], marker)
    place = index / max(count - 1, 1) * (len(ORDERED) - 1)
    lower = min(int(place), len(ORDERED) - 2)
    red, green, blue = (
        round(a + (place - lower) * (b - a)) for a, b in zip(ORDERED[lower], ORDERED[lower + 1], strict=True)
    )
    return Appearance((red, green, blue), marker)


def sized(marker: str, share: float) -> str:
    """The marker of a point at ``share`` of its run, 0 for the first and 1 for the last: older points are smaller."""
    forms = SMALLER.get(marker, "") + marker
    return forms[min(int(share * len(forms)), len(forms) - 1)]
