"""Entries of the identity store: verified on reading, never a crash, safe with several processes."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cache.aside import Aside, Damaged
from cache.entries import EntryStore
from cache.files import PARTIAL, partial_path
from cache.keys import key
from estimator.errors import InputError

IDENTITY = {"kind": "test", "commit": "abc", "seeds": [0, 1]}
VALUE = {"x": [0.1, 1e-300, -0.0], "n": 3, "none": None}
ABOUT = {"model": "a/b", "revision": "main"}


@pytest.fixture
def store(tmp_path: Path) -> EntryStore:
    return EntryStore(tmp_path / "documents", Aside(tmp_path / "aside"))


def test_an_entry_reads_back(store: EntryStore) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    assert name == key(IDENTITY)
    entry = store.get(name)
    assert entry is not None
    assert (entry.key, entry.identity, entry.value, entry.about) == (name, IDENTITY, VALUE, ABOUT)
    assert [found.key for found in store.entries()] == [name]


def test_a_file_is_json_in_a_folder_of_its_first_digits(store: EntryStore) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    content = json.loads((store.folder / name[:2] / f"{name}.json").read_bytes())
    assert content["document"] == IDENTITY
    assert content["about"] == ABOUT


def test_names_for_people_are_no_part_of_the_key(store: EntryStore) -> None:
    store.put(IDENTITY, VALUE, ABOUT)
    name = store.put(IDENTITY, VALUE, {"model": "renamed"})
    entry = store.get(name)
    assert entry is not None
    assert entry.about == {"model": "renamed"}
    assert len(list(store.entries())) == 1


def test_what_is_not_there_is_a_miss(store: EntryStore) -> None:
    assert store.get("0" * 64) is None
    assert store.stamp("0" * 64) is None
    assert list(store.entries()) == []
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64])
def test_what_is_no_key_is_refused(store: EntryStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.get(name)


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "a byte short": lambda data: data[:-1],
    "a byte more": lambda data: data + b"x",
    "garbage": lambda data: bytes(range(256)) * 4,
    "text": lambda data: b"not json at all",
    "other json": lambda data: b'{"document": {}}',
    "no object": lambda data: b"[]",
    "zeros": lambda data: bytes(len(data)),
    "newlines changed": lambda data: data.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_does_not_verify_is_a_miss_and_is_set_aside(store: EntryStore, name: str) -> None:
    kept = store.put(IDENTITY, VALUE, ABOUT)
    path = store.path(kept)
    damaged = CORRUPTIONS[name](path.read_bytes())
    path.write_bytes(damaged)
    assert store.get(kept) is None
    assert not path.exists()
    (aside,) = store.aside.folder.iterdir()
    assert aside.read_bytes() == damaged
    assert store.aside.all() == [Damaged("documents", path.name)]
    store.put(IDENTITY, VALUE, ABOUT)
    assert store.get(kept) is not None


def test_every_flipped_bit_is_noticed(store: EntryStore) -> None:
    kept = store.put(IDENTITY, VALUE, ABOUT)
    path = store.path(kept)
    sound = path.read_bytes()
    for at in range(len(sound)):
        path.write_bytes(flip(sound, at))
        assert store.get(kept) is None, at


def test_a_sound_file_under_a_wrong_name_is_set_aside(store: EntryStore) -> None:
    kept = store.put(IDENTITY, VALUE, ABOUT)
    other = key({"another": "document"})
    store.path(other).parent.mkdir(exist_ok=True)
    store.path(kept).rename(store.path(other))
    assert store.get(other) is None
    assert store.get(kept) is None
    assert len(list(store.aside.folder.iterdir())) == 1


def test_a_folder_in_the_place_of_a_file_is_set_aside(store: EntryStore) -> None:
    name = key(IDENTITY)
    store.path(name).mkdir(parents=True)
    assert store.get(name) is None
    store.put(IDENTITY, VALUE, ABOUT)
    assert store.get(name) is not None


def test_verify_tells_sound_from_unsound_and_foreign(store: EntryStore) -> None:
    names = [store.put({"n": n}, VALUE, ABOUT) for n in range(5)]
    store.path(names[0]).write_bytes(b"")
    foreign = store.path(names[1]).with_name("notes.txt")
    foreign.write_text("mine")
    misplaced = store.folder / "zz" / f"{names[2]}.json"
    assert not misplaced.parent.exists()
    sound, bad = store.verify()
    assert sound == 4
    assert {found.name for found in bad} == {f"{names[0]}.json", "notes.txt"}
    assert store.verify() == (4, [])


def test_unfinished_files_are_passed_over_and_pruned_when_old(store: EntryStore) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    old, fresh = partial_path(store.path(name)), partial_path(store.path(name))
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert list(store.stamps()) == [name]
    assert store.verify() == (1, [])
    store.put(IDENTITY, VALUE, ABOUT)
    assert not old.exists()
    assert fresh.exists()


def test_stamps_change_with_every_write(store: EntryStore) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    before = store.stamps()
    assert store.stamps() == before == {name: store.stamp(name)}
    store.put(IDENTITY, {**VALUE, "n": 4}, ABOUT)
    assert store.stamps() != before


def test_a_file_that_vanishes_while_reading_is_a_miss(store: EntryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    found = Path.read_bytes(store.path(name))
    answers: list[Any] = [OSError(errno.ESTALE, "stale"), found]

    def read(self: Path) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return bytes(answer)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert store.get(name) is not None
    answers[:] = [OSError(errno.EIO, "input/output error")]
    assert store.get(name) is None
    assert store.stamp(name) is not None


def test_a_cache_that_may_only_be_read_misses_without_a_crash(store: EntryStore) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)
    store.path(name).write_bytes(b"")
    store.aside.folder.write_text("in the way of the folder")
    assert store.get(name) is None


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("")
    store = EntryStore(tmp_path / "documents", Aside(tmp_path / "aside"))
    for act in (store.stamps, lambda: store.put(IDENTITY, VALUE, ABOUT)):
        with pytest.raises(InputError) as caught:
            act()
        assert caught.value.kind == "cache"
    assert store.get("0" * 64) is None


def test_no_space_leaves_nothing_half_written(store: EntryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    name = store.put(IDENTITY, VALUE, ABOUT)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputError) as caught:
        store.put(IDENTITY, {"new": 1}, ABOUT)
    assert caught.value.kind == "disk"
    entry = store.get(name)
    assert entry is not None
    assert entry.value == VALUE
    assert not [path for path in store.folder.rglob("*") if path.name.endswith(PARTIAL)]


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": [float("inf")]}])
def test_values_are_finite(store: EntryStore, value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite"):
        store.put(IDENTITY, value, ABOUT)
    assert list(store.entries()) == []


def _write_and_read(folder: Path, writer: int) -> None:
    store = EntryStore(folder / "documents", Aside(folder / "aside"))
    for turn in range(30):
        for n in range(3):
            store.put({"n": n}, {"writer": writer, "turn": turn, "fill": "x" * 5000 * (1 + writer)}, {})
            entry = store.get(key({"n": n}))
            assert entry is not None
            assert set(entry.value["fill"]) == {"x"}


def test_several_processes_write_and_read_the_same_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_and_read, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = EntryStore(tmp_path / "documents", Aside(tmp_path / "aside"))
    assert store.verify() == (3, [])
    assert not store.aside.folder.exists()
    assert len([path for path in store.folder.rglob("*") if path.is_file()]) == 3
