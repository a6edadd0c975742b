"""Claims: one holder at a time, whatever processes, hosts and file systems do."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cache import Cache
from cache.claims import LEASE, Claim, Claims, Holder
from estimator.errors import InputError

ROOT = str(Path(__file__).parents[2])
WORK = "ab" * 32
ENDED = """
import os, sys
from pathlib import Path
from cache.claims import Claims
Claims(Path(sys.argv[1])).take(sys.argv[2])
os._exit(0)
"""


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    return Claims(tmp_path / "claims")


def taken(claims: Claims) -> Claim:
    found = claims.take(WORK)
    assert isinstance(found, Claim)
    return found


def elsewhere() -> Holder:
    """A process of another machine."""
    return replace(Holder.me(), host="node7", here="00000000", pid=4711)


def age(path: Path, seconds: float) -> None:
    """Set when a claim was renewed, by the file system's clock."""
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))


def test_a_claim_has_one_holder_until_it_is_released(claims: Claims) -> None:
    with taken(claims) as claim:
        assert claims.take(WORK) == claims.holder(WORK) == claim.holder
        assert (claim.holder.pid, str(claim.holder)) == (os.getpid(), f"process {os.getpid()} on {claim.holder.host}")
        assert isinstance(claims.take("cd" * 32), Claim)
    assert claims.holder(WORK) is None
    taken(claims).release()
    with pytest.raises(ValueError, match="is not a key"):
        claims.take("../elsewhere")


def test_of_many_that_take_at_once_one_has_it(claims: Claims) -> None:
    assert sum(isinstance(found, Claim) for found in at_once(lambda: claims.take(WORK))) == 1


def at_once(call: Callable[[], Any], count: int = 16) -> list[Any]:
    """The results of a call in many threads at once."""
    gate, found = threading.Barrier(count), []

    def run() -> None:
        gate.wait()
        found.append(call())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_the_claim_of_a_process_that_has_ended_is_taken_over(claims: Claims) -> None:
    subprocess.run(
        [sys.executable, "-c", ENDED, str(claims.folder), WORK], env=os.environ | {"PYTHONPATH": ROOT}, check=True
    )
    assert (claims.folder / WORK).exists() and list(claims.stale()) == [claims.folder / WORK]
    assert claims.holder(WORK) is None
    claim = taken(claims)
    assert claims.holder(WORK) == claim.holder
    claim.release()
    assert list(claims.folder.iterdir()) == []


def test_another_process_with_the_number_of_the_holder_does_not_hold_its_claim(tmp_path: Path, claims: Claims) -> None:
    earlier = replace(Holder.me(), started="1")
    taken(Claims(claims.folder, me=lambda: earlier))
    assert claims.holder(WORK) is None
    assert taken(claims).is_held


@pytest.mark.parametrize("attempt", range(20))
def test_of_many_that_take_over_at_once_one_has_it(claims: Claims, attempt: int) -> None:
    gone = taken(Claims(claims.folder, me=lambda: replace(Holder.me(), started="1")))
    found = at_once(lambda: claims.take(WORK))
    held = [one for one in found if isinstance(one, Claim)]
    # All may have left it to each other, and then the next attempt has it; never do two have it.
    assert len(held) <= 1
    (held or [taken(claims)])[0].release()
    gone.release()
    assert list(claims.folder.iterdir()) == []


def test_a_claim_of_another_machine_lasts_for_its_lease(claims: Claims) -> None:
    other = taken(Claims(claims.folder, me=elsewhere))
    age(other.path, LEASE - 10)
    assert claims.holder(WORK) == other.holder and str(other.holder) == "process 4711 on node7"
    other.renew()
    assert claims.holder(WORK) == other.holder
    age(other.path, LEASE + 10)
    assert claims.holder(WORK) is None
    claim = taken(claims)
    # The other one goes on after all: it neither renews nor removes what is no longer its own.
    renewed = other.path.stat().st_mtime_ns
    other.renew()
    other.release()
    assert not other.is_held and claim.is_held and claim.path.stat().st_mtime_ns == renewed


def test_a_held_claim_is_renewed_by_itself(claims: Claims) -> None:
    seen = threading.Event()

    class Seen(Claim):
        def renew(self) -> None:
            super().renew()
            seen.set()

    claim = taken(Claims(claims.folder))
    age(claim.path, LEASE + 10)
    before = claim.path.stat().st_mtime
    claim.release()
    claim = taken(Claims(claims.folder))
    age(claim.path, LEASE + 10)
    renewing = Seen(claim.path, claim.holder, 0.001)
    assert seen.wait(60) and claim.path.stat().st_mtime > before
    renewing.release()
    assert not claim.path.exists()


def test_a_lock_left_by_a_process_that_died_in_it_does_not_last(claims: Claims) -> None:
    gone = replace(Holder.me(), started="1")
    taken(Claims(claims.folder, me=lambda: gone))
    (claims.folder / f"{WORK}.lock").write_text(json.dumps(asdict(gone)))
    assert isinstance(claims.take(WORK), Holder)
    assert taken(claims).is_held
    assert [path.name for path in claims.folder.iterdir()] == [WORK]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": 1}'])
def test_a_file_that_names_nobody_counts_for_the_lease(claims: Claims, content: bytes) -> None:
    claims.folder.mkdir()
    (claims.folder / WORK).write_bytes(content)
    assert str(claims.take(WORK)) == "another process"
    age(claims.folder / WORK, LEASE + 10)
    assert taken(claims).is_held


def test_a_file_system_without_links_is_enough(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert sum(isinstance(found, Claim) for found in at_once(lambda: claims.take(WORK))) == 1


def test_a_lost_answer_of_the_server_is_no_failure(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def losing(source: Any, target: Any) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")  # the repeated request's answer

    monkeypatch.setattr(os, "link", losing)
    assert taken(claims).is_held


def test_a_folder_that_cannot_be_written_is_one_sentence(claims: Claims, read_only: Callable[[Path], None]) -> None:
    read_only(claims.folder.parent)
    assert claims.holder(WORK) is None
    with pytest.raises(InputError, match="cannot be written"):
        claims.take(WORK)


def test_pruning_removes_claims_of_processes_that_have_ended_only(tmp_path: Path) -> None:
    found = Cache(tmp_path)
    held = taken(found.claims)
    gone = Claims(found.claims.folder, me=lambda: replace(Holder.me(), started="1")).take("cd" * 32)
    assert isinstance(gone, Claim)
    found.prune()
    assert list(found.claims.folder.iterdir()) == [held.path]
