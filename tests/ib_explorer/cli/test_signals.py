"""Signals that end a command, headless and in a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path

import psutil
import pytest

ROOT = str(Path(__file__).parents[3])
FAKE = str(Path(__file__).parents[1] / "fake_worker.py")
COMMAND = """
import sys
from ib_explorer.worker import client
client.WORKER = (sys.executable, sys.argv[1])
from ib_explorer.__main__ import main
sys.exit(main(["--cache-dir", *sys.argv[2:]]))
"""
CRASH = """
from ib_explorer.tui.app import ExplorerApp
def crash(app):
    raise ZeroDivisionError("no such luck")
ExplorerApp.action_help = crash
"""
LEFT = {
    "alternate screen": b"\x1b[?1049l",
    "mouse": b"\x1b[?1003l",
    "bracketed paste": b"\x1b[?2004l",
    "cursor": b"\x1b[?25h",
}


def command(tmp_path, *arguments, before="", sets=(), **options):
    environment = os.environ | {"PYTHONPATH": ROOT, "XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm-256color"}
    environment |= {"XDG_STATE_HOME": str(tmp_path / "state")}

    def prepare():  # whoever runs the tests in the background has Ctrl-C ignored, and so would every child
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for call in sets:
            call()

    words = [sys.executable, "-c", before + COMMAND, FAKE, str(tmp_path), *arguments]
    return subprocess.Popen(words, env=environment, preexec_fn=prepare, **options)


def have_ended(processes):
    _, alive = psutil.wait_procs(processes, timeout=100)
    return not alive


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("ignores_ctrl_c", [False, True])
def test_a_command_that_is_ended_cancels_its_worker_and_says_so(tmp_path, number, code, ignores_ctrl_c):
    sets = [partial(signal.signal, signal.SIGINT, signal.SIG_IGN)] if ignores_ctrl_c else []
    process = command(tmp_path, "measure", "endless", sets=sets, stderr=subprocess.PIPE, text=True)
    while "training" not in process.stderr.readline():
        pass
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, said = process.communicate(timeout=100)
    assert process.returncode == code and workers and have_ended(workers)
    assert "ib-explorer: interrupted; finished measurements are cached." in said and "Traceback" not in said


def test_a_hangup_that_is_ignored_does_not_end_the_work(tmp_path):
    sets = [partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)]
    process = command(tmp_path, "measure", "endless", sets=sets, stderr=subprocess.PIPE, text=True)
    while "training" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=100)
    assert process.returncode == 143


class Screen:
    """The explorer on a pseudo-terminal."""

    def __init__(self, tmp_path, before=""):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = termios.tcgetattr(slave)
        take = partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0)
        files = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = command(tmp_path, before=before, sets=[take], start_new_session=True, **files)
        self.slave = slave

    def until(self, said):
        """Everything shown until ``said`` returns true."""
        shown = b""
        while not said(shown):
            ready, _, _ = select.select([self.master], [], [], 100)
            assert ready, shown[-500:]
            shown += os.read(self.master, 65536)
        return shown

    def workers(self):
        """Waits for the worker that the form of ``m`` starts."""
        os.write(self.master, b"m")
        while not (found := psutil.Process(self.process.pid).children(recursive=True)):
            self.until(len)
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def screen(tmp_path):
    opened = []

    def on_a_terminal(**options):
        opened.append(Screen(tmp_path, **options))
        opened[-1].until(lambda shown: b"No measurements yet" in shown)
        return opened[-1]

    yield on_a_terminal
    for one in opened:
        one.close()


def restored(shown):
    return all(sequence in shown for sequence in LEFT.values())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_screen_restores_the_terminal_and_stops_its_worker(screen, number, code):
    shown = screen()
    workers = shown.workers()
    shown.process.send_signal(number)
    shown.until(restored)
    assert shown.process.wait(100) == code and have_ended(workers)
    assert termios.tcgetattr(shown.slave) == shown.before


def test_a_crash_of_the_screen_is_one_sentence_and_a_log(screen, tmp_path):
    shown = screen(before=CRASH)
    os.write(shown.master, b"?")
    last = shown.until(lambda text: restored(text) and b"explorer.log" in text and text.rstrip().endswith(b"."))
    assert shown.process.wait(100) == 1
    after = last.rsplit(b"\x1b[?1049l", 1)[1]
    assert b"unexpected error: ZeroDivisionError: no such luck" in after and b"Traceback (most" not in after
    (log,) = tmp_path.rglob("explorer.log")
    assert "ZeroDivisionError: no such luck" in log.read_text()
