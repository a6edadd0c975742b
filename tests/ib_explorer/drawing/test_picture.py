from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ib_explorer.drawing.axes import Limits, marked, ticks
from ib_explorer.drawing.canvas import Canvas
from ib_explorer.drawing.looks import MARKERS, PALETTE, appearance
from ib_explorer.drawing.marks import Label, arrows, markers, write_labels
from ib_explorer.drawing.picture import frame, plane_rows
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import STEPS, checkpoint, curve, preference, trajectory

FUZZ = """
import math, sys
from dataclasses import replace
from hypothesis import given, settings, strategies as st
from ib_explorer.drawing.picture import plane_rows
from ib_explorer.drawing.axes import Limits
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import checkpoint, curve, information

value = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1), st.just(0.2))
BASE = checkpoint(1, rules=["exact"])
ROW = next(row for row in BASE.rows if row.layer == 1 and row.granularity == "token")

def record(model, step, values):
    x, y, null = values
    row = replace(ROW, complexity=information(x, null), expressivity=information(y, null))
    return replace(BASE, key=f"{model}{step}", model=model, revision=f"step{step}", step=step, rows=(row,))

def bound(pairs):
    return replace(curve(), rate=tuple(x for x, _ in pairs), relevance=tuple(y for _, y in pairs))

@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.lists(st.tuples(value, value, value), max_size=8), max_size=3),
    st.one_of(st.none(), st.lists(st.tuples(value, value), max_size=8)),
    st.one_of(st.none(), st.lists(st.tuples(value, value), max_size=8)),
    st.integers(0, 130), st.integers(0, 45), st.booleans(), st.sampled_from(["corrected", "paper"]),
)
def check(models, pairs, low, width, height, zoomed, preset):
    records = [record(f"m{m}", s, v) for m, vs in enumerate(models) for s, v in enumerate(vs)]
    curves = (None if one is None else bound(one) for one in (pairs, low))
    drawn = plane(records, View(layer=1, preset=preset), *curves)
    for selected in (None, *drawn.points[:1]):
        rows = plane_rows(drawn, width, height, selected=selected,
                          limits=Limits((0.1, 0.3), (0.15, 0.151)) if zoomed else None)
        assert len(rows) == height, (len(rows), height)
        assert all(sum(len(text) for text, _ in row) == width for row in rows), (width, rows)

check()
print("survived")
"""


def text_of(*args: Any, **options: Any) -> str:
    """The rows of a plane as text."""
    return "\n".join("".join(text for text, _ in row) for row in plane_rows(*args, **options))


def inside(picture: str) -> str:
    """What is between the axes of a picture."""
    return "\n".join(re.split("[│┤]", row, maxsplit=1)[1] for row in picture.splitlines()[1:-3])


def test_no_plane_ends_the_process_or_breaks_the_frame() -> None:
    done = subprocess.run([sys.executable, "-c", FUZZ], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "survived\n"


def test_a_small_plane_as_it_looks() -> None:
    drawn = plane(trajectory(), View(), curve())
    picture = text_of(drawn, 44, 14, selected=drawn.points[2])
    assert [line.rstrip() for line in picture.splitlines()] == GOLDEN.splitlines(), "\n" + picture


def test_the_legend_names_what_is_drawn_and_counts_what_finds_no_room() -> None:
    drawn = plane(trajectory(), View(), curve())
    first = text_of(drawn, 80, 20, selected=None).splitlines()[0]
    assert re.split(r" {3,}", first) == ["I(Y;Z), share of log n", "· diagonal", "⠒ IB curve", "● demo"]
    many = plane([checkpoint(1, model=f"a-model-with-a-long-name-{index}") for index in range(9)], View(), None)
    assert "+ 8 more" in text_of(many, 70, 20, selected=None).splitlines()[0]


def test_wide_and_unprintable_names_do_not_break_the_frame() -> None:
    drawn = plane([replace(record, model="模型\x1b[31m\n") for record in trajectory()], View(), None)
    picture = text_of(drawn, 60, 12, selected=None)
    assert [len(line) for line in picture.split("\n")] == [60] * 12
    assert "??" in picture and "\x1b" not in picture


def test_zooming_leaves_out_what_lies_outside() -> None:
    drawn = plane(trajectory(), View(), None)
    away = text_of(drawn, 60, 16, selected=None, limits=Limits((0.5, 0.6), (0.1, 0.2)))
    assert "●" not in "\n".join(away.splitlines()[1:])


def test_neighbouring_series_differ_with_and_without_colour() -> None:
    looks = [appearance(index, 56, False) for index in range(56)]
    assert len({(look.colour, look.marker) for look in looks}) == len(PALETTE) * len(MARKERS) == 56
    assert len({appearance(index, 8, True).marker for index in range(8)}) == 8


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e6), st.integers(2, 12))
def test_ticks_are_round_few_and_inside(lower: float, extent: float, count: int) -> None:
    values, names = ticks(lower, lower + extent, count)
    assert len(values) == len(names) <= count
    assert len(set(values)) == len(values)
    assert all(lower - extent * 1e-6 <= value <= lower + extent * (1 + 1e-6) for value in values)


