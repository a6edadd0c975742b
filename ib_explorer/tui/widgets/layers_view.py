"""The values of the current checkpoint over its layers as bars or lines, or the map of its run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region
from textual.widgets import Static

from estimator.measurement import CheckpointMeasurements, Layer, Measurement
from ib_explorer.drawing.layer_map import between, depth_charts, estimate, map_rows, range_mean
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.stack import stack_rows
from ib_explorer.drawing.training import OPTIMALITY, SHARE, Estimate
from ib_explorer.drawing.trajectories import checkpoints_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.bars import COLOURS, bar
from ib_explorer.tui.widgets.increments_chart import increments_text
from ib_explorer.tui.widgets.painted import content, has_colours
from ib_explorer.tui.wording import checkpoint_name, layer_name, value


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
        rows = between(scene.rows, scene.state.layer_range)
        if scene.state.layers_as != "bars" and rows:
            self._picture(scene, rows)
            return
        increments.display = True
        rows = rows or scene.rows
        room = max((width - 44) // len(sides(rows[0])), 4)
        head.update(_head(scene, room))
        bars.update(self._bars(scene, rows, room))
        self.query_one(VerticalScroll).styles.max_height = len(rows)
        increments.update(Text() if scene.state.view.is_over_training else increments_text(scene, width))

    def _bars(self, scene: Scene, rows: Sequence[Measurement], room: int) -> Text:
        drawn_value = scene.state.view.value
        drawn = [[drawn_value.of(side) for side in sides(row).values()] for row in rows]
        largest = max(number for numbers in drawn for number in numbers)
        text = Text(no_wrap=True)
        for row, numbers in zip(rows, drawn, strict=True):
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

    def _picture(self, scene: Scene, rows: tuple[Measurement, ...]) -> None:
        """Draw lines over the layers, or the map of the run, with the cursor's values above."""
        head, picture, increments = (self.query_one(name, Static) for name in ("#bars-head", "#bars", "#increments"))
        increments.display = False
        width, height = self.content_size.width, max(self.content_size.height - 1, 4)
        self.query_one(VerticalScroll).styles.max_height = height
        state, place = scene.state, scene.state.place
        assert place is not None  # it has rows
        record = next(one for one in scene.records if any(row in one.rows for row in rows[:1]))
        layer = scene.layer
        row = next((row for row in rows if row.layer == layer), None) or range_mean(rows)
        is_whole = layer == "mean" and state.layer_range is None
        where = (
            layer_name(layer)
            if is_whole or (row is not None and row.layer == layer and layer != "mean")
            else _span(rows)
        )
        ratio = state.quantity if state.quantity == SHARE else OPTIMALITY
        if state.layers_as == "map":
            found = estimate(record, row, state.view, state.quantity) if row else None
            said = f"{state.quantity} · {checkpoint_name(place.checkpoint)} · {where}{_written(found)}"
            layers = [one.layer for one in rows if isinstance(one.layer, int)]
            run = _run(Same(scene.records))
            drawn = map_rows(
                run,
                state.view,
                state.quantity,
                layers,
                width,
                height,
                at=scene.at,
                layer=layer,
                colour=has_colours(),
            )
        else:
            said = f"{checkpoint_name(place.checkpoint)} · {where}"
            charts = depth_charts(Same(record), rows, state.view, ratio)
            names = [*list(sides(rows[0])), ratio][: len(charts)]
            quantities = ("I(X;Z)", "I(Y;Z)", ratio)
            found_all = [estimate(record, row, state.view, one) if row else None for one in quantities[: len(names)]]
            values = [(one[0] if one else math.nan, _written(one).removeprefix(": ")) for one in found_all]
            cursor = float(layer) if isinstance(layer, int) and row is not None and row.layer == layer else None
            drawn = stack_rows(charts, width, height, cursor=cursor, values=values)
        head.update(Text(said, no_wrap=True, style="bold"))
        picture.update(content(drawn))

    def _follow(self) -> None:
        """Scroll to the layer in view; do nothing for the mean."""
        layers = [row.layer for row in between(self.scene.rows, self.scene.state.layer_range)] if self.scene else []
        if self.scene and self.scene.layer in layers:
            region = Region(0, layers.index(self.scene.layer), 1, 1)
            self.query_one(VerticalScroll).scroll_to_region(region, animate=False)


def _head(scene: Scene, room: int) -> Text:
    names = sides(scene.rows[0])
    optimality = "  optimality" if len(names) > 1 else ""
    titles = f"{'layer':>5}" + "".join(f"  {name:{room + 8}}" for name in names) + optimality
    return Text(titles, style="dim", no_wrap=True)


@lru_cache(maxsize=4)
def _run(records: Same[tuple[CheckpointMeasurements, ...]]) -> list[tuple[CheckpointMeasurements, ...]]:
    """The checkpoints of a trajectory's records, each with its records."""
    return checkpoints_of(records.value)


def _span(rows: Sequence[Measurement]) -> str:
    blocks = [row.layer for row in rows if row.layer != 0]
    return f"mean of layers {blocks[0]} to {blocks[-1]}" if len(blocks) > 1 else "mean of layers"


def _written(found: Estimate | None) -> str:
    """A value with its bracket, after a colon."""
    if found is None or not math.isfinite(found[0]):
        return ": –"
    value, low, high = found
    return f": {value:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low < high else "")
