"""Running work: phase, progress, rate and time left; and the newest lines of the log."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from estimator.safe_text import safe
from ib_explorer.tui.jobs import Job
from ib_explorer.tui.keymap import key_of
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.state import Unfinished
from ib_explorer.tui.wording import checkpoint_name, duration


class JobsPanel(Static):
    """The open jobs, one per line, then as much of the log as fits."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show the scene's jobs and log."""
        self.scene = scene
        self.update(self._text(), layout=False)

    def on_resize(self) -> None:
        """Fit the lines to the new size."""
        if self.scene is not None:
            self.update(self._text(), layout=False)

    @property
    def _keys(self) -> tuple[str, str]:
        return key_of(self.app, "resume"), key_of(self.app, "cancel")

    def _text(self) -> Text:
        if self.scene is None:
            return Text()
        width, height = self.content_size.width or 80, self.content_size.height or 3
        state = self.scene.state
        jobs = [job for job in state.jobs if job.is_open and not job.kind.is_speculative]
        lines = [job_line(job, width) for job in jobs[:height]]
        if len(jobs) > height > 1:  # a single line shows the running job
            lines[-1] = Text(f"… and {len(jobs) - height + 1} more jobs", style="dim")
        lines += [unfinished_line(order, *self._keys) for order in state.unfinished[: height - len(lines)]]
        room = height - len(lines)
        lines += [Text(line.text[:width], style="dim") for line in state.log[-room:]] if room else []
        if not lines:
            lines = [Text("idle", style="dim")]
        return Text("\n", no_wrap=True).join(lines)


def job_line(job: Job, width: int) -> Text:
    """One job in one line of fixed columns: model, phase, bar, percentage, rate, time left."""
    share = job.share
    words = {"queued": "waiting", "cancelling": "stopping"}.get(job.status, job.phase or "starting")
    about = safe(job.request.model).rstrip("/").rsplit("/", 1)[-1]
    at = next((revision for revision in job.revisions if revision.name == job.revision), None)
    if job.revision:
        about = f"{about} {checkpoint_name(at) if at else safe(job.revision)}"
    room = max(width - 60, 12)
    line = Text(no_wrap=True)
    line.append(f"{about[:room]:{room}} ", style="bold")
    line.append(f"{words:9}")
    filled = round(16 * (share or 0.0))
    line.append("━" * filled, style="rgb(86,180,233)")
    line.append("━" * (16 - filled), style="rgb(70,70,70)")
    line.append(f"{'' if share is None else f'{share * 100:.0f} %':>6}")
    rate = job.rate
    line.append(f"{'' if rate is None else f'{_rounded(rate)} {job.unit}/s':>20}", style="dim")
    line.append(f"{duration(job.seconds_left):>7}")
    return line


def unfinished_line(order: Unfinished, resume: str, forget: str) -> Text:
    """An order that the last session left unfinished, and the keys that resume and forget it."""
    model = safe(order.request.model).rstrip("/").rsplit("/", 1)[-1]
    left = "unfinished" if order.left is None else f"{order.left} left"
    return Text(f"{model}: {left} · {resume} goes on, {forget} forgets it", style="bold", no_wrap=True)


def _rounded(rate: float) -> str:
    if rate >= 10_000:
        return f"{rate / 1000:,.0f}k"
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
