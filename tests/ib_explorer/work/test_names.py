"""Names and content: equal content has one value and many names, and different content never shares a value."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ib_explorer
from cache import Cache
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress
from estimator.request import MeasurementRequest
from ib_explorer.cached import as_asked, cached_measurements
from ib_explorer.work import scorer as scoring
from ib_explorer.work.runner import Runner
from ib_explorer.worker.messages import CheckpointFailed, Measure, Measured, decode_event, encode
from tests.ib_explorer.runs import Notes, measure, no_model, request, run


@pytest.fixture
def folder(tiny_model: Callable[[str], Path], tmp_path: Path) -> Path:
    """A run as a trainer leaves it: two checkpoints, the last of them saved once more in the run's folder."""
    shutil.copytree(tiny_model("gpt2"), tmp_path / "run")
    shutil.copytree(tiny_model("gpt2"), tmp_path / "run" / "checkpoint-20")
    first = shutil.copytree(tiny_model("gpt2"), tmp_path / "run" / "checkpoint-10")
    change_weights(first)
    return tmp_path / "run"


def change_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({name: one + 0.01 for name, one in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def answers(runner: Runner, asked: MeasurementRequest, progress: Progress | None = None) -> list[tuple[Any, ...]]:
    """Model, revision, step and whether it was cached, of what a job answers; its events survive the pipe."""
    found = []
    for event in run(runner, Measure(1, asked), progress):
        assert decode_event(encode(event)) == event
        if isinstance(event, Measured):
            record = as_asked(Cache(runner._cache.root).measurements.load, event)
            assert record is not None
            found.append((record.model, record.revision, record.step, event.cached))
    return found


def test_equal_checkpoints_are_measured_once_and_answer_by_the_names_asked_for(
    runner: Runner, folder: Path, text: Path
) -> None:
    name, heard = str(folder), Notes()
    expected = [(name, "checkpoint-10", 10, False), (name, "checkpoint-20", 20, False), (name, "main", None, True)]
    assert answers(runner, request(folder, text, revision="all"), heard) == expected
    said = [note for note in heard.notes if "identical" in note]
    assert said == [f"{name} main and {name} checkpoint-20 are identical, so they have the same values."]
    # Asked for again in the same process, nothing more is said.
    assert [answer[:3] for answer in answers(runner, request(folder, text, revision="all"), heard)] == [
        answer[:3] for answer in expected
    ]
    assert len([note for note in heard.notes if "identical" in note]) == 1
    listed = cached_measurements(Cache(runner._cache.root), [name])
    assert [(one.model, one.revision, one.step) for one in listed] == [answer[:3] for answer in expected]
    assert listed[1].rows == listed[2].rows and listed[1].key == listed[2].key != listed[0].key


def test_the_name_measured_first_does_not_matter(runner: Runner, folder: Path, text: Path) -> None:
    assert answers(runner, request(folder, text)) == [(str(folder), "main", None, False)]
    assert answers(runner, request(folder, text, revision="checkpoint-20")) == [
        (str(folder), "checkpoint-20", 20, True)
    ]
    assert [one.revision for one in cached_measurements(runner._cache, [])] == ["checkpoint-20", "main"]


def test_a_copied_folder_is_listed_and_exported_by_its_own_name(folder: Path, text: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder / "checkpoint-20", tmp_path / "copy")
    cache, options = tmp_path / "cache", {"documents": 12, "max_length": 48, "anchors": 20, "anchor_seeds": (0, 1)}
    for model in (folder, copy):
        found = ib_explorer.measure(model, corpus=str(text), cache_dir=cache, device="cpu", progress=False, **options)
        assert {row["model"] for row in found.rows} == {str(model)}
    loaded = ib_explorer.load(copy, cache_dir=cache)
    assert {(row["model"], row["revision"]) for row in loaded.rows} == {(str(copy), "copy")}
    both = ib_explorer.load(cache_dir=cache)
    assert len(both.records) == 2 and "of 2 checkpoints" in both.title
    assert len(both.rows) == 2 * len(loaded.rows)


def test_the_same_text_in_another_file_has_its_own_name(runner: Runner, folder: Path, text: Path) -> None:
    other, heard = Path(shutil.copy(text, text.with_name("other.jsonl"))), Notes()
    ((_, record),) = measure(runner, request(folder, text))
    (event,) = [one for one in run(runner, Measure(1, request(folder, other)), heard) if isinstance(one, Measured)]
    assert event.cached and event.name is not None
    assert (record.corpus, event.name.corpus) == ("text.jsonl", "other.jsonl")
    assert not [note for note in heard.notes if "identical" in note]


def test_a_folder_has_one_name_however_it_is_written(
    runner: Runner, folder: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    for written in ("run", "./run", "run/", "link", str(folder)):
        assert [answer[:2] for answer in answers(runner, request(written, text))] == [(str(folder), "main")]
        assert len(cached_measurements(runner._cache, [written])) == 1
    assert not runner._cache.names.by_measurements()
    with pytest.raises(InputError, match=r"no measurements of .*/elsewhere"):
        cached_measurements(runner._cache, ["./elsewhere"])


def test_a_cache_that_cannot_be_written_answers_by_the_name_asked_for(
    runner: Runner, folder: Path, text: Path, read_only: Callable[[Path], None]
) -> None:
    measure(runner, request(folder, text))
    read_only(runner._cache.root)
    asked, heard, reader = request(folder, text, revision="checkpoint-20"), Notes(), Runner(runner._cache.root, "cpu")
    for _ in range(2):
        assert answers(reader, asked, heard) == [(str(folder), "checkpoint-20", 20, True)]
    assert heard.notes == [
        f"{folder} checkpoint-20 and {folder} main are identical, so they have the same values.",
        f"The cache in {runner._cache.root} can only be read: its values are used, none are stored.",
    ]
    with pytest.raises(InputError, match="cannot be written"):
        measure(reader, request(folder, text, revision="checkpoint-10"))
    events = run(reader, Measure(1, request(folder, text, revision="all")))
    assert [event.revision for event in events if isinstance(event, Measured)] == ["checkpoint-20", "main"]
    assert [(one.revision, one.kind) for one in events if isinstance(one, CheckpointFailed)] == [
        ("checkpoint-10", "cache")
    ]


def test_an_adapter_is_refused_though_the_model_below_it_is_cached(
    runner: Runner, folder: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(runner, request(folder, text, revision="all"))
    (folder / "checkpoint-10" / "adapter_config.json").write_text("{}")
    no_model(monkeypatch)
    events = run(runner, Measure(1, request(folder, text, revision="all")))
    assert [event.revision for event in events if isinstance(event, Measured)] == ["checkpoint-20", "main"]
    (lost,) = [event for event in events if isinstance(event, CheckpointFailed)]
    assert (lost.revision, lost.kind) == ("checkpoint-10", "adapter")
    assert lost.message.startswith(f"{folder}/checkpoint-10 has an adapter (adapter_config.json) next to its weights, ")


def test_weights_that_are_replaced_while_they_are_loaded_are_not_measured_as_those_before(
    runner: Runner, folder: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = scoring.load_model

    def replacing(*arguments: Any, **keywords: Any) -> Any:
        change_weights(folder)
        return load(*arguments, **keywords)

    monkeypatch.setattr(scoring, "load_model", replacing)
    with pytest.raises(MeasurementError, match="changed while they were being read: measure this checkpoint again"):
        measure(runner, request(folder, text))
    monkeypatch.undo()
    assert not runner._cache.measurements.all() and not runner._cache.scores.items()
    ((event, _),) = measure(runner, request(folder, text))
    assert not event.cached


def test_every_file_that_a_tokenizer_reads_is_in_the_identity_of_the_sample(
    runner: Runner, folder: Path, text: Path
) -> None:
    def identity() -> dict[str, Any]:
        asked = request(folder, text)
        (revision,) = runner._checkpoints.chosen(asked, Progress())
        return runner._samples._identified(asked, revision, Progress())[1]

    known = [identity()]
    for name in (
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "tokenizer.4.0.0.json",
        "vocab.json",
        "merges.txt",
        "spiece.model",
        "tokenizer.model",
        "chat_template.jinja",
        "additional_chat_templates/rag.jinja",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
        known.append(identity())
    config = json.loads((folder / "config.json").read_text())
    for entry in ("tokenizer_class", "model_type"):
        (folder / "config.json").write_text(json.dumps(config | {entry: "another"}))
        known.append(identity())
    assert len({json.dumps(one, sort_keys=True) for one in known}) == len(known)
    # What does not bear on tokens is not in it.
    (folder / "config.json").write_text(json.dumps(config | {"attention_dropout": 0.5}))
    assert identity() == known[-3]
