"""Where scores lie while a checkpoint is measured, and how they get to the disk."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cache import arrays
from cache.files import no_space
from estimator.errors import Cancelled, InputError, MeasurementError
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from estimator.soft_entropy import memory
from estimator.soft_entropy.memory import SHARE, estimate_bytes, score_bytes
from estimator.states import loading
from ib_explorer.work import identities
from ib_explorer.work import selection as checkpoints
from ib_explorer.work.runner import Runner
from ib_explorer.work.score_store import ScoreStore
from ib_explorer.worker.messages import Event, Measure, Measured, Note, Revisions
from tests.ib_explorer.runs import Notes, measure, no_model, request, run
from tests.pretended_cuda import pretend, pretend_cuda


@pytest.mark.parametrize("admitted", ["disk", "memory", "blocks"])
def test_scores_in_memory_on_disk_or_in_blocks_give_the_same_values(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch, admitted: str
) -> None:
    asked = request(tiny_model("qwen3"), text, variants=("raw", "centred"), loss=True)
    ((_, expected),) = measure(runner, asked)
    other = Runner(runner._cache.root.parent / "other", "cpu")
    if admitted != "disk":
        other._cache.scores.budget = 0
    if admitted == "blocks":  # room for a single layer
        shape = (expected.positions, len(expected.anchor_seeds), expected.anchors)
        needed = 2 * score_bytes(*shape) + estimate_bytes(expected.positions, expected.anchors)
        monkeypatch.setattr(memory, "free_memory", lambda *_: int(needed / memory.SHARE) + 1)
    heard = Notes()
    ((_, found),) = measure(other, asked, heard)
    assert found.rows == expected.rows
    passes = 1 if admitted != "blocks" else 6
    assert heard.notes[0].startswith("Memory on cpu") and f"; {passes} forward pass" in heard.notes[0]
    assert any("IB_EXPLORER_SCORE_BUDGET=1 (GB)" in note for note in heard.notes) == (admitted == "blocks")
    assert bool(other._cache.scores.items()) == (admitted == "disk")


def _describing_scores(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object]) -> None:
    """Have ``before`` done when scores, and nothing else, are about to be finished on the disk."""
    describe = arrays._describe

    def described(array: Any, path: Path) -> dict[str, Any]:
        if path.name.startswith("layer-"):
            before()
        return describe(array, path)

    monkeypatch.setattr(arrays, "_describe", described)


def _on_the_card(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """A machine with a pretended card of ``free`` bytes, on which models are loaded."""
    load = loading._load

    def loaded(folder: Path, config: Any, where: str, device: torch.device, *options: Any) -> Any:
        model, note = load(folder, config, where, torch.device("cpu"), *options)
        return pretend(model), note

    pretend_cuda(monkeypatch, free=free)
    monkeypatch.setattr(loading, "_load", loaded)


@pytest.mark.parametrize("admitted", [True, False])
@pytest.mark.parametrize("room", [True, False])
def test_a_card_with_room_holds_the_scores_until_they_are_estimated(
    runner: Runner,
    tiny_model: Callable[[str], Path],
    text: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: bool,
    admitted: bool,
) -> None:
    asked = request(tiny_model("olmo2"), text, variants=("raw", "centred"), dtype="float32", loss=True)
    ((_, expected),) = measure(runner, asked)
    needed = 6 * score_bytes(expected.positions, 2, expected.anchors)
    estimate = estimate_bytes(expected.positions, expected.anchors, copied=True)
    _on_the_card(monkeypatch, 2 * (needed + estimate) if room else int((estimate + needed / 2) / SHARE))
    other = Runner(runner._cache.root.parent / "other", "cuda")
    other._cache.scores.budget *= admitted
    heard = Notes()
    ((_, found),) = measure(other, asked, heard)
    assert found.rows == expected.rows
    assert heard.notes[0].startswith("Memory on cuda:0") and heard.notes[0].endswith("1 forward pass.")
    assert ("scores on disk" in heard.notes[0]) == (admitted and not room)
    assert (" on cpu" in heard.notes[0]) == (not admitted and not room)
    assert len(other._cache.scores.items()) == 2 * admitted
    if admitted:
        no_model(monkeypatch)
        ((_, again),) = measure(other, request(asked.model, text, dtype="float32", temperatures=("x0.5",)))
        ((_, same),) = measure(runner, request(asked.model, text, temperatures=("x0.5",)))
        assert {row for row in again.rows if row.temperature_rule == "x0.5"} == {
            row for row in same.rows if row.temperature_rule == "x0.5"
        }


def test_a_view_of_kept_scores_between_the_steps_of_a_sweep_changes_nothing(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path
) -> None:
    """At every single step of it; what the sweep has not come to is passed over, and no model is loaded for it."""
    folder = tmp_path / "run"
    for step, family in ((10, "gpt2"), (20, "llama")):
        shutil.copytree(tiny_model(family), folder / f"checkpoint-{step}")
    asked = request(folder, text, revision="all", loss=True)
    view = replace(asked, temperatures=("x0.5",))
    expected = [kept for _, kept in measure(Runner(tmp_path / "other", "cpu"), asked)]
    found: list[list[str]] = []

    class Looked(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            events = run(runner, Measure(2, view, stored_only=True))
            found.append([event.revision for event in events if isinstance(event, Measured)])

    after = [kept for _, kept in measure(runner, asked, Looked())]
    first, second = ["checkpoint-10"], ["checkpoint-10", "checkpoint-20"]
    assert found[0] == [] and first in found and second not in found
    for was, now in zip(expected, after, strict=True):
        assert [row for row in now.rows if row.temperature_rule == "exact"] == list(was.rows)
    again = run(runner, Measure(3, view, stored_only=True))
    assert [event.cached for event in again if isinstance(event, Measured)] == [True, False]


def test_values_do_not_wait_for_the_disk(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = threading.Event()

    def wait() -> None:
        assert arrived.wait(100), "the values were held back until the scores were on the disk"

    def hear(event: Event) -> None:
        if isinstance(event, Measured):
            arrived.set()

    _describing_scores(monkeypatch, wait)
    runner.run(Measure(1, request(tiny_model("llama"), text)), hear, Progress())
    assert runner._cache.scores.verify() == (1, [])  # and when the job is over, they are there


def test_scores_on_their_way_to_the_disk_are_given_out(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view of what was just measured waits for no disk, and takes from the sweep nothing that it has to hear."""
    asked = request(tiny_model("gpt2"), text)
    viewed, looked = threading.Event(), list[Event]()

    def fail() -> None:
        assert viewed.wait(100), "the view waited for the disk"
        raise no_space(runner._cache.scores.folder)

    def hear(event: Event) -> None:
        if isinstance(event, Measured):
            looked.extend(run(runner, Measure(2, replace(asked, temperatures=("x0.5",)), stored_only=True)))
            viewed.set()

    _describing_scores(monkeypatch, fail)
    with pytest.raises(InputError, match="no space left"):
        runner.run(Measure(1, asked), hear, Progress())
    (event,) = [event for event in looked if isinstance(event, Measured)]
    kept = runner._cache.measurements.load(event.key)
    assert kept is not None and {row.temperature_rule for row in kept.rows} == {"exact", "x0.5"}


