"""Sweeps whose checkpoints fail: which failures end them, what is measured all the same, and what is said."""

from __future__ import annotations

import errno
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ib_explorer
from estimator.errors import Cancelled, InputError, MeasurementError, foreseen
from estimator.progress import Progress
from ib_explorer.work.faults import ends_sweep
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import CheckpointFailed, Event, Measure, Measured
from tests.hub import LoopbackHub, Repository, folder_files
from tests.ib_explorer.runs import request, run

STEPS = (10, 20, 30, 40)


@pytest.fixture
def folder(tiny_model: Callable[[str], Path], tmp_path: Path) -> Path:
    """A run of four checkpoints with different weights."""
    from safetensors.torch import load_file, save_file

    for step in STEPS:
        weights = shutil.copytree(tiny_model("gpt2"), tmp_path / "run" / f"checkpoint-{step}") / "model.safetensors"
        save_file({name: one + step / 1e4 for name, one in load_file(weights).items()}, weights, {"format": "pt"})
    return tmp_path / "run"


def truncated(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def not_finite(checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    weights["wte.weight" if "wte.weight" in weights else "transformer.wte.weight"][0] = float("nan")
    weights = {name: one * float("nan") for name, one in weights.items()}
    save_file(weights, checkpoint / "model.safetensors", {"format": "pt"})


def bad_config(checkpoint: Path) -> None:
    (checkpoint / "config.json").write_text("{")


def bad_tokenizer(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.json").write_text("{")


DAMAGES = {truncated: "weights", not_finite: "non-finite", bad_config: "config", bad_tokenizer: "tokenizer"}


def outcome(events: list[Event]) -> tuple[list[str], dict[str, str]]:
    """The checkpoints that were measured, and those that failed with the kind of their failure."""
    failed = {event.revision: event.kind for event in events if isinstance(event, CheckpointFailed)}
    return [event.revision for event in events if isinstance(event, Measured)], failed


def sweep(runner: Runner, folder: Path, text: Path, progress: Progress | None = None, **changes: Any) -> list[Event]:
    return run(runner, Measure(1, request(folder, text, revision="all", **changes)), progress)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("step", [10, 30, 40])
def test_a_damaged_checkpoint_is_marked_and_the_others_are_measured(
    runner: Runner, folder: Path, text: Path, damage: Callable[[Path], None], step: int
) -> None:
    damage(folder / f"checkpoint-{step}")
    measured, failed = outcome(sweep(runner, folder, text))
    assert measured == [f"checkpoint-{other}" for other in STEPS if other != step]
    assert failed == {f"checkpoint-{step}": DAMAGES[damage]}
    assert list(runner._cache.failures.of(str(folder))) == [f"checkpoint-{step}"]
    # The same command again retries only what failed.
    again = [event for event in sweep(runner, folder, text) if isinstance(event, Measured)]
    assert all(event.cached for event in again) and len(again) == len(STEPS) - 1


def test_a_failure_is_forgotten_once_the_checkpoint_is_measured(runner: Runner, folder: Path, text: Path) -> None:
    config = folder / "checkpoint-20" / "config.json"
    whole = config.read_bytes()
    config.write_bytes(b"{")
    sweep(runner, folder, text)
    assert list(runner._cache.failures.of(str(folder))) == ["checkpoint-20"]
    config.write_bytes(whole)
    sweep(runner, folder, text)
    assert runner._cache.failures.of(str(folder)) == {}


@pytest.mark.parametrize("step", [20, 40])
def test_a_checkpoint_that_vanishes_during_the_sweep_is_marked(
    runner: Runner, folder: Path, text: Path, step: int
) -> None:
    class Vanishing(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "forward" and self.revision == "checkpoint-10":
                shutil.rmtree(folder / f"checkpoint-{step}", ignore_errors=True)

    measured, failed = outcome(sweep(runner, folder, text, Vanishing()))
    assert list(failed) == [f"checkpoint-{step}"] and len(measured) == len(STEPS) - 1


class PanicException(BaseException):
    """As those of Rust libraries, which are no Exception."""


@pytest.mark.parametrize("error", [PanicException("index out of bounds"), ZeroDivisionError("no luck")])
def test_a_fault_in_a_library_concerns_one_checkpoint(
    runner: Runner, folder: Path, text: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    measure = runner._work.measure

    def faulty(job: Any, revision: Any, progress: Progress) -> Any:
        if revision.step == 20:
            raise error
        return measure(job, revision, progress)

    monkeypatch.setattr(runner._work, "measure", faulty)
    events = sweep(runner, folder, text)
    assert outcome(events)[1] == {"checkpoint-20": "internal"}
    (failed,) = [event for event in events if isinstance(event, CheckpointFailed)]
    assert failed.message == f"This failed with an unexpected error: {type(error).__name__}: {error}."


def test_a_cancelled_sweep_marks_nothing(runner: Runner, folder: Path, text: Path) -> None:
    class Impatient(Progress):
        def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
            if phase == "forward" and self.revision == "checkpoint-20":
                raise Cancelled

    with pytest.raises(Cancelled):
        sweep(runner, folder, text, Impatient())


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"layers": "9"}, "layers"), ({"text_column": "prose"}, "column"), ({"dtype": "float8"}, "dtype")],
)
def test_a_wrong_request_ends_the_sweep_at_once(
    runner: Runner, folder: Path, text: Path, changes: dict[str, Any], kind: str
) -> None:
    truncated(folder / "checkpoint-10")
    with pytest.raises(InputError) as error:
        sweep(runner, folder, text, **changes)
    assert error.value.kind == kind


@pytest.mark.parametrize(
    ("failure", "at_first", "later"),
    [
        (InputError("disk", "full"), True, True),
        (InputError("corpus", "gone"), True, True),
        (MeasurementError("memory", "too large"), True, False),
        (InputError("access", "gated"), True, False),
        (InputError("weights", "damaged"), False, False),
        (MeasurementError("network", "busy"), False, False),
        (MeasurementError("internal", "a fault"), False, False),
    ],
)
def test_what_concerns_all_checkpoints_ends_the_sweep(
    failure: InputError | MeasurementError, at_first: bool, later: bool
) -> None:
    assert ends_sweep(failure, is_any_measured=False) is at_first
    assert ends_sweep(failure, is_any_measured=True) is later


def test_unforeseen_errors_are_sorted_and_interruptions_are_none() -> None:
    assert foreseen(OSError(errno.ENOSPC, "No space left on device", "/scores")).kind == "disk"
    assert foreseen(MemoryError()).kind == "memory"
    assert foreseen(type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")).kind == "memory"
    assert isinstance(foreseen(KeyError("x")), MeasurementError)
    for error in (Cancelled(), KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)):
            foreseen(error)


def test_a_worker_that_takes_over_leaves_out_what_is_done(runner: Runner, folder: Path, text: Path) -> None:
    asked = request(folder, text, revision="all")
    events = run(runner, Measure(1, asked, skip=("checkpoint-10", "checkpoint-20")))
    assert outcome(events) == (["checkpoint-30", "checkpoint-40"], {})


@pytest.fixture
def published(hub: LoopbackHub, folder: Path) -> LoopbackHub:
    hub.models["org/run"] = Repository()
    for step in STEPS:
        hub.models["org/run"].commit(folder_files(folder / f"checkpoint-{step}"), branch=f"step{step}")
    return hub


def test_a_hub_that_is_busy_for_a_moment_does_not_show(runner: Runner, published: LoopbackHub, text: Path) -> None:
    published.faults = [("resolve/", 503)] * 4 + [("/refs", 502)] * 2 + [("/tree/", 429)] * 2
    assert outcome(run(runner, Measure(1, request("org/run", text, revision="all")))) == (
        [f"step{step}" for step in STEPS],
        {},
    )


def test_a_checkpoint_that_the_hub_cannot_deliver_is_marked(runner: Runner, published: LoopbackHub, text: Path) -> None:
    commit = published.models["org/run"].branches["step30"]
    published.faults = [(f"resolve/{commit}/model.safetensors", 503)] * 1000
    measured, failed = outcome(run(runner, Measure(1, request("org/run", text, revision="all"))))
    assert measured == ["step10", "step20", "step40"] and failed == {"step30": "network"}


def test_a_notebook_gets_what_was_measured_and_why_the_rest_was_not(folder: Path, text: Path, tmp_path: Path) -> None:
    truncated(folder / "checkpoint-20")
    asked = request(folder, text, revision="all")
    with pytest.warns(UserWarning, match="checkpoint-20 was not measured: The weights of"):
        result = ib_explorer.measure(asked, cache_dir=tmp_path / "cache", progress=False)
    assert {row["step"] for row in result.rows} == {10, 30, 40}
    (failure,) = result.failures
    assert (failure.revision, failure.kind) == ("checkpoint-20", "weights")
    assert "1 checkpoint failed, see .failures" in result.title
    for step in STEPS:
        truncated(folder / f"checkpoint-{step}")
    with pytest.raises(MeasurementError, match="No checkpoint could be measured"), warnings.catch_warnings():
        warnings.simplefilter("error")
        ib_explorer.measure(asked, cache_dir=tmp_path / "other", progress=False)
