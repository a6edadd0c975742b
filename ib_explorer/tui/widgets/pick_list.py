"""A list of lines of which only the visible ones are made, with a cursor; clicks choose a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

Line = Callable[[int, int], Text]
"""A line by its number and the width it has."""


class PickList(ScrollView, can_focus=False):
    """Lines made on demand: a list of 1,500 checkpoints costs as much as one of 20."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pick--cursor"}
    DEFAULT_CSS = """
    PickList > .pick--cursor { background: $primary; color: $background; text-style: bold; }
    """

    class Clicked(Message):
        """The user clicked a line."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._line: Line = lambda number, width: Text()
        self.count, self.cursor = 0, 0

    def show(self, count: int, cursor: int, line: Line) -> None:
        """Show ``count`` lines with the cursor on one, which is scrolled into view."""
        self._line, self.count, self.cursor = line, count, cursor
        self.virtual_size = Size(self.size.width, count)
        self._follow()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A visible line."""
        number, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if number >= self.count:
            return Strip.blank(width, self.rich_style)
        text = self._line(number, width)
        text.truncate(width, overflow="ellipsis", pad=True)
        style = self.get_component_rich_style("pick--cursor") if number == self.cursor else self.rich_style
        if number == self.cursor:
            text = Text(text.plain)  # parts in colours of their own would be unreadable on the cursor
        text.style = style
        return Strip(text.render(self.app.console), width).adjust_cell_length(width, style)

    @property
    def page(self) -> int:
        """The number of lines that are visible."""
        return max(self.scrollable_content_region.height, 1)

    def on_resize(self) -> None:
        """Keep the cursor visible."""
        self.call_after_refresh(self._follow)

    def on_click(self, event: Click) -> None:
        """Choose the clicked line; a click below the last does nothing."""
        number = self.scroll_offset.y + event.y
        if number < self.count:
            self.post_message(self.Clicked(number))

    def _follow(self) -> None:
        top = min(max(self.scroll_offset.y, self.cursor - self.page + 1), self.cursor)
        if self.cursor <= 1:
            top = 0
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
