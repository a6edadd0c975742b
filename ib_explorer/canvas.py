"""Lines and markers drawn with characters, by whole arrays: thousands of places cost little more than ten."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Places = npt.NDArray[np.float64]
"""Places [n, 2], x and y, in the unit square of the canvas or outside of it; y grows upwards."""
_Grid = npt.NDArray[np.bool_]

_RESET = "\x1b[0m"
_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)
"""The bit of each dot [row, column] in a braille character."""
_NO_COLOUR: Colour = (-1, -1, -1)


class Canvas:
    """``width`` by ``height`` cells, one character and one colour each; what is drawn later lies over the rest."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._characters = np.full((height, width), ord(" "), dtype=np.uint32)
        self._colours = np.full((height, width, 3), _NO_COLOUR, dtype=np.int16)

    def line(self, places: Places, colour: Colour, symbol: str | None = None) -> None:
        """A line through ``places``, broken where one is not finite; of braille dots where no symbol is given.

        Dots join those that are already in a cell.
        """
        if symbol is not None:
            touched = _touched(places, self.width, self.height)
            self._set(touched, np.uint32(ord(symbol)), colour)
            return
        dots = _touched(places, 2 * self.width, 4 * self.height)
        bits = (dots.reshape(self.height, 4, self.width, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint32)
        before = np.where(self._characters & 0xFFFFFF00 == _BRAILLE, self._characters, _BRAILLE)
        self._set(bits > 0, before | bits, colour)

    def marks(self, places: Places, symbol: str, colour: Colour) -> None:
        """A symbol at each of the ``places`` that lie on the canvas."""
        inside = places[((places >= 0) & (places <= 1)).all(axis=1)]
        touched = np.zeros((self.height, self.width), dtype=bool)
        touched[_cells(inside, self.width, self.height)] = True
        self._set(touched, np.uint32(ord(symbol)), colour)

    def lines(self, colour: bool) -> Iterator[str]:
        """The rows from the top, with ANSI colours or plain."""
        for row, colours in zip(self._characters.tolist(), self._colours.tolist(), strict=True):
            text = "".join(map(chr, row))
            if not colour:
                yield text
                continue
            runs = groupby(zip(colours, text, strict=True), key=itemgetter(0))
            parts = ((tuple(shade), "".join(character for _, character in run)) for shade, run in runs)
            yield "".join(part if shade == _NO_COLOUR else painted(part, shade) for shade, part in parts)

    def _set(self, where: _Grid, characters: Any, colour: Colour) -> None:
        np.copyto(self._characters, characters, where=where)
        np.copyto(self._colours, np.array(colour, dtype=np.int16), where=where[:, :, None])


def painted(text: str, colour: Colour) -> str:
    """The text in a colour, for a terminal."""
    return f"\x1b[38;2;{colour[0]};{colour[1]};{colour[2]}m{text}{_RESET}"


def _cells(places: Places, columns: int, rows: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Row (from the top) and column of each place in the unit square."""
    column = np.minimum((places[:, 0] * columns).astype(np.intp), columns - 1)
    return rows - 1 - np.minimum((places[:, 1] * rows).astype(np.intp), rows - 1), column


def _touched(places: Places, columns: int, rows: int) -> _Grid:
    """Which of ``columns`` x ``rows`` cells the line through ``places`` goes through."""
    grid = np.zeros((rows, columns), dtype=bool)
    start, end = _clipped(places[:-1], places[1:])
    extent = np.abs(end - start) * (columns, rows)
    steps = np.ceil(extent.max(axis=1, initial=0)).astype(np.intp) + 1
    segment = np.repeat(np.arange(len(steps)), steps)
    share = (np.arange(len(segment)) - np.repeat(np.cumsum(steps) - steps, steps)) / np.maximum(steps - 1, 1)[segment]
    grid[_cells(start[segment] + share[:, None] * (end - start)[segment], columns, rows)] = True
    return grid


def _clipped(start: Places, end: Places) -> tuple[Places, Places]:
    """Liang and Barsky's clipping of segments to the unit square; those that are not finite or outside are left out."""
    finite = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
    start, end = start[finite], end[finite]
    enter, leave = np.zeros(len(start)), np.ones(len(start))
    towards = np.hstack([start - end, end - start])  # left, bottom, right, top
    room = np.hstack([start, 1 - start])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = room / towards
    enter = np.where(towards < 0, share, 0.0).max(axis=1, initial=0.0)
    leave = np.where(towards > 0, share, 1.0).min(axis=1, initial=1.0)
    outside = ((towards == 0) & (room < 0)).any(axis=1)
    kept = (enter <= leave) & ~outside
    start, way = start[kept], (end - start)[kept]
    first, last = start + enter[kept, None] * way, start + leave[kept, None] * way
    return np.clip(first, 0, 1), np.clip(last, 0, 1)
