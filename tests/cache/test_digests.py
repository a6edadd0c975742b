"""Content digests and their memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cache import digests
from cache.digests import HeardOf
from estimator.errors import Cancelled, InputError


def folder_digest(files: list[Path], memo: Path, progress: HeardOf | None = None, later: float = 60.0) -> str:
    """The digest, asked for ``later`` seconds from now: files just written are not remembered."""
    return digests.folder_digest(files, memo, progress, lambda: time.time() + later)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in (("config.json", b"{}"), ("model.safetensors", b"weights" * 100)):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (10**9, 10**9))
    return sorted(folder.iterdir())


@pytest.fixture
def memo(tmp_path: Path) -> Path:
    return tmp_path / "digests.json"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose content is read, as it happens."""
    names: list[str] = []
    original = digests._read

    def note(path: Path, *rest: object) -> str:
        names.append(path.name)
        return original(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(digests, "_read", note)
    return names


def test_a_digest_is_of_names_and_bytes_alone(files: list[Path], memo: Path, tmp_path: Path) -> None:
    digest = folder_digest(files, memo)
    assert len(digest) == 64
    assert folder_digest(list(reversed(files)), memo) == digest
    files[0].parent.rename(tmp_path / "moved")
    moved = sorted((tmp_path / "moved").iterdir())
    assert folder_digest(moved, memo) == digest
    moved[0].rename(moved[0].with_name("other.json"))
    assert folder_digest(sorted((tmp_path / "moved").iterdir()), memo) != digest


def test_where_names_end_and_bytes_begin_is_no_matter_of_chance(tmp_path: Path, memo: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for path, content in (("one/a", b"bc"), ("one/d", b""), ("two/ab", b"c"), ("two/d", b"")):
        (tmp_path / path).write_bytes(content)
    one = folder_digest([tmp_path / "one/a", tmp_path / "one/d"], memo)
    assert one != folder_digest([tmp_path / "two/ab", tmp_path / "two/d"], memo)


def test_files_are_read_once(files: list[Path], memo: Path, read: list[str]) -> None:
    digest = folder_digest(files, memo)
    assert folder_digest(files, memo) == digest
    assert sorted(read) == ["config.json", "model.safetensors"]


def test_a_changed_file_is_read_again(files: list[Path], memo: Path, read: list[str]) -> None:
    digest = folder_digest(files, memo)
    read.clear()
    files[1].write_bytes(b"weightz" * 100)
    assert folder_digest(files, memo) != digest
    assert read == ["model.safetensors"]


@pytest.mark.parametrize("written", [None, 10**9])
def test_a_file_just_written_is_not_remembered_whatever_its_time_of_modification(
    files: list[Path], memo: Path, read: list[str], written: int | None
) -> None:
    os.utime(files[0], written and (written, written))
    folder_digest(files, memo, later=0)
    read.clear()
    folder_digest(files, memo, later=0)
    assert read == ["config.json", "model.safetensors"]


def _in_place(path: Path, content: bytes, stamp: os.stat_result) -> None:
    with path.open("r+b") as file:  # the inode stays
        file.write(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def _copied(path: Path, content: bytes, stamp: os.stat_result) -> None:
    source = path.with_name("elsewhere")
    source.write_bytes(content)
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    subprocess.run(["cp", "-p", source, path], check=True)
    source.unlink()


def _extracted(path: Path, content: bytes, stamp: os.stat_result) -> None:
    archive = path.parent.parent / "archive.tar"
    other = path.parent.parent / "other"
    other.mkdir(exist_ok=True)
    (other / path.name).write_bytes(content)
    os.utime(other / path.name, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    subprocess.run(["tar", "--format=posix", "-cf", archive, "-C", other, path.name], check=True)
    subprocess.run(["tar", "--overwrite", "-xpf", archive, "-C", path.parent], check=True)


@pytest.mark.skipif(not (shutil.which("tar") and os.name == "posix"), reason="needs tar and cp")
@pytest.mark.parametrize("replaced", [_in_place, _copied, _extracted])
def test_new_weights_with_the_old_stamp_are_noticed(
    files: list[Path],
    memo: Path,
    replaced: Callable[[Path, bytes, os.stat_result], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digests, "_sampled", lambda path, size: "")
    weights = files[1]
    before = weights.stat()
    seen = {folder_digest(files, memo)}
    for n in range(20):
        changed = weights.stat().st_ctime_ns
        # Change times have a resolution of milliseconds. Such files count as just written, but not in this test.
        while weights.stat().st_ctime_ns == changed:
            replaced(weights, bytes([n]) + b"eights" + b"weights" * 99, before)
        after = weights.stat()
        stamps = [(state.st_size, state.st_mtime_ns, state.st_ino) for state in (before, after)]
        assert stamps[0] == stamps[1]
        seen.add(folder_digest(files, memo))
    assert len(seen) == 21


def test_where_the_change_time_does_not_help_new_weights_are_noticed(
    files: list[Path], memo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = files[1]
    weights.write_bytes(bytes(10**6))
    state = digests._state(weights)
    monkeypatch.setattr(digests, "_state", lambda path: state)
    seen = {folder_digest([weights], memo)}
    for n in range(1, 21):
        weights.write_bytes(bytes([n]) * 10**6)
        seen.add(folder_digest([weights], memo))
    assert len(seen) == 21


def test_of_an_unchanged_file_only_samples_are_read(tmp_path: Path, memo: Path, read: list[str]) -> None:
    large = tmp_path / "model.safetensors"
    with large.open("wb") as file:
        file.truncate(32 * 2**20)
    digest = folder_digest([large], memo)
    large.chmod(0o600)
    assert folder_digest([large], memo) == digest  # changed attributes: read again
    assert read == ["model.safetensors"] * 2
    assert folder_digest([large], memo) == digest
    assert read == ["model.safetensors"] * 2


def test_links_stand_for_what_they_point_to(files: list[Path], memo: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in files:
        (linked / file.name).symlink_to(file)
    assert folder_digest(sorted(linked.iterdir()), memo) == folder_digest(files, memo)


@pytest.mark.parametrize("content", [b"", b"garbage", b"{}", b'{"digest":"' + b"0" * 64 + b'","files":{}}'])
def test_a_damaged_memory_is_forgotten(files: list[Path], memo: Path, content: bytes) -> None:
    digest = folder_digest(files, memo)
    sound = memo.read_bytes()
    memo.write_bytes(content)
    assert folder_digest(files, memo) == digest
    assert memo.read_bytes() == sound


def test_a_changed_digest_in_the_memory_is_noticed(files: list[Path], memo: Path) -> None:
    digest = folder_digest(files, memo)
    data = memo.read_bytes()
    at = len(data) - 20
    memo.write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    assert folder_digest(files, memo) == digest


def test_memories_of_several_models_add_up(files: list[Path], memo: Path, read: list[str]) -> None:
    folder_digest(files[:1], memo)
    folder_digest(files[1:], memo)
    read.clear()
    folder_digest(files, memo)
    assert read == []


def test_progress_is_in_bytes_and_may_stop_it(files: list[Path], memo: Path) -> None:
    heard: list[tuple[int, int]] = []
    folder_digest(files, memo, lambda done, total: heard.append((done, total)))
    assert heard == sorted(heard)
    assert heard[-1] == (702, 702)

    def stop(done: int, total: int) -> None:
        raise Cancelled

    memo.unlink()
    with pytest.raises(Cancelled):
        folder_digest(files, memo, stop)
    assert not memo.exists()


def test_what_cannot_be_read_is_named(files: list[Path], memo: Path, tmp_path: Path) -> None:
    for missing in (tmp_path / "none.json", files[0].parent):
        with pytest.raises(InputError, match="cannot be read") as caught:
            folder_digest([*files, missing], memo)
        assert str(missing) in str(caught.value)
    with pytest.raises(InputError, match="no files"):
        folder_digest([], memo)
