"""What keys do, as functions from a scene to the next state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from estimator.curve import BOUND_KINDS
from estimator.measurement import GRANULARITIES, WEIGHTS
from estimator.request import PRESETS
from ib_explorer.plane import Limits, Point, Trajectory, neighbour, revision_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.state import Order, Place, State


def to_checkpoint(scene: Scene, index: int) -> State:
    """The cursor on the measured checkpoint with that index, or the nearest there is; the last one follows new ones."""
    state = scene.state
    if state.place is None or not scene.checkpoints:
        return state
    index = min(max(index, 0), len(scene.checkpoints) - 1)
    last = index == len(scene.checkpoints) - 1
    return replace(state, place=replace(state.place, checkpoint=scene.checkpoints[index]), live=last)


def by_checkpoints(scene: Scene, steps: int) -> State:
    """The cursor some checkpoints later or earlier."""
    return to_checkpoint(scene, (scene.at if scene.at is not None else len(scene.checkpoints) - 1) + steps)


def across(scene: Scene, steps: int) -> State:
    """The cursor on a neighbouring series of the plane: another layer, or another model."""
    if scene.point is None:
        return scene.state
    return to_point(scene, neighbour(scene.plane, scene.point, across=steps))


def to_point(scene: Scene, point: Point) -> State:
    """The cursor on a point of the plane."""
    series = scene.plane.series_of(point)
    if series is None:
        return scene.state
    layer = series.layer if scene.state.view.layer == "each" else None
    place = Place(Trajectory.of(point.checkpoint), revision_of(point.checkpoint), layer)
    return replace(scene.state, place=place, live=scene.state.live and place == scene.state.place)


def stepped_view(scene: Scene, aspect: str, steps: int) -> State:
    """Another choice of one aspect of the view (a field of View).

    The zoom belongs to the old view and is given up, unless only another line is drawn beside the same points.
    """
    choices: dict[str, Sequence[Any]] = {
        "layer": scene.layers,
        "granularity": GRANULARITIES,
        "temperature_rule": scene.temperatures,
        "weights": WEIGHTS,
        "preset": PRESETS,
        "variant": scene.variants,
        "bound": BOUND_KINDS,
    }
    current = getattr(scene.state.view, aspect)
    offered = choices[aspect]
    at = offered.index(current) if current in offered else 0
    changes: dict[str, Any] = {aspect: offered[(at + steps) % len(offered)]}
    limits = scene.state.limits if aspect == "bound" else None
    return replace(scene.state, view=replace(scene.state.view, **changes), limits=limits)


def to_order(state: State, order: Order) -> State:
    """The view of what is going to be measured, following it."""
    request = order.request
    view = replace(
        state.view,
        preset=order.preset,
        temperature_rule=request.temperatures[0],
        weights=request.weights[0],
        variant=request.variants[0],
        min_count=request.min_count,
    )
    return replace(state, view=view, asked=order, live=True, limits=None)


def zoomed(scene: Scene, factor: float) -> State:
    """The window scaled by ``factor``, the selected point (or the middle) staying where it is on the screen."""
    window = scene.state.limits or scene.plane.limits
    point = scene.point if scene.point is not None and scene.point.is_finite else None

    def scaled(ends: tuple[float, float], fixed: float) -> tuple[float, float]:
        fixed = min(max(fixed, ends[0]), ends[1])
        lower, upper = fixed + (ends[0] - fixed) * factor, fixed + (ends[1] - fixed) * factor
        return (lower, upper) if 1e-6 < upper - lower < 1e3 else ends

    x, y = (point.x, point.y) if point else (sum(window.x) / 2, sum(window.y) / 2)
    return replace(scene.state, limits=Limits(scaled(window.x, x), scaled(window.y, y)))


def panned(scene: Scene, right: int, up: int) -> State:
    """The window moved by a fifth of its extent."""
    window = scene.state.limits or scene.plane.limits

    def moved(ends: tuple[float, float], steps: int) -> tuple[float, float]:
        by = steps * (ends[1] - ends[0]) / 5
        return ends[0] + by, ends[1] + by

    return replace(scene.state, limits=Limits(moved(window.x, right), moved(window.y, up)))
