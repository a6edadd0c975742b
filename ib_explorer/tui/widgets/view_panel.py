"""The view: the layer, labels, temperature, weights and value shown, and the keys that step them."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from estimator.safe_text import safe
from ib_explorer.tui.keymap import key_of
from ib_explorer.tui.scene import Scene


class ViewPanel(Static):
    """One line for each choice of the view, with its key."""

    def show(self, scene: Scene) -> None:
        """Show the scene's view."""
        view, state = scene.state.view, scene.state
        lines = (
            ("layer", str(view.layer), "look('layer', 1)"),
            ("labels", safe(view.granularity), "look('granularity', 1)"),
            ("temperature", view.temperature_rule, "look('temperature_rule', 1)"),
            ("weights", view.weights, "look('weights')"),
            ("states", view.variant, "look('variant')"),
            ("preset", view.preset, "look('preset')"),
            ("bound", "none" if view.is_over_training else view.drawn_bound.name, "look('bound', 1)"),
            ("x axis", "none" if view.is_over_training else view.x, "look('x')"),
            ("models", "all" if state.overlay else "current", "overlay"),
            (
                "window",
                "zoomed" if state.limits else "all points",
                "zoom(0.67)" if state.limits is None else "reset_zoom",
            ),
        )
        text = Text(no_wrap=True)
        for name, chosen, action in lines:
            text.append(f"{name:12}", style="dim")
            text.append(f"{chosen:14}", style="bold")
            text.append(f"{key_of(self.app, action)}\n", style="dim")
        text.rstrip()
        self.update(text, layout=False)
