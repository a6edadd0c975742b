"""Actions that order work."""

from __future__ import annotations

from ib_explorer.tui import lacking
from ib_explorer.tui.core import Core


class WorkActions(Core, inherit_bindings=False):
    """Orders increments."""

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if self.state.view.is_over_training:
            self.notify("Increments exist only for n-gram labels: press g to step to them.")
        elif self.scene.request is None:
            self.notify("Increments need a measurement on the same text: press m to measure this model first.")
        else:
            self._give(lacking.increments(self.scene))
