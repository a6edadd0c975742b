"""The demo's training: interrupted anywhere, it gives the checkpoints of one that was not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from estimator.demo import training
from estimator.demo.recipe import Recipe, checkpoint_folder
from estimator.demo.training import STATE, train_demo
from estimator.errors import Cancelled, InputError
from estimator.progress import Progress
from estimator.text.corpus import Corpus
from estimator.text.tables import PlainTexts

RECIPE = Recipe(
    vocabulary=300,
    width=16,
    intermediate=32,
    depth=2,
    heads=2,
    context=32,
    batch=4,
    window=16,
    warmup=4,
    held_out=0,
    steps=(0, 2, 5, 9, 12),
)
TEXT = "Return the number of labels seen once, and raise ValueError when there are none at all. "


CORPUS = Corpus("text", {}, [PlainTexts("text", lambda: [TEXT * 4, TEXT[::-1] * 4])])


class Stopping(Progress):
    """Cancels at a step, and counts the steps trained."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.steps = at, []

    def phase(self, phase: str, done: int, total: int | None, unit: str) -> None:
        if phase == "train" and done != total:
            if done == self.at:
                raise Cancelled
            self.steps.append(done)


def weights(run: Path) -> dict[int, bytes]:
    return {step: (checkpoint_folder(run, step) / "model.safetensors").read_bytes() for step in RECIPE.steps}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """The weights of a training that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole")
    assert list(train_demo(RECIPE, CORPUS, run, Progress())) == list(RECIPE.steps)
    assert not (run / STATE).exists() and len(set(weights(run).values())) == len(RECIPE.steps)
    return weights(run)


def interrupted(run: Path, at: int) -> None:
    with pytest.raises(Cancelled):
        list(train_demo(RECIPE, CORPUS, run, Stopping(at)))


@pytest.mark.parametrize(("at", "goes_on"), [(1, 0), (2, 2), (8, 5), (11, 9)])
def test_a_cancelled_training_goes_on_where_it_stopped(
    tmp_path: Path, whole: dict[int, bytes], at: int, goes_on: int
) -> None:
    interrupted(tmp_path, at)
    again = Stopping()
    assert list(train_demo(RECIPE, CORPUS, tmp_path, again)) == list(RECIPE.steps)
    assert again.steps == list(range(goes_on, 12))
    assert weights(tmp_path) == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"checkpoint-{step}" for step in RECIPE.steps)


def test_a_training_is_interrupted_more_than_once(tmp_path: Path, whole: dict[int, bytes]) -> None:
    for at in (3, 6, 10):
        interrupted(tmp_path, at)
    assert list(train_demo(RECIPE, CORPUS, tmp_path, Progress())) == list(RECIPE.steps)
    assert weights(tmp_path) == whole


@pytest.mark.parametrize("damage", ["none", "empty", "truncated", "foreign"])
def test_without_a_readable_state_it_begins_again(tmp_path: Path, whole: dict[int, bytes], damage: str) -> None:
    import torch

    interrupted(tmp_path, 8)
    state = tmp_path / STATE
    if damage == "none":
        state.unlink()
    elif damage == "foreign":
        torch.save({"step": 5, "model": {}, "optimizer": {}, "random": "{}"}, state)
    else:
        state.write_bytes(b"" if damage == "empty" else state.read_bytes()[:-1000])
    again = Stopping()
    list(train_demo(RECIPE, CORPUS, tmp_path, again))
    assert again.steps == list(range(12)) and weights(tmp_path) == whole


def test_an_earlier_checkpoint_that_was_removed_is_made_again(tmp_path: Path, whole: dict[int, bytes]) -> None:
    import shutil

    interrupted(tmp_path, 10)
    shutil.rmtree(checkpoint_folder(tmp_path, 2))
    list(train_demo(RECIPE, CORPUS, tmp_path, Progress()))
    assert weights(tmp_path) == whole


def test_a_state_that_cannot_be_written_stops_nothing(
    tmp_path: Path, whole: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(training.torch, "save", refuse)
    list(train_demo(RECIPE, CORPUS, tmp_path, Progress()))
    assert weights(tmp_path) == whole


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    read_only(tmp_path)
    with pytest.raises(InputError, match=r"checkpoint cannot be written to .*Read-only.*: free some space there, or"):
        list(train_demo(RECIPE, CORPUS, tmp_path / "runs" / "run", Progress()))


def test_another_process_may_save_the_same_checkpoint(
    tmp_path: Path, whole: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def after_another(source: Any, target: Any) -> None:
        if Path(target).name == "checkpoint-5":
            Path(target).mkdir()
            (Path(target) / "model.safetensors").write_bytes(whole[5])
        replace(source, target)

    monkeypatch.setattr(training.os, "replace", after_another)
    list(train_demo(RECIPE, CORPUS, tmp_path, Progress()))
    assert weights(tmp_path) == whole
