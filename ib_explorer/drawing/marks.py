"""What is drawn onto the lines of a picture: markers by age, arrows of direction, and labels that find room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ib_explorer.drawing.canvas import Canvas, Colour, Places, cells_of
from ib_explorer.drawing.looks import sized

COVERED = "·░⠂"
"""Characters of the diagonal, the band and the ghost's line, which labels and brackets may cover."""
_MANY, _CROWDED = 3, 8
"""Cells between the markers of a line that has a point in each fourth column, and in a picture of many such lines."""
_ARROWS = "→↗↑↖←↙↓↘"
_EVERY, _LEAST, _REACH = 36.0, 8.0, 4.0
"""Half cells along a line between arrows, least length of a line with one, and reach over which it is directed."""
_NOISE = 2.0
"""Way within which the direction of a line is noise."""
_TALL = 2.0
"""Height of a cell in widths."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text for the place ``x``, ``y`` of a chart, in its units."""

    x: float
    y: float
    text: str
    colour: Colour


def markers(
    places: Places, marker: str, columns: int, rows: int, *, ages: bool, is_crowded: bool = False
) -> list[tuple[str, Places]]:
    """The markers of a line's places, each symbol with where it stands; older points have smaller ones if ``ages``.

    A marker that would touch the one before it is left out, so that the line stays visible; of a line with many points
    markers stand further apart, above all in a picture that ``is_crowded``. The last is always drawn.
    """
    inside = np.flatnonzero(((places >= 0) & (places <= 1)).all(axis=1))
    if not len(inside):
        return []
    row, column = cells_of(places[inside], columns, rows)
    apart = 1 if len(inside) <= columns / 4 else _CROWDED if is_crowded else _MANY
    kept, at = [], (-columns, -rows)
    for index, cell in enumerate(zip(row.tolist(), column.tolist(), strict=True)):
        if max(abs(cell[0] - at[0]), abs(cell[1] - at[1])) > apart or not ages:
            kept.append(index)
            at = cell
    last = len(inside) - 1
    if kept[-1] != last:
        crowded = len(kept) > 1 and max(abs(row[kept[-1]] - row[last]), abs(column[kept[-1]] - column[last])) <= 1
        kept[-1:] = [last] if crowded else [kept[-1], last]
    if not ages:
        return [(marker, places[inside])]
    whole = max(len(places) - 1, 1)
    found: dict[str, list[int]] = {}
    for index in kept:
        share = 1.0 if len(places) == 1 else inside[index] / whole
        found.setdefault(sized(marker, share), []).append(inside[index])
    return [(symbol, places[mine]) for symbol, mine in found.items()]


def arrows(places: Places, canvas: Canvas) -> Iterator[tuple[str, Places]]:
    """Arrows along the line through ``places``, in the cells of ``canvas`` where it has no marker."""
    size = np.array([canvas.width, canvas.height * _TALL])
    dotted = canvas.dotted()
    for piece in _pieces(places):
        path = _smoothed(piece * size)
        steps = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        if along[-1] < _LEAST:
            continue
        count = max(int(np.hypot(*np.ptp(path, axis=0)) // _EVERY), 1)  # by its extent: noise makes a line long
        for target in (np.arange(count) + 0.5) * along[-1] / count:
            spots = np.arange(max(target - _EVERY / 3, 0.0), min(target + _EVERY / 3, along[-1]), 0.5)
            best = _best(spots, target, along, path, size, dotted)
            if best is not None:
                yield best


def _best(
    spots: npt.NDArray[np.float64],
    target: float,
    along: npt.NDArray[np.float64],
    path: Places,
    size: npt.NDArray[np.float64],
    dotted: npt.NDArray[np.bool_],
) -> tuple[str, Places] | None:
    """The arrow at the spot nearest to ``target`` where the line is straight and nothing else is drawn."""

    def at(where: npt.NDArray[np.float64]) -> Places:
        return np.stack([np.interp(where, along, path[:, axis]) for axis in (0, 1)], axis=1)

    here = at(spots)
    before, after = np.maximum(spots - _REACH, 0.0), np.minimum(spots + _REACH, along[-1])
    way = at(after) - at(before)
    straight = np.hypot(*way.T) >= 0.7 * (after - before)
    shares = here / size
    inside = ((shares >= 0) & (shares <= 1)).all(axis=1)
    free = np.zeros(len(spots), dtype=bool)
    free[inside] = dotted[cells_of(shares[inside], dotted.shape[1], dotted.shape[0])]
    usable = np.flatnonzero(straight & free)
    if not len(usable):
        return None
    index = usable[np.argmin(np.abs(spots[usable] - target))]
    eighth = int(np.round(np.arctan2(way[index, 1], way[index, 0]) / (np.pi / 4))) % 8
    return _ARROWS[eighth], shares[index : index + 1]


def _smoothed(path: Places) -> Places:
    """The path without steps of less than two half cells, whose direction is noise, with its first and last place."""
    kept = [0]
    for index in range(1, len(path)):
        if np.abs(path[index] - path[kept[-1]]).max() >= _NOISE:
            kept.append(index)
    return path[kept if kept[-1] == len(path) - 1 else [*kept, -1]]


def _pieces(places: Places) -> Iterator[Places]:
    """The runs of finite places within a few screens of the canvas: two or more each."""
    usable = (np.abs(places - 0.5) < 5).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start > 1:
            yield places[start:end]


def write_labels(canvas: Canvas, labels: Sequence[tuple[Places, Label]]) -> list[tuple[int, int, Label]]:
    """Write each label near its place if that is on the canvas; returns row and column of those that found room.

    They cover neither markers nor each other, and lines only where nothing else is free.
    """
    written = []
    for places, label in labels:
        if not ((places >= 0) & (places <= 1)).all() or not label.text:
            continue
        row, column = (int(one[0]) for one in cells_of(places, canvas.width, canvas.height))
        spot = _spot(canvas, row, column, len(label.text))
        if spot is not None:
            canvas.write(*spot, label.text, label.colour)
            written.append((*spot, label))
    return written


def _spot(canvas: Canvas, row: int, column: int, length: int) -> tuple[int, int] | None:
    """The first cell of a text near a cell: where it covers nothing, or else only braille dots; None without room."""
    free, dotted = canvas.free(COVERED), canvas.dotted()
    centred = column - length // 2
    tries = [(0, column + 2), (0, column - 1 - length), (-1, centred), (1, centred)]
    tries += [(up, start) for up in (-1, 1) for start in (column + 1, column - length)]
    tries += [(up, centred) for up in (-2, 2)] + [
        (up, start) for up in (-2, 2) for start in (column + 2, column - length)
    ]
    fitting = [
        (row + up, start)
        for up, start in tries
        if 0 <= row + up < canvas.height and start >= 0 and start + length <= canvas.width
    ]
    for allowed in (free, free | dotted):
        for at, start in fitting:
            around = (free | dotted)[at, max(start - 1, 0) : start + length + 1]  # texts do not touch each other
            if allowed[at, start : start + length].all() and (around.all() or at == row):
                return at, start
    return None