def test_that_a_stopped_job_could_not_keep_its_scores_is_noted_by_the_next(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    def fail() -> None:
        assert going_on.wait(100)
        raise no_space(runner._cache.scores.folder)

    class Stopped(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "store":
                raise Cancelled

    class Heard(Notes):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "store":
                going_on.set()

    _describing_scores(monkeypatch, fail)
    with pytest.raises(Cancelled):
        measure(runner, request(tiny_model("gpt2"), text), Stopped())
    monkeypatch.undo()
    heard = Heard()
    ((event, _),) = measure(runner, request(tiny_model("llama"), text), heard)
    assert not event.cached and any("no space left" in note for note in heard.notes)


def test_a_view_of_scores_that_vanish_meanwhile_loads_no_model(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("gpt2"), text)
    measure(runner, asked)
    no_model(monkeypatch)
    has = ScoreStore.has

    def vanishing(store: ScoreStore, document: dict[str, Any]) -> bool:
        there = has(store, document)
        runner._cache.scores.prune(0)
        return there

    monkeypatch.setattr(ScoreStore, "has", vanishing)
    found = run(runner, Measure(2, replace(asked, temperatures=("x0.5",)), stored_only=True))
    assert not [event for event in found if isinstance(event, Measured)]


def test_named_checkpoints_are_found_whatever_was_selected(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selection is that of another order; and what the sweep at work has resolved is not asked for again."""
    for step, family in ((10, "gpt2"), (20, "llama")):
        shutil.copytree(tiny_model(family), tmp_path / "run" / f"checkpoint-{step}")
    asked = request(tmp_path / "run", text, revision="all")
    measure(runner, asked)
    elsewhere = replace(asked, revision="checkpoint-20", temperatures=("x2",))
    found = run(runner, Measure(2, elsewhere, only=("checkpoint-10",)))
    assert [event.revision for event in found if isinstance(event, Measured)] == ["checkpoint-10"]
    looked: list[Event] = []

    class Looked(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "estimate" and not looked:
                monkeypatch.setattr(checkpoints, "resolve", None)
                view = replace(asked, temperatures=("x0.5",))
                looked.extend(run(runner, Measure(3, view, stored_only=True, only=("checkpoint-10",))))

    measure(runner, replace(asked, temperatures=("0.3",)), Looked())
    assert [event.revision for event in looked if isinstance(event, Measured)] == ["checkpoint-10"]


def test_a_loss_reaches_the_rows_that_a_view_adds_meanwhile(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path
) -> None:
    asked = request(tiny_model("gpt2"), text)
    measure(runner, asked)

    class Looked(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "forward":
                run(runner, Measure(2, replace(asked, temperatures=("x0.5",)), stored_only=True))

    ((_, kept),) = measure(runner, replace(asked, loss=True), Looked())
    assert {row.temperature_rule for row in kept.rows} == {"exact", "x0.5"}
    assert kept.loss is not None


def test_memory_that_a_sweep_holds_lets_a_view_pass(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("gpt2"), text)
    measure(runner, asked)
    monkeypatch.setattr(memory, "free_memory", lambda *_: 1000)
    again = replace(asked, temperatures=("x0.5",))
    assert not [event for event in run(runner, Measure(2, again, stored_only=True)) if isinstance(event, Measured)]
    with pytest.raises(MeasurementError, match="of memory on cpu"):
        run(runner, Measure(3, again))


def test_of_the_demo_only_what_is_trained_is_looked_at(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = MeasurementRequest("demo", "all", documents=4, max_length=32, anchors=10, anchor_seeds=(0,), device="cpu")
    no_model(monkeypatch)
    (listed,) = [event for event in run(runner, Measure(1, asked, stored_only=True)) if not isinstance(event, Note)]
    assert isinstance(listed, Revisions) and len(listed.revisions) == 12
    (one,) = run(runner, Measure(2, asked, stored_only=True, only=("checkpoint-4",)))
    assert isinstance(one, Revisions) and [revision["step"] for revision in one.revisions] == [4]


def test_a_disk_that_is_full_is_told_once_and_costs_no_value(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, events = tmp_path / "run", list[Event]()
    for step, family in ((10, "gpt2"), (20, "llama")):
        shutil.copytree(tiny_model(family), folder / f"checkpoint-{step}")

    def fail() -> None:
        raise no_space(runner._cache.scores.folder)

    _describing_scores(monkeypatch, fail)
    with pytest.raises(InputError, match="no space left"):
        runner.run(Measure(1, request(folder, text, revision="all")), events.append, Progress())
    assert [event.revision for event in events if isinstance(event, Measured)] == ["checkpoint-10"]
    assert runner._cache.scores.items() == []
    monkeypatch.undo()
    assert [event.cached for event, _ in measure(runner, request(folder, text, revision="all"))] == [True, False]


def test_a_new_version_of_the_estimator_measures_stored_scores_anew_without_the_model(
    runner: Runner, tiny_model: Callable[[str], Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tiny_model("olmo2"), text)
    ((_, before),) = measure(runner, asked)
    monkeypatch.setattr(identities, "ESTIMATOR_VERSION", "next")
    no_model(monkeypatch)
    ((event, after),) = measure(runner, asked)
    assert not event.cached and after.key != before.key
    assert after.rows == before.rows
