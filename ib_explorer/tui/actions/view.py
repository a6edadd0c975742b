"""Actions that change what is in view: checkpoint, layer, labels, tab, window."""

from __future__ import annotations

from dataclasses import replace

from textual import on

from ib_explorer.tui import moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.possible import impossible
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.state import at_last_checkpoint
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree

PLAY_EVERY = 0.6
"""Seconds between the checkpoints of the animation at speed 1."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The speeds of the animation."""


class ViewActions(Core, inherit_bindings=False):
    """Moves the cursor, steps through views, opens tabs, zooms and plays."""

    play_every = PLAY_EVERY

    def on_mount(self) -> None:
        """Start the playback timer."""
        self._player = self.set_interval(self.play_every / self.state.speed, self._play_on)

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

    def action_speed(self, steps: int) -> None:
        """Play faster or slower."""
        nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - self.state.speed))
        speed = SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)]
        self._set(replace(self.state, speed=speed), at_once=True)
        self._player.stop()
        self._player = self.set_interval(self.play_every / speed, self._play_on)
        if not self.state.playing:
            self.notify(f"Playing speed: {speed:g}×")

    def _play_on(self) -> None:
        if self.state.playing:
            now = self.scene
            done = now.at is None or now.at + 1 >= len(now.checkpoints) - 1
            self._set(replace(moves.by_checkpoints(now, 1), playing=not done), at_once=True)

    def action_look(self, aspect: str, steps: int = 1) -> None:
        """Step one aspect of the view: layer, granularity, temperature_rule, weights, preset, variant, bound or x."""
        if reason := impossible(self.scene, f"look({aspect!r}"):
            self.notify(reason)
            return
        self._look(moves.stepped_view(self.scene, aspect, steps))

    @on(CheckpointTree.Chosen)
    def _checkpoint_chosen(self, message: CheckpointTree.Chosen) -> None:
        state = at_last_checkpoint(self.state, message.trajectory)
        if state.place is not None:
            live = state.place.checkpoint == message.checkpoint
            place = replace(state.place, checkpoint=message.checkpoint)
            self._set(replace(state, place=place, live=live, playing=False), at_once=True)

    @on(CheckpointTree.Folded)
    def _model_folded(self, message: CheckpointTree.Folded) -> None:
        collapsed = self.state.collapsed - {message.name}
        collapsed |= {message.name} if message.is_collapsed else frozenset()
        self._set(replace(self.state, collapsed=collapsed), at_once=False)
