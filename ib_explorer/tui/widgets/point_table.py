"""The table of all points on the plane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from estimator.safe_text import safe
from estimator.text.labels import TWO_SIDED
from ib_explorer.drawing.plane import Plane, Point
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import checkpoint_name, count, ending, value

_VALUE = 7
"""Width of an information value."""


class PointTable(ScrollView, can_focus=True):
    """The points in the order of the plane; moving the table's cursor posts :class:`Chosen`.

    Only visible lines are rendered: a plane of 500 checkpoints and 33 layers has 16,000.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--cursor"}
    DEFAULT_CSS = """
    PointTable > .table--head { background: $panel; text-style: bold; }
    PointTable > .table--cursor { background: $panel; text-style: bold; }
    PointTable:focus > .table--cursor { background: $primary; color: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "previous point", show=False),
        Binding("down", "move(1)", "next point", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
    ]
    cursor_row: reactive[int] = reactive(0)

    class Chosen(Message):
        """The user moved to the row of ``point``."""

        def __init__(self, point: Point) -> None:
            super().__init__()
            self.point = point

    def __init__(self) -> None:
        super().__init__()
        self._plane: Plane | None = None
        self.columns = _columns(TWO_SIDED.values())
        self._points: tuple[Point, ...] = ()

    def show(self, scene: Scene) -> None:
        """Show the scene's points, and mark the current one."""
        if scene.plane is not self._plane:
            self._plane, self._points = scene.plane, scene.plane.points
            if self._points:
                self.columns = _columns(sides(self._points[0].measurement))
            self.virtual_size = Size(sum(width + 2 for _, width in self.columns), len(self._points) + 1)
            self.refresh()
        if scene.point is not None:
            self.cursor_row = next((row for row, point in enumerate(self._points) if point is scene.point), 0)

    @property
    def row_count(self) -> int:
        """The number of points."""
        return len(self._points)

    def render_line(self, y: int) -> Strip:
        """A visible line: the fixed header, or a point."""
        left, top = self.scroll_offset
        row, text, style = top + y - 1, "", self.rich_style
        if y == 0:
            text, style = self._line(title for title, _ in self.columns), self.get_component_rich_style("table--head")
        elif row < len(self._points):
            text = self._line(_cells(self._points[row]))
            if row == self.cursor_row:
                style = self.get_component_rich_style("table--cursor")
        return Strip([Segment(f"{text:{left + self.size.width}}", style)]).crop(left, left + self.size.width)

    def _line(self, cells: Iterable[str]) -> str:
        return "".join(f" {cell:{width}} " for cell, (_, width) in zip(cells, self.columns, strict=True))

    def watch_cursor_row(self) -> None:
        """Scroll so that the cursor is visible, below the header."""
        room = max(self.scrollable_content_region.height - 1, 1)
        top = min(max(self.scroll_offset.y, self.cursor_row - room + 1), self.cursor_row)
        self.scroll_to(y=top, animate=False)
        self.refresh()

    def on_resize(self) -> None:
        """Keep the cursor visible after a resize, or when the table is first shown."""
        self.call_after_refresh(self.watch_cursor_row)

    def on_click(self, event: Click) -> None:
        """Move to the clicked point; clicks on the header or below the last row do nothing."""
        row = self.scroll_offset.y + event.y - 1
        if event.y > 0 and row < self.row_count:
            self._choose(row)

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._choose(self.cursor_row + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by a page."""
        self._choose(self.cursor_row + pages * max(self.size.height - 1, 1))

    def _choose(self, row: int) -> None:
        if self._points:
            self.cursor_row = min(max(row, 0), len(self._points) - 1)
            self.post_message(self.Chosen(self._points[self.cursor_row]))


def _columns(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Title and width of each column, for rows of the sides ``names``."""
    names = tuple(names)
    values = [(title, max(len(title), _VALUE)) for name in names for title in (name, "high", "±error")]
    ratio = [("optimality", 10)] if len(names) > 1 else []
    return ("model", 14), ("checkpoint", 14), ("layer", 5), *values, *ratio, ("H(Z)", _VALUE), ("N", 9)


def _cells(point: Point) -> list[str]:
    row = point.measurement
    cells = [
        safe(point.checkpoint.model)[-14:],
        ending(checkpoint_name(revision_of(point.checkpoint)), 14),
        str(row.layer),
    ]
    for side in sides(row).values():
        cells += [value(number) for number in (point.value.of(side), side.bracket[1], point.value.error(side))]
    if row.expressivity is not None:
        cells.append(value(point.value.optimality(row), 10))
    return [*cells, value(row.entropy), count(point.checkpoint.positions, 9)]
