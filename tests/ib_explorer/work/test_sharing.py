"""One sweep by several processes: each checkpoint is measured once, and nobody waits for who has ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.claims import Claim
from cache.keys import key
from estimator.errors import Cancelled
from estimator.progress import Progress
from ib_explorer.work import sharing
from ib_explorer.work.runner import Runner
from ib_explorer.work.sharing import Busy, claimed
from ib_explorer.worker.messages import CheckpointFailed, Event, Measure, Measured
from tests.ib_explorer.runs import Notes, measure, request, run

ROOT = str(Path(__file__).parents[3])
STEPS = (10, 20, 30, 40, 50, 60)


@pytest.fixture
def folder(tiny_model: Callable[[str], Path], tmp_path: Path) -> Path:
    """A run of six checkpoints with different weights."""
    from safetensors.torch import load_file, save_file

    for step in STEPS:
        weights = shutil.copytree(tiny_model("gpt2"), tmp_path / "run" / f"checkpoint-{step}") / "model.safetensors"
        save_file({name: one + step / 1e4 for name, one in load_file(weights).items()}, weights, {"format": "pt"})
    return tmp_path / "run"


def test_processes_share_a_sweep_and_finish_what_a_killed_one_began(folder: Path, text: Path, tmp_path: Path) -> None:
    log, module = tmp_path / "passes", "tests.ib_explorer.work.sharing_processes"
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, (folder, text, tmp_path / "cache", log))],
        env=os.environ | {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["codes"] == [0, 0, 0] and said["killed by"] == 9
    names = [f"checkpoint-{step}" for step in STEPS]
    # One forward pass for each checkpoint, and a second one for that at which a process was killed.
    assert Counter(log.read_text().split()) == {name: 2 if name == names[0] else 1 for name in names}
    for survivor in said["survivors"]:
        assert sorted(name for name, _ in survivor["events"]) == names
        waiting = f"checkpoint-10 is being measured by process {said['doomed']} on {socket.gethostname()}; waiting."
        assert survivor["notes"].count(waiting) <= 1
    fresh = [name for survivor in said["survivors"] for name, cached in survivor["events"] if not cached]
    assert sorted(fresh) == names
    assert any(waiting in survivor["notes"] for survivor in said["survivors"])
    assert not list((tmp_path / "cache" / "claims").iterdir())


class Releasing(Notes):
    """Releases a claim once it is waited for."""

    def __init__(self, claim: Claim, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._claim, self._meanwhile = claim, meanwhile
        self.waits = 0

    def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
        if phase == "wait":
            self.waits += 1
            self._meanwhile()
            self._claim.release()


@pytest.fixture
def claim(runner: Runner, folder: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> Claim:
    """The claim on the first checkpoint of the run, held by another."""
    monkeypatch.setattr(sharing, "POLL", 0.0)
    asked = request(folder, text, revision="checkpoint-10")
    (revision,) = runner._checkpoints.chosen(asked, Progress())
    words, tokenizer = runner._samples.text(asked, revision, Progress())
    subject = next(runner._work._subjects(asked, revision, words, tokenizer, Progress()))
    taken = runner._cache.claims.take(key(subject.states))
    assert isinstance(taken, Claim)
    return taken


def measured(events: list[Event]) -> list[tuple[str, bool]]:
    return [(event.revision, event.cached) for event in events if isinstance(event, Measured)]


def test_a_claimed_checkpoint_comes_last_and_is_measured_if_its_owner_gave_up(
    runner: Runner, folder: Path, text: Path, claim: Claim
) -> None:
    heard = Releasing(claim)
    events = run(runner, Measure(1, request(folder, text, revision="checkpoint-[123]0")), heard)
    assert measured(events) == [("checkpoint-20", False), ("checkpoint-30", False), ("checkpoint-10", False)]
    assert heard.waits == 1
    assert [note for note in heard.notes if "waiting" in note] == [
        f"checkpoint-10 is being measured by {claim.holder}; waiting."
    ]


def test_what_the_owner_stored_meanwhile_is_taken_from_the_cache(
    runner: Runner, folder: Path, text: Path, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(folder, text, revision="checkpoint-10")

    def store() -> None:
        claim.release()
        measure(Runner(runner._cache.root, "cpu"), asked)

    assert measured(run(runner, Measure(1, asked), Releasing(claim, store))) == [("checkpoint-10", True)]


def test_waiting_can_be_cancelled(runner: Runner, folder: Path, text: Path, claim: Claim) -> None:
    class Cancelling(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "wait":
                raise Cancelled

    with pytest.raises(Cancelled):
        run(runner, Measure(1, request(folder, text, revision="checkpoint-10")), Cancelling())
    assert runner._cache.claims.take(claim.path.name) == claim.holder


def test_a_cached_checkpoint_needs_no_claim(runner: Runner, folder: Path, text: Path, claim: Claim) -> None:
    asked = request(folder, text, revision="checkpoint-10")
    claim.release()
    measure(runner, asked)
    again = runner._cache.claims.take(claim.path.name)
    assert isinstance(again, Claim)
    assert measured(run(runner, Measure(1, asked))) == [("checkpoint-10", True)]
    # A small job on stored scores may run while its own process holds the claim.
    ahead = request(folder, text, revision="checkpoint-10", temperatures=("x2",))
    assert measured(run(runner, Measure(1, ahead, stored_only=True))) == [("checkpoint-10", False)]
    again.release()


def test_a_checkpoint_that_fails_is_no_longer_claimed(runner: Runner, folder: Path, text: Path) -> None:
    (folder / "checkpoint-20" / "model.safetensors").write_bytes(b"none")
    events = run(runner, Measure(1, request(folder, text, revision="checkpoint-[123]0")))
    assert [event.revision for event in events if isinstance(event, CheckpointFailed)] == ["checkpoint-20"]
    assert not list(runner._cache.claims.folder.iterdir())


def test_the_next_files_are_not_fetched_for_a_checkpoint_that_another_measures(
    runner: Runner, folder: Path, text: Path, claim: Claim
) -> None:
    asked = request(folder, text, revision="checkpoint-10")
    (revision,) = runner._checkpoints.chosen(asked, Progress())
    runner._samples.text(asked, revision, Progress())
    assert not runner._work.needs_model(asked, revision, Progress())
    claim.release()
    assert runner._work.needs_model(asked, revision, Progress())


def test_a_claim_is_busy_for_everybody_else(runner: Runner) -> None:
    with claimed(runner._cache.claims, {"states": 1}) as mine:
        with pytest.raises(Busy) as caught, claimed(runner._cache.claims, {"states": 1}):
            pass
        assert (caught.value.work, caught.value.holder) == (key({"states": 1}), mine.holder)
    with claimed(runner._cache.claims, {"states": 1}) as again:
        assert again.is_held
