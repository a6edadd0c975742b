"""Actions on jobs: order, list, pause, reorder, cancel, retry, and quitting while some are unfinished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ib_explorer.tui import lacking, queue
from ib_explorer.tui.core import Core
from ib_explorer.tui.jobs import Job
from ib_explorer.tui.possible import impossible
from ib_explorer.tui.screens.jobs_screen import JobsScreen
from ib_explorer.tui.screens.log_screen import LogScreen
from ib_explorer.tui.screens.quit_dialog import QuitDialog
from ib_explorer.tui.tree import unfinished


class QueueActions(Core, inherit_bindings=False):
    """Shows the list of jobs and does what its keys ask for; these name jobs by number."""

    def action_jobs(self) -> None:
        """Open the list of jobs."""
        self.push_screen(JobsScreen(self.scene))

    def action_log(self) -> None:
        """Show the log, which follows new lines."""
        self.push_screen(LogScreen(self.scene))

    def action_passes(self) -> None:
        """Run the forward passes that the view needs."""
        if reason := impossible(self.scene, "passes"):
            self.notify(reason)
        self._give(lacking.passes(self.scene))

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if reason := impossible(self.scene, "increments"):
            self.notify(reason)
            return
        self._give(lacking.increments(self.scene))

    def action_retry(self) -> None:
        """Measure the checkpoints that failed once more; those that did not are answered from the cache."""
        lost = [job for job in unfinished(self.state.jobs) if job.lost and not job.is_open]
        if not lost:
            self.notify("No checkpoint failed in this session.")
        self._submit_again(*lost)

    def action_cancel(self) -> None:
        """Cancel the oldest unfinished job, measurements before bounds; without one, forget unfinished orders."""
        jobs = sorted(queue.unfinished(self.state), key=lambda job: not job.kind.extends_trajectory)
        if jobs:
            self.action_cancel_job(jobs[0].number)
        elif self.state.unfinished:
            self._set(replace(self.state, unfinished=()), at_once=True)
            self.notify("Unfinished orders are forgotten.")
        else:
            self.notify("No job is running.")

    def action_cancel_job(self, number: int) -> None:
        """Cancel a job, running, waiting or paused."""
        self._on_job(number, self._cancel)

    def action_pause_job(self, number: int) -> None:
        """Pause a job, or resume it: what it has measured is cached."""
        self._on_job(number, self._pause)

    def action_raise_job(self, number: int) -> None:
        """Run a job before the one ahead of it, which starts again from what is cached."""
        jobs = queue.behind(self.state, number)
        if jobs is None:
            self.notify("No job is ahead of this one.")
        else:
            self._submit_again(*jobs)

    def action_retry_job(self, number: int) -> None:
        """Run a job again that has failed, at all or at some checkpoints, or was cancelled."""

        def retry(job: Job) -> None:
            if job.is_open or not (job.lost or job.is_given_up):
                self.notify("This job has nothing to retry.")
            else:
                self._submit_again(job)

        self._on_job(number, retry)

    async def action_quit(self) -> None:
        """Close the worker and exit; with unfinished jobs, ask first."""
        jobs = queue.unfinished(self.state)
        if any(job.kind.takes_model for job in jobs):
            self.push_screen(QuitDialog(jobs), self._quit_confirmed)
        else:
            await self.quit_now()

    async def _quit_confirmed(self, confirmed: bool | None) -> None:
        if confirmed:
            await self.quit_now()

    def _on_job(self, number: int, act: Callable[[Job], None]) -> None:
        job = self.state.job(number)
        if job is not None:
            act(job)

    def _cancel(self, job: Job) -> None:
        if job.status == "paused":
            self._put(replace(job, status="cancelled"))
        elif job.status == "pausing":
            self._put(replace(job, status="cancelling"))
        else:
            self._withdraw([job])

    def _pause(self, job: Job) -> None:
        if job.status == "paused":
            self._submit_again(job)
        elif job.is_open and not job.is_given_up:
            self._withdraw([job], "pausing")
        else:
            self.notify("This job has ended." if not job.is_open else "This job is stopping.")

    def _submit_again(self, *jobs: Job) -> None:
        """Replace jobs by new ones for the same work, behind all others; what the old ones still report is ignored."""
        for job in jobs:
            self._withdraw([job])
        numbers = {job.number for job in jobs}
        others = tuple(job for job in self.state.jobs if job.number not in numbers)
        self._set(replace(self.state, jobs=others), at_once=True)
        self._give([job.again for job in jobs])
