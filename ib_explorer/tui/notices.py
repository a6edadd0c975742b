"""What the screen says of a view that lacks values: how many it has, and what the rest costs."""

from __future__ import annotations

from ib_explorer.tui.lacking import needing_passes
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import duration_in_words


def notice(scene: Scene) -> str:
    """How much of the view is there and what completes it; empty if nothing is missing, or nothing can be done."""
    total, present = len(scene.checkpoints), scene.points_in_view
    if present >= total or scene.request is None:
        return ""
    if scene.is_filling:
        return f"{present} of {total}, computing …"
    needed = len(needing_passes(scene))
    if not needed:
        return ""
    pace = seconds_per_pass(scene)
    cost = "" if pace is None else f", about {duration_in_words(pace * needed)}"
    passes = "a forward pass" if needed == 1 else f"{needed} forward passes"
    return f"{present} of {total}: press E to run {passes}{cost} (no stored scores)"


def seconds_per_pass(scene: Scene) -> float | None:
    """What a forward pass of the model in view took in this session, in seconds; None if none was made."""
    model = None if scene.trajectory is None else scene.trajectory.model
    paces = [job.seconds_per_pass for job in scene.state.jobs if job.request.model == model]
    return next((pace for pace in reversed(paces) if pace is not None), None)
