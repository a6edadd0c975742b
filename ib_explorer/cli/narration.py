"""Progress of jobs on stderr: one live line on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from estimator.progress import PHASE_NAMES
from estimator.safe_text import safe
from ib_explorer.cli.outlet import say
from ib_explorer.worker.messages import CheckpointFailed, Event, Fetched, Measured, Note, PhaseProgress, Planned, Ready

LINE_EVERY = 5.0
"""Seconds between two lines of progress without a terminal."""
_CLEAR = "\r\x1b[K"


class Narration:
    """Prints events as they arrive; ``labels`` names the jobs."""

    def __init__(
        self,
        labels: Mapping[int, str],
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.labels = labels
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._clock = clock
        self._begun: tuple[PhaseProgress, float] | None = None
        self._last = -LINE_EVERY
        self._open = False
        self._noted = ""

    def hear(self, event: Event) -> None:
        """Print one event, if it is worth a line."""
        if isinstance(event, PhaseProgress):
            self._progress(event)
        elif isinstance(event, Measured):
            self.say(f"{self._name(event.job, event.revision)}: {'cached' if event.cached else 'measured'}")
        elif isinstance(event, Fetched):
            self.say(f"{self._name(event.job, event.revision)}: fetched")
        elif isinstance(event, Planned):
            if event.plan.to_go and (event.plan.checkpoints > 1 or event.plan.fetch):
                self.say(f"{self._name(event.job, None)}: {event.plan.sentence}")
        elif isinstance(event, CheckpointFailed):
            self.say(f"{self._name(event.job, event.revision)}: failed, going on with the next: {event.message}")
        elif isinstance(event, Note):
            self._note(f"{self._name(event.job, None)}: {event.text}")
        elif isinstance(event, Ready):
            self.say(f"device: {event.device}")

    def _note(self, line: str) -> None:
        """Print a note, unless another job has just said the same: planning and measuring ask the same hub."""
        if line != self._noted:
            self._noted = line
            self.say(line)

    def say(self, *lines: str) -> None:
        """Print permanent lines."""
        self.close()
        say(*lines, stream=self._stream)

    def close(self) -> None:
        """Clear the live line."""
        if self._open:
            self._write(_CLEAR)
            self._open = False

    def _progress(self, event: PhaseProgress) -> None:
        now = self._clock()
        if self._begun is None or not _same_phase(self._begun[0], event):
            self._begun = event, now
        first, since = self._begun
        rate = (event.done - first.done) / (now - since) if now > since else 0.0
        text = f"{self._name(event.job, event.revision)}: {describe(event, rate)}"
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._write(_CLEAR + safe(text)[:width])
            self._open = True
        elif now - self._last >= LINE_EVERY:
            self._last = now
            self.say(text)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _name(self, job: int, revision: str | None) -> str:
        return " ".join(filter(None, [self.labels.get(job, f"job {job}"), revision]))


def describe(event: PhaseProgress, rate: float) -> str:
    """One phase as text: activity, amount done of total, rate and remaining time."""
    doing = PHASE_NAMES.get(event.phase, event.phase)
    if event.total is None:
        return f"{doing}, {event.done} {event.unit}" if event.done else doing
    text = f"{doing} {event.done}/{event.total} {event.unit}"
    if rate > 0 and event.done < event.total:
        text += f", {rate:.3g}/s, {_duration((event.total - event.done) / rate)} left"
    return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _same_phase(one: PhaseProgress, other: PhaseProgress) -> bool:
    return (one.job, one.phase, one.revision) == (other.job, other.phase, other.revision)
