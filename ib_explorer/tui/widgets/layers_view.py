"""The values of the current checkpoint over its layers, as bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from estimator.increments import Increment
from estimator.labels import SIDES
from estimator.measurement import WITHHOLD_AT, Measurement
from ib_explorer.measured import sides
from ib_explorer.picture import PALETTE
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import value

COLOURS = (PALETTE[1], PALETTE[0])
"""Of the bars of each side."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


class LayersView(Static):
    """One line a layer: its information, with bars on one scale, and the optimality."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this scene from now on."""
        self.scene = scene
        self.update(self._text())

    def on_resize(self) -> None:
        """Fit the bars to the new width."""
        if self.scene is not None:
            self.update(self._text())

    def _text(self) -> Text:
        if self.scene is None or not self.scene.rows:
            return Text("This view of the checkpoint is not measured.", style="dim")
        view, rows = self.scene.state.view, self.scene.rows
        corrected = view.preset == "corrected"
        names = tuple(sides(rows[0]))
        drawn = [[side.corrected if corrected else side.plugin for side in sides(row).values()] for row in rows]
        largest = max((number for numbers in drawn for number in numbers), default=0.0)
        room = max((self.size.width - 44) // len(names), 4)
        head = f"{'layer':>5}" + "".join(f"  {name:{room + 8}}" for name in names)
        text = Text(head, style="dim", no_wrap=True)
        text.append("  optimality\n" if len(names) > 1 else "\n")
        for row, numbers in zip(rows, drawn, strict=True):
            here = row.layer == view.layer or (view.layer == "each" and row.layer == self._cursor_layer())
            text.append("▸" if here else " ", style="bold")
            text.append(f"{row.layer:>4}  ", style="bold" if here else "")
            for number, colour in zip(numbers, COLOURS, strict=False):
                text.append(f"{value(number)} ")
                text.append(bar(number / largest if largest > 0 else 0.0, room), style=f"rgb{colour}".replace(" ", ""))
                text.append("  ")
            if isinstance(row, Measurement):
                text.append(value(row.optimality_corrected if corrected else row.optimality, 10))
            text.append("\n")
        if view.is_preference:
            return text
        return text.append("\n").append(increments_chart(self.scene.increments, room))

    def _cursor_layer(self) -> int | str | None:
        point = self.scene.point if self.scene else None
        return point.measurement.layer if point else None


def increments_chart(rows: Sequence[Increment], room: int) -> Text:
    """What the 1st to 4th token of context adds on each side, as bars of ``room`` cells; what may be 0 is dim."""
    text = Text(no_wrap=True)
    if not rows:
        return text.append("Press a to measure what each further token of context adds.", style="dim")
    by_place = {(row.side, row.order): row for row in rows}
    orders = sorted({row.order for row in rows})
    largest = max(row.increment for row in rows)
    layer = "the mean of layers" if rows[0].layer == "mean" else f"layer {rows[0].layer}"
    text.append(f"What each further token of context adds in {layer}: raw, by frequency, corrected\n", style="dim")
    text.append(f"{'token':>5}  {'to I(X;Z)':{room + 8}}  to I(Y;Z)\n", style="dim")
    for order in orders:
        text.append(f" {order:>4}  ")
        for side, colour in zip(SIDES, COLOURS, strict=True):
            row = by_place[side, order]
            sure = abs(row.increment) > WITHHOLD_AT * row.se
            text.append(f"{value(row.increment)} ", style="" if sure else "dim")
            style = f"rgb{colour}".replace(" ", "") if sure else "dim"
            text.append(bar(row.increment / largest if largest > 0 else 0.0, room), style=style)
            text.append("  ")
        text.append("±" + " ±".join(f"{by_place[side, order].se:.5f}" for side in SIDES) + "\n", style="dim")
    return text


def bar(share: float, width: int) -> str:
    """A bar of ``width`` cells filled by ``share`` (0 to 1), to an eighth of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8) if share == share else 0
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)
