"""``measure --watch``: measure each checkpoint of a training run once it is complete, until interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from cache.locations import locations
from estimator.checkpoints.folders import holds_model, is_local
from estimator.checkpoints.growing import GrowingRun
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.request import MeasurementRequest
from ib_explorer.cli.narration import Narration
from ib_explorer.cli.session import Session
from ib_explorer.work.demo_run import DEMO
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.messages import CancelledJob, Event, Failed, Finished, Measure, PhaseProgress

POLL = 5.0
"""Seconds between two looks at the run's folder."""
ALL = "all"

watch_option = click.option(
    "--watch",
    is_flag=True,
    help="Measure the checkpoints of a training run (RUN@all) as they appear, until interrupted with Ctrl-C.",
)

Pause = Callable[[], Awaitable[object]]


def check_watched(requests: Sequence[MeasurementRequest]) -> None:
    """Raise :class:`InputError` (``"watch"``) unless a single run's folder is asked for, with all its checkpoints."""
    if len(requests) != 1:
        raise InputError("watch", "--watch follows one training run: name one folder, as in RUN@all.")
    model, revision = requests[0].model, requests[0].revision
    if model == DEMO:
        raise InputError("watch", "--watch follows your own training runs: measure the demo without it.")
    if not is_local(model) and "/" in model and not Path(model).parent.is_dir():
        raise InputError(
            "watch",
            f"--watch follows a training run on this machine, and there is no folder {model}: name the run's folder "
            f"(./{model} if it is still to be made), or leave --watch out to measure a hub model.",
        )
    if not is_local(model) and "/" not in model:
        raise InputError("watch", f"There is no folder {model}: write ./{model} to wait for it, or leave --watch out.")
    if revision not in (None, ALL):
        raise InputError("watch", f"--watch measures all checkpoints of a run, not {revision!r}: write {model}@all.")
    if GrowingRun(model).folder.is_file():
        raise InputError("watch", f"{model} is a file: name the folder of a training run.")
    if holds_model(GrowingRun(model).folder):
        raise InputError("watch", f"{model} is a single model, to which no checkpoints are added: leave --watch out.")


def watch(
    request: MeasurementRequest, cache_dir: Path | None, *, increments: bool = False, pause: Pause | None = None
) -> Session:
    """Measure the checkpoints of a run's folder as they are completed, until interrupted; returns what was measured.

    ``pause`` is awaited between two looks.
    """
    places = locations(cache_dir)
    labels: dict[int, str] = {}
    narration = Narration(labels)
    client = WorkerClient(places.cache, request.device, log_dir=places.log)
    watcher = _Watcher(client, narration, labels, request, increments)
    # A process in the background ignores Ctrl-C, so that SIGTERM interrupts the loop and not its task (signals.py).
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(watcher, client, narration, pause or _pause))
    return Session(tuple(watcher.events), tuple(watcher.failures), labels)


async def _pause() -> None:
    await asyncio.sleep(POLL)


async def _watch(watcher: _Watcher, client: WorkerClient, narration: Narration, pause: Pause) -> None:
    try:
        await watcher.run(pause)
    except asyncio.CancelledError:
        narration.say("cancelling …")
        for number in narration.labels:
            await client.cancel(number)
    finally:
        narration.close()
        await client.close()


class _Watcher:
    """Measures a run's checkpoints one by one, a job each, so that one that is removed concerns no other."""

    def __init__(
        self,
        client: WorkerClient,
        narration: Narration,
        labels: dict[int, str],
        request: MeasurementRequest,
        increments: bool,
    ) -> None:
        self._client, self._narration, self._labels = client, narration, labels
        self._request, self._increments = request, increments
        self._growing = GrowingRun(request.model)
        self._told: object = None
        self.events: list[Event] = []
        self.failures: list[Failed] = []

    async def run(self, pause: Pause) -> None:
        """Look, measure what is new, and pause, until cancelled."""
        while True:
            for revision in self._growing.look():
                await self._measure(revision)
            self._say_what_is_awaited()
            await pause()

    def _say_what_is_awaited(self) -> None:
        """Report once what the run lacks at the moment."""
        folder = self._growing.folder
        if self._growing.waiting:
            sentence = f"{', '.join(self._growing.waiting)}: still being written; waiting."
        elif not folder.is_dir():
            sentence = f"There is no folder {folder} yet; waiting for it."
        else:
            sentence = f"Waiting for the next checkpoint in {folder}; Ctrl-C ends."
        if sentence != self._told:
            self._told = sentence
            self._narration.say(sentence)

    async def _measure(self, revision: Revision) -> None:
        number = self._client.next_job()
        self._labels[number] = self._request.model
        request = replace(self._request, model=str(revision.model), revision=revision.name)
        await self._client.submit(Measure(number, request, self._increments))
        async for event in self._client.events():
            if isinstance(event, Failed):
                self._hear_failure(event, revision)
            else:
                self._narration.hear(event)
                if not isinstance(event, PhaseProgress):
                    self.events.append(event)
            if isinstance(event, Finished | CancelledJob | Failed) and event.job == number:
                return

    def _hear_failure(self, failure: Failed, revision: Revision) -> None:
        """Report a failure, unless the checkpoint was removed or rewritten while it was measured."""
        if not Path(str(revision.folder)).is_dir():
            self._narration.say(f"{revision.name} was removed before it was measured; going on.")
        elif failure.kind == "files":
            self._narration.say(f"{revision.name} is being rewritten; waiting.")
            self._growing.put_back(revision)
        else:
            self._narration.say(f"ib-explorer: {revision.name}: {failure.message}")
            self.failures.append(failure)
