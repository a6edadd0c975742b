"""The list of jobs: what each does, how far it is, and keys to pause, reorder, cancel and retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region
from textual.widgets import Static

from estimator.safe_text import safe
from ib_explorer.tui.jobs import Job
from ib_explorer.tui.queue import listed
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.screens.dialog import LiveDialog
from ib_explorer.tui.widgets.jobs_panel import job_line
from ib_explorer.tui.wording import duration_in_words

_KEYS = "space pause or resume   K move up   c cancel   r retry   i log   esc close"


class JobsScreen(LiveDialog[None]):
    """One line per job; the selected one is described below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "select(1)", "next"),
        Binding("k,up", "select(-1)", "previous"),
        Binding("space", "act('pause_job')", "pause or resume"),
        Binding("K,shift+up", "act('raise_job')", "move up"),
        Binding("c,delete", "act('cancel_job')", "cancel"),
        Binding("r", "act('retry_job')", "retry"),
        Binding("i", "app.log", "log"),
        Binding("J,q", "leave", "close"),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._place = 0

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box wide jobs") as box:
            box.border_title = "jobs"
            with VerticalScroll(id="job-scroll", can_focus=False):
                yield Static(id="job-lines")
            yield Static(id="job-about", markup=False)
            yield Static(_KEYS, classes="advice", markup=False)

    def on_mount(self) -> None:
        """Show the jobs."""
        self.update()

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        self.call_after_refresh(self.update)

    @property
    def selected(self) -> Job | None:
        """The selected job; None if there are no jobs."""
        jobs = listed(self.scene.state)
        return jobs[min(self._place, len(jobs) - 1)] if jobs else None

    def update(self) -> None:
        """Write the lines and the description."""
        jobs, selected = listed(self.scene.state), self.selected
        width = self.query_one("#job-scroll").content_size.width or 90
        text = Text("\n", no_wrap=True).join(_line(job, width, job is selected) for job in jobs)
        self.query_one("#job-lines", Static).update(
            text if jobs else Text("No jobs yet: press m to measure.", style="dim")
        )
        self.query_one("#job-about", Static).update("" if selected is None else about(selected))
        self.query_one(VerticalScroll).scroll_to_region(Region(0, self._place, 1, 1), animate=False)

    def action_select(self, steps: int) -> None:
        """Select a neighbouring job."""
        self._place = min(max(self._place + steps, 0), max(len(listed(self.scene.state)) - 1, 0))
        self.update()

    async def action_act(self, name: str) -> None:
        """Do what a key asks for with the selected job; it stays selected."""
        if self.selected is not None:
            await self.app.run_action(f"{name}({self.selected.number})")
            if name == "raise_job":
                self._place = max(self._place - 1, 0)


def _line(job: Job, width: int, is_selected: bool) -> Text:
    line = Text("▸ " if is_selected else "  ", no_wrap=True, style="bold" if is_selected else "")
    if job.is_open:
        return line + job_line(job, width - 2)
    line.append(
        f"{job.status:10}", style={"failed": "rgb(213,94,0)", "paused": "rgb(230,159,0)"}.get(job.status, "dim")
    )
    return line.append(safe(job.description)[: width - 12])


_SENTENCES: dict[str, Callable[[Job], str]] = {
    "queued": lambda job: "Waits for the jobs above.",
    "paused": lambda job: "Paused: press space to resume.",
    "cancelled": lambda job: "Cancelled: press r to run it again.",
    "failed": lambda job: f"Failed: {job.why[1] if job.why else 'see the log'} Press r to retry.",
}


def about(job: Job) -> str:
    """What a job measures, how far it is, and what failed."""
    request = job.request
    lines = [f"{job.description}, {request.corpus}, {request.documents} documents, {', '.join(request.granularities)}"]
    if job.revisions and not job.kind.fills_view:
        pace, left = job.seconds_per_pass, job.checkpoints_left
        counts = f"{len(job.measured)} of {len(job.revisions)} checkpoints measured" + f", {left} left" * bool(left)
        lines.append(counts + ("" if pace is None or not left else f", about {duration_in_words(pace * left)}"))
    if job.status in _SENTENCES:
        lines.append(_SENTENCES[job.status](job))
    lines += [f"{name} failed: {sentence}" for name, (_, sentence) in list(job.lost.items())[-3:]]
    if len(job.lost) > 3:
        lines.append(f"{len(job.lost)} checkpoints failed in total: press i for the log, r to retry them.")
    return safe("\n".join(lines)) if len(lines) == 1 else "\n".join(map(safe, lines))