@pytest.mark.parametrize(
    ("lower", "upper", "names"),
    [
        (0, 0.3, ["0.0", "0.1", "0.2", "0.3"]),
        (0.2, 0.22, ["0.200", "0.205", "0.210", "0.215", "0.220"]),
        (0, 1, ["0.0", "0.5", "1.0"]),
    ],
)
def test_ticks_as_a_person_would_write_them(lower: float, upper: float, names: list[str]) -> None:
    assert ticks(lower, upper, 5)[1] == names


def test_marks_stand_apart_and_the_last_is_shown_whole() -> None:
    marks = [(float(place), f"{10**place:,}") for place in range(7)]
    assert marked(marks, 0, 6, 120)[1] == [name for _, name in marks]
    places, names = marked(marks, 0, 6, 24)
    assert (places, names) == ([0, 2, 6], ["1", "100", "1,000,000"])
    assert marked(marks, 10, 12, 60) == ([], [])


def test_preference_is_drawn_over_its_training_steps_without_a_diagonal() -> None:
    drawn = plane([preference(step) for step in STEPS], View(granularity="preference"), None)
    rows = text_of(drawn, 60, 16, selected=drawn.points[0]).splitlines()
    assert "·" not in "".join(rows) and rows[-1].endswith("training step")
    axis, names = rows[-3:-1]
    assert names.split() == [str(step) for step in STEPS] and axis.count("┬") == len(STEPS)
    assert all(len(row) == 60 for row in rows)


def test_the_direction_shows_in_arrows_sizes_and_labels() -> None:
    rows = text_of(plane(trajectory(), View(), None), 100, 30, selected=None).splitlines()[1:-3]
    body = "\n".join(rows)
    assert "↗" in body and all(symbol in body for symbol in "∘•●")
    assert re.search(r"\b0\b", body[body.index("│") :]) and "256" in body
    back = plane(list(map(replace, trajectory())), View(), None)
    turned = replace(back, series=tuple(replace(one, points=one.points[::-1]) for one in back.series))
    assert "↙" in text_of(turned, 100, 30, selected=None)


def test_a_line_has_no_hole_where_another_crosses_it_or_a_bracket_does() -> None:
    canvas = Canvas(9, 3)
    up, flat = np.array([[0.5, 0.0], [0.5, 1.0]]), np.array([[0.0, 0.5], [1.0, 0.5]])
    canvas.line(up, (1, 1, 1))
    canvas.line(flat, (2, 2, 2), "─", over="·")
    middle = ["".join(text for text, _ in row) for row in canvas.rows()][1]
    assert middle[4] not in " ─" and middle.replace(middle[4], "─") == "─" * 9


def test_a_line_of_many_points_stays_visible_between_its_markers_and_arrows() -> None:
    ahead = np.stack([np.linspace(0.01, 0.99, 400), np.linspace(0.1, 0.9, 400)], axis=1)
    noise = np.random.default_rng(0).normal(scale=0.004, size=ahead.shape)
    drawn = markers(ahead, "●", 80, 20, ages=True)
    assert [symbol for symbol, _ in drawn] == ["∘", "•", "●"] and sum(len(at) for _, at in drawn) == 21
    assert sum(len(at) for _, at in markers(ahead, "●", 80, 20, ages=True, is_crowded=True)) < 12
    assert (drawn[-1][1][-1] == ahead[-1]).all()
    canvas = Canvas(80, 20)
    canvas.line(ahead + noise, (1, 1, 1))
    pointing = [symbol for symbol, _ in arrows(ahead + noise, canvas)]
    assert pointing and set(pointing) <= set("→↗↑")


