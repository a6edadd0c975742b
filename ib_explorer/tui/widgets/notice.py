"""A line over the lower edge of the open tab, shown while the view lacks values."""

from __future__ import annotations

from textual.widgets import Static

from ib_explorer.tui.notices import notice
from ib_explorer.tui.scene import Scene


class Notice(Static):
    """What the view lacks and what completes it; hidden if nothing is missing."""

    def show(self, scene: Scene) -> None:
        """Show the scene's notice."""
        said = notice(scene)
        self.display = bool(said)
        if said:
            self.update(said)
