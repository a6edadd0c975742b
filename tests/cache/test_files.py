"""Atomic writes, errors in words, and the remains of processes that died."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cache import files
from cache.files import PARTIAL, in_words, partial_path, prune_partial, remove, write_atomically
from estimator.errors import InputError


def test_a_write_makes_folders_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:3]))
    write_atomically(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_said_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    write_atomically(tmp_path / "file", b"old")

    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(InputError, match=r"no space left in .*--cache-dir") as caught:
        write_atomically(tmp_path / "file", b"new")
    assert caught.value.kind == "disk"
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_atomically(tmp_path / "file" / "inner", b"")
    assert caught.value.kind == "cache"


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_only_old_remains_are_pruned(tmp_path: Path) -> None:
    old, fresh, kept = partial_path(tmp_path / "x"), partial_path(tmp_path / "x"), tmp_path / "x"
    assert old != fresh
    assert old.name.endswith(PARTIAL)
    old.mkdir()
    (old / "inner").write_bytes(b"12345")
    for path in (fresh, kept):
        path.write_bytes(b"1")
    for path in (old / "inner", old, kept):
        os.utime(path, (1, 1))
    assert prune_partial(tmp_path) == 5
    assert sorted(tmp_path.iterdir()) == sorted([fresh, kept])


@pytest.mark.skipif(sys.platform != "linux", reason="without a boot id, remains are pruned by their age only")
def test_what_a_dead_process_left_is_pruned_at_once(tmp_path: Path) -> None:
    script = "import pathlib, sys, cache.files; print(cache.files.partial_path(pathlib.Path(sys.argv[1])))"
    named = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "x"], stdout=subprocess.PIPE, text=True, check=True
    )
    dead = Path(named.stdout.strip())
    elsewhere = dead.with_name(re.sub(r"x\.\w+-", "x.0ther0ne-", dead.name))
    for path in (dead, elsewhere, partial_path(tmp_path / "x")):
        path.write_bytes(b"123")
    assert prune_partial(tmp_path) == 3
    assert not dead.exists() and elsewhere.exists()


def test_an_old_folder_in_which_something_is_still_written_is_spared(tmp_path: Path) -> None:
    busy = partial_path(tmp_path / "x")
    busy.mkdir()
    (busy / "inner").write_bytes(b"1")
    os.utime(busy, (1, 1))
    assert prune_partial(tmp_path) == 0
    assert busy.exists()


def test_remove_counts_bytes_and_passes_over_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"123")
    assert remove(tmp_path / "a") == 3
    assert remove(tmp_path / "a") == 0
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_listing_is_said_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert files.listing(tmp_path / "none") == []
    with pytest.raises(InputError, match="cannot be read") as caught:
        files.listing(tmp_path / "file")
    assert caught.value.kind == "cache"


def test_bytes_in_words() -> None:
    assert [in_words(n) for n in (0, 999, 1500, 29 * 10**9, 3 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "29.0 GB",
        "3.0 TB",
    ]
