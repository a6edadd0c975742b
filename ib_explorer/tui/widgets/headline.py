"""The top line: where the user is, always."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from ib_explorer.tui.scene import Scene
from ib_explorer.tui.wording import checkpoint_name, layer_name


class Headline(Static):
    """Model and checkpoint on the left, the view on the right."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show where the scene is."""
        self.scene = scene
        self.update(self._text())

    def on_resize(self) -> None:
        """Keep the right-hand side at the right."""
        if self.scene is not None:
            self.update(self._text())

    def _text(self) -> Text:
        if self.scene is None:
            return Text("ib-explorer")
        state, view = self.scene.state, self.scene.state.view
        left = Text("ib-explorer", style="bold", no_wrap=True)
        if state.place is not None:
            at = (self.scene.at or 0) + 1
            left.append(f"  {state.place.trajectory.model}", style="")
            left.append(f"  {checkpoint_name(state.place.checkpoint)}", style="bold")
            left.append(f"  {at} of {len(self.scene.checkpoints)}", style="dim")
            running = any(job.is_open and job.kind == "measure" for job in state.jobs)
            if state.playing:
                left.append("  ▶ playing", style="bold")
            elif running:
                left.append("  ● live" if state.live else "  ‖ held", style="bold")
        right = f"{layer_name(view.layer)} · {view.granularity} · {view.temperature_rule} · {view.preset}"
        space = self.size.width - left.cell_len - len(right)
        return left.append(" " * space + right) if space >= 2 else left
