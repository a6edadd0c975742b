"""The view: the layer, labels, temperature, weights and value shown, and the keys that step them."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from estimator.safe_text import safe
from ib_explorer.tui.scene import Scene


class ViewPanel(Static):
    """One line for each choice of the view, with its key."""

    def show(self, scene: Scene) -> None:
        """Show the scene's view."""
        view, state = scene.state.view, scene.state
        lines = (
            ("layer", str(view.layer), "l"),
            ("labels", safe(view.granularity), "g"),
            ("temperature", view.temperature_rule, "t"),
            ("weights", view.weights, "w"),
            ("states", view.variant, "n"),
            ("preset", view.preset, "p"),
            ("bound", "none" if view.is_over_training else view.drawn_bound.name, "b"),
            ("x axis", "none" if view.is_over_training else view.x, "X"),
            ("models", "all" if state.overlay else "current", "o"),
            ("window", "zoomed" if state.limits else "all points", "+ 0" if state.limits is None else "0"),
        )
        text = Text(no_wrap=True)
        for name, chosen, key in lines:
            text.append(f"{name:12}", style="dim")
            text.append(f"{chosen:14}", style="bold")
            text.append(f"{key[:1]}\n", style="dim")
        text.rstrip()
        self.update(text, layout=False)
