from __future__ import annotations

from dataclasses import replace

from estimator.measurement import Measurement
from estimator.turn import Turn
from ib_explorer.drawing.layer_map import RAMP, map_rows
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.training import training
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import STEPS, checkpoint, trajectory


def folded(row: Measurement, by: float) -> Measurement:
    assert row.expressivity is not None
    x, y = (replace(side, adjusted=side.adjusted - by) for side in (row.complexity, row.expressivity))
    return replace(row, complexity=x, expressivity=y)


def test_the_turn_is_marked_and_said_with_its_interval() -> None:
    records = trajectory()
    for index, by in ((4, 0.1), (5, 0.16)):
        records[index] = replace(records[index], rows=tuple(folded(row, by) for row in records[index].rows))
    found = training(plane(records, View(), None))
    (turn,) = found.turns
    assert isinstance(turn, Turn) and STEPS[turn.index] == 16
    assert found.said[0].startswith("turn at step 16 (")
    assert found.charts[1].y_axis.title.endswith(found.said[0])
    assert all("turn" in [line.name for line in chart.context] for chart in found.charts)


def test_growth_alone_marks_nothing() -> None:
    found = training(plane(trajectory(), View(), None))
    assert found.said == ("",) and all(chart.context == () for chart in found.charts)


def test_tokens_are_counted_where_they_are_known() -> None:
    records = [replace(checkpoint(step), tokens=step * 2_000_000_000) for step in STEPS[1:]]
    axis = training(plane(records, View(), None), "tokens").charts[0].x_axis
    assert axis.title == "training tokens" and [name for _, name in axis.marks][:2] == ["2B", "8B"]
    assert training(plane(trajectory(), View(), None), "tokens").charts[0].x_axis.title == "training step"


def test_the_map_has_a_row_for_each_layer_and_shades_without_colours() -> None:
    run = [(one,) for one in trajectory()]
    rows = map_rows(run, View(), "I(Y;Z)", [0, 1, 2, 3], 60, 8, at=5, layer=3, colour=False)
    text = ["".join(part for part, _ in row) for row in rows]
    assert len(text) == 8 and {len(row) for row in text} == {60}
    assert text[0].startswith("▸   3") and "◉" in text[0] and "▲" in text[4]
    assert RAMP[0] in text[3][6:] and text[5].count("@") == 1
    many = map_rows(run * 100, View(), "I(X;Z)", [0, 1, 2, 3], 30, 5, at=599, layer="mean", colour=True)
    assert {len("".join(part for part, _ in row)) for row in many} == {30}
