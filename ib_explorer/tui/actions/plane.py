"""Actions of the picture of the plane: its window, its models, and the mouse on it."""

from __future__ import annotations

from dataclasses import replace

from textual import on

from ib_explorer.tui import moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.possible import impossible
from ib_explorer.tui.widgets.plane_view import PlaneView

PAN = 0.2
"""Share of the window's extent by which a key moves it."""


class PlaneActions(Core, inherit_bindings=False):
    """Zooms and pans, by keys and by mouse, and hides and shows models."""

    def action_overlay(self) -> None:
        """Toggle between all models on one plane and the current one."""
        if reason := impossible(self.scene, "overlay"):
            self.notify(reason)
            return
        self._set(replace(self.state, overlay=not self.state.overlay, limits=None), at_once=True)

    def action_toggle_model(self, number: int) -> None:
        """Hide or show the model with that number in the legend."""
        found = moves.toggled(self.scene, number)
        if isinstance(found, str):
            self.notify(found)
        else:
            self._set(found, at_once=True)

    def action_zoom(self, factor: float) -> None:
        """Zoom, centred on the selected point."""
        self._set(moves.zoomed(self.scene, factor), at_once=True)

    def action_pan(self, right: int, up: int) -> None:
        """Move the window over the plane."""
        self._set(moves.panned(self.scene, PAN * right, PAN * up), at_once=True)

    def action_reset_zoom(self) -> None:
        """Reset the window to show all points."""
        self._set(replace(self.state, limits=None), at_once=True)

    @on(PlaneView.Zoomed)
    def _zoomed(self, message: PlaneView.Zoomed) -> None:
        self._set(moves.zoomed(self.scene, message.factor, message.about), at_once=True)

    @on(PlaneView.Dragged)
    def _dragged(self, message: PlaneView.Dragged) -> None:
        self._set(moves.panned(self.scene, message.right, message.up), at_once=True)

    @on(PlaneView.Chosen)
    def _point_clicked(self, message: PlaneView.Chosen) -> None:
        if message.point in self.scene.plane.points:
            self._set(moves.to_point(self.scene, message.point), at_once=True)
