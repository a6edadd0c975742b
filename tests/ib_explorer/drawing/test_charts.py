from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.charts import Band, layers_chart, plane_chart
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.training import training_charts
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import DEPTH, STEPS, curve, preference, trajectory


def test_the_chart_of_a_plane_has_its_bound_and_each_trajectory() -> None:
    drawn = plane(trajectory() + trajectory("other"), View(), curve(), curve("token", "held-out"))
    chart = plane_chart(drawn)
    assert [line.name for line in chart.context] == ["diagonal", "IB curve"]
    assert [line.name for line in chart.series] == ["demo", "other"]
    assert [list(line.pairs) for line in chart.series] == [
        [(point.x, point.y) for point in one.points] for one in drawn.series
    ]
    assert chart.limits == drawn.limits
    assert chart.band is not None and (chart.band.lower, chart.band.upper) == (drawn.low, drawn.bound)
    assert plane_chart(replace(drawn, low=())).band is None


def test_a_band_fills_every_other_column_that_both_of_its_lines_reach() -> None:
    band = Band("band", [(0.1, 0.0), (0.9, 0.4)], [(0.0, 0.5), (0.7, 0.5)], (1, 2, 3), "░")
    line = band.filling(Limits((0.0, 1.0), (0.0, 1.0)), 10)
    assert [x for x, _ in line.pairs[::3]] == pytest.approx([0.25, 0.45, 0.65])
    assert [y for _, y in line.pairs[::3]] == pytest.approx([0.075, 0.175, 0.275])
    assert [y for _, y in line.pairs[1::3]] == [0.5] * 3 and all(math.isnan(y) for _, y in line.pairs[2::3])
    assert band.filling(Limits((2.0, 3.0), (0.0, 1.0)), 10).pairs == []


def test_layers_and_training_show_the_information_of_the_context_where_the_x_axis_does() -> None:
    view = View(x="context")
    chart = layers_chart(trajectory(), view)
    assert [line.name for line in chart.series] == ["I(context;Z)", "I(Y;Z)"]
    assert [y for _, y in chart.series[0].pairs] == [row.ceiling for row in view.rows(trajectory()[-1])]
    assert training_charts(plane(trajectory(), view, None))[0].y_axis.title == "I(context;Z), share of log n"


def test_layers_are_those_of_the_last_checkpoint_of_each_model() -> None:
    records = trajectory() + trajectory("other", STEPS[:3])
    chart = layers_chart(records, View(preset="paper"))
    assert [line.name for line in chart.series] == ["demo I(X;Z)", "demo I(Y;Z)", "other I(X;Z)", "other I(Y;Z)"]
    assert chart.x_axis.title == "layer of demo@step256, other@step4"
    assert [name for _, name in chart.x_axis.marks] == [str(layer) for layer in range(DEPTH + 1)]
    rows = View().rows(records[len(STEPS) - 1])
    assert list(chart.series[1].pairs) == [(row.layer, row.expressivity.plugin) for row in rows]
    assert list(chart.series[2].pairs) == [(row.layer, row.complexity.plugin) for row in View().rows(records[-1])]


def test_a_last_checkpoint_without_rows_of_the_view_is_passed_over() -> None:
    records = trajectory()
    records[-1] = replace(records[-1], rows=())
    assert layers_chart(records, View()).x_axis.title == f"layer of demo@step{STEPS[-2]}"
    assert layers_chart([records[-1]], View()).series == ()


def test_labels_with_one_side_have_one_line_over_layers() -> None:
    chart = layers_chart([preference(step) for step in STEPS], View(granularity="preference"))
    assert [line.name for line in chart.series] == ["I(pref;Z)"] and chart.y_axis.title == "I(pref;Z)"


@pytest.mark.parametrize("layer", ["mean", "each", 1])
def test_training_has_one_chart_for_each_side_over_log_steps(layer: object) -> None:
    drawn = plane(trajectory(), View(layer=layer), None)
    first, second, ratio = training_charts(drawn)
    titles = ("I(X;Z), share of log n", "I(Y;Z), share of log n", "optimality")
    assert (first.y_axis.title, second.y_axis.title, ratio.y_axis.title) == titles
    assert first.x_axis == second.x_axis and first.x_axis.title == "training step"
    assert first.x_axis.marks == tuple((math.log2(1 + step), str(step)) for step in STEPS)
    for series, x, y in zip(drawn.series, first.series, second.series, strict=True):
        assert list(x.pairs) == [(math.log2(1 + p.checkpoint.step), p.x) for p in series.points]
        assert list(y.pairs) == [(math.log2(1 + p.checkpoint.step), p.y) for p in series.points]


def test_training_of_labels_with_one_side_has_their_strip_and_the_loss() -> None:
    records = [replace(preference(step), loss=2.0) for step in STEPS]
    drawn = plane(records, View(granularity="preference"), None)
    titles = [chart.y_axis.title for chart in training_charts(drawn)]
    assert titles == ["I(pref;Z), share of log n", "loss, nats per token"]


def test_what_is_not_finite_does_not_set_the_limits() -> None:
    records = trajectory()
    row = records[2].rows[0]
    broken = replace(row, complexity=replace(row.complexity, plugin=math.inf))
    records[2] = replace(records[2], rows=(broken,))
    chart = layers_chart(records[2:3], View())
    assert all(math.isfinite(end) for end in (*chart.limits.x, *chart.limits.y))
    assert layers_chart([], View()).limits.x == (0.0, 1.0)
