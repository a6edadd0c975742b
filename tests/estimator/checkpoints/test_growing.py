"""A run's folder while it is being written: which checkpoints are complete, and what is said of the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from estimator.checkpoints.folders import left_out
from estimator.checkpoints.growing import WRITTEN_LAST, GrowingRun
from estimator.checkpoints.resolve import resolve
from estimator.progress import Progress


def safetensors(values: bytes, announced: int | None = None) -> bytes:
    end = len(values) if announced is None else announced
    header = json.dumps({"a": {"dtype": "U8", "shape": [end], "data_offsets": [0, end]}}).encode()
    return len(header).to_bytes(8, "little") + header + values


WHOLE = safetensors(b"12345678")


def save(run: Path, step: int, weights: bytes | None = WHOLE, *, is_done: bool = False) -> Path:
    folder = run / f"checkpoint-{step}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    if is_done:
        (folder / WRITTEN_LAST).write_text("{}")
    return folder


def look(growing: GrowingRun) -> list[str]:
    return [revision.name for revision in growing.look()]


def test_a_checkpoint_with_the_trainers_last_file_is_given_at_once_and_once(tmp_path: Path) -> None:
    growing = GrowingRun(str(tmp_path / "run"))
    assert look(growing) == []  # the folder is not there yet
    save(tmp_path / "run", 20, is_done=True)
    save(tmp_path / "run", 3, is_done=True)
    assert look(growing) == ["checkpoint-3", "checkpoint-20"]
    assert look(growing) == []


def test_a_checkpoint_without_that_file_is_given_once_nothing_of_it_changes(tmp_path: Path) -> None:
    growing = GrowingRun(str(tmp_path))
    save(tmp_path, 10)
    assert look(growing) == [] and growing.waiting == ("checkpoint-10",)
    save(tmp_path, 10, safetensors(b"123456789"))
    assert look(growing) == []
    assert look(growing) == ["checkpoint-10"] and growing.waiting == ()


@pytest.mark.parametrize(
    "weights",
    [None, b"", WHOLE[:20], WHOLE[:-1], safetensors(b"1", 100), b"\xff" * 64, (8).to_bytes(8, "little") + b"[1, 2]  "],
    ids=["none", "empty", "half a header", "a byte short", "short", "no header", "not a table"],
)
def test_half_written_weights_are_waited_for_though_they_rest(tmp_path: Path, weights: bytes | None) -> None:
    growing = GrowingRun(str(tmp_path))
    save(tmp_path, 10, weights, is_done=True)
    assert look(growing) == look(growing) == [] and growing.waiting == ("checkpoint-10",)
    save(tmp_path, 10)
    assert look(growing) == ["checkpoint-10"]


def test_shards_that_an_index_lists_are_waited_for(tmp_path: Path) -> None:
    growing = GrowingRun(str(tmp_path))
    folder = save(tmp_path, 10, None, is_done=True)
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").write_bytes(WHOLE)
    assert look(growing) == []
    (folder / "model-2.safetensors").write_bytes(WHOLE)
    assert look(growing) == ["checkpoint-10"]


def test_removed_and_temporary_checkpoints_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    growing = GrowingRun(str(tmp_path))
    shutil.copytree(save(tmp_path, 10), tmp_path / "tmp-checkpoint-20")
    (tmp_path / "logs").mkdir()
    assert look(growing) == []
    shutil.rmtree(tmp_path / "checkpoint-10")
    assert look(growing) == [] and growing.waiting == ()


def test_a_checkpoint_that_is_rewritten_or_put_back_is_given_again(tmp_path: Path) -> None:
    growing = GrowingRun(str(tmp_path))
    save(tmp_path, 10, is_done=True)
    (first,) = growing.look()
    save(tmp_path, 10, safetensors(b"longer than before"), is_done=True)
    (again,) = growing.look()
    growing.put_back(again)
    assert first == again == growing.look()[0]


def test_checkpoints_left_out_of_a_selection_are_named(tmp_path: Path) -> None:
    save(tmp_path, 100)
    save(tmp_path, 300, None)
    (tmp_path / "checkpoint-200").mkdir()

    class Notes(Progress):
        notes: tuple[str, ...] = ()

        def note(self, text: str) -> None:
            self.notes += (text,)

    progress = Notes()
    assert [one.name for one in resolve(str(tmp_path), "all", progress)] == ["checkpoint-100"]
    assert progress.notes == (
        "checkpoint-200 is left out: it has no config.json.",
        "checkpoint-300 is left out: its weights are incomplete.",
    )
    assert left_out(str(tmp_path / "checkpoint-100")) == []
