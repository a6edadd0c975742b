"""All numbers of the point under the cursor: each information as a gauge, then its digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text
from textual.content import Content
from textual.widgets import Static

from estimator.measurement import CheckpointMeasurements, Information, Measurement
from estimator.safe_text import safe
from estimator.text.kinds import LABELS
from estimator.values import VALUES, Value, added_values
from ib_explorer.drawing.plane import Point, distance
from ib_explorer.drawing.records import sample_size, sides
from ib_explorer.drawing.view import CONTEXT
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.widgets.gauge import DOCUMENTS, HIGH, LOW, POINT, gauge
from ib_explorer.tui.wording import WITHHELD, checkpoint_name, count, layer_name, percent, value, why_withheld

_NAME = 10
_ADDED = 9
"""Width of the column of a value that is not built in."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of ``width`` cells, formatted by ``write``; ``value`` is its :class:`Value`, if it is one."""

    title: str
    width: int
    write: Callable[[Information], str]
    value: Value | None = None

    @classmethod
    def of(cls, shown: Value, width: int) -> _Column:
        return cls(shown.title, width, lambda side: value(shown.of(side)), shown)


def _values(drawn: Value) -> list[_Column]:
    return [
        _Column.of(VALUES["adjusted"], 10),
        _Column.of(VALUES["corrected"], 11),
        _Column.of(VALUES["paper"], 9),
        _Column("±error", 7, lambda side: value(drawn.error(side), 6)),
    ]


def _parts(row: Measurement) -> list[_Column]:
    in_pairs = LABELS.sample(row.granularity) == "pairs"
    return [
        _Column("length", 7, lambda side: value(side.length, 6))
        if in_pairs
        else _Column("docs", 7, lambda side: value(side.document_part, 6)),
        _Column("low", 8, lambda side: value(side.bracket[0])),
        _Column("high", 7, lambda side: value(side.bracket[1], 6)),
        _Column("labels", 8, lambda side: count(side.labels)),
        _Column("once", 5, lambda side: percent(side.singletons)),
    ]


def _added() -> list[_Column]:
    return [_Column.of(added, _ADDED) for added in added_values()]


class Readout(Static):
    """A gauge for each side of the labels, then their digits, their ratio, Z and the sample, and the bound.

    Labels with one side have neither ratio nor bound. With two lines to itself it shows the gauges, with the value, the
    ratio and the bound; with few lines it leaves out Z and the sample.
    """

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show the scene's point."""
        self.scene = scene
        self.border_title = title(scene)
        if scene.point is not None:
            self.update(fitted(scene, self.content_size.width, self.content_size.height), layout=False)
        elif scene.state.place is not None:
            self.update(Text("This checkpoint is not measured in this view.", style="dim"), layout=False)
        else:
            self.update(Text(), layout=False)

    def on_resize(self) -> None:
        """Fit the point's numbers to the new size."""
        if self.scene is not None:
            self.show(self.scene)


def fitted(scene: Scene, width: int, height: int) -> Text:
    """What fits of the point's numbers; a size of 0, before the layout, has room for all."""
    assert scene.point is not None
    width = width or 84
    if 0 < height <= 3:
        return compact(scene, width)
    row, record = scene.point.measurement, scene.point.checkpoint
    gauges = _gauges(scene.point, width)
    digits = _digits(scene.point)
    about = [_about_values(row, record), _about_states(row, record)]
    bound = [] if scene.state.view.is_over_training else [bound_line(scene)]
    if height and len(gauges) + len(digits) + len(about) + len(bound) > height:
        about = about[: max(height - len(gauges) - len(digits) - len(bound), 0)]
    return _joined([*gauges, *digits, *about, *bound])


def compact(scene: Scene, width: int) -> Text:
    """Two lines: a gauge for each side with its value and error; the distance from the bound, and the ratio."""
    point = scene.point
    assert point is not None
    row, said = point.measurement, [f" {point.value.title}"]
    if row.expressivity is not None:
        ratio = point.value.optimality(row)
        why = why_withheld(row) if ratio is None else ""
        after = f" optimality {why or value(ratio, 0)}"
        said = [f" {_bound_name(scene)} {_gap(scene)}", after if why else said[0] + after]
    room = max(width - 7 - 16 - max(map(len, said)), 8)
    lines = []
    for (name, side), after in zip(sides(row).items(), said, strict=True):
        line = _named(name, 7).append_text(gauge(side, point.value, row.ceiling, room))
        line.append(value(point.value.of(side)), style="bold")
        lines.append(line.append(f" ± {value(point.value.error(side), 6)}{after}"))
    return _joined(lines)


def _named(name: str, width: int = _NAME) -> Text:
    """The beginning of a line: its name."""
    return Text(no_wrap=True).append(f"{name:{width}}", style="bold")


def _joined(lines: list[Text]) -> Text:
    return Text("\n", no_wrap=True).join(lines)


def _gauges(point: Point, width: int) -> list[Text]:
    """A line for each side: its gauge, the drawn value in bits, and what the gauge ends at."""
    row, lines = point.measurement, []
    bits = math.log2(point.checkpoint.anchors)
    for index, (name, side) in enumerate(sides(row).items()):
        number = point.value.of(side)
        said = f" {value(number)} ({number * bits:.3f} bits)" if math.isfinite(number) else f" {WITHHELD:>7}"
        end = f" of {value(row.ceiling, 0)} retained" if index == 0 else ""
        line = _named(name).append_text(gauge(side, point.value, row.ceiling, max(width - _NAME - 41, 10)))
        lines.append(line.append(said).append(end, style="dim"))
    return lines


