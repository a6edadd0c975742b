from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.curve import distance_to_bound
from ib_explorer.drawing.axes import LEAST_EXTENT
from ib_explorer.drawing.plane import distance, neighbour, plane
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import DEPTH, STEPS, checkpoint, curve, information, preference, trajectory


def with_values(x: float, y: float, step: int = 1):
    record = checkpoint(step)
    rows = tuple(replace(row, complexity=information(x, 0.0), expressivity=information(y, 0.0)) for row in record.rows)
    return replace(record, key=f"{step}", rows=rows)


def test_points_are_in_training_order_whatever_order_they_were_measured_in() -> None:
    records = trajectory()
    random.Random(1).shuffle(records)
    (series,) = plane(records, View(), None).series
    assert [point.checkpoint.step for point in series.points] == list(STEPS)


def test_each_preset_shows_its_values() -> None:
    record = checkpoint(64)
    (adjusted,) = plane([record], View(layer=2), None).points
    (corrected,) = plane([record], View(layer=2, preset="corrected"), None).points
    (paper,) = plane([record], View(layer=2, preset="paper"), None).points
    row = corrected.measurement
    assert (adjusted.x, adjusted.y) == (row.complexity.adjusted, row.expressivity.adjusted)
    assert (corrected.x, corrected.y) == (row.complexity.corrected, row.expressivity.corrected)
    assert (paper.x, paper.y) == (row.complexity.plugin, row.expressivity.plugin)
    assert corrected.x_bracket == paper.x_bracket == row.complexity.bracket
    assert corrected.null == (0, 0)
    assert paper.null == (row.complexity.null, row.expressivity.null)


def test_the_mean_averages_layers_without_the_embedding() -> None:
    record = checkpoint(64)
    (mean,) = plane([record], View(layer="mean"), None).points
    layers = [plane([record], View(layer=layer), None).points[0].y for layer in range(1, DEPTH + 1)]
    assert mean.y == pytest.approx(sum(layers) / DEPTH)


def test_each_layer_is_a_series_of_its_own_and_each_model_too() -> None:
    each = plane(trajectory(), View(layer="each"), None)
    assert [series.name for series in each.series] == ["layer 1", "layer 2", "layer 3"]
    both = plane(trajectory() + trajectory("other"), View(), None)
    assert [series.name for series in both.series] == ["demo", "other"]


def test_one_model_on_two_samples_makes_two_series_that_say_which() -> None:
    other = [replace(record, sample="b", corpus="c4", key="b" + record.key) for record in trajectory()]
    names = [series.name for series in plane(trajectory() + other, View(), None).series]
    assert names == ["demo (docstrings, 32 documents)", "demo (c4, 32 documents)"]


def test_rows_of_one_checkpoint_may_lie_in_several_files() -> None:
    exact, other = checkpoint(4, rules=["exact"]), replace(checkpoint(4, rules=["x2"]), key="second")
    for rule in ("exact", "x2"):
        (point,) = plane([exact, other], View(temperature_rule=rule), None).points
        assert point.measurement.temperature_rule == rule


def test_a_view_is_of_one_variant_and_one_minimum_count() -> None:
    record = checkpoint(4, rules=["exact"])
    others = tuple(
        replace(row, **changes)
        for row in record.rows
        for changes in ({"variant": "centred", "entropy": 0.1}, {"weights": "uniform", "min_count": 3, "entropy": 0.2})
    )
    record = replace(record, rows=others + record.rows)
    views = (View(), View(variant="centred"), View(weights="uniform", min_count=3))
    found = [plane([record], view, None).points[0].measurement for view in views]
    assert [row.entropy for row in found] == pytest.approx([0.7, 0.1, 0.2])
    assert plane([record], View(weights="uniform"), None).points == ()


def test_what_was_not_measured_has_no_series() -> None:
    empty = plane(trajectory(), View(weights="uniform"), curve())
    assert empty.series == () and empty.bound == ()
    assert empty.limits.x == (0, 1)


def test_the_bound_is_divided_by_the_entropy_of_the_anchors() -> None:
    bits = curve()
    drawn = plane(trajectory(), View(), bits).bound
    assert drawn[-1] == (
        pytest.approx(bits.rate[-1] / math.log2(100)),
        pytest.approx(bits.relevance[-1] / math.log2(100)),
    )


def test_each_kind_of_bound_is_drawn_and_the_paper_draws_the_diagonal_only() -> None:
    bits = math.log2(100)
    most = curve().mutual_information / bits
    assert plane(trajectory(), View(bound="diagonal"), curve()).bound == ()
    dpi = plane(trajectory(), View(bound="dpi"), curve()).bound
    assert dpi == ((0, 0), pytest.approx((most, most)), pytest.approx((5 / bits, most)))
    assert len(plane(trajectory(), View(bound="ib"), curve()).bound) == 11
    for kind in ("diagonal", "dpi", "ib"):
        assert plane(trajectory(), View(preset="paper", bound=kind), curve()).bound == ()


