"""The top line: the current model, checkpoint and view."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from estimator.safe_text import safe
from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import checkpoint_name, layer_name


class Headline(Static):
    """Model and checkpoint on the left, the view on the right."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show the scene's model, checkpoint and view."""
        self.scene = scene
        self.update(self._text(), layout=False)

    def on_resize(self) -> None:
        """Realign the right-hand side."""
        if self.scene is not None:
            self.update(self._text(), layout=False)

    def _text(self) -> Text:
        if self.scene is None:
            return Text("ib-explorer")
        view = self.scene.state.view
        labels = safe(view.granularity)
        long = f"{layer_name(view.layer)} · {labels} · {view.temperature_rule} · {view.preset}"
        short = f"{view.layer} · {labels} · {view.temperature_rule} · {view.preset}"
        model = safe(self.scene.state.place.trajectory.model) if self.scene.state.place else ""
        width = self.content_size.width
        # Dropped first in a narrow window: the application's name, then the long words, then the model's folder.
        for name, shown, right in (
            ("ib-explorer  ", model, long),
            ("ib-explorer  ", model, short),
            ("", model, short),
            ("", model.rstrip("/").rsplit("/", 1)[-1], short),
        ):
            left = Text(name, style="bold", no_wrap=True) + self._where(shown)
            space = width - left.cell_len - len(right)
            if space >= 2:
                return left.append(" " * space + right)
        left.truncate(max(width - len(short) - 2, 0), overflow="ellipsis", pad=True)
        return left.append("  " + short)

    def _where(self, model: str) -> Text:
        assert self.scene is not None
        state, text = self.scene.state, Text(no_wrap=True)
        if state.place is None:
            return text
        text.append(f"{model}  ")
        text.append(checkpoint_name(state.place.checkpoint), style="bold")
        if self.scene.checkpoints:
            text.append(f"  {(self.scene.at or 0) + 1} of {len(self.scene.checkpoints)}", style="dim")
        if state.playing:
            text.append(f"  ▶ playing {state.speed:g}×", style="bold")
        elif any(job.is_open and job.kind.extends_trajectory for job in state.jobs):
            text.append("  ● live" if state.live else "  ‖ paused", style="bold")
        return text
