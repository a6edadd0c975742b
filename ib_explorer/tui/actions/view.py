"""Actions that change what is in view: checkpoint, layer, labels, tab, window."""

from __future__ import annotations

from dataclasses import replace

from textual import on

from ib_explorer.drawing.view import CONTEXT
from ib_explorer.tui import moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.state import at_last_checkpoint
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree

ASPECTS = {"bound": "bound", "x": "x axis to choose"}
"""Aspects of the view that labels with one side lack."""
PLAY_EVERY = 0.6
"""Seconds between the checkpoints of the animation."""


class ViewActions(Core, inherit_bindings=False):
    """Moves the cursor, steps through views, opens tabs, zooms and plays."""

    play_every = PLAY_EVERY

    def on_mount(self) -> None:
        """Start the playback timer."""
        self._player = self.set_interval(self.play_every, self._play_on)

    def action_tab(self, name: str) -> None:
        """Open a tab."""
        self._set(replace(self.state, tab=name), at_once=True)

    def action_next_tab(self, steps: int) -> None:
        """Open a neighbouring tab."""
        names = tuple(TABS)
        self.action_tab(names[(names.index(self.state.tab) + steps) % len(names)])

    @on(MainScreen.TabChosen)
    def _tab_chosen(self, message: MainScreen.TabChosen) -> None:
        self.action_tab(message.name)

    def action_checkpoint(self, steps: int) -> None:
        """Step through checkpoints."""
        self._set(moves.by_checkpoints(self.scene, steps), at_once=True)

    def action_first(self) -> None:
        """Go to the first checkpoint."""
        self._set(moves.to_checkpoint(self.scene, 0), at_once=True)

    def action_last(self) -> None:
        """Go to the last checkpoint, and follow new ones."""
        self._set(moves.to_checkpoint(self.scene, len(self.state.records)), at_once=True)

    def action_across(self, steps: int) -> None:
        """Step to another series of the plane."""
        self._set(moves.across(self.scene, steps), at_once=True)

    def action_play(self) -> None:
        """Play from the current checkpoint, or from the first if at the last; pause if playing."""
        now = self.scene
        at_end = not self.state.playing and now.at == len(now.checkpoints) - 1
        state = moves.to_checkpoint(now, 0) if at_end else now.state
        self._player.reset()
        self._set(replace(state, playing=not self.state.playing), at_once=True)

    def _play_on(self) -> None:
        if self.state.playing:
            now = self.scene
            done = now.at is None or now.at + 1 >= len(now.checkpoints) - 1
            self._set(replace(moves.by_checkpoints(now, 1), playing=not done), at_once=True)

    def action_look(self, aspect: str, steps: int = 1) -> None:
        """Step one aspect of the view: layer, granularity, temperature_rule, weights, preset, variant, bound or x."""
        view = self.state.view
        if aspect in ("bound", "x") and view.is_over_training:
            self.notify(f"{view.granularity} has no {ASPECTS[aspect]}: it has one side and is drawn over training.")
            return
        if aspect == "bound" and view.is_of_context:
            self.notify(f"The diagonal is the bound of {CONTEXT}: press X for the information of the labels.")
            return
        self._look(moves.stepped_view(self.scene, aspect, steps))

    def action_overlay(self) -> None:
        """Toggle between all models on one plane and the current one."""
        self._set(replace(self.state, overlay=not self.state.overlay, limits=None), at_once=True)

    def action_zoom(self, factor: float) -> None:
        """Zoom, centred on the selected point."""
        self._set(moves.zoomed(self.scene, factor), at_once=True)

    def action_pan(self, right: int, up: int) -> None:
        """Move the window over the plane."""
        self._set(moves.panned(self.scene, right, up), at_once=True)

    def action_reset_zoom(self) -> None:
        """Reset the window to show all points."""
        self._set(replace(self.state, limits=None), at_once=True)

    @on(CheckpointTree.Chosen)
    def _checkpoint_chosen(self, message: CheckpointTree.Chosen) -> None:
        state = at_last_checkpoint(self.state, message.trajectory)
        if state.place is not None:
            live = state.place.checkpoint == message.checkpoint
            place = replace(state.place, checkpoint=message.checkpoint)
            self._set(replace(state, place=place, live=live, playing=False), at_once=True)
