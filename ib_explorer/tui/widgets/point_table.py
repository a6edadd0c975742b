"""The table of all points on the plane."""

from __future__ import annotations

from ib_explorer.tui.point_sheet import point_sheet
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Sheet
from ib_explorer.tui.widgets.grid import Grid


class PointTable(Grid):
    """The points of the plane; the row of the current one is that of the cursor."""

    def sheet(self, scene: Scene) -> Sheet:
        """The points of the scene's plane, sorted and filtered."""
        return point_sheet(scene)
