"""The picture of the plane as a widget."""

from __future__ import annotations

import os
from itertools import accumulate

from textual.content import Content, Span
from textual.widget import Widget

from ib_explorer.drawing.picture import plane_rows
from ib_explorer.tui.scene import Scene


class PlaneView(Widget):
    """The information plane of the scene, drawn to fit."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Draw this scene."""
        self.scene = scene
        self.refresh()

    def render(self) -> Content:
        """The picture, or instructions before anything is measured."""
        scene = self.scene
        if scene is None or not (scene.stale or scene.plane.points):
            return self._invitation()
        rows = plane_rows(
            scene.stale or scene.plane,
            self.size.width,
            self.size.height,
            selected=None if scene.stale else scene.point,
            limits=None if scene.stale else scene.state.limits,
        )
        runs = [run for row in rows for run in (*row, ("\n", None))][:-1]
        ends = list(accumulate(len(text) for text, _ in runs))
        spans = [
            Span(end - len(text), end, f"rgb{colour}".replace(" ", ""))
            for end, (text, colour) in zip(ends, runs, strict=True)
            if colour is not None and "NO_COLOR" not in os.environ
        ]
        picture = Content("".join(text for text, _ in runs), spans)
        return picture.stylize("dim") if scene.stale else picture

    def _invitation(self) -> Content:
        state = self.scene.state if self.scene else None
        if state is None:
            said = "Reading the cache …"
        elif any(job.is_open and (job.kind.extends_trajectory or job.kind.fills_view) for job in state.jobs):
            said = "Measuring: the first point will appear here."
        elif state.place is None:
            said = "No measurements yet. Press m to measure a model."
        else:
            said = "This view is not measured. Press m to measure it, or step to another view."
        above = "\n" * max((self.size.height - 1) // 2, 0)
        return Content.styled(above + said.center(self.size.width), "dim")
