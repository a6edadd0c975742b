"""Which commands have an effect now, and why others have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from estimator.checkpoints.catalogue import whole_model
from ib_explorer.drawing.view import CONTEXT
from ib_explorer.tui import queue
from ib_explorer.tui.lacking import needing_passes
from ib_explorer.tui.moves import toggled
from ib_explorer.tui.scene import Scene


def impossible(scene: Scene, action: str) -> str:
    """Why an action has no effect now, as a sentence that says what to do; empty if it has one."""
    reason = next((why for begins, why in _REASONS.items() if action.startswith(begins)), None)
    return "" if reason is None else reason(scene)


def _place(scene: Scene) -> str:
    return "" if scene.checkpoints else "Nothing is measured yet: press m to measure a model."


def _points(scene: Scene) -> str:
    return "" if scene.plane.points else "This view has no points."


def _variants(scene: Scene) -> str:
    if len(scene.variants) > 1:
        return ""
    return "Only raw states are measured: press m and choose another variant to compare them."


def _models(scene: Scene) -> str:
    models = {whole_model(record.model) for record in scene.state.records}
    if len(models) > 1 or scene.state.overlay:
        return ""
    return "Only one model is measured: press m to measure another one." if models else _place(scene)


def _bound(scene: Scene) -> str:
    view = scene.state.view
    if view.is_over_training:
        return f"{view.granularity} has no bound: it has one side and is drawn over training."
    return f"The diagonal is the bound of {CONTEXT}: press X for the information of the labels." * view.is_of_context


def _x(scene: Scene) -> str:
    labels = scene.state.view.granularity
    over_training = scene.state.view.is_over_training
    return f"{labels} has no x axis to choose: it has one side and is drawn over training." * over_training


def _increments(scene: Scene) -> str:
    if scene.state.view.is_over_training:
        return "Increments exist only for n-gram labels: press g to step to them."
    if scene.request is None:
        return "Increments need a measurement on the same text: press m to measure this model first."
    return ""


def _model(number: int, scene: Scene) -> str:
    found = toggled(scene, number)
    return found if isinstance(found, str) else ""


def _jobs(scene: Scene) -> str:
    return "" if queue.unfinished(scene.state) or scene.state.unfinished else "No job is running."


def _passes(scene: Scene) -> str:
    return "" if needing_passes(scene) else "This view needs no forward pass."


def _zoom(scene: Scene) -> str:
    return "" if scene.state.limits else "The window shows all points already."


def _unfinished(scene: Scene) -> str:
    return "" if scene.state.unfinished else "The last session left nothing unfinished."


_REASONS: Mapping[str, Callable[[Scene], str]] = {
    "checkpoint(": _place,
    "across(": _points,
    "last": _place,
    "first": _place,
    "play": _place,
    "look('variant'": _variants,
    "look('bound'": _bound,
    "look('x'": _x,
    "overlay": _models,
    **{f"toggle_model({number})": partial(_model, number) for number in range(1, 10)},
    "zoom(": _points,
    "pan(": _points,
    "reset_zoom": _zoom,
    "increments": _increments,
    "passes": _passes,
    "cancel": _jobs,
    "export": _points,
    "resume": _unfinished,
}
