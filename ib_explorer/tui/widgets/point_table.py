"""Every point that is on the plane, as a table."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import DataTable

from estimator.measurement import Measurement
from estimator.request import Preset
from ib_explorer.measured import sides
from ib_explorer.plane import Plane, Point, revision_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import checkpoint_name, count, value

_VALUE = 7
"""Width of an information value."""


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
        self._sides: tuple[str, ...] = ()
        self._points: tuple[Point, ...] = ()

    def show(self, scene: Scene) -> None:
        """Show the scene's points, and mark the current one."""
        if scene.plane != self._plane:
            self._plane, self._points = scene.plane, scene.plane.points
            self._set_columns(tuple(sides(self._points[0].measurement)) if self._points else self._sides)
            self.clear()
            self.add_rows(_cells(point, scene.state.view.preset) for point in self._points)
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

    def _set_columns(self, names: tuple[str, ...]) -> None:
        """Have columns for these sides; columns that are there stay as they are."""
        if names == self._sides:
            return
        self._sides = names
        self.clear(columns=True)
        columns = [("model", 14), ("checkpoint", 14), ("layer", 5)]
        columns += [(title, max(len(title), _VALUE)) for name in names for title in (name, "high", "±error")]
        columns += [("optimality", 10)] if len(names) > 1 else []
        for title, width in (*columns, ("H(Z)", _VALUE), ("N", 9)):
            self.add_column(title, width=width)


def _cells(point: Point, preset: Preset) -> list[str]:
    row = point.measurement
    cells = [point.checkpoint.model[-14:], checkpoint_name(revision_of(point.checkpoint))[:14], str(row.layer)]
    for side in sides(row).values():
        drawn = side.corrected if preset == "corrected" else side.plugin
        cells += [value(number) for number in (drawn, side.bracket[1], side.se)]
    if isinstance(row, Measurement):
        cells.append(value(row.optimality_corrected if preset == "corrected" else row.optimality, 10))
    return [*cells, value(row.entropy), count(point.checkpoint.positions, 9)]
