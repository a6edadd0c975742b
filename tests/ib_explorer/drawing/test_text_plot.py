from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ib_explorer.drawing.axes import Axis, Limits
from ib_explorer.drawing.charts import Chart, Line, layers_chart, plane_chart
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.text_plot import draw
from ib_explorer.drawing.training import training_charts
from ib_explorer.drawing.view import View
from tests.ib_explorer.synthetic import STEPS, curve, information, preference, trajectory

GOLDENS = Path(__file__).parents[2] / "goldens"
PREFERENCE = View(granularity="preference", layer="each")
OTHER = [
    replace(record, rows=tuple(replace(row, complexity=information(0.06 + step / 3000, 0)) for row in record.rows))
    for step, record in zip(STEPS, trajectory("other"), strict=True)
]
FORGETTING = [
    replace(record, rows=tuple(replace(row, ceiling=0.5 - step / 1000) for row in record.rows))
    for step, record in zip(STEPS, trajectory(), strict=True)
]
KINDS = {
    "plane": lambda: [plane_chart(plane(trajectory() + OTHER, View(), curve()))],
    "bracket": lambda: [plane_chart(plane(trajectory(), View(), curve(), curve("token", "held-out")))],
    "context": lambda: [plane_chart(plane(FORGETTING, View(x="context"), curve()))],
    "layers": lambda: [layers_chart(trajectory(), View())],
    "training": lambda: training_charts(plane(trajectory(), View(), None)),
    "preference": lambda: training_charts(plane([preference(step) for step in STEPS], PREFERENCE, None)),
}

FUZZ = r"""
import random, re, sys
from dataclasses import replace
from ib_explorer.drawing.axes import Axis, Limits, extent
from ib_explorer.drawing.charts import Chart, Line, layers_chart, plane_chart
from ib_explorer.drawing.plane import plane
from ib_explorer.drawing.training import training_charts
from ib_explorer.drawing.view import View
from ib_explorer.drawing.text_plot import draw
from tests.ib_explorer.synthetic import checkpoint, curve, information

PICTURES = 2400
EXTREME = [float("nan"), float("inf"), float("-inf"), 1.7e308, -1.7e308, 1e300, 5e-324, 0.0, -0.0, 1.0, -1.0, 0.5]
STEPS = [0, 1, 2, 1000, 10**6, 10**40]
dice = random.Random(0)
base = checkpoint(1, rules=["exact"])
template = [row for row in base.rows if row.granularity == "token"][1:3]

def value():
    usual = dice.random(), dice.random(), dice.gauss(0, 10.0 ** dice.randint(-12, 12))
    return dice.choice([dice.choice(EXTREME), *usual])

def name():
    length = dice.randint(0, 20)
    return "".join(chr(dice.choice([dice.randint(0, 126), dice.randint(128, 0xD7FF), 0x1F600])) for _ in range(length))

def records():
    made = []
    for model in [name() for _ in range(dice.randint(0, 3))]:
        for step in dice.sample(STEPS, dice.randint(1, len(STEPS))):
            sides = [(information(value(), value()), information(value(), value())) for _ in template]
            rows = [replace(row, complexity=x, expressivity=y) for row, (x, y) in zip(template, sides)]
            fields = dict(model=model, revision=name(), commit=f"{step}", step=step, rows=tuple(rows))
            made.append(replace(base, key=f"{model}{step}", **fields))
    return made

def lines():
    return tuple(
        Line(name(), [(value(), value()) for _ in range(dice.choice([0, 1, 2, 3, 30]))],
             tuple(dice.randint(0, 255) for _ in range(3)), dice.choice([None, *"●■▲◆"]), dice.choice([None, "·"]))
        for _ in range(dice.randint(0, 4))
    )

def ends():
    return extent([one for one in (value() for _ in range(3)) if abs(one) < 1.8e308] or [0.0])

def marked_axis():
    return Axis(name(), tuple((float(place), name()) for place in range(dice.choice([0, 0, 1, 5]))))

def charts():
    kind = dice.choice(["plane", "layers", "training", "lines", "lines"])
    if kind == "lines":
        panels = range(dice.randint(1, 2))
        return [Chart(lines(), lines(), Limits(ends(), ends()), marked_axis(), Axis(name())) for _ in panels]
    view = View(layer=dice.choice([1, 2, "each"]), preset=dice.choice(["corrected", "paper"]))
    if kind == "layers":
        return [layers_chart(records(), view)]
    view = replace(view, x=dice.choice(["labels", "labels", "context"]))
    bounds = [
        replace(curve(), rate=(pairs := sorted(value() for _ in range(4))), relevance=[value() for _ in pairs])
        for _ in range(2)
    ]
    drawn = plane(records(), view, *(dice.choice([None, bound]) for bound in bounds))
    return [plane_chart(drawn)] if kind == "plane" else training_charts(drawn)

for index in range(PICTURES):
    shown, width, height, colour = charts(), dice.randint(1, 90), dice.randint(1, 30), dice.random() < 0.5
    print(index, file=sys.stderr)
    picture = draw(shown, width, height, colour=colour)
    assert colour or "\x1b" not in picture
    rows = re.sub("\x1b\\[[0-9;]*m", "", picture).split("\n")
    assert {len(row) for row in rows} == {max(width, 20)}, (width, rows)
    assert len(rows) == sum(max(height // len(shown) + (i < height % len(shown)), 10) for i in range(len(shown)))
    assert all(row.isprintable() for row in rows), rows
print(PICTURES, "survived")
"""


