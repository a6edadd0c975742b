"""Lines and markers drawn with characters, vectorised: thousands of places cost little more than ten."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Run = tuple[str, Colour | None]
"""Adjacent cells of one colour; None is the terminal's default."""
Places = npt.NDArray[np.float64]
"""Places [n, 2], x and y, in the unit square of the canvas or outside it; y increases upwards."""
_Grid = npt.NDArray[np.bool_]

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)
"""The bit of each dot [row, column] in a braille character."""
_NO_COLOUR = -1


class Canvas:
    """``width`` by ``height`` cells, one character and one colour each; later drawing covers earlier drawing."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._characters = np.full((height, width), ord(" "), dtype=np.uint32)
        self._colours = np.full((height, width), _NO_COLOUR, dtype=np.int32)

    def copy(self) -> Canvas:
        """Another canvas with the same picture."""
        other = Canvas(self.width, self.height)
        other._characters, other._colours = self._characters.copy(), self._colours.copy()
        return other

    def line(self, places: Places, colour: Colour, symbol: str | None = None, *, over: str | None = None) -> None:
        """Draw a line through ``places``, with gaps at non-finite ones; with braille dots unless a symbol is given.

        Dots are combined with those already in a cell. A line of symbols covers only blanks and the characters
        ``over``, if given, so that lines below it stay whole.
        """
        if symbol is not None:
            touched = _touched(places, self.width, self.height)
            if over is not None:
                touched &= self.free(over)
            self._set(touched, np.uint32(ord(symbol)), colour)
            return
        dots = _touched(places, 2 * self.width, 4 * self.height)
        bits = (dots.reshape(self.height, 4, self.width, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint32)
        before = np.where(self._characters & 0xFFFFFF00 == _BRAILLE, self._characters, _BRAILLE)
        self._set(bits > 0, before | bits, colour)

    def marks(self, places: Places, symbol: str, colour: Colour) -> None:
        """Draw a symbol at each of the ``places`` that lie on the canvas."""
        inside = places[((places >= 0) & (places <= 1)).all(axis=1)]
        touched = np.zeros((self.height, self.width), dtype=bool)
        touched[cells_of(inside, self.width, self.height)] = True
        self._set(touched, np.uint32(ord(symbol)), colour)

    def write(self, row: int, column: int, text: str, colour: Colour) -> None:
        """Write ``text``, one cell per character, from a cell on; it must fit."""
        where = np.zeros((self.height, self.width), dtype=bool)
        where[row, column : column + len(text)] = True
        characters = np.zeros((self.height, self.width), dtype=np.uint32)
        characters[row, column : column + len(text)] = [ord(character) for character in text]
        self._set(where, characters, colour)

    def free(self, over: str = "") -> _Grid:
        """The cells [height, width] that are blank or hold one of the characters ``over``."""
        return np.asarray(np.isin(self._characters, [ord(character) for character in f" {over}"]), dtype=np.bool_)

    def dotted(self) -> _Grid:
        """The cells [height, width] that hold braille dots, hence lines without a marker."""
        return np.asarray(self._characters & 0xFFFFFF00 == _BRAILLE, dtype=np.bool_)

    def rows(self) -> Iterator[list[Run]]:
        """The rows from the top, as runs of adjacent cells of one colour; blanks have that of the cells before them.

        Long runs are few bytes for a terminal.
        """
        for characters, colours in zip(self._characters.tolist(), self._colours.tolist(), strict=True):
            text, start, row = "".join(map(chr, characters)), 0, list[Run]()
            for packed, same in groupby(colours):
                end = start + sum(1 for _ in same)
                colour = None if packed == _NO_COLOUR else (packed >> 16, packed >> 8 & 255, packed & 255)
                before = row[-1] if row else ("", colour)
                if before[1] == colour or (row and text[start:end].isspace()):
                    row[-1:] = [(before[0] + text[start:end], before[1])]
                else:
                    row.append((text[start:end], colour))
                start = end
            yield row

    def _set(self, where: _Grid, characters: Any, colour: Colour) -> None:
        np.copyto(self._characters, characters, where=where)
        np.copyto(self._colours, colour[0] << 16 | colour[1] << 8 | colour[2], where=where)


def cells_of(places: Places, columns: int, rows: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Row (from the top) and column of each place in the unit square."""
    column = np.minimum((places[:, 0] * columns).astype(np.intp), columns - 1)
    return rows - 1 - np.minimum((places[:, 1] * rows).astype(np.intp), rows - 1), column


def _touched(places: Places, columns: int, rows: int) -> _Grid:
    """The cells of a ``columns`` x ``rows`` grid that the line through ``places`` crosses."""
    grid = np.zeros((rows, columns), dtype=bool)
    start, end = clipped(places[:-1], places[1:])
    extent = np.abs(end - start) * (columns, rows)
    steps = np.ceil(extent.max(axis=1, initial=0)).astype(np.intp) + 1
    segment = np.repeat(np.arange(len(steps)), steps)
    share = (np.arange(len(segment)) - np.repeat(np.cumsum(steps) - steps, steps)) / np.maximum(steps - 1, 1)[segment]
    grid[cells_of(start[segment] + share[:, None] * (end - start)[segment], columns, rows)] = True
    return grid


def clipped(start: Places, end: Places) -> tuple[Places, Places]:
    """Liang–Barsky clipping of segments to the unit square; non-finite and outside segments are dropped."""
    finite = np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1)
    start, end = start[finite], end[finite]
    enter, leave = np.zeros(len(start)), np.ones(len(start))
    towards = np.hstack([start - end, end - start])  # left, bottom, right, top
    room = np.hstack([start, 1 - start])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = room / towards
    enter = np.where(towards < 0, share, 0.0).max(axis=1, initial=0.0)
    leave = np.where(towards > 0, share, 1.0).min(axis=1, initial=1.0)
    outside = ((towards == 0) & (room < 0)).any(axis=1)
    kept = (enter <= leave) & ~outside
    start, way = start[kept], (end - start)[kept]
    first, last = start + enter[kept, None] * way, start + leave[kept, None] * way
    return np.clip(first, 0, 1), np.clip(last, 0, 1)
