"""The tabs of the main screen, each with a widget that shows the scene; other packages may add theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from textual.widget import Widget

from estimator.registry import Registry
from ib_explorer.tui.compare_sheet import compare_sheet
from ib_explorer.tui.extracts import Extract, compared, layer_points, plane_points, table_points
from ib_explorer.tui.point_sheet import point_sheet
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.sheets import Sheet
from ib_explorer.tui.widgets.compare_view import CompareView
from ib_explorer.tui.widgets.layers_view import LayersView
from ib_explorer.tui.widgets.plane_view import PlaneView
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.tui.widgets.training_view import TrainingView


class ShowsScene(Protocol):
    """The interface of a tab's widget. With ``scroll_pages(steps)``, page up and page down scroll it.

    The focus goes to its part ``takes_focus``, if it has one, instead of itself.
    """

    def show(self, scene: Scene) -> None:
        """Show ``scene``; called for each new scene while the tab is open, and when it is opened."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab: ``key`` opens it, ``text`` is its line in the help and the command palette.

    ``widget`` creates its widget, which implements :class:`ShowsScene` and takes the focus if it can have it.
    ``extract`` is what it exports as CSV. ``sheet`` is its table, whose rows can be sorted, filtered and copied.
    """

    name: str
    title: str
    key: str
    text: str
    widget: Callable[[], Widget]
    extract: Callable[[Scene], Extract] = plane_points
    sheet: Callable[[Scene], Sheet] | None = None

    @property
    def action(self) -> str:
        """The action that opens it."""
        return f"tab({self.name!r})"

    @property
    def pane(self) -> str:
        """The id of its pane."""
        return f"tab-{self.name}"


TABS = Registry(
    "tab",
    "ib_explorer.tabs",
    [
        Tab("plane", "Plane", "P", "the plane", PlaneView),
        Tab("training", "Training", "R", "values over training", TrainingView),
        Tab("layers", "Layers", "Y", "values over the layers", LayersView, layer_points),
        Tab("compare", "Compare", "C", "models against each other", CompareView, compared, compare_sheet),
        Tab("table", "Table", "D", "all points as a table", PointTable, table_points, point_sheet),
    ],
)
