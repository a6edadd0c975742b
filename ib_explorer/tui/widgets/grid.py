"""A table on the screen: fixed name columns, a cursor over rows and columns, and only visible lines rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Column, Sheet

_GAP = 2
"""Cells around the text of a cell."""


class Grid(ScrollView, can_focus=True):
    """Shows the sheet that :meth:`sheet` derives from a scene; keys and clicks are the application's.

    Only visible lines are rendered: a plane of 500 checkpoints and 33 layers has 16,000.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--head", "grid--cursor", "grid--cell"}
    DEFAULT_CSS = """
    Grid > .grid--head { background: $panel; text-style: bold; }
    Grid > .grid--cursor { background: $panel; text-style: bold; }
    Grid > .grid--cell { background: $panel; text-style: bold reverse; }
    Grid:focus > .grid--cursor { background: $primary; color: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.row(-1)", "previous row", show=False),
        Binding("down", "app.row(1)", "next row", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
        Binding("left", "app.column(-1)", "previous column", show=False),
        Binding("right", "app.column(1)", "next column", show=False),
        Binding("enter", "app.sort", "sort by the column", show=False),
        Binding("slash", "app.filter", "filter rows", show=False),
    ]

    class Clicked(Message):
        """The user clicked a cell, or with ``row`` None the title of a column."""

        def __init__(self, row: int | None, column: str | None) -> None:
            super().__init__()
            self.row, self.column = row, column

    _sheet: Sheet | None = None

    def sheet(self, scene: Scene) -> Sheet:
        """The sheet of a scene."""
        raise NotImplementedError

    def show(self, scene: Scene) -> None:
        """Show the scene's sheet, with the cursor's row and column in view."""
        before, self._sheet = self._sheet, self.sheet(scene)
        if before is not None and before.source is self._sheet.source and before == self._sheet:
            return
        self.virtual_size = Size(sum(column.width + _GAP for column in self.columns), self.row_count + 1)
        self._follow()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return () if self._sheet is None else self._sheet.columns

    @property
    def row_count(self) -> int:
        """The number of rows shown."""
        return 0 if self._sheet is None else len(self._sheet.order)

    @property
    def cursor_row(self) -> int:
        """The row of the current item; -1 if the filter leaves it out."""
        if self._sheet is None or self._sheet.current is None:
            return -1
        try:
            return self._sheet.order.index(self._sheet.current)
        except ValueError:
            return -1

    def render_line(self, y: int) -> Strip:
        """A visible line: the fixed header, or a row."""
        top, width, row = self.scroll_offset.y, self.size.width, self.scroll_offset.y + y - 1
        if self._sheet is None:
            return Strip.blank(width, self.rich_style)
        style = self.rich_style
        if y == 0:
            return self._line(self._titles(), self.get_component_rich_style("grid--head"), at=self._sheet.at)
        if row >= self.row_count or top < 0:
            return Strip.blank(width, style)
        if row == self.cursor_row:
            return self._line(self._sheet.cells(row), self.get_component_rich_style("grid--cursor"), at=self._sheet.at)
        return self._line(self._sheet.cells(row), style, at=None)

    def _titles(self) -> list[str]:
        assert self._sheet is not None
        chosen, mark = self._sheet.arrangement.by, "▼" if self._sheet.arrangement.descending else "▲"
        return [
            _aligned(f"{column.title[: column.width - 1]}{mark}" if column.name == chosen else column.title, column)
            for column in self.columns
        ]

    def _line(self, cells: Sequence[str], style: Any, at: int | None) -> Strip:
        """The cells of a row: the fixed ones, then those from the scroll position on."""
        assert self._sheet is not None
        marked = style + self.get_component_rich_style("grid--cell") if at is not None else style
        fixed = self._sheet.source.fixed
        widths = [column.width + _GAP for column in self.columns]
        left = int(self.scroll_offset.x)
        room = max(self.scrollable_content_region.width - sum(widths[:fixed]), 0)
        segments, start = [], -sum(widths[:fixed])
        for index, (cell, column) in enumerate(zip(cells, self.columns, strict=True)):
            if index >= fixed and column.numbers and not left <= start + 1 <= left + room - column.width:
                cell = f"{'‹':>{column.width}}" if start + 1 < left else "›"  # never part of a number
            segments.append(Segment(f" {cell[: column.width]:{column.width}} ", marked if index == at else style))
            start += widths[index]
        names = Strip(segments[:fixed])
        rest = Strip(segments[fixed:])
        return Strip.join([names, rest.crop(left, left + room)]).adjust_cell_length(self.size.width, style)

    def _follow(self) -> None:
        """Scroll so that the cursor's row is visible below the header, and its column right of the names."""
        row, room = self.cursor_row, max(self.scrollable_content_region.height - 1, 1)
        top = self.scroll_offset.y if row < 0 else min(max(self.scroll_offset.y, row - room + 1), row)
        self.scroll_to(x=self._left(), y=top, animate=False)
        self.refresh()

    def _left(self) -> int:
        """The horizontal scroll position that shows the cursor's column."""
        if self._sheet is None:
            return 0
        fixed, widths = self._sheet.source.fixed, [column.width + _GAP for column in self.columns]
        if self._sheet.at < fixed:
            return int(self.scroll_offset.x)
        start = sum(widths[fixed : self._sheet.at])
        room = max(self.scrollable_content_region.width - sum(widths[:fixed]), 1)
        least = start + widths[self._sheet.at] - room
        return int(min(max(self.scroll_offset.x, least, 0), start))

    def on_resize(self) -> None:
        """Keep the cursor visible after a resize, or when the table is first shown."""
        self.call_after_refresh(self._follow)

    def on_click(self, event: Click) -> None:
        """Report a click on a title or a cell; clicks below the last row do nothing."""
        row = int(self.scroll_offset.y) + event.y - 1
        if event.y == 0 or row < self.row_count:
            self.post_message(self.Clicked(None if event.y == 0 else row, self._column_at(event.x)))

    def _column_at(self, x: int) -> str | None:
        assert self._sheet is not None
        place = 0
        for index, column in enumerate(self.columns):
            if index == self._sheet.source.fixed and x >= place:
                x += self.scroll_offset.x
            place += column.width + _GAP
            if x < place:
                return column.name
        return None

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        rows = pages * max(self.size.height - 1, 1)
        self.call_later(self.run_action, f"app.row({rows})")

    def scroll_pages(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.action_page(pages)


def _aligned(title: str, column: Column) -> str:
    return f"{title:>{column.width}}" if column.numbers else title
