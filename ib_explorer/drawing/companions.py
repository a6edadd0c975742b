"""Points of other models at the same place in training as a given one."""

from __future__ import annotations

from ib_explorer.drawing.plane import Plane, Point
from ib_explorer.drawing.trajectories import revision_of


def companions(plane: Plane, point: Point) -> tuple[Point, ...]:
    """Of each other model on the plane, the point with the nearest number of tokens to that of ``point``.

    Where tokens are unknown, steps count; a series with neither in common with ``point`` has no companion.
    """
    mine = plane.series_of(point)
    found = []
    for series in plane.series:
        if mine is not None and series.trajectory != mine.trajectory and series.layer == mine.layer:
            nearest = _nearest(series.points, point)
            if nearest is not None:
                found.append(nearest)
    return tuple(found)


def _nearest(points: tuple[Point, ...], to: Point) -> Point | None:
    wanted = revision_of(to.checkpoint)
    places = [(revision_of(point.checkpoint), point) for point in points if point.is_finite]
    for count in ("tokens", "step"):
        at = getattr(wanted, count)
        known = [
            (abs(mine - at), point)
            for place, point in places
            if (mine := getattr(place, count)) is not None and at is not None
        ]
        if known:
            return min(known, key=lambda one: one[0])[1]
    return None
