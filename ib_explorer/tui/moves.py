"""The effects of keys, as functions from a scene to the next state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from estimator.bottleneck.bounds import BOUNDS
from estimator.measurement import WEIGHTS, Granularity
from estimator.values import VALUES
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.plane import Point, neighbour
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.drawing.view import X_AXES
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.scene import scene as scene_of
from ib_explorer.tui.state import Order, Place, State, with_labels


def to_checkpoint(scene: Scene, index: int) -> State:
    """Move the cursor to the measured checkpoint with that index, or the nearest; the last one follows new ones."""
    state = scene.state
    if state.place is None or not scene.checkpoints:
        return state
    index = min(max(index, 0), len(scene.checkpoints) - 1)
    last = index == len(scene.checkpoints) - 1
    return replace(state, place=replace(state.place, checkpoint=scene.checkpoints[index]), live=last)


def by_checkpoints(scene: Scene, steps: int) -> State:
    """Move the cursor some checkpoints later or earlier."""
    return to_checkpoint(scene, (scene.at if scene.at is not None else len(scene.checkpoints) - 1) + steps)


def across(scene: Scene, steps: int) -> State:
    """Move the cursor to a neighbouring series of the plane: another layer, or another model."""
    if scene.point is None:
        return scene.state
    return to_point(scene, neighbour(scene.plane, scene.point, across=steps))


def to_point(scene: Scene, point: Point) -> State:
    """Move the cursor to a point of the plane."""
    series = scene.plane.series_of(point)
    if series is None:
        return scene.state
    state = scene.state
    layer = series.layer if state.view.layer == "each" else None
    at_home = state.place is not None and series.trajectory == scene.trajectory
    trajectory = state.place.trajectory if at_home and state.place else series.trajectory
    place = Place(trajectory, revision_of(point.checkpoint), layer)
    return replace(state, place=place, live=state.live and place == state.place)


def stepped_view(scene: Scene, aspect: str, steps: int) -> State:
    """Step one aspect of the view (a field of View) to another choice.

    This resets the zoom, unless only the bound changes, which leaves the points as they are.
    """
    choices: dict[str, Sequence[Any]] = {
        "layer": scene.layers,
        "granularity": scene.labels,
        "temperature_rule": scene.temperatures,
        "weights": WEIGHTS,
        "preset": tuple(VALUES),
        "variant": scene.variants,
        "bound": tuple(BOUNDS),
        "x": X_AXES,
    }
    current = getattr(scene.state.view, aspect)
    offered = choices[aspect]
    at = offered.index(current) if current in offered else 0
    chosen = offered[(at + steps) % len(offered)]
    if aspect == "granularity":
        return to_labels(scene.state, chosen)
    changes: dict[str, Any] = {aspect: chosen}
    limits = scene.state.limits if aspect == "bound" else None
    return replace(scene.state, view=replace(scene.state.view, **changes), limits=limits)


def to_labels(state: State, labels: Granularity) -> State:
    """View other labels; if they were measured at other checkpoints only, move to the last of those."""
    state = replace(state, view=with_labels(state.view, labels, state.records), limits=None)
    now = scene_of(state)
    return to_checkpoint(now, len(now.checkpoints) - 1) if now.at is None else state


def to_order(state: State, order: Order) -> State:
    """View the results of an order, and follow them."""
    request = order.request
    measured = [kind.name for kind in request.kinds]
    view = replace(
        state.view,
        granularity=state.view.granularity if state.view.granularity in measured else request.granularities[0],
        preset=order.preset,
        temperature_rule=request.temperatures[0],
        weights=request.weights[0],
        variant=request.variants[0],
        min_count=request.min_count,
    )
    return replace(state, view=view, form=order, live=True, limits=None)


def toggled(scene: Scene, number: int) -> State | str:
    """Hide or show the model with that number in the legend, from 1; a sentence if that is not possible."""
    if not scene.is_numbered:
        return "One model is on the plane: press o to show all models, which digits then hide and show."
    listed = scene.plane.listed
    if number > len(listed):
        return f"The legend has {len(listed)} models."
    series = listed[number - 1]
    if series.trajectory == scene.trajectory:
        return f"{series.name} is the current model and stays: press up or down to step to another one first."
    return replace(scene.state, hidden=scene.state.hidden ^ {series.trajectory})


def zoomed(scene: Scene, factor: float, about: tuple[float, float] | None = None) -> State:
    """Scale the window by ``factor``; ``about`` (default: the selected point, or the middle) stays on its place."""
    window = scene.state.limits or scene.plane.limits
    point = scene.point if scene.point is not None and scene.point.is_finite else None

    def scaled(ends: tuple[float, float], fixed: float) -> tuple[float, float]:
        fixed = min(max(fixed, ends[0]), ends[1])
        lower, upper = fixed + (ends[0] - fixed) * factor, fixed + (ends[1] - fixed) * factor
        return (lower, upper) if 1e-6 < upper - lower < 1e3 else ends

    x, y = about or ((point.x, point.y) if point else (sum(window.x) / 2, sum(window.y) / 2))
    return replace(scene.state, limits=Limits(scaled(window.x, x), scaled(window.y, y)))


def panned(scene: Scene, right: float, up: float) -> State:
    """Move the window by shares of its extents."""
    window = scene.state.limits or scene.plane.limits

    def moved(ends: tuple[float, float], share: float) -> tuple[float, float]:
        by = share * (ends[1] - ends[0])
        return ends[0] + by, ends[1] + by

    return replace(scene.state, limits=Limits(moved(window.x, right), moved(window.y, up)))
