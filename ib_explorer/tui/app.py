"""The application: background tasks post messages, handlers here change the one state, widgets show the scene."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.timer import Timer

from estimator.curve import Conditionals
from estimator.request import MeasurementRequest
from ib_explorer.measured import Record, Row
from ib_explorer.plane import Trajectory
from ib_explorer.tui import background, moves
from ib_explorer.tui.keymap import bindings, keys
from ib_explorer.tui.messages import (
    Cache,
    Client,
    CurveLoaded,
    Exported,
    Gone,
    IncrementsLoaded,
    Kept,
    Loaded,
    Records,
    Said,
)
from ib_explorer.tui.scene import Scene, scene
from ib_explorer.tui.screens.error_dialog import ErrorDialog
from ib_explorer.tui.screens.export_dialog import ExportDialog
from ib_explorer.tui.screens.help_screen import HelpScreen
from ib_explorer.tui.screens.log_screen import LogScreen
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.state import (
    Job,
    Order,
    State,
    at_last_checkpoint,
    bound_jobs,
    with_event,
    with_job,
    with_log,
    with_records,
)
from ib_explorer.tui.theme import PLANE
from ib_explorer.tui.widgets.checkpoint_tree import CheckpointTree
from ib_explorer.tui.widgets.point_table import PointTable
from ib_explorer.worker.messages import BoundReady, Failed, Measured

REDRAW_EVERY = 0.5
PLAY_EVERY = 0.6
"""Seconds between redraws for news, and between the checkpoints of the animation. Keys redraw at once."""
SETTLE_AFTER = 0.3
"""Seconds that a view must stay before what it lacks is measured: stepping past it asks for nothing."""


class ExplorerApp(App[None], inherit_bindings=False):
    """The information plane on a screen: reads ``cache``, has ``client`` do the work, begins with ``initial``."""

    TITLE = "ib-explorer"
    CSS = files("assets").joinpath("explorer.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    AUTO_FOCUS = ""

    def __init__(self, cache: Cache, client: Client, initial: MeasurementRequest | None = None) -> None:
        super().__init__()
        self.cache, self.client, self.initial = cache, client, initial
        self.state = State()
        self._scene: Scene | None = None
        self._dirty = True
        self._working = False
        self._settling: Timer | None = None
        self.settle_after = SETTLE_AFTER
        self.play_every = PLAY_EVERY

    def get_default_screen(self) -> MainScreen:
        """The screen of the plane, beneath all dialogs."""
        return MainScreen()

    def on_mount(self) -> None:
        """Dress, read the cache, and ask for what was asked for."""
        self.register_theme(PLANE)
        self.theme = PLANE.name
        self.set_interval(REDRAW_EVERY, self._redraw_if_dirty)
        self._player = self.set_interval(self.play_every, self._play_on)
        self.run_worker(background.read_cache(self.cache, self.post_message), group="cache")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: every command of the key map, by its words."""
        for key in keys():
            if key.action != "command_palette":
                yield SystemCommand(key.text, f"{key.group.lower()} · {key.shown}", self._runner(key.action))

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

    def _set(self, state: State, *, at_once: bool) -> None:
        """The only place where the state changes: news waits for the next redraw, what a key did is shown at once."""
        self.state = state
        self._dirty = True
        if at_once:
            self._redraw_if_dirty()

    def _redraw_if_dirty(self) -> None:
        main = self.screen_stack[0] if self.screen_stack else None
        if self._dirty and isinstance(main, MainScreen) and main.is_mounted:
            self._dirty = False
            main.show(self.scene)

    @property
    def scene(self) -> Scene:
        """What there is to see now, derived once for each state."""
        if self._scene is None or self._scene.state is not self.state:
            self._scene = scene(self.state)
        return self._scene

    # What they said

    @on(Kept)
    def _kept(self, message: Kept) -> None:
        increments = {found.measurements: found for found in message.increments}
        state = replace(self.state, curves=tuple(message.curves), increments=increments)
        state = with_records(state, message.records)
        wanted = [
            record
            for record in message.records
            if self.initial and record.model == self.initial.model and state.view.shows(record)
        ]
        if wanted:
            state = at_last_checkpoint(state, Trajectory.of(wanted[-1]))
        self._set(state, at_once=True)
        if self.initial is not None:
            self._set(replace(self.state, asked=Order(self.initial, self.state.view.preset)), at_once=False)
            self.order(self.initial)

    @on(Said)
    def _said(self, message: Said) -> None:
        event = message.event
        self._set(with_event(self.state, event, time.monotonic()), at_once=False)
        if isinstance(event, Measured):
            job = self.state.job(event.job)
            preference = job is not None and job.request.is_preference
            store: Records[Record] = self.cache.preferences if preference else self.cache.measurements
            self.run_worker(background.load(store, event.job, event.key, self.post_message), group="cache")
            self.run_worker(background.load_increments(self.cache, event.key, self.post_message), group="cache")
        elif isinstance(event, BoundReady):
            self.run_worker(background.load_curve(self.cache, event.key, self.post_message), group="cache")
        elif isinstance(event, Failed):
            self._failed(event)

    def _failed(self, event: Failed) -> None:
        job = self.state.job(event.job)
        if job is not None and job.kind == "bound":
            self.notify(f"No bound: {event.message}", severity="warning", markup=False)
        elif not any(isinstance(shown, ErrorDialog) for shown in self.screen_stack):
            self.push_screen(ErrorDialog(event.kind, event.message, input_error=event.input_error))

    @on(Gone)
    def _gone(self, message: Gone) -> None:
        """The worker is gone: every job it still owed has failed; the next one starts a new worker."""
        self._working = False
        reason = message.reason or "The worker stopped before it was done."
        for job in [job for job in self.state.jobs if job.is_open]:
            self.post_message(Said(Failed(job.number, "worker", reason, False)))

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        job, record = self.state.job(message.job), message.record
        if record is None or job is None:
            self._set(with_log(self.state, "A measurement could not be read back from the cache."), at_once=False)
            return
        requests = dict(self.state.requests)
        if job.kind == "measure":  # the others ask for less than the trajectory
            requests[Trajectory.of(record)] = job.request
        self._set(with_records(replace(self.state, requests=requests), [record]), at_once=False)
        self._ask_for_bound(again=False)

    @on(IncrementsLoaded)
    def _increments_loaded(self, message: IncrementsLoaded) -> None:
        found = message.increments
        if found is not None:
            increments = {**self.state.increments, found.measurements: found}
            self._set(replace(self.state, increments=increments), at_once=False)

    @on(CurveLoaded)
    def _curve_loaded(self, message: CurveLoaded) -> None:
        if message.curve is not None:
            self._set(replace(self.state, curves=(*self.state.curves, message.curve)), at_once=False)

    @on(Exported)
    def _exported(self, message: Exported) -> None:
        if message.problem is None:
            self.notify(f"{message.rows} rows written to {message.path}", markup=False)
        else:
            self.push_screen(ErrorDialog("export", message.problem, input_error=True))

    # Work

    def order(self, request: MeasurementRequest) -> None:
        """Have ``request`` measured; the bound of its sample follows when the first measurement is there."""
        self._give("measure", request)

    def _wake(self) -> None:
        """Listen to the client, which starts its worker; again after a worker that died."""
        if not self._working:
            self._working = True
            self.run_worker(background.listen(self.client, self.post_message), group="events")

    def _give(self, kind: str, request: MeasurementRequest, conditionals: Conditionals = "raw") -> None:
        job = Job(self.client.next_job(), kind, request, conditionals)
        self._wake()
        self._set(with_job(self.state, job), at_once=True)
        self.run_worker(background.submit(self.client, job.task, self.post_message), group="submit")

    def _look(self, state: State) -> None:
        """Show another view; what it lacks is asked for once the user has stayed on it for a moment."""
        self._set(state, at_once=True)
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(self.settle_after, self._complete_view)

    def _complete_view(self) -> None:
        """Have measured what the view lacks: the worker answers that from stored scores, without the model."""
        view, place = self.state.view, self.state.place
        self._ask_for_bound(again=True)
        if place is None or any(series.trajectory == self.scene.trajectory for series in self.scene.plane.series):
            return
        known = self.scene.request
        if known is None:
            self.notify("This view is not measured: press m to measure it.")
            return
        every = replace(
            known,
            temperatures=(view.temperature_rule,),
            weights=(view.weights,),
            variants=(view.variant,),
            min_count=view.min_count,
        )
        # The checkpoint under the cursor first: its answer is what the user waits for.
        for kind, request in (("look", replace(every, revision=place.checkpoint.name)), ("measure", every)):
            jobs = [job for job in self.state.jobs if job.request == request]
            if all(job.status in ("failed", "cancelled") for job in jobs):
                self._give(kind, request)

    def _ask_for_bound(self, *, again: bool) -> None:
        """Have the bound of the sample and granularity in view computed, unless it was; ``again``: also if it failed.

        Only what this session measured can be asked for: a kept measurement does not say where its text came from.
        """
        known, view = self.scene.request, self.state.view
        if known is None or view.is_preference or self.scene.curve is not None:
            return
        request = replace(known, granularities=(view.granularity,))
        jobs = bound_jobs(self.state, request, view.conditionals)
        if not jobs or (again and all(job.status in ("failed", "cancelled") for job in jobs)):
            self._give("bound", request, view.conditionals)

    def action_increments(self) -> None:
        """Have measured what each further token of context adds at the current checkpoint."""
        if self.state.view.is_preference:
            self.notify("Preference has no increments: press g to look at n-grams, which have.")
            return
        place, known = self.state.place, self.scene.request
        if place is None or known is None:
            self.notify("Press m to measure this model first: its increments are of the same text.")
            return
        rules = (self.state.view.temperature_rule,)
        request = replace(known, revision=place.checkpoint.name, temperatures=rules)
        jobs = [job for job in self.state.jobs if job.kind == "increments" and job.request == request]
        if all(job.status in ("failed", "cancelled") for job in jobs):
            self._give("increments", request)

    # What keys do

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
        """Play the checkpoints from here, or from the start when at the end; or pause."""
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
        """Step one aspect of the view: layer, granularity, temperature_rule, weights, preset, variant or bound."""
        if aspect == "bound" and self.state.view.is_preference:
            self.notify("Preference has no bound: it is one value, and no point of the plane.")
            return
        self._look(moves.stepped_view(self.scene, aspect, steps))

    def action_overlay(self) -> None:
        """Show all models on one plane, or the current one."""
        self._set(replace(self.state, overlay=not self.state.overlay, limits=None), at_once=True)

    def action_zoom(self, factor: float) -> None:
        """Zoom at the selected point."""
        self._set(moves.zoomed(self.scene, factor), at_once=True)

    def action_pan(self, right: int, up: int) -> None:
        """Move the window over the plane."""
        self._set(moves.panned(self.scene, right, up), at_once=True)

    def action_reset_zoom(self) -> None:
        """Show all points."""
        self._set(replace(self.state, limits=None), at_once=True)

    def action_measure(self) -> None:
        """Ask what to measure; the worker starts while the form is filled."""
        self._wake()
        models = [record.model for record in self.state.records]
        self.push_screen(MeasureDialog(models, self.state.asked), self._ordered)

    def _ordered(self, order: Order | None) -> None:
        if order is not None:
            self._set(moves.to_order(self.state, order), at_once=True)
            self.order(order.request)

    def action_cancel(self) -> None:
        """Cancel the oldest open job, measurements before bounds."""
        jobs = [job for job in self.state.jobs if job.is_open and job.status != "cancelling"]
        job = next(iter(sorted(jobs, key=lambda job: job.kind != "measure")), None)
        if job is None:
            self.notify("No job is running.")
            return
        self._set(with_job(self.state, replace(job, status="cancelling")), at_once=True)
        self.run_worker(self.client.cancel(job.number), group="submit")

    def action_export(self) -> None:
        """Ask where to write the points on the screen."""
        pairs: list[tuple[Record, Row]] = [(point.checkpoint, point.measurement) for point in self.scene.plane.points]
        if not pairs:
            self.notify("There is nothing on the screen to export.")
            return
        model = pairs[0][0].model.rstrip("/").rsplit("/", 1)[-1]

        def write(path: Path | None) -> None:
            if path is not None:
                self.run_worker(background.export(path, pairs, self.post_message), group="export")

        self.push_screen(ExportDialog(len(pairs), f"{model}-{self.state.view.granularity}.csv"), write)

    def action_log(self) -> None:
        """Show the log."""
        self.push_screen(LogScreen(self.state.log))

    def action_help(self) -> None:
        """Show the keys and what the numbers mean."""
        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """End the worker and leave."""
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
        point = message.point
        if point is not None and point != self.scene.point:
            self._set(moves.to_point(self.scene, point), at_once=True)
