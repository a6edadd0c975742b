"""Actions that start, stop and export work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from estimator.safe_text import safe
from ib_explorer.tui import background, lacking, moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.screens.export_dialog import ExportDialog
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.state import Order


class WorkActions(Core, inherit_bindings=False):
    """Orders measurements and increments, cancels jobs and exports points."""

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if self.state.view.is_over_training:
            self.notify("Increments exist only for n-gram labels: press g to step to them.")
        elif self.scene.request is None:
            self.notify("Increments need a measurement on the same text: press m to measure this model first.")
        else:
            self._give(lacking.increments(self.scene))

    def action_measure(self) -> None:
        """Open the measurement form; the worker starts while it is filled in."""
        self._wake()
        models = [record.model for record in self.state.records]
        self.push_screen(MeasureDialog(models, self.state.form), self._ordered)

    def _ordered(self, order: Order | None) -> None:
        if order is not None:
            self._set(moves.to_order(self.state, order), at_once=True)
            self.order(order.request)

    def action_cancel(self) -> None:
        """Cancel the oldest open job, measurements before bounds; without one, forget unfinished orders."""
        open_jobs = (job for job in self.state.jobs if job.is_open and not job.is_given_up)
        jobs = [job for job in open_jobs if not job.kind.is_speculative]
        job = next(iter(sorted(jobs, key=lambda job: not job.kind.extends_trajectory)), None)
        if job is None:
            forgotten = bool(self.state.unfinished)
            self._set(replace(self.state, unfinished=()), at_once=forgotten)
            self.notify("Unfinished orders are forgotten." if forgotten else "No job is running.")
            return
        self._withdraw([job])

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
