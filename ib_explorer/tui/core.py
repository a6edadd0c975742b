"""The application without its keys: its single state, redraws when it changes, background messages, and jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual import on
from textual.app import App
from textual.filter import LineFilter
from textual.timer import Timer

from estimator.checkpoints.folders import model_name
from estimator.request import MeasurementRequest
from estimator.safe_text import safe
from ib_explorer.drawing.trajectories import Trajectory
from ib_explorer.tui import background, lacking, moves
from ib_explorer.tui.harmless import HARMLESS
from ib_explorer.tui.jobs import Job, JobKind
from ib_explorer.tui.news import (
    CacheRead,
    CacheReader,
    Client,
    CurveRead,
    Exported,
    IncrementsRead,
    RecordRead,
    RecordsMissing,
    WorkerEvent,
    WorkerExited,
)
from ib_explorer.tui.scene import Scene, scene
from ib_explorer.tui.screens.dialog import LiveDialog
from ib_explorer.tui.screens.error_dialog import ErrorDialog
from ib_explorer.tui.screens.main_screen import MainScreen
from ib_explorer.tui.session import Configured, returned
from ib_explorer.tui.setup import Setup
from ib_explorer.tui.state import (
    DEFAULT_ORDER,
    LogLine,
    Order,
    State,
    at_last_checkpoint,
    with_event,
    with_job,
    with_log,
    with_record_read,
    with_records,
)
from ib_explorer.tui.tabs import TABS
from ib_explorer.tui.theme import THEMES
from ib_explorer.worker.messages import BoundReady, CancelledJob, CheckpointFailed, Failed, Finished, Measured

REDRAW_EVERY = 0.5
"""Seconds between redraws for background messages; key presses redraw at once."""

MISSING_SHOWN = 30.0
"""Seconds that a notice of damaged records is shown; it also stays in the log."""

SETTLE_AFTER = 0.3
"""Seconds that a view must remain unchanged, while a key repeats, before its missing values are requested."""


class Core(App[None], inherit_bindings=False):
    """Reads ``cache`` and submits jobs to ``client``, starting with ``initial``; ``form`` is the configured order.

    ``leaving`` is the state that the last session left, until the cache has been read.

    Background tasks post messages, handlers here update the state, widgets show the scene derived from it.
    """

    def __init__(
        self,
        cache: CacheReader,
        client: Client,
        initial: MeasurementRequest | None = None,
        form: Order = DEFAULT_ORDER,
        setup: Setup | None = None,
    ) -> None:
        super().__init__()
        self.cache, self.client, self.initial = cache, client, initial
        self.setup = setup or Setup()
        self.configured = Configured(form, self.setup.theme)
        log = tuple(LogLine(safe(line), "warning") for line in TABS.broken.values())
        state = State(form=form, theme=self.setup.theme, log=log)
        if not self.setup.is_fresh:
            state = self.setup.session.restored(state, self.configured)
        self.leaving: State | None = state
        self.state = replace(state, place=None)
        self._settling: Timer | None = None
        self.settle_after = SETTLE_AFTER

    def get_default_screen(self) -> MainScreen:
        """The screen of the plane, below all dialogs."""
        return MainScreen()

    def on_mount(self) -> None:
        """Read the cache, then submit the initial request."""
        self.set_interval(REDRAW_EVERY, self._redraw)
        self.run_worker(background.read_cache(self.cache, self.post_message), group="cache")

    def on_unmount(self) -> None:
        """Restore the garbage collector's settings."""
        background.spare_no_more()

    def key_of(self, action: str) -> str:
        """The key of an action as it is written, or its name in the palette if it has none."""
        return next((key.shown.split()[0] for key in self.setup.keys if key.action == action), "ctrl+p")

    @property
    def failure(self) -> Exception | None:
        """The exception that ended the application, if one did."""
        return self._exception

    def _fatal_error(self) -> None:
        """End without the traceback that Textual prints, which shows all variables; see :attr:`failure`."""
        self._close_messages_no_wait()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The filters of all that is drawn: those of the theme, and one that no control character passes."""
        return [*super().get_line_filters(), *THEMES[self.state.theme].filters, HARMLESS]

    def notify(self, message: str, **options: Any) -> None:
        """Show a notice for a while; its text is shown as it is, without markup."""
        title = safe(options.pop("title", ""))
        super().notify(safe(message), title=title, **{**options, "markup": False})

    def _set(self, state: State, *, at_once: bool) -> None:
        """Replace the state; with ``at_once`` redraw after the pending events, otherwise at the next interval.

        No other code sets the state. Sixty steps in one burst of key presses are one redraw.
        """
        self.state = state
        if at_once:
            self.call_later(self._redraw_after_keys)

    def _redraw_after_keys(self) -> None:
        """Redraw for the last of the keys that have arrived."""
        self._redraw()

    def _redraw(self) -> None:
        main = self.screen_stack[0] if self.screen_stack else None
        if isinstance(main, MainScreen) and main.is_mounted and main.scene is not self.scene:
            # Derived in this turn of the event loop and shown in the next: both in one could block it too long.
            main.scene = self.scene
            self.call_later(main.show)
            for dialog in self.screen_stack[1:]:
                if isinstance(dialog, LiveDialog):
                    dialog.show(self.scene)

    @property
    def scene(self) -> Scene:
        """The scene of the current state."""
        return scene(self.state)

    # Messages of background tasks

    @on(CacheRead)
    def _cache_read(self, message: CacheRead) -> None:
        if message.problem:
            self.push_screen(ErrorDialog("cache", message.problem, input_error=False))
        # Values added by this session are newer than those read.
        increments = {found.measurements: found for found in message.increments} | dict(self.state.increments)
        state = replace(self.state, curves=(*message.curves, *self.state.curves), increments=increments)
        state = replace(state, recalled=self._recalled(message.requests))
        state = with_records(state, [*message.records, *self.state.records])
        left, self.leaving = self.leaving, None
        if left is not None and self.initial is None and not self.state.records:
            state = returned(state, left)
        initial = {self.initial.model, model_name(self.initial.model)} if self.initial else {}
        wanted = [record for record in message.records if record.model in initial and state.view.shows(record)]
        if wanted:
            state = at_last_checkpoint(state, Trajectory.of(wanted[-1]))
        self._set(state, at_once=True)
        if self.initial is None:
            self._measure_view()  # from stored scores, as this session has ordered nothing
        else:
            order = Order(self.initial, self.state.view.preset)
            self._set(moves.to_order(self.state, order), at_once=False)
            self.order(self.initial)

    def _recalled(
        self, found: Sequence[tuple[Mapping[str, Any], MeasurementRequest]]
    ) -> Mapping[Trajectory, MeasurementRequest]:
        """The requests of earlier sessions by trajectory, with what belongs to this machine as it is configured now."""
        now = self.configured.form.request
        here = {name: getattr(now, name) for name in ("device", "checkpoint_budget", "safetensors_only")}
        return {
            trajectory: replace(request, **here)
            for series, request in found
            if (trajectory := Trajectory.named(series)) is not None
        }

    @on(RecordsMissing)
    def _records_missing(self, message: RecordsMissing) -> None:
        self._set(with_log(self.state, message.sentence, "warning"), at_once=False)
        self.notify(message.sentence, severity="warning", timeout=MISSING_SHOWN)

    @on(WorkerEvent)
    def _worker_event(self, message: WorkerEvent) -> None:
        event = message.event
        self._set(with_event(self.state, event, time.monotonic()), at_once=False)
        if isinstance(event, Measured):
            self._read(event)
        elif isinstance(event, BoundReady):
            self.run_worker(background.read_curve(self.cache, event.key, self.post_message), group="cache")
        elif isinstance(event, Finished | CancelledJob | Failed):
            self._give(lacking.precomputable(self.scene))
        if isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, CheckpointFailed):
            self.notify(f"{event.revision} failed: {event.message}", severity="warning")

    def _read(self, event: Measured) -> None:
        job = self.state.job(event.job)
        if job is not None:
            self.run_worker(background.read_record(self.cache, event, self.post_message), group="cache")
            self.run_worker(background.read_increments(self.cache, event.key, self.post_message), group="cache")

    def _failed(self, event: Failed) -> None:
        job = self.state.job(event.job)
        if job is None or job.kind.is_speculative:
            return  # the picker's own jobs are no orders: it says in place what went wrong
        if job.kind.is_optional:
            self.notify(f"The {job.kind.value} was not computed: {event.message}", severity="warning")
        elif not any(isinstance(shown, ErrorDialog) for shown in self.screen_stack):
            self.push_screen(ErrorDialog(event.kind, event.message, input_error=event.input_error))

    @on(WorkerExited)
    def _worker_exited(self, message: WorkerExited) -> None:
        """Fail every open job; the next one starts a new worker."""
        self._set(replace(self.state, worker_runs=False), at_once=False)
        reason = message.reason or "The worker process exited before the job finished."
        for job in [job for job in self.state.jobs if job.is_open]:
            self.post_message(WorkerEvent(Failed(job.number, "worker", reason, False)))

    @on(RecordRead)
    def _record_read(self, message: RecordRead) -> None:
        job, record = self.state.job(message.job), message.record
        assert job is not None  # records are read for a job only
        self._set(with_record_read(self.state, job, message.revision, record), at_once=job.kind.is_awaited)
        if job.kind.extends_trajectory and record is not None:
            self._give(lacking.unasked(self.state, lacking.of_newcomer(self.scene, record)))
        self._give(lacking.bound(self.scene, again=False))
        self._give(lacking.precomputable(self.scene))

    @on(IncrementsRead)
    def _increments_read(self, message: IncrementsRead) -> None:
        found = message.increments
        if found is not None:
            increments = {**self.state.increments, found.measurements: found}
            self._set(replace(self.state, increments=increments), at_once=False)

    @on(CurveRead)
    def _curve_read(self, message: CurveRead) -> None:
        if message.curve is not None:
            self._set(replace(self.state, curves=(*self.state.curves, message.curve)), at_once=False)

    @on(Exported)
    def _exported(self, message: Exported) -> None:
        if message.problem is None:
            self.notify(f"Wrote {message.said} to {message.path}")
        else:
            self.push_screen(ErrorDialog("export", message.problem, input_error=True))

    async def quit_now(self) -> None:
        """Close the worker and exit."""
        await self.client.close()
        self.exit()

    # Jobs

    def order(self, request: MeasurementRequest) -> None:
        """Measure ``request``; the bound of its sample follows once the first measurement is available."""
        self._give([Job(lacking.UNNUMBERED, JobKind.MEASURE, request)])

    def _wake(self) -> None:
        """Listen to the client, which starts its worker, unless one is running."""
        if not self.state.worker_runs:
            self._set(replace(self.state, worker_runs=True), at_once=False)
            self.run_worker(background.listen(self.client, self.post_message), group="events")

    def _give(self, jobs: Iterable[Job]) -> None:
        """Number jobs and submit them to the worker; they replace speculative ones."""
        for job in jobs:
            self._withdraw(other for other in self.state.jobs if other.kind.is_speculative)
            numbered = replace(job, number=self.client.next_job())
            if job.kind.extends_trajectory:
                rest = tuple(order for order in self.state.unfinished if order.request != job.request)
                self._set(replace(self.state, unfinished=rest), at_once=False)
            self._wake()
            self._set(with_job(self.state, numbered), at_once=True)
            self.run_worker(background.submit(self.client, numbered.task, self.post_message), group="submit")

    def _put(self, job: Job) -> None:
        """Replace a job by itself in another state."""
        self._set(with_job(self.state, job), at_once=True)

    def _withdraw(self, jobs: Iterable[Job], status: str = "cancelling") -> None:
        """Cancel those of ``jobs`` that have neither ended nor been cancelled; until then they have ``status``."""
        for job in jobs:
            if job.is_open and not job.is_given_up:
                self._put(replace(job, status=status))
                self.run_worker(self.client.cancel(job.number), group="submit")

    def _look(self, state: State) -> None:
        """Show another view, and request its missing values at once, or while a key repeats only those of the last."""
        before, view = self.state.view, state.view
        other_bound = (view.granularity, view.drawn_bound.curve) != (before.granularity, before.drawn_bound.curve)
        now = self.scene
        if now.checkpoints and now.points_in_view == len(now.checkpoints):
            state = replace(state, whole_view=before)
        self._set(state, at_once=True)
        if self._settling is None:
            self._measure_view()
        else:
            self._settling.stop()
        self._settling = self.set_timer(self.settle_after, partial(self._complete_view, again=other_bound))

    def _complete_view(self, *, again: bool = False) -> None:
        """After the debounce, request everything the view lacks, including its bound.

        ``again`` requests the bound even if it failed or was cancelled, because the labels in view have changed.
        """
        self._settling = None
        self._give(lacking.bound(self.scene, again=again))
        now = self.scene
        if now.state.place and now.request is None and not lacking.is_measured(now):
            self.notify("This view is not measured: press m to measure it.")
        self._measure_view()

    def _measure_view(self) -> None:
        """Request the measurements that the view lacks, and cancel requests of earlier views."""
        request = lacking.view_request(self.scene)
        self._withdraw(job for job in self.state.jobs if job.kind.fills_view and job.request != request)
        self._give(lacking.unasked(self.state, lacking.measurements(self.scene)))
