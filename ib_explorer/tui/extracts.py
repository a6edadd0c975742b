"""What a tab exports: its rows as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from estimator.measurement import CheckpointMeasurements, Measurement
from ib_explorer.drawing.layer_map import between
from ib_explorer.drawing.plane import Point
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.tables.comparison import comparison_columns, comparison_row
from ib_explorer.tui.compare_sheet import compare_sheet, comparison_of
from ib_explorer.tui.point_sheet import point_sheet
from ib_explorer.tui.scene import Scene


@dataclass(frozen=True, slots=True)
class Extract:
    """The rows that a tab exports: their number, and a function that writes them as CSV, for a thread of its own."""

    rows: int
    text: Callable[[], str]


def plane_points(scene: Scene) -> Extract:
    """The points of the plane; also what a tab exports that declares nothing else."""
    return _points(scene, scene.plane.points)


def table_points(scene: Scene) -> Extract:
    """The points of the table, filtered and sorted as shown."""
    return _points(scene, point_sheet(scene).items)


def layer_points(scene: Scene) -> Extract:
    """The layers in range of the current checkpoint, or of each checkpoint where the map of the run is shown."""
    place, view = scene.state.place, scene.state.view
    is_map = scene.state.layers_as == "map"
    here = [record for record in scene.records if is_map or (place and revision_of(record) == place.checkpoint)]
    pairs = [
        (record, row)
        for record in here
        for row in between(sorted(view.rows(record), key=_depth), scene.state.layer_range)
        if isinstance(row.layer, int)
    ]
    return _rows(scene, pairs)


def _depth(row: Measurement) -> int:
    return row.layer if isinstance(row.layer, int) else -1


def compared(scene: Scene) -> Extract:
    """The models of the comparison in the order shown, with columns of their own."""
    sheet, comparison = compare_sheet(scene), comparison_of(scene)

    def text() -> str:
        from ib_explorer.tables.csv import table_text

        return table_text(comparison_columns(comparison), (comparison_row(comparison, one) for one in sheet.items))

    return Extract(len(sheet.order), text)


def _points(scene: Scene, points: Iterable[Point]) -> Extract:
    return _rows(scene, [(point.checkpoint, point.measurement) for point in points])


def _rows(scene: Scene, pairs: list[tuple[CheckpointMeasurements, Measurement]]) -> Extract:
    def text() -> str:
        from ib_explorer.tables.measurements import points_text

        return points_text(pairs, scene.state.curve_of)

    return Extract(len(pairs), text)
