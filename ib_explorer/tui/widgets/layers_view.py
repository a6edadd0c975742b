"""The values of the current checkpoint over its layers, as bars."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region
from textual.widgets import Static

from estimator.measurement import Layer
from ib_explorer.drawing.records import sides
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.bars import COLOURS, bar
from ib_explorer.tui.widgets.increments_chart import increments_text
from ib_explorer.tui.wording import value


class LayersView(Vertical):
    """One line per layer: its information, with bars on one scale, and the optimality; increments below.

    If there are more layers than lines they scroll, so that the layer in view is always visible.
    """

    scene: Scene | None = None
    _followed: Layer | None = None

    def compose(self) -> ComposeResult:
        """The fixed titles and increments, with the scrolling layers between them."""
        yield Static(id="bars-head")
        with VerticalScroll(id="bars-scroll", can_focus=False):
            yield Static(id="bars")
        yield Static(id="increments")

    def show(self, scene: Scene) -> None:
        """Show the scene's layers."""
        self.scene = scene
        self._update()
        if scene.layer != self._followed:
            self._followed = scene.layer
            self.call_after_refresh(self._follow)

    def on_resize(self) -> None:
        """Fit the bars to the new width, and the layer in view to the new height."""
        self._update()
        self.call_after_refresh(self._follow)

    def scroll_pages(self, steps: int) -> None:
        """Scroll the layers a page down, or up if ``steps`` is negative."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=steps * scroll.size.height, animate=False)

    def _update(self) -> None:
        head, bars, increments = (self.query_one(name, Static) for name in ("#bars-head", "#bars", "#increments"))
        scene, width = self.scene, self.content_size.width
        if scene is None or not scene.rows:
            head.update(Text("This view of the checkpoint is not measured.", style="dim"))
            bars.update()
            increments.update()
            return
        room = max((width - 44) // len(sides(scene.rows[0])), 4)
        head.update(_head(scene, room))
        bars.update(self._bars(scene, room))
        self.query_one(VerticalScroll).styles.max_height = len(scene.rows)
        increments.update(Text() if scene.state.view.is_over_training else increments_text(scene, width))

    def _bars(self, scene: Scene, room: int) -> Text:
        drawn_value = scene.state.view.value
        drawn = [[drawn_value.of(side) for side in sides(row).values()] for row in scene.rows]
        largest = max(number for numbers in drawn for number in numbers)
        text = Text(no_wrap=True)
        for row, numbers in zip(scene.rows, drawn, strict=True):
            here = row.layer == scene.layer
            text.append("▸" if here else " ", style="bold")
            text.append(f"{row.layer:>4}  ", style="bold" if here else "")
            for number, colour in zip(numbers, COLOURS, strict=False):
                text.append(f"{value(number)} ").append(bar(number, largest, room), style=colour).append("  ")
            if row.expressivity is not None:
                text.append(value(drawn_value.optimality(row), 10))
            text.append("\n")
        text.rstrip()
        return text

    def _follow(self) -> None:
        """Scroll to the layer in view; do nothing for the mean."""
        layers = [row.layer for row in self.scene.rows] if self.scene else []
        if self.scene and self.scene.layer in layers:
            region = Region(0, layers.index(self.scene.layer), 1, 1)
            self.query_one(VerticalScroll).scroll_to_region(region, animate=False)


def _head(scene: Scene, room: int) -> Text:
    names = sides(scene.rows[0])
    optimality = "  optimality" if len(names) > 1 else ""
    titles = f"{'layer':>5}" + "".join(f"  {name:{room + 8}}" for name in names) + optimality
    return Text(titles, style="dim", no_wrap=True)
