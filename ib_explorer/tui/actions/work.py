"""Actions that start and stop work."""

from __future__ import annotations

from ib_explorer.tui import lacking
from ib_explorer.tui.core import Core


class WorkActions(Core, inherit_bindings=False):
    """Orders increments and cancels jobs."""

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if self.state.view.is_over_training:
            self.notify("Increments exist only for n-gram labels: press g to step to them.")
        elif self.scene.request is None:
            self.notify("Increments need a measurement on the same text: press m to measure this model first.")
        else:
            self._give(lacking.increments(self.scene))

    def action_cancel(self) -> None:
        """Cancel the oldest open job, measurements before bounds."""
        open_jobs = (job for job in self.state.jobs if job.is_open and not job.is_given_up)
        jobs = [job for job in open_jobs if not job.kind.is_speculative]
        job = next(iter(sorted(jobs, key=lambda job: not job.kind.extends_trajectory)), None)
        if job is None:
            self.notify("No job is running.")
            return
        self._withdraw([job])
