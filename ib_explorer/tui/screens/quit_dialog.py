"""The question whether to quit while jobs are unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from estimator.safe_text import safe
from ib_explorer.tui.jobs import Job
from ib_explorer.tui.screens.dialog import Dialog


class QuitDialog(Dialog[bool]):
    """Names the unfinished jobs; answers True to quit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,y", "answer(True)", "quit"),
        Binding("s,n", "answer(False)", "stay"),
    ]

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        self.jobs = jobs

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box") as box:
            box.border_title = "quit with unfinished jobs?"
            yield Static("\n".join(_about(job) for job in self.jobs), markup=False)
            yield Static(
                "What is measured is cached. Quitting stops the rest; the next start offers to go on with it.",
                classes="advice",
                markup=False,
            )
            with Horizontal(classes="buttons"):
                yield Button("stay (s)", id="stay", variant="primary", compact=True)
                yield Button("quit (q)", id="quit", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "quit")

    def action_answer(self, confirmed: bool) -> None:
        """Answer by a key."""
        self.dismiss(confirmed)


def _about(job: Job) -> str:
    left = f"{job.checkpoints_left} of {len(job.revisions)} checkpoints left" if job.revisions else job.status
    return f"{safe(job.description)}: {left}"
