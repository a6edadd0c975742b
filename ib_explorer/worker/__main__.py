"""``python -m ib_explorer.worker``: the process that imports torch, started by the client and ended with it."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO

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
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        os.replace(log, log.with_suffix(".old.log"))
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    empty = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(empty, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(empty)
    os.close(written)
    faulthandler.enable()
    return stdin, stdout


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
    ours.addHandler(logging.StreamHandler())

    def runner() -> JobRunner:
        from ib_explorer.work.runner import Runner

        return Runner(arguments.cache_dir, arguments.device)

    serve(runner, stdin, stdout, grace=GRACE)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the requests thread may still hold stdin, on which the interpreter's own shutdown would fail


if __name__ == "__main__":
    main()