def test_brackets_end_in_caps_and_in_arrows_where_they_leave_the_window() -> None:
    drawn = plane([checkpoint(16, se=0.02)], View(layer=1, preset="corrected"), None)
    point = drawn.points[0]
    (left, right), (low, high) = point.x_bracket, point.y_bracket
    whole = text_of(drawn, 90, 30, selected=point, limits=Limits((left - 0.1, right + 0.1), (low - 0.1, high + 0.1)))
    body = inside(whole)
    assert all(cap in body for cap in "├┤┬┴") and not any(arrow in body for arrow in "◂▸▴▾")
    near = Limits((point.x - 0.001, point.x + 0.001), (point.y - 0.001, point.y + 0.001))
    body = inside(text_of(drawn, 90, 30, selected=point, limits=near))
    assert all(arrow in body for arrow in "◂▸▴▾")


def test_labels_cover_neither_markers_nor_each_other_nor_the_axes() -> None:
    canvas = Canvas(20, 3)
    canvas.marks(np.array([[0.97, 0.5], [0.85, 0.5]]), "●", (1, 1, 1))
    at = np.array([[0.97, 0.5]])
    found = write_labels(canvas, [(at, Label(0, 0, text, (1, 1, 1))) for text in ("1.0k", "2.0k", "3.0k", "4.0k")])
    rows = ["".join(text for text, _ in row) for row in canvas.rows()]
    assert "".join(rows).count("●") == 2 and len(found) >= 2
    assert all("".join(rows).count(label.text) == 1 for *_, label in found)
    assert write_labels(canvas, [(np.array([[2.0, 0.5]]), Label(0, 0, "out", (1, 1, 1)))]) == []


def test_the_legend_has_the_digits_of_models_and_brackets_hidden_ones() -> None:
    records = trajectory() + trajectory("other")
    shown = plane(records, View(), None)
    hidden = plane(records, View(), None, hidden={shown.series[0].trajectory})
    first = "".join(text for text, _ in plane_rows(hidden, 100, 20, selected=None, numbered=True)[0])
    assert "1 ● (demo)" in first and "2 ■ other" in first
    assert "●" not in "\n".join(text_of(hidden, 100, 20, selected=None).splitlines()[1:])


def test_a_click_finds_the_nearest_point_inside_of_the_axes() -> None:
    drawn = plane(trajectory(), View(), None)
    shape = frame(drawn, 80, 24)
    rows = text_of(drawn, 80, 24, selected=drawn.points[3]).splitlines()
    row, column = next((at, line.index("◉")) for at, line in enumerate(rows) if "◉" in line)
    assert shape.nearest(drawn.points, column, row) == drawn.points[3]
    x, y = shape.place(column, row)
    assert abs(x - drawn.points[3].x) < 0.01 and abs(y - drawn.points[3].y) < 0.01
    assert shape.nearest(drawn.points, 0, row) is None and shape.place(column, 0) is None
    assert frame(drawn, 10, 5) is None


GOLDEN = """\
I(Y;Z)      · diagonal   ⠒ IB curve   ● demo
    │                ·⢀⠔⠉            256⣀●
    │              ·⢀⠔⠁             ⢀⡠⠖⠉
    │            ·⡠⠊⠁           ⣀●⠔⠊⠁
    │          ·⡠⠊          ⣀⠤⠒⠉
0.05┤        ·⡠⠊        •⠤⠒⠉
    │      ·⡠⠊   ┬  ⢀⡠⠒↗
    │    ⢀⠤⠊   4├◉⠔⠊┤
    │  ⢀⠔⠁  ⣀⠤⠒⠊⠁┴
    │⢀⠔⠁⢀⡠⠔∘
    │⠃ ∘⠁0
    └────────┬──────────┬──────────┬────────
            0.05       0.10       0.15
                      I(X;Z), share of log n
"""
