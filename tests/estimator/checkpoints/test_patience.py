"""Attempts after growing waits: how long, how often, what is said, and when none follows."""

from __future__ import annotations

import contextlib
import threading

import pytest

from estimator.checkpoints.patience import LONGEST_WAIT, WAITS, Patience, Unavailable, attended
from estimator.errors import Cancelled


class Server:
    """Fails as often as it is told to, and counts the calls."""

    def __init__(self, *failures: Unavailable):
        self.failures, self.calls = list(failures), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def busy(wait: float | None = None) -> Unavailable:
    return Unavailable("answers 503", has_answered=True, wait=wait)


def persist(patience: Patience, server: Server, **options) -> tuple[str, list[str]]:
    notes: list[str] = []
    return patience.persist(server, lambda: None, notes.append, **options), notes


def test_waits_grow_and_are_told():
    slept: list[float] = []
    answer, notes = persist(Patience(sleep=slept.append), Server(busy(), busy(), busy()))
    assert answer == "answer"
    assert sum(slept) == pytest.approx(2 + 4 + 8)
    assert notes[-1] == "The hub answers 503; trying again in 8 s (3 of 6)."


def test_a_server_says_how_long_to_wait_but_not_forever():
    slept: list[float] = []
    assert persist(Patience(sleep=slept.append), Server(busy(0), busy(30)))[0] == "answer"
    assert sum(slept) == pytest.approx(30)
    with pytest.raises(Unavailable):
        persist(Patience(sleep=slept.append), Server(busy(LONGEST_WAIT + 1)))
    assert sum(slept) == pytest.approx(30)


def test_a_server_out_of_reach_is_tried_once_until_it_answers():
    patience, server = Patience(sleep=lambda _: None), Server(*[busy() for _ in range(len(WAITS) + 3)])
    calls = []
    for _ in range(4):
        before = server.calls
        with contextlib.suppress(Unavailable):
            persist(patience, server)
        calls.append(server.calls - before)
    assert calls == [len(WAITS) + 1, 1, 1, 1]  # the last answers
    server.failures = [busy()]
    assert persist(patience, server)[0] == "answer"


def test_a_new_job_waits_again():
    patience, server = Patience((1.0,), sleep=lambda _: None), Server(*[busy() for _ in range(3)])
    with pytest.raises(Unavailable):
        persist(patience, server)
    patience.renew()
    assert persist(patience, server)[0] == "answer"


def test_no_wait_where_there_is_no_need():
    with pytest.raises(Unavailable):
        persist(
            Patience(sleep=lambda _: pytest.fail("waited")), Server(busy()), gives_up=lambda error: error.has_answered
        )


def test_a_wait_can_be_cancelled():
    slept: list[float] = []

    def report() -> None:
        if len(slept) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        Patience(sleep=slept.append).persist(Server(busy(60)), report, lambda _: None)
    assert len(slept) == 3


def test_a_call_that_hangs_can_be_cancelled():
    release = threading.Event()

    def report() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        attended(release.wait, report)
    release.set()


def test_a_call_in_a_thread_raises_what_it_raises():
    with pytest.raises(Unavailable, match="answers 503"):
        attended(Server(busy()), lambda: None)
