"""A command on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COLUMNS, LINES = 120, 40
QUIET = 0.15
"""Seconds without output after which a picture counts as complete."""


@dataclass
class Terminal:
    """A pseudo-terminal running a command; times are seconds of the monotonic clock."""

    master: int
    process: subprocess.Popen[bytes]
    started: float

    def until(self, marker: bytes, timeout: float = 60) -> float:
        """Read until ``marker`` is received; returns the time of receipt."""
        seen, end = b"", time.monotonic() + timeout
        while marker not in seen:
            if time.monotonic() > end:
                raise TimeoutError(f"{marker!r} did not come; the last was {seen[-2000:]!r}")
            seen = seen[-2000:] + self._read(0.01)
        return time.monotonic()

    def press(self, keys: str, quiet: float = QUIET) -> float:
        """Send keys and wait for the picture; returns the seconds to its last byte."""
        self.settle()
        start = last = time.monotonic()
        os.write(self.master, keys.encode())
        while time.monotonic() - last < quiet or last == start:
            if self._read(0.01):
                last = time.monotonic()
            if time.monotonic() - start > 5:
                break
        return last - start

    def settle(self, quiet: float = QUIET) -> None:
        """Read until no more output is received."""
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            if self._read(0.01):
                last = time.monotonic()

    def run(self, seconds: float) -> None:
        """Read output for the given seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._read(0.01)

    def _read(self, patience: float) -> bytes:
        ready, _, _ = select.select([self.master], [], [], patience)
        try:
            return os.read(self.master, 65536) if ready else b""
        except OSError:  # the command has exited
            return b""


@contextmanager
def terminal(command: Sequence[str]) -> Iterator[Terminal]:
    """Run ``command`` on a pseudo-terminal; quits it on exit."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    home = str(Path(__file__).parent.parent)
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": home}
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    shown = Terminal(master, process, start)
    try:
        yield shown
        os.write(master, b"q")
        end = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end:
            shown.run(0.05)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
