"""The application and the actions of its keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from estimator.safe_text import safe
from ib_explorer.drawing.view import CONTEXT
from ib_explorer.tui import background, lacking, moves
from ib_explorer.tui.core import Core
from ib_explorer.tui.keymap import bindings, keys
from ib_explorer.tui.screens.export_dialog import ExportDialog
from ib_explorer.tui.screens.help_screen import HelpScreen
from ib_explorer.tui.screens.log_screen import LogScreen
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.state import Order, at_last_checkpoint
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.theme import PLANE
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree
from ib_explorer.tui.widgets.point_table import PointTable

ASPECTS = {"bound": "bound", "x": "x axis to choose"}
"""Aspects of the view that labels with one side lack."""
PLAY_EVERY = 0.6
"""Seconds between the checkpoints of the animation."""


class ExplorerApp(Core, inherit_bindings=False):
    """The full-screen explorer of the information plane."""

    TITLE = "ib-explorer"
    CSS = files("assets").joinpath("explorer.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    AUTO_FOCUS = ""

    play_every = PLAY_EVERY

    def on_mount(self) -> None:
        """Register the theme, bind the tabs' keys and start the playback timer."""
        for tab in TABS.values():
            self.bind(tab.key, tab.action, description=tab.text, show=False)
        self.register_theme(PLANE)
        self.theme = PLANE.name
        self._player = self.set_interval(self.play_every, self._play_on)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The commands of the palette: every command of the key map, by its text."""
        for key in keys():
            if key.action != "command_palette":
                yield SystemCommand(key.text, f"{key.group.lower()} · {key.shown}", self._runner(key.action))

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

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

    def action_increments(self) -> None:
        """Measure the information that each further token of context adds at the current checkpoint."""
        if self.state.view.is_over_training:
            self.notify("Increments exist only for n-gram labels: press g to step to them.")
        elif self.scene.request is None:
            self.notify("Increments need a measurement on the same text: press m to measure this model first.")
        else:
            self._give(lacking.increments(self.scene))

    def action_measure(self) -> None:
        """Open the measurement form; the worker starts while it is filled in."""
        self._wake()
        models = [record.model for record in self.state.records]
        self.push_screen(MeasureDialog(models, self.state.form), self._ordered)

    def _ordered(self, order: Order | None) -> None:
        if order is not None:
            self._set(moves.to_order(self.state, order), at_once=True)
            self.order(order.request)

    def action_cancel(self) -> None:
        """Cancel the oldest open job, measurements before bounds."""
        open_jobs = (job for job in self.state.jobs if job.is_open and not job.is_given_up)
        jobs = [job for job in open_jobs if not job.kind.is_speculative]
        job = next(iter(sorted(jobs, key=lambda job: not job.kind.extends_trajectory)), None)
        if job is None:
            self.notify("No job is running.")
            return
        self._withdraw([job])

    def action_export(self) -> None:
        """Open the export dialog for the points on the screen."""
        pairs = [(point.checkpoint, point.measurement) for point in self.scene.plane.points]
        if not pairs:
            self.notify("This view has no points to export.")
            return
        model = pairs[0][0].model.rstrip("/").rsplit("/", 1)[-1]

        def write(path: Path | None) -> None:
            if path is not None:
                self.run_worker(background.export(path, pairs, self.state, self.post_message), group="export")

        suggestion = safe(f"{model}-{self.state.view.granularity}.csv").replace("/", "-")
        self.push_screen(ExportDialog(len(pairs), suggestion), write)

    def action_log(self) -> None:
        """Show the log."""
        self.push_screen(LogScreen(self.state.log))

    def action_help(self) -> None:
        """Show the keys and the meaning of the numbers."""
        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """Close the worker and exit."""
        await self.client.close()
        self.exit()

    @on(CheckpointTree.Chosen)
    def _checkpoint_chosen(self, message: CheckpointTree.Chosen) -> None:
        state = at_last_checkpoint(self.state, message.trajectory)
        if state.place is not None:
            live = state.place.checkpoint == message.checkpoint
            place = replace(state.place, checkpoint=message.checkpoint)
            self._set(replace(state, place=place, live=live, playing=False), at_once=True)

    @on(PointTable.Chosen)
    def _point_chosen(self, message: PointTable.Chosen) -> None:
        if message.point != self.scene.point:
            self._set(moves.to_point(self.scene, message.point), at_once=True)
