"""Information, a ratio and the loss over training as a widget."""

from __future__ import annotations

import math

from textual.content import Content
from textual.widget import Widget

from ib_explorer.drawing.stack import stack_rows, visible
from ib_explorer.drawing.training import OPTIMALITY, SHARE, Training, training
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.painted import content


class TrainingView(Widget):
    """One strip for each quantity, with the checkpoint in view as a vertical line; strips that do not fit scroll."""

    scene: Scene | None = None
    _top = 0

    def show(self, scene: Scene) -> None:
        """Draw this scene."""
        self.scene = scene
        self.refresh()

    def scroll_pages(self, steps: int) -> None:
        """Scroll by as many strips as are visible."""
        if self.scene is not None and self.scene.plane.points:
            count = len(self._training(self.scene).charts)
            shown = visible(self.size.height, count)
            self._top = min(max(self._top + steps * shown, 0), count - shown)
            self.refresh()

    def render(self) -> Content:
        """The strips, or instructions before anything is measured."""
        if self.scene is None or not self.scene.plane.points:
            return Content.styled("Nothing of this view is measured. Press m to measure a model.", "dim")
        scene, drawn = self.scene, self._training(self.scene)
        count = len(drawn.charts)
        shown = visible(self.size.height, count)
        self._top = min(self._top, count - shown)
        window = range(self._top, self._top + shown)
        chosen, point = _chosen(scene), scene.point
        cursor = None
        values = [(math.nan, "") for _ in window]
        if chosen is not None and point is not None and scene.state.place is not None:
            at = scene.state.place.checkpoint
            cursor = drawn.places[chosen].get(at)
            values = [_value(drawn.estimates[index][chosen].get(at)) for index in window]
        charts = [drawn.charts[index] for index in window]
        return content(stack_rows(charts, self.size.width, self.size.height, cursor=cursor, values=values))

    @staticmethod
    def _training(scene: Scene) -> Training:
        ratio = scene.state.quantity if scene.state.quantity == SHARE else OPTIMALITY
        return training(scene.plane, scene.state.counted, ratio, _chosen(scene) or 0)


def _chosen(scene: Scene) -> int | None:
    """The index of the series under the cursor."""
    mine = None if scene.point is None else scene.plane.series_of(scene.point)
    return next((index for index, one in enumerate(scene.plane.series) if one is mine), None)


def _value(found: tuple[float, float, float] | None) -> tuple[float, str]:
    """A value, and how it is written with its bracket."""
    if found is None or not math.isfinite(found[0]):
        return math.nan, "–"
    value, low, high = found
    return value, f"{value:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low < high else "")
