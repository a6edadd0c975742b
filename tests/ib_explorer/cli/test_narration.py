from __future__ import annotations

import io
from typing import get_args

import pytest

from estimator.progress import PHASE_NAMES, Phase
from ib_explorer.cli.narration import LINE_EVERY, Narration, describe
from ib_explorer.worker.messages import Measured, Note, PhaseProgress, Ready


class Terminal(io.StringIO):
    def isatty(self):
        return True


def progress(done, total=100, phase="forward", revision="step1"):
    return PhaseProgress(1, phase, done, total, "documents", revision)


def test_every_phase_has_words():
    assert set(PHASE_NAMES) == set(get_args(Phase))


def test_without_a_terminal_progress_is_a_line_now_and_then():
    now, out = [0.0], io.StringIO()
    narration = Narration({1: "demo"}, out, clock=lambda: now[0])
    for done in range(101):
        now[0] = LINE_EVERY * done / 50
        narration.hear(progress(done))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "demo step1: forward pass 0/100 documents"
    assert lines[1] == "demo step1: forward pass 50/100 documents, 10/s, 5 s left"
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_one_line_lives_and_is_taken_away(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    out = Terminal()
    narration = Narration({1: "demo"}, out, clock=lambda: 0.0)
    narration.hear(progress(0))
    narration.hear(progress(1))
    assert "\n" not in out.getvalue()
    assert all(len(part) <= 30 for part in out.getvalue().split("\r\x1b[K"))
    narration.say("done")
    assert out.getvalue().endswith("\r\x1b[Kdone\n")


def test_results_notes_and_the_device_are_lines_that_stay():
    out = io.StringIO()
    narration = Narration({1: "demo"}, out)
    narration.hear(Ready(1, "cpu"))
    narration.hear(Measured(1, "k", "step1", cached=True))
    narration.hear(Measured(1, "k", "step2", cached=False))
    narration.hear(Note(1, "halved the batch"))
    assert out.getvalue().splitlines() == [
        "device: cpu",
        "demo step1: cached",
        "demo step2: measured",
        "demo: halved the batch",
    ]


@pytest.mark.parametrize(
    ("event", "rate", "text"),
    [
        (progress(0, None), 0.0, "forward pass"),
        (progress(7, None), 1.0, "forward pass, 7 documents"),
        (progress(100), 5.0, "forward pass 100/100 documents"),
        (progress(0, 7200), 1.0, "forward pass 0/7200 documents, 1/s, 2 h 0 min left"),
        (progress(0, 90), 1.0, "forward pass 0/90 documents, 1/s, 1 min 30 s left"),
        (progress(1, 2, "bound"), 0.0, "computing the bound 1/2 documents"),
    ],
)
def test_a_phase_in_words(event, rate, text):
    assert describe(event, rate) == text
