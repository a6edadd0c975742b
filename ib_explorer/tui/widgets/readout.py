"""All the numbers of the point under the cursor, in plain words."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from estimator.measurement import CheckpointMeasurements, Information, Measurement
from ib_explorer.drawing.plane import Point, distance
from ib_explorer.drawing.records import sample_size, sides
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import WITHHELD, checkpoint_name, count, layer_name, percent, value, why_withheld

_COLUMNS = {
    "corrected": 9,
    "±error": 8,
    "plug-in": 8,
    "null": 7,
    "low": 8,
    "high": 7,
    "draws": 7,
    "labels": 8,
    "once": 6,
}
_NAME = 10


class Readout(Static):
    """Lines for I(X;Z) and I(Y;Z), one for their ratio, two for Z and the sample, one for the bound.

    Of preference: a line for I(pref;Z), one for Z and the sample.
    """

    def show(self, scene: Scene) -> None:
        """Show the scene's point."""
        self.border_title = title(scene)
        if scene.point is not None:
            text = readout(scene.point, scene.state.view.preset == "corrected")
            text = text if scene.state.view.is_preference else text.append(bound_line(scene))
            self.update(text, layout=False)
        elif scene.state.place is not None:
            self.update(Text("This checkpoint is not measured in this view.", style="dim"), layout=False)
        else:
            self.update(Text(), layout=False)


def title(scene: Scene) -> str:
    """Which point it is."""
    place, view = scene.state.place, scene.state.view
    if place is None:
        return "readout"
    layer = scene.point.measurement.layer if scene.point else view.layer
    parts = [place.trajectory.model, checkpoint_name(place.checkpoint), layer_name(layer), view.granularity]
    if view.variant != "raw":
        parts.append(view.variant)
    return " · ".join(parts).replace("[", "\\[")


def readout(point: Point, corrected: bool) -> Text:
    """The numbers of ``point``; the value that is drawn (corrected or plug-in) stands out."""
    row, record = point.measurement, point.checkpoint
    text = Text(no_wrap=True)
    text.append(" " * _NAME + "".join(f"{name:>{width}}" for name, width in _COLUMNS.items()) + "\n", style="dim")
    for name, side in sides(row).items():
        text.append(f"{name:{_NAME}}", style="bold")
        for (column, width), written in zip(_COLUMNS.items(), _written(side), strict=True):
            drawn = column == ("corrected" if corrected else "plug-in")
            text.append(f"{written:>{width}}", style="bold" if drawn else "")
        text.append("\n")
    if isinstance(row, Measurement):
        text.append(_optimality(row, corrected))
    text.append(f"H(Z) {value(row.entropy, 6)}   ceiling {value(row.ceiling, 6)}   ε {row.temperature:.4g}   ")
    text.append(f"N {count(record.positions)} in {sample_size(record)}\n", style="dim")
    if isinstance(row, Measurement) and isinstance(record, CheckpointMeasurements):
        text.append(_about_states(row, record))
    return text


def _optimality(row: Measurement, corrected: bool) -> Text:
    text = Text(f"{'optimality':{_NAME}}", style="bold", no_wrap=True)
    text.append(value(row.optimality_corrected, 9), style="bold" if corrected else "not bold")
    text.append(" " * 8 + value(row.optimality, 8), style="not bold" if corrected else "bold")
    return text.append(f"  {why_withheld(row)}\n", style="dim not bold")


def _about_states(row: Measurement, record: CheckpointMeasurements) -> Text:
    text = Text(f"resultant {value(row.resultant_length, 6)}   ", no_wrap=True)
    ratio, bits = row.participation_ratio, record.bits_per_byte
    text.append(f"dims {WITHHELD if ratio is None else f'{ratio:.1f}'} of {record.width}")
    if row.loss is not None:
        text.append(f"   loss {row.loss:.3f} nats" + (f" {bits:.3f} bits/byte" if bits is not None else ""))
    return text.append("\n")


def bound_line(scene: Scene) -> Text:
    """How far the point is under the curve in view, in bits, and how much of that curve is the sample's accidents."""
    text = Text(f"{scene.state.view.drawn_bound.curve.title:{_NAME}}", style="bold", no_wrap=True)
    curve = scene.curve
    if scene.point is None or curve is None:
        said = "being computed" if scene.is_bounding else "not computed for these labels"
        return text.append(said, style="dim not bold")
    found = distance(scene.point, curve)
    side = "below" if found.gap >= 0 else "above"
    text.append(f"{abs(found.gap):.3f} bits {side}  ε {found.epsilon:.3f} at β {found.beta:<4.3g} ", style="not bold")
    shares = f" |X| {count(curve.input_labels)}, {percent(curve.one_successor).strip()} one successor"
    return text.append(shares, style="dim not bold")


def _written(side: Information) -> tuple[str, ...]:
    numbers = (side.corrected, side.se, side.plugin, side.null, *side.bracket, side.spread)
    return (*(value(number) for number in numbers), count(side.labels), percent(side.singletons))
