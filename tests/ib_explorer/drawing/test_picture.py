from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ib_explorer.drawing.axes import Limits, marked, ticks
from ib_explorer.drawing.looks import MARKERS, PALETTE, appearance
from ib_explorer.drawing.picture import plane_rows
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
    assert text_of(drawn, 80, 20, selected=None).splitlines()[0].split("   ")[-3:] == [
        "· diagonal",
        "⠒ IB curve",
        "● demo",
    ]
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


GOLDEN = """\
I(Y;Z)      · diagonal   ⠒ IB curve   ● demo
    │                ·⢀⠔⠉               ⣀●
    │              ·⢀⠔⠁             ⢀⡠⠖⠉
    │            ·⡠⠊⠁           ⣀●⠔⠊⠁
    │          ·⡠⠊          ⣀⠤⠒⠉
0.05┤        ·⡠⠊        ●⠤⠒⠉
    │      ·⡠⠊   │  ⢀⡠⠒⠉
    │    ⢀⠤⠊    ─◉───
    │  ⢀⠔⠁  ⣀⠤⠒⠊⠁│
    │⢀⠔⠁⢀⡠⠔●
    │⠃ ●⠁
    └────────┬──────────┬──────────┬────────
            0.05       0.10       0.15
                                      I(X;Z)
"""
