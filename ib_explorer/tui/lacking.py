"""What the view lacks, as jobs that the worker could do; their numbers are given when they are handed over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ib_explorer.tui.scene import Scene
from ib_explorer.tui.state import Job, bound_jobs

UNNUMBERED = 0


def measurements(scene: Scene) -> list[Job]:
    """The measurements in view that are not there, or on their way: of the checkpoint under the cursor, then of all.

    Only what this session measured can be asked for: a kept measurement does not say where its text came from.
    """
    view, place, known = scene.state.view, scene.state.place, scene.request
    if place is None or known is None or is_measured(scene):
        return []
    every = replace(
        known,
        temperatures=(view.temperature_rule,),
        weights=(view.weights,),
        variants=(view.variant,),
        min_count=view.min_count,
    )
    # The checkpoint under the cursor first: its answer is what the user waits for.
    wanted = (
        Job(UNNUMBERED, "look", replace(every, revision=place.checkpoint.name)),
        Job(UNNUMBERED, "measure", every),
    )
    return [job for job in wanted if _is_given_up(other for other in scene.state.jobs if other.request == job.request)]


def is_measured(scene: Scene) -> bool:
    """Whether anything of the trajectory in view is on the plane."""
    return any(series.trajectory == scene.trajectory for series in scene.plane.series)


def bound(scene: Scene, *, again: bool) -> list[Job]:
    """The bound of the sample and labels in view, unless it is there or was asked for; ``again``: also if it failed."""
    view, known = scene.state.view, scene.request
    if known is None or view.is_preference or scene.curve is not None:
        return []
    request = replace(known, granularities=(view.granularity,))
    jobs = bound_jobs(scene.state, request, view.conditionals)
    if jobs and not (again and _is_given_up(jobs)):
        return []
    return [Job(UNNUMBERED, "bound", request, view.conditionals)]


def increments(scene: Scene) -> list[Job]:
    """What each further token of context adds at the checkpoint under the cursor, unless it was asked for."""
    place, known = scene.state.place, scene.request
    if place is None or known is None:
        return []
    rules = (scene.state.view.temperature_rule,)
    request = replace(known, revision=place.checkpoint.name, temperatures=rules)
    jobs = [job for job in scene.state.jobs if job.kind == "increments" and job.request == request]
    return [Job(UNNUMBERED, "increments", request)] if _is_given_up(jobs) else []


def _is_given_up(jobs: Iterable[Job]) -> bool:
    """Whether none of ``jobs`` did its work, or will."""
    return all(job.status in ("failed", "cancelled") for job in jobs)
