"""Actions of the picker and of the form with all options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from textual import on

from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.folders import is_local, model_name
from estimator.checkpoints.revision import Revision, Sizes
from ib_explorer.tui import background, lacking, moves, picker
from ib_explorer.tui.core import Core
from ib_explorer.tui.models import DEMO, choices
from ib_explorer.tui.news import FailuresRead, FoldersFound, WorkerEvent, WorkerExited
from ib_explorer.tui.screens.measure_dialog import MeasureDialog
from ib_explorer.tui.screens.picker_screen import PickerScreen
from ib_explorer.tui.screens.picker_words import Progress
from ib_explorer.tui.state import Order
from ib_explorer.worker.messages import (
    CancelledJob,
    Event,
    Failed,
    Finished,
    ListRevisions,
    Note,
    Planned,
    PlanSweep,
    Revisions,
    RevisionSizes,
)


@dataclass
class _Listing:
    """A list in the making: the job that makes it, and what has been told so far."""

    job: int
    model: str
    revisions: tuple[Revision, ...] = ()
    sizes: Sizes = field(default_factory=lambda: Sizes({}))
    failures: Mapping[tuple[str, str], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_over: bool = False
    problem: str = ""


class PickingActions(Core, inherit_bindings=False):
    """Opens the picker and answers what it asks of the worker, the cache and the disk."""

    _list: _Listing | None = None
    _plan: PlanSweep | None = None

    def action_measure(self) -> None:
        """Open the picker; the worker starts while a model is chosen."""
        self._wake()
        self.push_screen(PickerScreen(choices(self.state), self.state.form, self.state.download_rate), self._ordered)

    def action_form(self) -> None:
        """Open the form with all options, filled with the last order."""
        self._wake()
        self._open_form(self.state.form)

    def _open_form(self, order: Order) -> None:
        models = [record.model for record in self.state.records]
        self.push_screen(MeasureDialog(models, order), self._form_filled)

    def _form_filled(self, order: Order | None) -> None:
        if order is None:
            return
        if isinstance(self.screen, PickerScreen):
            self.screen.dismiss(order)
        else:
            self._ordered(order)

    def _ordered(self, order: Order | None) -> None:
        self._stop_planning()
        if order is not None:
            self._set(moves.to_order(self.state, order), at_once=True)
            self.order(order.request)

    # What the picker asks for

    @on(PickerScreen.FormWanted)
    def _form_wanted(self, message: PickerScreen.FormWanted) -> None:
        self._open_form(message.order)

    @on(PickerScreen.FoldersWanted)
    def _folders_wanted(self, message: PickerScreen.FoldersWanted) -> None:
        self.run_worker(background.find_folders(message.typed, self.post_message), group="folders", exclusive=True)

    @on(FoldersFound)
    def _folders_found(self, message: FoldersFound) -> None:
        if isinstance(self.screen, PickerScreen):
            self.screen.completed(message.typed, message.folders)

    @on(PickerScreen.Wanted)
    def _list_wanted(self, message: PickerScreen.Wanted) -> None:
        """List a model's checkpoints; those known already are shown at once."""
        self._begin_list(message.model)
        self._show_list()

    def _begin_list(self, model: str) -> None:
        self._wake()
        known = self.state.listings.get(whole_model(model), ())
        self._list = _Listing(self.client.next_job(), model, known or self._measured_of(model))
        job = ListRevisions(self._list.job, model, None, sizes=True)
        self.run_worker(background.submit(self.client, job, self.post_message), group="submit")
        self.run_worker(background.read_failures(self.cache, model, self.post_message), group="cache")

    def _measured_of(self, model: str) -> tuple[Revision, ...]:
        return tuple(
            revision for revision in lacking.measured_revisions(self.state) if revision.model in (model, _named(model))
        )

    @on(PickerScreen.Planning)
    def _plan_wanted(self, message: PickerScreen.Planning) -> None:
        """Ask the worker for a plan, unless it would have to wait for a measurement."""
        self._stop_planning()
        request = message.request
        if request is None or request.model == DEMO or is_local(request.model) or lacking.is_busy(self.state):
            return
        self._plan = PlanSweep(self.client.next_job(), request)
        self.run_worker(background.submit(self.client, self._plan, self.post_message), group="submit")

    def _stop_planning(self) -> None:
        if self._plan is not None:
            self.run_worker(self.client.cancel(self._plan.job), group="submit")
            self._plan = None

    # What the worker and the cache answer

    @on(WorkerEvent)
    def _picker_event(self, message: WorkerEvent) -> None:
        event = message.event
        if self._plan is not None and event_job(event) == self._plan.job:
            self._planning_event(event)
        elif self._list is not None and event_job(event) == self._list.job:
            self._listing_event(self._list, event)

    def _planning_event(self, event: Event) -> None:
        assert self._plan is not None
        request = self._plan.request
        if isinstance(event, Finished | CancelledJob | Failed):
            self._plan = None
        if isinstance(self.screen, PickerScreen):
            if isinstance(event, Planned):
                self.screen.planned(request, event.plan)
            elif isinstance(event, Failed):
                self.screen.told(replace(self.screen.progress, problem=event.message))

    def _listing_event(self, found: _Listing, event: Event) -> None:
        if isinstance(event, Note):
            found.notes = (event.text, *found.notes)
        elif isinstance(event, Revisions):
            found.revisions = tuple(Revision(**fields) for fields in event.revisions)
            listings = {**self.state.listings, whole_model(_named(found.model)): found.revisions}
            self._set(replace(self.state, listings=listings), at_once=True)
        elif isinstance(event, RevisionSizes):
            found.sizes = Sizes(event.local, event.typical, event.typical_of)
        elif isinstance(event, Failed):
            found.is_over, found.problem = True, event.message
            if not isinstance(self.screen, PickerScreen):
                self.notify(f"The checkpoints were not listed: {event.message}", severity="warning")
        elif isinstance(event, Finished | CancelledJob):
            found.is_over = True
        else:
            return
        self._show_list()

    @on(WorkerExited)
    def _lister_exited(self, message: WorkerExited) -> None:
        if self._list is not None and not self._list.is_over:
            self._list.is_over = True
            self._list.problem = message.reason or "The worker process exited: go back and choose the model again."
            self._show_list()

    @on(FailuresRead)
    def _failures_read(self, message: FailuresRead) -> None:
        if self._list is not None and message.model == self._list.model:
            self._list.failures = {(message.listed_as, name): why for name, why in message.failures.items()}
            self._show_list()

    def _show_list(self) -> None:
        found = self._list
        shown = next((one for one in self.screen_stack if isinstance(one, PickerScreen)), None)
        if found is None or shown is None:
            return
        failures = {**found.failures}
        for job in self.state.jobs:
            failures |= {(_named(job.request.model), name): why for name, (_, why) in job.lost.items()}
        revisions, records = found.revisions, self.state.records
        doing = "" if found.is_over else "Listing checkpoints …"
        shown.told(Progress(doing, found.notes, found.problem))
        shown.listed(picker.listing(found.model, revisions, found.sizes, records, failures))


def event_job(event: Event) -> int | None:
    """The job of an event; None for the worker's own."""
    return getattr(event, "job", None)


def _named(model: str) -> str:
    return model if model == DEMO else model_name(model)
