"""Every point that is on the plane, as a table."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ib_explorer.plane import Plane, Point, revision_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import checkpoint_name, count, value

_COLUMNS = (
    ("model", 14),
    ("checkpoint", 14),
    ("layer", 5),
    ("I(X;Z)", 7),
    ("high", 7),
    ("±error", 7),
    ("I(Y;Z)", 7),
    ("high", 7),
    ("±error", 7),
    ("optimality", 10),
    ("H(Z)", 7),
    ("N", 9),
)


_HEAD = "".join(f" {name:{width}} " for name, width in _COLUMNS)


class PointTable(ScrollView, can_focus=True):
    """The points in the order of the plane; moving the table's cursor posts :class:`Chosen`.

    Only the lines in sight are written: a plane of 500 checkpoints and 33 layers has 16,000.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--cursor"}
    DEFAULT_CSS = """
    PointTable > .table--head { background: $panel; text-style: bold; }
    PointTable > .table--cursor { background: $panel; text-style: bold; }
    PointTable:focus > .table--cursor { background: $primary; color: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]
    cursor_row: reactive[int] = reactive(0)

    class Chosen(Message):
        """The user moved to a row: ``point`` is the one that the cursor is on by the time this is heard."""

        def __init__(self, table: PointTable) -> None:
            super().__init__()
            self.table = table

        @property
        def point(self) -> Point | None:
            """The point under the table's cursor; None in an empty table."""
            return self.table.current

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._plane: Plane | None = None
        self._points: tuple[Point, ...] = ()
        self._corrected = True

    def show(self, scene: Scene) -> None:
        """Show the scene's points, and mark the current one."""
        if scene.plane is not self._plane:
            self._plane, self._points = scene.plane, scene.plane.points
            self._corrected = scene.state.view.preset == "corrected"
            self.virtual_size = Size(len(_HEAD), len(self._points) + 1)
            self.refresh()
        if scene.point is not None:
            self.cursor_row = next((row for row, point in enumerate(self._points) if point is scene.point), 0)

    @property
    def row_count(self) -> int:
        """How many points there are."""
        return len(self._points)

    @property
    def current(self) -> Point | None:
        """The point under the cursor."""
        return self._points[self.cursor_row] if 0 <= self.cursor_row < len(self._points) else None

    def render_line(self, y: int) -> Strip:
        """A line in sight: the head, which stays, or a point."""
        left, top = self.scroll_offset
        row, text, style = top + y - 1, "", self.rich_style
        if y == 0:
            text, style = _HEAD, self.get_component_rich_style("table--head")
        elif row < len(self._points):
            cells = zip(_cells(self._points[row], self._corrected), _COLUMNS, strict=True)
            text = "".join(f" {cell:{width}} " for cell, (_, width) in cells)
            if row == self.cursor_row:
                style = self.get_component_rich_style("table--cursor")
        return Strip([Segment(f"{text:{left + self.size.width}}", style)]).crop(left, left + self.size.width)

    def watch_cursor_row(self) -> None:
        """Keep the cursor in sight, below the head."""
        room = max(self.size.height - 1, 1)
        top = min(max(self.scroll_offset.y, self.cursor_row - room + 1), self.cursor_row)
        self.scroll_to(y=top, animate=False)
        self.refresh()

    def on_resize(self) -> None:
        """Keep the cursor in sight in another window."""
        self.watch_cursor_row()

    def on_click(self, event: Click) -> None:
        """Go to the point that was clicked."""
        self._choose(self.scroll_offset.y + event.y - 1)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._choose(self.cursor_row + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is in sight."""
        self._choose(self.cursor_row + pages * max(self.size.height - 1, 1))

    def _choose(self, row: int) -> None:
        self.cursor_row = min(max(row, 0), max(len(self._points) - 1, 0))
        self.post_message(self.Chosen(self))


def _cells(point: Point, corrected: bool) -> list[str]:
    row = point.measurement
    x, y = row.complexity, row.expressivity
    optimality = row.optimality_corrected if corrected else row.optimality
    return [
        point.checkpoint.model[-14:],
        checkpoint_name(revision_of(point.checkpoint))[:14],
        str(row.layer),
        *(value(number) for number in (point.x, x.high, x.se, point.y, y.high, y.se)),
        value(optimality, 10),
        value(row.entropy),
        count(point.checkpoint.positions, 9),
    ]
