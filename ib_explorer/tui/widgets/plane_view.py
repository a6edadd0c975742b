"""The picture of the plane as a widget."""

from __future__ import annotations

import os

from rich.text import Text
from textual.widget import Widget

from ib_explorer.picture import draw_plane
from ib_explorer.tui.scene import Scene


class PlaneView(Widget):
    """The information plane of the scene, drawn to fit."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Draw this scene from now on."""
        self.scene = scene
        self.refresh()

    def render(self) -> Text:
        """The picture; before anything is measured, what to do."""
        if self.scene is None or not self.scene.plane.points:
            return self._invitation()
        drawn = draw_plane(
            self.scene.plane,
            self.size.width,
            self.size.height,
            colour="NO_COLOR" not in os.environ,
            selected=self.scene.point,
            limits=self.scene.state.limits,
        )
        return Text.from_ansi(drawn, no_wrap=True, end="")

    def _invitation(self) -> Text:
        state = self.scene.state if self.scene else None
        if state is None:
            said = "Reading what is measured …"
        elif any(job.is_open for job in state.jobs):
            said = "Measuring: the first point will appear here."
        elif state.place is None:
            said = "Nothing is measured yet. Press m to measure a model."
        else:
            said = "This view is not measured. Press m to measure it, or step on."
        above = "\n" * max((self.size.height - 1) // 2, 0)
        return Text(above + said.center(self.size.width), style="dim", no_wrap=True)
