"""Quantities over layers: the charts of one checkpoint, and the map of a run, layers by checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from estimator.measurement import CheckpointMeasurements, Layer, Measurement, mean_over_layers
from ib_explorer.drawing.axes import Axis, Limits, extent
from ib_explorer.drawing.canvas import Colour, Run
from ib_explorer.drawing.charts import Band, Chart, Line
from ib_explorer.drawing.looks import BAND, appearance
from ib_explorer.drawing.plane import Point
from ib_explorer.drawing.records import sides
from ib_explorer.drawing.shelf import Same
from ib_explorer.drawing.training import OPTIMALITY, QUANTITIES, SHARE, UNIT, Estimate, ratio_of
from ib_explorer.drawing.view import View

RAMP = " .:-=+*#%@"
"""Shades from the smallest to the largest value, for terminals without colours."""
CURSOR: Colour = (255, 255, 255)
_UNKNOWN = (math.nan, math.nan, math.nan)
_LEFT = 6
_WIDEST = 6
"""Cells of a checkpoint at most."""


def estimate(record: CheckpointMeasurements, row: Measurement, view: View, quantity: str) -> Estimate:
    """One of :data:`QUANTITIES` of a row, with its bracket; NaN for labels that lack it."""
    if quantity in (OPTIMALITY, SHARE):
        return ratio_of(Point(record, row, view.value, 0.0, 0.0, row.complexity), quantity)
    found = list(sides(row).values())
    side = QUANTITIES.index(quantity)
    return (view.value.of(found[side]), *found[side].bracket) if side < len(found) else _UNKNOWN


def quantities(view: View) -> tuple[str, ...]:
    """The quantities that the labels in view have."""
    return QUANTITIES[:1] if view.is_over_training else QUANTITIES


def between(rows: Sequence[Measurement], ends: tuple[int, int] | None) -> tuple[Measurement, ...]:
    """The rows of the layers from one end to the other, both included; None: all."""
    return tuple(
        row for row in rows if ends is None or (isinstance(row.layer, int) and ends[0] <= row.layer <= ends[1])
    )


def range_mean(rows: Sequence[Measurement]) -> Measurement | None:
    """The mean over the layers of these rows but the embedding; None without any."""
    blocks = [row for row in rows if row.layer != 0]
    return mean_over_layers(blocks) if blocks else None


@lru_cache(maxsize=8)
def depth_charts(
    record: Same[CheckpointMeasurements], rows: tuple[Measurement, ...], view: View, ratio: str
) -> tuple[Chart, ...]:
    """One chart for I(X;Z), I(Y;Z) and a ratio of one checkpoint over its layers, each with its bracket."""
    charts = []
    titles = [*sides(rows[0]), ratio]
    for index, quantity in enumerate(quantities(view)[:2] + ((ratio,) if not view.is_over_training else ())):
        found = [
            (float(row.layer), *estimate(record.value, row, view, quantity)) for row in rows if row.layer != "mean"
        ]
        known = [one for one in found if all(map(math.isfinite, one))]
        band = Band("bracket", [(x, low) for x, _, low, _ in known], [(x, up) for x, _, _, up in known], BAND, "░")
        look = appearance(index, 3, False)
        line = Line(titles[index], [(x, value) for x, value, _, _ in found], look.colour, look.marker)
        ends = [end for _, *three in found for end in three if math.isfinite(end)]
        window = Limits(extent([x for x, *_ in found]), extent(ends) if ends else (0.0, 1.0))
        axis = Axis("layer", tuple((x, f"{x:.0f}") for x, *_ in found))
        title = titles[index] if quantity == ratio else f"{titles[index]}, {UNIT}"
        charts.append(Chart((), (line,), window, axis, Axis(title), bands=(band,) if len(known) > 1 else ()))
    return tuple(charts)


@lru_cache(maxsize=8192)
def _profile(record: Same[CheckpointMeasurements], view: View, quantity: str) -> Mapping[Layer, float]:
    """A quantity of one record by layer; cached, because a new checkpoint does not change the others."""
    return {row.layer: estimate(record.value, row, view, quantity)[0] for row in view.rows(record.value)}


def map_rows(
    run: Sequence[tuple[CheckpointMeasurements, ...]],
    view: View,
    quantity: str,
    layers: Sequence[int],
    width: int,
    height: int,
    *,
    at: int | None,
    layer: Layer,
    colour: bool,
) -> list[list[Run]]:
    """The map of a run's checkpoints (columns) by ``layers`` (rows, the deepest above) as ``height`` rows.

    Shades go from the smallest to the largest value; checkpoint ``at`` and ``layer`` are pointed at. If there are more
    layers or checkpoints than cells, each cell shows the first of those that it stands for.
    """
    rows, columns = height - 2, width - _LEFT
    if rows < 2 or columns < 4 or not run or not layers:
        return [[(" " * width, None)] for _ in range(height)]
    values = np.array([_column(tuple(map(Same, parts)), view, quantity, tuple(layers)) for parts in run]).T[::-1]
    wide = max(min(columns // len(run), _WIDEST), 1)
    shown = min(columns // wide, len(run))
    by_column = np.arange(shown) * len(run) // shown
    tall = min(rows, len(layers))
    by_row = np.arange(tall) * len(layers) // tall
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    levels = _levels(values[np.ix_(by_row, by_column)], low, high)
    mine = None if at is None else int(np.searchsorted(by_column, at, side="right")) - 1
    named = list(reversed(layers))
    here = len(layers) - 1 - layers.index(layer) if isinstance(layer, int) and layer in layers else None
    row_at = None if here is None else int(np.searchsorted(by_row, here, side="right")) - 1
    drawn = [
        [
            (f"{'▸' if row == row_at else ' '}{named[first]:>4} ", None),
            *_row(levels[row], wide, mine if row == row_at else None, colour),
        ]
        for row, first in enumerate(by_row.tolist())
    ]
    pointer = " " * columns if mine is None else (" " * (mine * wide) + "▲" * wide).ljust(columns)
    foot: list[list[Run]] = [[(" " * _LEFT + pointer[:columns], CURSOR)], _scale(low, high, width, colour)]
    full = [[*row, (" " * (columns - wide * shown), None)] for row in drawn] + foot
    return full + [[(" " * width, None)]] * (height - len(full))


@lru_cache(maxsize=8192)
def _column(
    parts: tuple[Same[CheckpointMeasurements], ...], view: View, quantity: str, layers: tuple[int, ...]
) -> tuple[float, ...]:
    found: dict[Layer, float] = {}
    for record in parts:
        for layer, value in _profile(record, view, quantity).items():
            found.setdefault(layer, value)
    return tuple(found.get(layer, math.nan) for layer in layers)


def _levels(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], low: float, high: float) -> list[list[int]]:
    """The shade of each value, from 1 to the length of the ramp; 0 where it is unknown."""
    share = np.where(np.isfinite(values), (values - low) / (high - low if high > low else 1.0), -1.0)
    levels = np.where(share < 0, 0, 1 + np.minimum(share * len(RAMP), len(RAMP) - 1).astype(int))
    return [[int(level) for level in row] for row in levels]


def _row(levels: Sequence[int], wide: int, cursor: int | None, colour: bool) -> list[Run]:
    runs: list[Run] = []
    for column, level in enumerate(levels):
        if level == 0:
            run: Run = ("?" * wide, None)
        elif colour:
            run = ("█" * wide, _shade(level))
        else:
            run = (RAMP[level - 1] * wide, None)
        if column == cursor:
            run = (("◉" + run[0])[:wide], CURSOR)
        if runs and runs[-1][1] == run[1]:
            runs[-1] = (runs[-1][0] + run[0], run[1])
        else:
            runs.append(run)
    return runs


def _shade(level: int) -> Colour:
    return appearance(level - 1, len(RAMP), True).colour


def _scale(low: float, high: float, width: int, colour: bool) -> list[Run]:
    """The shades with the smallest and the largest value."""
    shades: list[Run] = [
        ("█", _shade(level)) if colour else (RAMP[level - 1], None) for level in range(1, len(RAMP) + 1)
    ]
    text = f"{low:.4f} "
    after = f" {high:.4f}  layers × checkpoints, ? unknown"
    room = width - _LEFT - len(text) - len(RAMP)
    return [(" " * _LEFT + text, None), *shades, (after[:room].ljust(room), None)]
