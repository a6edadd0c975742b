"""Processes that run one sweep over one cache, forked from this one: ``python -m … run corpus cache log``.

The first is stopped in its first forward pass, and killed with SIGKILL once another one waits for it. Every forward
pass is a line of ``log``. Prints, as JSON, what each of the other processes was answered and heard.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from estimator.progress import Progress
from ib_explorer.work import measurer, scorer, sharing  # noqa: F401, imported before processes are forked
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import Event, Measure, Measured
from tests.ib_explorer.runs import request

SURVIVORS = 3
LIMIT = 100
"""Seconds after which processes end by themselves, so that a fault leaves none behind."""
RUN, CORPUS, CACHE, LOG = (Path(argument) for argument in sys.argv[1:])


def count_passes() -> None:
    """Log the checkpoint of each forward pass."""
    load, compute, at = scorer.load_model, scorer.compute_scores, [""]

    def loading(revision, *arguments, **keywords):
        at[0] = revision.name
        return load(revision, *arguments, **keywords)

    def computing(*arguments, **keywords):
        with LOG.open("a") as log:
            log.write(f"{at[0]}\n")
        return compute(*arguments, **keywords)

    scorer.load_model, scorer.compute_scores = loading, computing


def sweep(progress: Progress) -> list[Event]:
    events: list[Event] = []
    Runner(CACHE, "cpu").run(Measure(1, request(RUN, CORPUS, revision="all")), events.append, progress)
    return events


class Stopped(Progress):
    """Says that the first forward pass has begun, and goes no further."""

    def __init__(self, say: int) -> None:
        self._say = say

    def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
        if phase == "forward":
            os.write(self._say, b"1")
            signal.pause()


class Waiting(Progress):
    """Says that it waits for another process."""

    def __init__(self, say: int) -> None:
        self._say, self.notes = say, []

    def note(self, text: str) -> None:
        self.notes.append(text)
        if "waiting" in text:
            os.write(self._say, b"1")


def forked(work) -> int:
    child = os.fork()
    if not child:
        signal.alarm(LIMIT)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def main() -> int:
    signal.alarm(LIMIT)
    count_passes()
    sharing.POLL = 0.02
    begun, begins = os.pipe()
    waited, waits = os.pipe()
    doomed = forked(lambda: sweep(Stopped(begins)))
    os.read(begun, 1)

    def survive(number: int) -> None:
        progress = Waiting(waits)
        events = [(event.revision, event.cached) for event in sweep(progress) if isinstance(event, Measured)]
        LOG.with_name(f"survivor-{number}").write_text(json.dumps({"events": events, "notes": progress.notes}))

    others = [forked(lambda number=number: survive(number)) for number in range(SURVIVORS)]
    os.read(waited, 1)
    os.kill(doomed, signal.SIGKILL)  # and not reaped yet: a zombie holds no claim
    codes = [os.waitpid(other, 0)[1] for other in others]
    survivors = [json.loads(LOG.with_name(f"survivor-{number}").read_text()) for number in range(SURVIVORS)]
    print(json.dumps({"codes": codes, "doomed": doomed, "killed by": os.waitpid(doomed, 0)[1], "survivors": survivors}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