def title(scene: Scene) -> Content:
    """The title: model, checkpoint, layer and labels of the point."""
    place, view = scene.state.place, scene.state.view
    if place is None:
        return Content("readout")
    layer = scene.point.measurement.layer if scene.point else view.layer
    parts = [place.trajectory.model, checkpoint_name(place.checkpoint), layer_name(layer), view.granularity]
    if view.variant != "raw":
        parts.append(view.variant)
    return Content(safe(" · ".join(parts)))


def _digits(point: Point) -> list[Text]:
    """The table of the values of each side, with the plotted one emphasised, and their ratios."""
    row = point.measurement
    columns = [*_values(point.value), *_parts(row), *_added()]
    head = "".join(_head(one, point.value).rjust(one.width) for one in columns)
    lines = [Text(" " * _NAME + head, style="dim", no_wrap=True)]
    for name, side in sides(row).items():
        line = _named(name)
        for column in columns:
            line.append(f"{column.write(side):>{column.width}}", style="bold" if column.value is point.value else "")
        lines.append(line)
    if row.expressivity is not None:
        lines.append(_optimality(row, point.value))
    return lines


def _head(column: _Column, drawn: Value) -> str:
    """The column's title, with how the gauge shows it, if it does."""
    if column.value is not None:
        return f"{POINT if column.value is drawn else ''}{column.title}"
    return {"docs": f"{DOCUMENTS}docs", "low": f"{LOW}low", "high": f"high{HIGH}"}.get(column.title, column.title)


def _about_values(row: Measurement, record: CheckpointMeasurements) -> Text:
    text = Text(f"H(Z) {value(row.entropy, 6)}  ceiling {value(row.ceiling, 6)}  ", no_wrap=True)
    if row.expressivity is not None:
        share, error = (value(number, 6) for number in (row.predictive_share, row.predictive_share_se))
        text.append(f"share {share} ± {error}  ")
    return text.append(f"N {count(record.positions)} in {sample_size(record)}", style="dim")


def _optimality(row: Measurement, drawn: Value) -> Text:
    """The ratio of each value in its column, with the reason if it is withheld between them."""
    text = Text(f"{'optimality':{_NAME}}", style="bold", no_wrap=True)

    def ratios(columns: list[_Column]) -> None:
        for column in columns:
            number = "" if column.value is None else value(column.value.optimality(row))
            text.append(f"{number:>{column.width}}", style="bold" if column.value is drawn else "not bold")

    ratios(_values(drawn))
    text.append(f"  {why_withheld(row)}".ljust(sum(column.width for column in _parts(row))), style="dim not bold")
    ratios(_added())
    text.rstrip()
    return text


def _about_states(row: Measurement, record: CheckpointMeasurements) -> Text:
    text = Text(f"ε {row.temperature:.4g}  resultant {value(row.resultant_length, 6)}  ", no_wrap=True)
    ratio, bits = row.participation_ratio, record.bits_per_byte
    text.append(f"dims {WITHHELD if ratio is None else f'{ratio:.1f}'} of {record.width}")
    if record.loss is not None:
        text.append(f"  loss {record.loss:.3f} nats" + (f" {bits:.3f} bits/byte" if bits is not None else ""))
    return text


def bound_line(scene: Scene) -> Text:
    """The distance of the point from the bound in view, in bits, and how deterministic the sample's contexts are."""
    point, text = scene.point, _named(_bound_name(scene))
    said = _why_no_distance(scene)
    if said or point is None:
        return text.append(said, style="dim")
    if scene.state.view.is_of_context:
        return text.append(f"{_gap(scene)}: {CONTEXT} bounds every I(Y;Z)")
    assert scene.curve is not None
    found = distance(point, scene.curve)
    text.append(f"{_gap(scene)}  ε {found.epsilon:.3f} at β {found.beta:<4.3g} ")
    return text.append(f" {percent(scene.curve.one_successor).strip()} one successor", style="dim")


def _bound_name(scene: Scene) -> str:
    view = scene.state.view
    return "diagonal" if view.is_of_context else view.drawn_bound.curve.title


def _gap(scene: Scene) -> str:
    """The distance of the point from the bound in view, or why it has none."""
    point, said = scene.point, _why_no_distance(scene)
    if said or point is None:
        return said
    if scene.state.view.is_of_context:
        return f"gap {(point.x - point.y) * math.log2(point.checkpoint.anchors):.3f} bits"
    assert scene.curve is not None
    gap = f"{distance(point, scene.curve).gap:.3f} bits"
    if scene.state.view.drawn_bound.curve.low is not None:
        gap = f"at most {gap}" if scene.low is None else f"{distance(point, scene.low).gap:.3f} to {gap}"
    return f"gap {gap}"


def _why_no_distance(scene: Scene) -> str:
    """Why the point has no distance from the bound in view, in one clause; empty if it has one."""
    view, point = scene.state.view, scene.point
    if point is None or (scene.curve is None and not view.is_of_context):
        return "being computed" if scene.is_bounding else "not computed for these labels"
    if not point.is_finite:
        return "no distance: this value of the point is not known"
    if view.weights != "frequency":
        return "no distance: the bound is for labels weighted by frequency"
    return ""
