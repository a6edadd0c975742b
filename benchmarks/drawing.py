"""What a picture of the plane costs: the live screen's canvas against plotext, on the same data.

    python -m benchmarks drawing

The canvas paints what a key press paints anew: nothing is remembered between two pictures. Budget of the live screen:
50 ms.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from benchmarks import made_up
from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing import picture
from ib_explorer.drawing.charts import plane_chart
from ib_explorer.drawing.plane import Plane, plane
from ib_explorer.drawing.text_plot import draw
from ib_explorer.drawing.view import View

WIDTH, HEIGHT = 100, 30
SIZES = ((3, 16), (12, 500))
"""Series, and points of each."""
REPEATS = 20


def planes(series: int, points: int) -> Plane:
    """A plane of ``series`` models with ``points`` checkpoints each, on noisy ways upwards."""
    noise, records = random.Random(0), list[CheckpointMeasurements]()
    for model in range(series):
        for step in range(points):
            grown = step / points
            x = 0.05 + 0.2 * grown + 0.01 * noise.random()
            y = 0.02 + 0.1 * grown * (1 + model) / series + 0.01 * noise.random()
            sides = made_up.information(x, 0.02), made_up.information(y, 0.02)
            rows = made_up.rows(lambda *_, sides=sides: sides, 1, first=1, granularities=["token"])
            records.append(
                made_up.checkpoint(rows, model=f"m{model}", step=step, revision=f"step{step}", commit=f"{model}/{step}")
            )
    curve = made_up.curve("token", [0.1 * index for index in range(50)], [0.05 * index for index in range(50)])
    return plane(records, View(layer=1), curve)


def on_the_canvas(shown: Plane) -> None:
    """Paint the plane as the live screen does, everything anew."""
    picture._chart.cache_clear()
    picture._drawn.cache_clear()
    picture.plane_rows(shown, WIDTH, HEIGHT, selected=shown.points[0])


def with_plotext(shown: Plane) -> None:
    """Draw the plane as ``plot`` does on a terminal."""
    draw([plane_chart(shown)], WIDTH, HEIGHT, colour=True)


def milliseconds(paint: Callable[[Plane], None], shown: Plane) -> str:
    """Median and worst of the repeats, after one to warm up."""
    paint(shown)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        paint(shown)
        taken.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(taken):.1f} | {max(taken):.1f}"


def main() -> None:
    print("| series × points | canvas, median ms | worst | plotext, median ms | worst |\n|---|--:|--:|--:|--:|")
    for series, points in SIZES:
        shown = planes(series, points)
        print(f"| {series} × {points} | {milliseconds(on_the_canvas, shown)} | {milliseconds(with_plotext, shown)} |")


if __name__ == "__main__":
    main()
