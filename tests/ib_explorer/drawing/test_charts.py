from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ib_explorer.drawing.charts import layers_chart, plane_chart, training_charts
from ib_explorer.drawing.plane import View, plane
from tests.ib_explorer.synthetic import DEPTH, STEPS, curve, preference, trajectory


def test_the_chart_of_a_plane_has_its_bound_and_each_trajectory() -> None:
    drawn = plane(trajectory() + trajectory("other"), View(), curve())
    chart = plane_chart(drawn)
    assert [line.name for line in chart.context] == ["diagonal", "IB curve"]
    assert [line.name for line in chart.series] == ["demo", "other"]
    assert [list(line.pairs) for line in chart.series] == [
        [(point.x, point.y) for point in one.points] for one in drawn.series
    ]
    assert chart.limits == drawn.limits


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
    first, second = training_charts(drawn)
    assert (first.y_axis.title, second.y_axis.title) == ("I(X;Z)", "I(Y;Z)")
    assert first.x_axis == second.x_axis and first.x_axis.title == "training step"
    assert first.x_axis.marks == tuple((math.log2(1 + step), str(step)) for step in STEPS)
    for series, x, y in zip(drawn.series, first.series, second.series, strict=True):
        assert list(x.pairs) == [(math.log2(1 + p.checkpoint.step), p.x) for p in series.points]
        assert list(y.pairs) == [(math.log2(1 + p.checkpoint.step), p.y) for p in series.points]


def test_training_of_labels_with_one_side_is_their_plane() -> None:
    drawn = plane([preference(step) for step in STEPS], View(granularity="preference"), None)
    assert training_charts(drawn) == (plane_chart(drawn),)


def test_what_is_not_finite_does_not_set_the_limits() -> None:
    records = trajectory()
    row = records[2].rows[0]
    broken = replace(row, complexity=replace(row.complexity, plugin=math.inf))
    records[2] = replace(records[2], rows=(broken,))
    chart = layers_chart(records[2:3], View())
    assert all(math.isfinite(end) for end in (*chart.limits.x, *chart.limits.y))
    assert layers_chart([], View()).limits.x == (0.0, 1.0)
