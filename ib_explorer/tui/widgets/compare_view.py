"""Models against each other: the rule that matches them, a table, and a dot plot of the sorted quantity."""

from __future__ import annotations

import os

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from ib_explorer.drawing.dots import dot_rows
from ib_explorer.tui.compare_sheet import compare_sheet, comparison_of, dots, sorted_quantity
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Arrangement, Sheet
from ib_explorer.tui.widgets.grid import Grid

LOW = 8
"""Height below which there is room for the table only."""


class CompareTable(Grid):
    """A row per model."""

    def sheet(self, scene: Scene) -> Sheet:
        """The comparison of the scene."""
        return compare_sheet(scene)


class CompareView(Vertical):
    """The comparison of all models with the labels in view; the current model is the one differences are from."""

    DEFAULT_CSS = """
    CompareView > #compare-title { height: 1; color: $text-muted; }
    CompareView > CompareTable { height: auto; max-height: 50%; min-height: 4; scrollbar-size: 1 1; }
    CompareView > #dots { height: 1fr; }
    CompareView.low > CompareTable { max-height: 100%; }
    CompareView.low > #dots { display: none; }
    """
    scene: Scene | None = None

    def compose(self) -> ComposeResult:
        """The rule, the table and the dots."""
        yield Static(id="compare-title", markup=False)
        yield CompareTable()
        yield Static(id="dots")

    @property
    def takes_focus(self) -> CompareTable:
        """The table, for the arrow keys."""
        return self.query_one(CompareTable)

    def scroll_pages(self, pages: int) -> None:
        """Move through the table by pages."""
        self.takes_focus.scroll_pages(pages)

    def show(self, scene: Scene) -> None:
        """Compare the scene's models."""
        self.scene = scene
        comparison = comparison_of(scene)
        said = comparison.title if comparison.models else "No model is measured in this view: press m to measure one."
        self.query_one("#compare-title", Static).update(said, layout=False)
        table = self.takes_focus
        table.show(scene)
        table.styles.height = table.row_count + 2
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        """Fit the dots to the new size; without room for both, only the table is shown."""
        self.set_class(self.size.height < LOW, "low")
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        plot = self.query_one("#dots", Static)
        if self.scene is None:
            return
        comparison, shown = comparison_of(self.scene), compare_sheet(self.scene)
        quantity = sorted_quantity(comparison, self.scene.state.arranged.get("compare", Arrangement()))
        size, row = plot.content_size, self.takes_focus.cursor_row
        rows = dot_rows(
            dots(shown, quantity), quantity.title, size.width, size.height, selected=None if row < 0 else row
        )
        text = Text(no_wrap=True)
        for index, runs in enumerate(rows):
            text.append("\n" if index else "")
            for part, colour in runs:
                plain = colour is None or "NO_COLOR" in os.environ
                text.append(part, "" if plain else f"rgb{colour}".replace(" ", ""))
        plot.update(text, layout=False)
