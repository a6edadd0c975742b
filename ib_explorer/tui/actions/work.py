"""Actions that start and stop work."""

from __future__ import annotations

from ib_explorer.tui import lacking, moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.state import Order


class WorkActions(Core, inherit_bindings=False):
    """Orders measurements and increments, and cancels jobs."""

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
        """Cancel the oldest open job, measurements before bounds."""
        open_jobs = (job for job in self.state.jobs if job.is_open and not job.is_given_up)
        jobs = [job for job in open_jobs if not job.kind.is_speculative]
        job = next(iter(sorted(jobs, key=lambda job: not job.kind.extends_trajectory)), None)
        if job is None:
            self.notify("No job is running.")
            return
        self._withdraw([job])
