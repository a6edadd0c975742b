"""Lines on the way to a small canvas: split where values are missing, clipped to a window, thinned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

Place = tuple[float, float]


def runs(places: Iterable[Place]) -> list[list[Place]]:
    """The longest stretches without a non-finite value."""
    stretches: list[list[Place]] = [[]]
    for x, y in places:
        if math.isfinite(x) and math.isfinite(y):
            stretches[-1].append((x, y))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def clipped(places: Sequence[Place]) -> list[list[Place]]:
    """The parts of a line of finite ``places`` that lie in the unit square, cut exactly at its border."""
    parts: list[list[Place]] = []
    for start, end in itertools.pairwise(places):
        cut = _clip_segment(start, end)
        if cut is None:
            continue
        if parts and parts[-1][-1] == cut[0]:
            parts[-1].append(cut[1])
        else:
            parts.append(list(cut))
    return parts


def inside(place: Place) -> bool:
    """Whether a place lies in the unit square."""
    return 0 <= place[0] <= 1 and 0 <= place[1] <= 1


def thinned(places: Sequence[Place], count: int) -> list[Place]:
    """At most ``count`` (2 or more) of the places, evenly spread, the first and the last among them."""
    if len(places) <= count:
        return list(places)
    return [places[round(index * (len(places) - 1) / (count - 1))] for index in range(count)]


def _clip_segment(start: Place, end: Place) -> tuple[Place, Place] | None:
    """Liang and Barsky's clipping of one segment to the unit square; None when nothing is left."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    if not (math.isfinite(dx) and math.isfinite(dy)):
        return None
    enter, leave = 0.0, 1.0
    for towards, room in ((-dx, x0), (dx, 1 - x0), (-dy, y0), (dy, 1 - y0)):
        if towards == 0:
            if room < 0:
                return None
        elif towards < 0:
            enter = max(enter, room / towards)
        else:
            leave = min(leave, room / towards)
    if enter > leave:
        return None

    def at(share: float) -> Place:
        x, y = {0.0: start, 1.0: end}.get(share, (x0 + share * dx, y0 + share * dy))
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    return at(enter), at(leave)
