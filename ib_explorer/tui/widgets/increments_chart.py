"""The increments of each further token of context as bars; or why they are not shown, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from estimator.increments import Increment
from estimator.measurement import SIDES, WITHHOLD_AT, Layer
from estimator.states.layers import parse_layers
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.bars import COLOURS, bar
from ib_explorer.tui.wording import value

_UNKNOWN = "unknown"
_MAY_BE_ZERO = "may be 0"


def increments_text(scene: Scene, width: int) -> Text:
    """The increments at the checkpoint, temperature and layer in view, in ``width`` cells; or a sentence instead."""
    if scene.increments:
        return _chart(scene.increments, max((width - 44) // 2, len(_MAY_BE_ZERO)))
    return Text(increments_hint(scene), style="dim")


def increments_hint(scene: Scene) -> str:
    """The reason why no increments are shown, and what to do."""
    layer = _where(scene.layer)
    known = scene.request
    if scene.is_incrementing:
        return "Measuring what each further token of context adds …"
    if scene.incremented_layers:
        return (
            f"Increments are measured in {_listed(scene)}, not in {layer}: "
            "press l to step there, or m to measure more layers."
        )
    if known is None:
        return "Press m to measure this model, then A to measure what each further token of context adds."
    depth = scene.records[0].depth
    wanted = range(1, depth + 1) if scene.layer == "mean" else [scene.layer]
    if not set(wanted) <= set(parse_layers(known.layers, depth)):
        return f"Increments in {layer} need layers that were not measured: press m to measure them."
    return "Press A to measure what each further token of context adds."


def _listed(scene: Scene) -> str:
    layers = scene.incremented_layers
    if len(layers) > 2 and layers == tuple(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    return f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"


def _chart(rows: Sequence[Increment], room: int) -> Text:
    """One line per token, with bars of ``room`` cells, or a note that the increment may be 0 or is unknown."""
    text = Text(no_wrap=True)
    by_place = {(row.side, row.order): row for row in rows}
    largest = max((row.adjusted for row in rows if row.adjusted is not None), default=0.0)
    text.append(f"Each further token adds in {_where(rows[0].layer)} (adjusted): raw states\n", style="dim")
    text.append(f"{'token':>5}  {'to I(X;Z)':{room + 8}}  to I(Y;Z)\n", style="dim")
    for order in sorted({row.order for row in rows}):
        text.append(f" {order:>4}  ")
        for side, colour in zip(SIDES, COLOURS, strict=True):
            row = by_place[side, order]
            text.append(f"{value(row.adjusted)} ")
            if row.adjusted is None or row.adjusted_se is None:
                text.append(f"{_UNKNOWN:{room}}", style="dim")
            elif abs(row.adjusted) > WITHHOLD_AT * row.adjusted_se:
                text.append(bar(row.adjusted, largest, room), style=colour)
            else:
                text.append(f"{_MAY_BE_ZERO:{room}}", style="dim")
            text.append("  ")
        text.append("±" + " ±".join(value(by_place[side, order].adjusted_se).strip() for side in SIDES), style="dim")
        text.append("\n")
    text.rstrip()
    return text


def _where(layer: Layer) -> str:
    return "the mean of layers" if layer == "mean" else f"layer {layer}"
