"""Actions of the Training and Layers tabs: the axis, the quantity, and the picture of the layers."""

from __future__ import annotations

from dataclasses import replace

from ib_explorer.drawing.layer_map import quantities
from ib_explorer.drawing.training import COUNTED, OPTIMALITY, SHARE
from ib_explorer.tui.core import Core
from ib_explorer.tui.state import LAYER_PICTURES


class TrainingActions(Core, inherit_bindings=False):
    """Steps what is drawn over training and over layers."""

    def action_counted(self) -> None:
        """Count training in steps, or in tokens."""
        other = COUNTED[1 - COUNTED.index(self.state.counted)]
        if other == "tokens" and not any(one.tokens for one in self.scene.checkpoints):
            self.notify("The tokens of these checkpoints are unknown: the axis counts steps.")
            return
        self._set(replace(self.state, counted=other), at_once=True)

    def action_quantity(self) -> None:
        """Step the quantity of the map of layers, or the ratio of the strips."""
        on_map = self.state.tab == "layers" and self.state.layers_as == "map"
        offered = quantities(self.state.view) if on_map else (OPTIMALITY, SHARE)
        at = offered.index(self.state.quantity) if self.state.quantity in offered else 0
        self._set(replace(self.state, quantity=offered[(at + 1) % len(offered)]), at_once=True)

    def action_layers_as(self) -> None:
        """Step the picture of the layers: bars, lines, or the map of the run."""
        at = LAYER_PICTURES.index(self.state.layers_as)
        self._set(replace(self.state, layers_as=LAYER_PICTURES[(at + 1) % len(LAYER_PICTURES)]), at_once=True)

    def action_layer_range(self, end: int) -> None:
        """Begin (0) or end (1) the range of layers shown at the layer in view; again to show all."""
        layer = self.scene.layer
        measured = [one for one in self.scene.layers if isinstance(one, int)]
        if not isinstance(layer, int) or not measured:
            self.notify("A range of layers begins and ends at the layer in view: press l to step to one.")
            return
        first, last = self.state.layer_range or (measured[0], measured[-1])
        ends = (layer, max(last, layer)) if end == 0 else (min(first, layer), layer)
        same = ends == self.state.layer_range or ends == (measured[0], measured[-1])
        self._set(replace(self.state, layer_range=None if same else ends), at_once=True)
