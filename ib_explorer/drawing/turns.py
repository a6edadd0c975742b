"""The turn from expansion to compression of a series of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from estimator.checkpoints.revision import SOUP, Revision
from estimator.turn import NoTurn, Turn, find_turn
from ib_explorer.drawing.plane import Series
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.trajectories import revision_of


def turn_of(series: Series) -> Turn | NoTurn:
    """The turn of a series on its trunk, in the plotted value; its indices are those of the series' points."""
    return _turn_of(Same(series))


@lru_cache(maxsize=64)
def _turn_of(same: Same[Series]) -> Turn | NoTurn:
    points = same.value.points
    trunk = on_trunk([revision_of(point.checkpoint) for point in points])
    rows = [points[index].measurement for index in trunk]
    sides = [(row.complexity, row.expressivity) for row in rows if row.expressivity is not None]
    if len(sides) < len(rows) or not rows:
        return NoTurn("the labels have one side")
    value = points[0].value
    x, y = [one for one, _ in sides], [one for _, one in sides if one is not None]
    numbers = [list(map(of, side)) for side in (x, y) for of in (value.of, value.error)]
    found = find_turn(*numbers)
    if isinstance(found, NoTurn):
        return found
    return Turn(trunk[found.index], trunk[found.first], trunk[found.last], found.errors)


def on_trunk(run: Sequence[Revision]) -> list[int]:
    """The indices of the checkpoints of a run that no ingredient, seed or learning rate sets apart."""
    return [index for index, one in enumerate(run) if one.ingredient in (None, SOUP) and one.fork is None]
