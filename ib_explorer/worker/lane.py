"""One worker process from its client's side: started when first needed, replaced when it dies, terminated on close."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ib_explorer.worker.messages import (
    PROTOCOL,
    Cancel,
    CancelledJob,
    Event,
    Failed,
    Finished,
    Ready,
    Request,
    Shutdown,
    Task,
    decode_event,
    encode,
)

NO_JOB = 0
"""The job number of a failure of the worker itself, such as a failed start."""

LINE_LIMIT = 16 * 2**20
"""Maximum bytes of a line written by a worker."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds from cancelling a job to SIGTERM and to SIGKILL, and for each when closing a worker."""

    terminate: float = 3.0
    kill: float = 10.0
    close: float = 1.0


@dataclass(slots=True)
class _Unfinished:
    job: Task
    over: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    told: bool = False


class Lane:
    """Jobs of one kind, run one after another by one worker process started with ``command``."""

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        log: Path,
        deliver: Callable[[Event], None],
        patience: Patience,
    ) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._deliver = deliver
        self._patience = patience
        self._unfinished: dict[int, _Unfinished] = {}
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._ready = False
        self._killed = False
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, number: int) -> bool:
        return number in self._unfinished

    async def start(self) -> None:
        """Start the worker unless it runs, and send it every unfinished job; they fail if it cannot be started."""
        async with self._starting:
            if self._process is not None or self._closing:
                return
            self._ready = self._killed = False
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=PIPE,
                    stdout=PIPE,
                    limit=LINE_LIMIT,
                    env=self._environment,
                    start_new_session=True,  # Ctrl-C in the terminal must reach the client only
                )
            except OSError as error:
                self._fail(f"The worker could not be started: {error}.")
                return
            for unfinished in self._unfinished.values():
                self._send(unfinished.job)
                if unfinished.cancelled:
                    self._send(Cancel(unfinished.job.job))
            self._spawn(self._listen(self._process))

    async def submit(self, job: Task) -> None:
        """Queue a job, and start the worker if it is not running."""
        if self._process is None:
            self._unfinished[job.job] = _Unfinished(job)
            await self.start()
        else:
            self._unfinished[job.job] = _Unfinished(job)
            self._send(job)

    def cancel(self, number: int) -> None:
        """Request that a job stop; a queued one ends at once, the running one within seconds, by signals if needed."""
        unfinished = self._unfinished[number]
        if unfinished.cancelled:
            return
        unfinished.cancelled = True
        if number != self._at_work:
            self._tell(unfinished)
        self._send(Cancel(number))
        self._spawn(self._insist(unfinished))

    async def close(self) -> None:
        """End the worker: by a shutdown request, after a second by SIGTERM, then by SIGKILL."""
        self._closing = True
        async with self._starting:
            process = self._process
        if process is not None:
            self._send(Shutdown())
            if process.stdin is not None:
                process.stdin.close()
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), self._patience.close)
                self._signal(process, number)
            await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _at_work(self) -> int | None:
        return next(iter(self._unfinished), None)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, request: Request) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(encode(request))

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._hear(decode_event(line))
        except (ValueError, ConnectionResetError):  # not our protocol: no later output can be trusted
            self._signal(process, signal.SIGKILL)
        code = await process.wait()
        self._process = None
        if not self._closing:
            await self._recover(code)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Ready):
            if event.protocol != PROTOCOL:
                raise ValueError(f"the worker speaks protocol {event.protocol}, not {PROTOCOL}")
            self._ready = True
            self._deliver(event)
            return
        unfinished = self._unfinished.get(event.job)
        if unfinished is None:
            return
        if isinstance(event, Finished | CancelledJob | Failed):
            self._end(unfinished)
        if not unfinished.told:
            self._deliver(event)

    def _tell(self, unfinished: _Unfinished) -> None:
        if not unfinished.told:
            unfinished.told = True
            self._deliver(CancelledJob(unfinished.job.job))

    def _end(self, unfinished: _Unfinished) -> None:
        del self._unfinished[unfinished.job.job]
        unfinished.over.set()

    async def _insist(self, unfinished: _Unfinished) -> None:
        """Enforce the cancellation of a job: while queued it may wait, but once running it has three seconds."""
        while not await self._is_over(unfinished, self._patience.terminate):
            process = self._process
            if process is None or unfinished.job.job != self._at_work:
                continue
            self._killed = True
            self._signal(process, signal.SIGTERM)
            if not await self._is_over(unfinished, self._patience.kill - self._patience.terminate):
                self._signal(process, signal.SIGKILL)

    async def _is_over(self, unfinished: _Unfinished, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(unfinished.over.wait(), seconds)
        return unfinished.over.is_set()

    async def _recover(self, code: int) -> None:
        """Handle the worker's exit.

        Cancelled jobs end; the others fail, or restart in a new worker if this lane killed the old one.
        """
        for unfinished in list(self._unfinished.values()):
            if unfinished.cancelled:
                self._tell(unfinished)
                self._end(unfinished)
        if not self._killed:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            if not self._unfinished and not self._ready:
                sentence = f"The worker process exited ({how}) while starting: see its log at {self._log}."
                self._deliver(Failed(NO_JOB, "worker", sentence, input_error=False))
            self._fail(f"The worker process exited ({how}) before this job finished: see its log at {self._log}.")
        if self._unfinished:
            await self.start()

    def _fail(self, sentence: str) -> None:
        for unfinished in list(self._unfinished.values()):
            self._end(unfinished)
            self._deliver(Failed(unfinished.job.job, "worker", sentence, input_error=False))

    def _signal(self, process: Process, number: signal.Signals) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
