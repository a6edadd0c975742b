"""Actions that order work and export its results."""

from __future__ import annotations

from pathlib import Path

from estimator.safe_text import safe
from ib_explorer.tui import background, lacking
from ib_explorer.tui.core import Core
from ib_explorer.tui.screens.export_dialog import ExportDialog


class WorkActions(Core, inherit_bindings=False):
    """Orders increments and exports points."""

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if self.state.view.is_over_training:
            self.notify("Increments exist only for n-gram labels: press g to step to them.")
        elif self.scene.request is None:
            self.notify("Increments need a measurement on the same text: press m to measure this model first.")
        else:
            self._give(lacking.increments(self.scene))

    def action_export(self) -> None:
        """Open the export dialog for the points on the screen."""
        pairs = [(point.checkpoint, point.measurement) for point in self.scene.plane.points]
        if not pairs:
            self.notify("This view has no points to export.")
            return
        model = pairs[0][0].model.rstrip("/").rsplit("/", 1)[-1]

        def write(path: Path | None) -> None:
            if path is not None:
                self.run_worker(background.export(path, pairs, self.state, self.post_message), group="export")

        suggestion = safe(f"{model}-{self.state.view.granularity}.csv").replace("/", "-")
        self.push_screen(ExportDialog(len(pairs), suggestion), write)