def test_no_chart_aborts_the_kernel_or_breaks_the_frame() -> None:
    """In a process of its own: the kernel is C++, and what it does not expect ends the process."""
    done = subprocess.run([sys.executable, "-c", FUZZ], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "2400 survived\n"), done.stderr[-2000:]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_as_it_looks_at_80_by_24(kind: str) -> None:
    charts = KINDS[kind]()
    picture = draw(charts, 80, 24, colour=False)
    assert [len(row) for row in picture.split("\n")] == [80] * max(24, 10 * len(charts))
    shown = "".join(f"{row.rstrip()}\n" for row in picture.split("\n"))
    assert shown == (GOLDENS / f"plot-{kind}.txt").read_text("utf-8"), f"\n{shown}"


@pytest.mark.parametrize("kind", KINDS)
def test_colours_change_nothing_but_colour(kind: str) -> None:
    coloured, plain = (draw(KINDS[kind](), 80, 24, colour=colour) for colour in (True, False))
    assert "\x1b[38;2;230;159;0m" in coloured or kind == "preference"
    assert "\x1b[48" not in coloured and "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_line_is_broken_at_gaps_and_where_it_leaves_the_picture() -> None:
    pairs = [(0.1, 0.5), (0.3, 0.5), (0.4, float("nan")), (0.5, 0.5), (0.6, 0.5), (0.7, 2.0), (0.8, 2.0)]
    line = Line("line", pairs, (1, 2, 3), stroke="x")
    rows = draw([_chart(line)], 60, 15, colour=False).split("\n")[1:-3]
    drawn = "".join("x" if "x" in column else " " for column in map("".join, zip(*rows, strict=True))).rstrip()
    middle, right = drawn.index("x"), len(drawn)
    assert re.fullmatch(r" +x{10,13} +x{7,12}", drawn), drawn
    assert middle < 12 and right < 42


def test_markers_outside_of_the_limits_are_left_out() -> None:
    line = Line("line", [(0.5, 0.5), (1.5, 0.5), (0.5, -0.5), (float("inf"), 0.5)], (1, 2, 3), "●", "x")
    body = "".join(draw([_chart(line)], 40, 12, colour=False).split("\n")[1:])
    assert body.count("●") == 1 and "x" in body


def test_small_sizes_are_raised_to_the_least() -> None:
    assert [len(row) for row in draw([_chart()], 1, 1, colour=False).split("\n")] == [20] * 10


def test_charts_below_each_other_share_the_height() -> None:
    rows = draw([_chart(), replace(_chart(), y_axis=Axis("other"))], 60, 25, colour=False).split("\n")
    assert len(rows) == 25 and rows[0].startswith("y") and rows[13].startswith("other")


def _chart(*lines: Line) -> Chart:
    return Chart((), lines, Limits((0.0, 1.0), (0.0, 1.0)), Axis("x"), Axis("y"))
