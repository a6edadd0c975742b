"""The picture of the plane as a widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from ib_explorer.drawing.canvas import Run
from ib_explorer.drawing.picture import Frame, frame, plane_rows
from ib_explorer.drawing.plane import Point
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.painted import content

ZOOM = 0.8
"""Factor of the window's extent for one turn of the wheel."""


class PlaneView(Widget):
    """The information plane of the scene, drawn to fit.

    The wheel zooms about the pointer, a click chooses the nearest point, dragging moves the window.
    """

    class Zoomed(Message):
        """The wheel turned: scale the window by ``factor`` about a place."""

        def __init__(self, factor: float, about: tuple[float, float]) -> None:
            super().__init__()
            self.factor, self.about = factor, about

    class Dragged(Message):
        """The window is to move by shares of its extents."""

        def __init__(self, right: float, up: float) -> None:
            super().__init__()
            self.right, self.up = right, up

    class Chosen(Message):
        """The user clicked near a point."""

        def __init__(self, point: Point) -> None:
            super().__init__()
            self.point = point

    ALLOW_SELECT: ClassVar[bool] = False
    scene: Scene | None = None
    _rows: Sequence[list[Run]] = ()
    _held: tuple[int, int] | None = None
    _is_dragged = False

    def show(self, scene: Scene) -> None:
        """Draw this scene: only the rows that it changes are sent to the terminal."""
        before, size, was_stale = self._rows, self.size, self._is_stale
        self.scene, self._rows = scene, self._drawn(scene)
        if len(before) != size.height or len(self._rows) != size.height or was_stale != self._is_stale:
            self.refresh()
        changed = [row for row, (old, new) in enumerate(zip(before, self._rows, strict=False)) if old != new]
        if changed:
            self.refresh(*(Region(0, row, size.width, 1) for row in changed))

    def on_resize(self) -> None:
        """Draw the scene to the new size."""
        self._rows = self._drawn(self.scene)
        self.refresh()

    def _drawn(self, scene: Scene | None) -> list[list[Run]]:
        """The rows of the scene's picture; none before anything is measured."""
        if scene is None or not (scene.stale or scene.plane.points):
            return []
        size = self.size.width, self.size.height
        if scene.stale:
            return plane_rows(scene.stale, *size, selected=None, numbered=scene.is_numbered)
        return plane_rows(
            scene.plane,
            *size,
            selected=scene.point,
            companions=scene.companions,
            limits=scene.state.limits,
            numbered=scene.is_numbered,
        )

    @property
    def _is_stale(self) -> bool:
        """Whether the picture is that of the view before."""
        return self.scene is not None and self.scene.stale is not None

    def render(self) -> Content:
        """The picture, or instructions before anything is measured."""
        if not self._rows:
            return self._invitation()
        picture = content(self._rows)
        return picture.stylize("dim") if self._is_stale else picture

    @property
    def _frame(self) -> Frame | None:
        """The frame of the picture; None before anything is drawn."""
        if self.scene is None or self.scene.stale or not self.scene.plane.points:
            return None
        return frame(self.scene.plane, self.size.width, self.size.height, self.scene.state.limits)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out about the pointer."""
        self._zoom(event, 1 / ZOOM)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in about the pointer."""
        self._zoom(event, ZOOM)

    def _zoom(self, event: events.MouseEvent, factor: float) -> None:
        shape = self._frame
        about = None if shape is None else shape.place(int(event.x), int(event.y))
        if about is not None:
            event.stop()
            self.post_message(self.Zoomed(factor, about))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Hold the picture where the pointer is."""
        if event.button == 1 and self._frame is not None:
            self._held, self._is_dragged = (int(event.x), int(event.y)), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the window so that what is held stays below the pointer."""
        shape, at = self._frame, (int(event.x), int(event.y))
        if self._held is None or shape is None or at == self._held:
            return
        right, down = self._held[0] - at[0], self._held[1] - at[1]
        self._held, self._is_dragged = at, True
        self.post_message(self.Dragged(right / shape.columns, -down / shape.rows))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the picture; choose the nearest point unless it was dragged."""
        held, self._held = self._held, None
        self.release_mouse()
        shape = self._frame
        if held is None or self._is_dragged or shape is None or self.scene is None:
            return
        point = shape.nearest(self.scene.plane.points, int(event.x), int(event.y))
        if point is not None:
            self.post_message(self.Chosen(point))

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