def test_the_distance_to_the_bound_is_that_of_the_value_drawn() -> None:
    record, bits = checkpoint(64), math.log2(100)
    for preset in ("corrected", "paper"):
        (point,) = plane([record], View(layer=2, preset=preset), None).points
        found = distance(point, curve())
        assert found == distance_to_bound(curve(), point.x * bits, point.y * bits)
    assert found.gap != pytest.approx(distance(plane([record], View(layer=2), None).points[0], curve()).gap)


def test_the_low_estimate_is_drawn_as_the_same_line_of_every_bound_but_the_diagonal() -> None:
    bits, low = math.log2(100), curve("token", "held-out")
    drawn = plane(trajectory(), View(), curve(), low)
    assert drawn.low[-1] == (pytest.approx(low.rate[-1] / bits), pytest.approx(low.relevance[-1] / bits))
    assert plane(trajectory(), View(bound="dpi"), curve(), low).low[1] == pytest.approx((1.5 / bits, 1.5 / bits))
    assert plane(trajectory(), View(bound="diagonal"), curve(), low).low == ()


def test_uniform_weights_have_no_curve() -> None:
    record = checkpoint(64)
    uniform = replace(record, rows=tuple(replace(row, weights="uniform", min_count=5) for row in record.rows))
    drawn = plane([uniform], View(weights="uniform"), curve(), curve("token", "held-out"))
    assert drawn.points and drawn.bound == drawn.low == ()


@pytest.mark.parametrize("preset", ["adjusted", "corrected", "paper"])
def test_over_the_information_of_the_context_the_diagonal_is_the_only_bound(preset: str) -> None:
    drawn = plane(trajectory(), View(layer=2, preset=preset, x="context"), curve(), curve("token", "held-out"))
    assert (drawn.x_axis.title, drawn.y_axis.title) == ("I(context;Z)", "I(Y;Z)")
    assert drawn.bound == drawn.low == ()
    labels = plane(trajectory(), View(layer=2, preset=preset), None).points
    for point, other in zip(drawn.points, labels, strict=True):
        assert point.x == point.measurement.ceiling and point.x_bracket == (point.x, point.x)
        assert (point.y, point.y_bracket) == (other.y, other.y_bracket)
        assert point.null == (point.x, other.null[1])


def test_labels_with_one_side_are_drawn_over_training_whatever_the_x_axis() -> None:
    records = [preference(step) for step in STEPS]
    views = [View(granularity="preference", x=x) for x in ("labels", "context")]
    context, labels = (plane(records, view, None) for view in views)
    assert context.x_axis == labels.x_axis and [p.x for p in context.points] == [p.x for p in labels.points]


def test_neighbours_stay_on_the_plane() -> None:
    each = plane(trajectory(), View(layer="each"), None)
    first, last = each.series[0].points[0], each.series[-1].points[-1]
    assert neighbour(each, first, along=-1) is first
    assert neighbour(each, last, along=1) is last
    assert neighbour(each, first, across=1) is each.series[1].points[0]
    assert neighbour(each, first, across=-1) is first
    assert neighbour(each, first, along=2).checkpoint.step == STEPS[2]


anything = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(anything, anything), max_size=6))
def test_limits_are_always_finite_and_hold_every_finite_point(values: list[tuple[float, float]]) -> None:
    records = [with_values(x, y, step) for step, (x, y) in enumerate(values)]
    drawn = plane(records, View(layer=1), None)
    for lower, upper in (drawn.limits.x, drawn.limits.y):
        assert math.isfinite(lower) and math.isfinite(upper)
        assert upper - lower > 0
    for point in drawn.points:
        if point.is_finite and max(abs(point.x), abs(point.y)) < 1e100:
            assert drawn.limits.x[0] <= point.x <= drawn.limits.x[1]
            assert drawn.limits.y[0] <= point.y <= drawn.limits.y[1]


def test_a_single_point_is_not_blown_up() -> None:
    limits = plane([with_values(0.2, 0.1)], View(layer=1), None).limits
    assert limits.x[1] - limits.x[0] >= LEAST_EXTENT
    assert limits.x[0] < 0.2 < limits.x[1]


def test_a_lone_point_has_the_scale_of_its_bracket() -> None:
    drawn = plane([checkpoint(64)], View(), None)
    (point,) = drawn.points
    assert drawn.limits.x[0] <= point.x_bracket[0] and point.x_bracket[1] <= drawn.limits.x[1]
