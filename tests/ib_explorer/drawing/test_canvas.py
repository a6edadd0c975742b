from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ib_explorer.drawing.canvas import Canvas, Places, clipped

RED, BLUE = (255, 0, 0), (0, 0, 255)


def places(*pairs: tuple[float, float]) -> Places:
    return np.array(pairs, dtype=float).reshape(-1, 2)


def drawn(canvas: Canvas) -> list[str]:
    return ["".join(text for text, _ in row) for row in canvas.rows()]


near = st.floats(-3, 3)


@given(near, near, near, near)
def test_a_clipped_segment_is_the_part_of_it_in_the_square(x0: float, y0: float, x1: float, y1: float) -> None:
    start, end = clipped(places((x0, y0)), places((x1, y1)))
    shares = np.linspace(0, 1, 201)[:, None]
    on_the_way = (1 - shares) * (x0, y0) + shares * (x1, y1)
    # Nearer to the border than that, a place may be in or out by rounding alone.
    inside = on_the_way[((on_the_way > 1e-9) & (on_the_way < 1 - 1e-9)).all(axis=1)]
    for place in inside:
        box = np.sort(np.vstack([start, end]), axis=0)
        assert (box[0] - 1e-9 <= place).all() and (place <= box[1] + 1e-9).all()
    assert ((start >= 0) & (start <= 1) & (end >= 0) & (end <= 1)).all()


def test_a_line_is_cut_at_the_border_and_broken_where_a_value_is_missing() -> None:
    canvas = Canvas(8, 1)
    canvas.line(places((-5, 0.5), (0.25, 0.5), (np.nan, 0.5), (0.75, 0.5), (9, 0.5)), RED, "-")
    assert drawn(canvas) == ["---   --"]


def test_a_line_outside_leaves_no_trace() -> None:
    canvas = Canvas(4, 2)
    canvas.line(places((-1, -1), (-1, 2), (2, 2)), RED)
    canvas.marks(places((1.5, 0.5), (np.nan, 0.5)), "●", RED)
    assert drawn(canvas) == ["    ", "    "]


def test_dots_join_those_of_another_line_and_cover_symbols() -> None:
    canvas = Canvas(1, 1)
    canvas.line(places((0.1, 0), (0.1, 1)), RED)
    assert drawn(canvas) == ["⡇"]
    canvas.line(places((0.9, 0), (0.9, 1)), BLUE)
    assert drawn(canvas) == ["⣿"]
    canvas.marks(places((0.5, 0.5)), "●", RED)
    assert drawn(canvas) == ["●"]
    canvas.line(places((0.1, 0), (0.1, 1)), RED)
    assert drawn(canvas) == ["⡇"]


def test_marks_stand_in_the_cell_of_their_place() -> None:
    canvas = Canvas(4, 3)
    canvas.marks(places((0, 0), (0.3, 0.5), (1, 1)), "●", RED)
    assert drawn(canvas) == ["   ●", " ●  ", "●   "]


def test_neighbours_of_one_colour_are_one_run() -> None:
    canvas = Canvas(4, 1)
    canvas.marks(places((0.3, 0), (0.6, 0)), "●", RED)
    canvas.marks(places((0.9, 0)), "■", BLUE)
    assert list(canvas.rows()) == [[(" ", None), ("●●", RED), ("■", BLUE)]]


def test_every_cell_that_a_line_goes_through_is_touched_once_in_each_column() -> None:
    canvas = Canvas(40, 10)
    canvas.line(places((0, 0), (1, 1)), RED, "*")
    columns = list(zip(*drawn(canvas), strict=True))
    assert all(column.count("*") in (1, 2) for column in columns)
