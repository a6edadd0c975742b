"""``python -m ib_explorer.worker``: the process that imports torch, started by the client and ended with it."""

from __future__ import annotations

import argparse
import faulthandler
import io
import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO

from estimator.safe_text import safe
from ib_explorer.worker.process import JobRunner, serve

GRACE = 3.0
"""Seconds that a job has to stop once the client has exited."""

LOG_LIMIT = 4 * 2**20
"""Bytes after which a log file is rotated."""


def take_pipes(log: Path) -> tuple[BinaryIO, BinaryIO]:
    """Reserve the process's stdin and stdout for messages, and return them.

    File descriptors 1 and 2 are redirected to ``log``, and 0 is empty: output of libraries, from Python or from C, goes
    to the log and cannot corrupt a message.
    """
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    written = _opened(log)
    os.dup2(empty, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(empty)
    os.close(written)
    faulthandler.enable()
    sys.stdout, sys.stderr = SafeLines(1), SafeLines(2)
    return stdin, stdout


class SafeLines(io.TextIOWrapper):
    """A text stream to a file descriptor whose lines are made safe: names in a log cannot control a terminal."""

    def __init__(self, descriptor: int) -> None:
        raw = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)

    def write(self, text: str) -> int:
        """Write text; only its newlines keep their effect."""
        super().write("\n".join(map(safe, text.split("\n"))))
        return len(text)


class OneLine(logging.Formatter):
    """A record as one line; a traceback follows it indented, so that nothing in it passes for another record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and its traceback."""
        message, *traceback = super().format(record).split("\n") if record.exc_info else [super().format(record)]
        return "\n    ".join(map(safe, (message, *traceback)))


def _opened(log: Path) -> int:
    """The descriptor of a log to append to; of the null device where it cannot be written: work does not need it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            os.replace(log, log.with_suffix(".old.log"))
        return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def main() -> None:
    """Serve until the client exits."""
    parser = argparse.ArgumentParser(prog="ib_explorer.worker", description=__doc__)
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--background", action="store_true", help="give way to other processes")
    arguments = parser.parse_args()
    if arguments.background:
        os.nice(10)
    stdin, stdout = take_pipes(arguments.log)
    ours = logging.getLogger("ib_explorer")
    ours.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    ours.addHandler(handler)

    def runner() -> JobRunner:
        from ib_explorer.work.runner import Runner

        return Runner(arguments.cache_dir, arguments.device)

    serve(runner, stdin, stdout, grace=GRACE)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the requests thread may still hold stdin, on which the interpreter's own shutdown would fail


if __name__ == "__main__":
    main()
