"""One worker process from its client's side: started when first needed, replaced when it dies, terminated on close."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ib_explorer.worker.messages import (
    PROTOCOL,
    Cancel,
    CancelledJob,
    CheckpointFailed,
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
from ib_explorer.worker.unfinished import Unfinished, cause_of_exit

NO_JOB = 0
"""The job number of a failure of the worker itself, such as a failed start."""

DEATHS = 3
"""Workers that die one after another at a job's checkpoints, without measuring any, before the job fails."""

LINE_LIMIT = 16 * 2**20
"""Maximum bytes of a line written by a worker."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds from cancelling a job to SIGTERM and to SIGKILL, and for each when closing a worker."""

    terminate: float = 3.0
    kill: float = 10.0
    close: float = 1.0


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
        self._see_log = f"see its log at {log}"
        self._deliver = deliver
        self._patience = patience
        self._unfinished: dict[int, Unfinished] = {}
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
                self._fail(f"The worker could not be started: {error}.", *self._unfinished.values())
                return
            for unfinished in self._unfinished.values():
                self._send(unfinished.job)
                if unfinished.cancelled:
                    self._send(Cancel(unfinished.job.job))
            self._spawn(self._listen(self._process))

    async def submit(self, job: Task) -> None:
        """Queue a job, and start the worker if it is not running."""
        if self._process is None:
            self._unfinished[job.job] = Unfinished(job)
            await self.start()
        else:
            self._unfinished[job.job] = Unfinished(job)
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
        """The job that the worker runs: the one started last, because a small one interrupts a long one."""
        started = [number for number, unfinished in self._unfinished.items() if unfinished.started]
        return started[-1] if started else next(iter(self._unfinished), None)

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
        unfinished.hear(event)
        if isinstance(event, Finished | CancelledJob | Failed):
            self._end(unfinished)
        if not unfinished.told:
            self._deliver(event)

    def _tell(self, unfinished: Unfinished) -> None:
        if not unfinished.told:
            unfinished.told = True
            self._deliver(CancelledJob(unfinished.job.job))

    def _end(self, unfinished: Unfinished) -> None:
        del self._unfinished[unfinished.job.job]
        unfinished.over.set()

    async def _insist(self, unfinished: Unfinished) -> None:
        """Enforce the cancellation of a job: while queued it may wait, but once running it has three seconds."""
        while not await self._is_over(unfinished, self._patience.terminate):
            process = self._process
            if process is None or unfinished.job.job != self._at_work:
                continue
            self._killed = True
            self._signal(process, signal.SIGTERM)
            if not await self._is_over(unfinished, self._patience.kill - self._patience.terminate):
                self._signal(process, signal.SIGKILL)

    async def _is_over(self, unfinished: Unfinished, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(unfinished.over.wait(), seconds)
        return unfinished.over.is_set()

    async def _recover(self, code: int) -> None:
        """Handle the worker's exit: cancelled jobs end, the one that it ran fails, the others go on in a new worker.

        Of a job that measures several checkpoints, only the one at work fails, unless workers die at one after another.
        None fails if this lane ended the worker to enforce a cancellation; all fail if the worker could not start.
        """
        at_fault = self._unfinished.get(self._at_work) if self._at_work is not None else None
        for unfinished in list(self._unfinished.values()):
            if unfinished.cancelled:
                self._tell(unfinished)
                self._end(unfinished)
        if not self._killed:
            how = cause_of_exit(code)
            if not self._ready or (at_fault is not None and not at_fault.started):
                if not self._unfinished and not self._ready:
                    sentence = f"The worker process {how} while it started: {self._see_log}."
                    self._deliver(Failed(NO_JOB, "worker", sentence, input_error=False))
                self._fail(
                    f"The worker process {how} before this job began: {self._see_log}.", *self._unfinished.values()
                )
            elif at_fault is not None and not at_fault.cancelled:
                self._blame(at_fault, how)
        for unfinished in self._unfinished.values():
            if unfinished.started:
                unfinished.restart(without_last=unfinished is at_fault and not self._killed)
        if self._unfinished:
            await self.start()

    def _blame(self, unfinished: Unfinished, how: str) -> None:
        """Fail the checkpoint that the worker died at, or the job if there are no others or too many such."""
        sentence = f"The worker process {how} during this job: {self._see_log}."
        unfinished.deaths += 1
        if unfinished.is_sweep and unfinished.begun and unfinished.deaths < DEATHS:
            self._deliver(CheckpointFailed(unfinished.job.job, unfinished.begun[-1], "worker", sentence))
        else:
            self._fail(sentence, unfinished)

    def _fail(self, sentence: str, *failed: Unfinished) -> None:
        for unfinished in failed:
            self._end(unfinished)
            self._deliver(Failed(unfinished.job.job, "worker", sentence, input_error=False))

    def _signal(self, process: Process, number: signal.Signals) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
