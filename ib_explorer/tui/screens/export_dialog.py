"""The dialog for the file to export what the open tab shows to."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from estimator.safe_text import safe
from ib_explorer.tui.screens.dialog import Dialog


class ExportDialog(Dialog[Path]):
    """Asks for a file name; an existing file is overwritten only when enter is pressed a second time.

    The file's ending, one of ``endings``, decides what is written.
    """

    def __init__(self, rows: int, suggestion: str, endings: tuple[str, ...]) -> None:
        super().__init__()
        self.rows, self.suggestion, self.endings = rows, suggestion, endings
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box") as box:
            box.border_title = "export"
            yield Static(f"{self.rows} rows as .csv, or the picture as .svg (vector) or .txt. File:", markup=False)
            yield Input(self.suggestion, id="path", compact=True)
            yield Static("Enter writes the file, Escape cancels.", id="problem", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the path once it is writable."""
        path = Path(event.value.strip()).expanduser()
        problem = None
        if not event.value.strip():
            problem = "Give a file name."
        elif path.is_dir():
            problem = f"{path} is a folder: give a file name."
        elif path.suffix.lower() not in self.endings:
            problem = (
                f"End the name with {', '.join(self.endings[:-1])} or {self.endings[-1]}: it decides what is written."
            )
        elif not path.parent.is_dir():
            problem = f"There is no folder {path.parent}: choose another one."
        elif path.exists() and path != self._warned:
            self._warned = path
            problem = f"{path} exists: press Enter again to overwrite it."
        if problem:
            said = self.query_one("#problem", Static)
            said.update(safe(problem))
            said.add_class("wrong")
        else:
            self.dismiss(path)
