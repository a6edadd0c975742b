"""Every point that is on the plane, as a table."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import DataTable

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


class PointTable(DataTable[str]):
    """The points in the order of the plane; moving the table's cursor posts :class:`Chosen`."""

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
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._plane: Plane | None = None
        self._points: tuple[Point, ...] = ()

    def on_mount(self) -> None:
        """Set the columns, once."""
        for name, width in _COLUMNS:
            self.add_column(name, width=width)

    def show(self, scene: Scene) -> None:
        """Show the scene's points, and mark the current one."""
        if scene.plane != self._plane:
            self._plane, self._points = scene.plane, scene.plane.points
            self.clear()
            self.add_rows(_cells(point, scene.state.view.preset == "corrected") for point in self._points)
        if scene.point is not None:
            row = next((index for index, point in enumerate(self._points) if point == scene.point), 0)
            if row != self.cursor_row:
                self.move_cursor(row=row, animate=False)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Pass on a move of the user's; moves that follow the scene are not the table's to tell."""
        event.stop()
        if self.has_focus:
            self.post_message(self.Chosen(self))

    @property
    def current(self) -> Point | None:
        """The point under the cursor."""
        return self._points[self.cursor_row] if 0 <= self.cursor_row < len(self._points) else None


def _cells(point: Point, corrected: bool) -> list[str]:
    row = point.measurement
    x, y = row.complexity, row.expressivity
    optimality = row.optimality_corrected if corrected else row.optimality
    return [
        point.checkpoint.model[-14:],
        checkpoint_name(revision_of(point.checkpoint))[:14],
        str(row.layer),
        *(value(number) for number in (point.x, x.bracket[1], x.se, point.y, y.bracket[1], y.se)),
        value(optimality, 10),
        value(row.entropy),
        count(point.checkpoint.positions, 9),
    ]
