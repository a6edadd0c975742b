"""Arrays on disk: verified, within a budget, whole or absent."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cache.arrays import HEADER, MARGIN, SMALL, ArrayStore
from cache.aside import Aside, Damaged
from cache.files import partial_path
from cache.keys import key
from estimator.errors import InputError

IDENTITY = {"kind": "scores", "commit": "abc"}


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "scores", 10**6, Aside(tmp_path / "aside"))


def folder_of(store: ArrayStore, identity: dict[str, Any] = IDENTITY) -> Path:
    name = key(identity)
    return store.folder / name[:2] / name


def kilobytes(store: ArrayStore, n: int, size: int = 100_000, used: int | None = None) -> dict[str, Any]:
    identity = {"n": n}
    store.put(identity, {"x": np.full(size, n % 256, dtype=np.uint8)})
    if used is not None:
        os.utime(folder_of(store, identity) / HEADER, (used, used))
    gc.collect()
    return identity


def remains(store: ArrayStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.name.endswith(".partial")]


def test_what_is_written_reads_back(store: ArrayStore) -> None:
    scores = np.random.default_rng(0).normal(size=(3, 50, 2, 7)).astype(np.float16)
    shapes: dict[str, Any] = {"layer-001": (scores.shape, "float16"), "offsets": ((4,), np.int64)}
    with store.create(IDENTITY, shapes, {"corpus": "c4"}) as arrays:
        assert {name: (a.shape, a.dtype.name, int(a.any())) for name, a in arrays.items()} == {
            "layer-001": (scores.shape, "float16", 0),
            "offsets": ((4,), "int64", 0),
        }
        arrays["layer-001"][...] = scores
        arrays["offsets"][:] = [0, 1, 2, 2**40]
        assert store.get(IDENTITY) is None
    for full in (False, True):
        kept = store.get(IDENTITY, full=full)
        assert kept is not None
        assert kept.about == {"corpus": "c4"}
        np.testing.assert_array_equal(kept["layer-001"], scores)
        assert kept["offsets"].tolist() == [0, 1, 2, 2**40]
        assert kept["layer-001"].dtype == np.float16
        assert not kept["layer-001"].flags.writeable
    assert not arrays["offsets"].flags.writeable
    assert remains(store) == []


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (4096,), (5000, 3)])
@pytest.mark.parametrize("dtype", ["float16", "int64", "uint8", "bool"])
def test_every_shape_and_type(store: ArrayStore, shape: tuple[int, ...], dtype: str) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    store.put(IDENTITY, {"x": array})
    kept = store.get(IDENTITY, full=True)
    assert kept is not None
    assert kept["x"].shape == shape
    np.testing.assert_array_equal(kept["x"], array)


def test_a_miss_makes_nothing(store: ArrayStore) -> None:
    assert store.get(IDENTITY) is None
    assert store.items() == []
    assert not store.folder.exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_nothing(store: ArrayStore, error: type[BaseException]) -> None:
    with pytest.raises(error), store.create(IDENTITY, {"x": ((10,), "float16")}) as arrays:
        arrays["x"][:] = 1
        raise error
    assert store.get(IDENTITY) is None
    assert remains(store) == []


def test_an_error_of_the_block_is_not_taken_for_the_disks(store: ArrayStore) -> None:
    with pytest.raises(ConnectionError), store.create(IDENTITY, {"x": ((10,), "float16")}):
        raise ConnectionError


@pytest.mark.parametrize("name", ["", "a/b", "..", "a.b", "ä"])
def test_names_that_are_no_file_names_are_refused(store: ArrayStore, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        store.put(IDENTITY, {name: np.zeros(1)})
    assert remains(store) == []


def test_objects_are_refused(store: ArrayStore) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        store.put(IDENTITY, {"x": np.array([None])})
    assert remains(store) == []


def damage(change: Callable[[bytes], bytes], file: str = "x.npy") -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / file).write_bytes(change((folder / file).read_bytes()))

    return act


def _as_other_type(folder: Path) -> None:
    np.save(folder / "x.npy", np.load(folder / "x.npy").view(np.int16))


def _as_pickle(folder: Path) -> None:
    np.save(folder / "x.npy", np.array([None, {}], dtype=object), allow_pickle=True)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "truncated": damage(lambda data: data[:-1]),
    "empty": damage(lambda data: b""),
    "garbage": damage(lambda data: b"garbage" * 100),
    "zeros at the end": damage(lambda data: data[:-5000] + bytes(5000)),
    "first value": damage(lambda data: data[:128] + b"\xff" + data[129:]),
    "another type": _as_other_type,
    "a pickle": _as_pickle,
    "an archive": damage(lambda data: b"PK\x03\x04" + data[4:]),
    "shape changed": damage(lambda data: data.replace(b"(20000,)", b"(((((((,")),
    "no array": lambda folder: (folder / "x.npy").unlink(),
    "no header": lambda folder: (folder / HEADER).unlink(),
    "header empty": damage(lambda data: b"", HEADER),
    "header changed": damage(lambda data: data.replace(b"abc", b"abd"), HEADER),
    "all gone": lambda folder: [path.unlink() for path in folder.iterdir()] and None,  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_does_not_verify_is_a_miss_and_is_set_aside(store: ArrayStore, name: str) -> None:
    array = np.random.default_rng(1).normal(size=20_000).astype(np.float16)
    store.put(IDENTITY, {"x": array})
    DAMAGE[name](folder_of(store))
    assert store.get(IDENTITY) is None
    assert len(list(store.aside.folder.iterdir())) == 1
    store.put(IDENTITY, {"x": array})
    assert store.get(IDENTITY, full=True) is not None


def test_one_flipped_bit_anywhere_is_found_on_demand(store: ArrayStore) -> None:
    store.put(IDENTITY, {"x": np.zeros(900_000, dtype=np.uint8)})
    path = folder_of(store) / "x.npy"
    between_samples = 128 + 10_000
    damage(lambda data: data[:between_samples] + b"\x01" + data[between_samples + 1 :])(path.parent)
    assert store.get(IDENTITY) is not None
    assert store.get(IDENTITY, full=True) is None
    assert store.get(IDENTITY) is None


def test_arrays_under_a_wrong_name_are_set_aside(store: ArrayStore) -> None:
    store.put(IDENTITY, {"x": np.zeros(3)})
    other = folder_of(store, {"n": 1})
    other.parent.mkdir(exist_ok=True)
    folder_of(store).rename(other)
    assert store.get({"n": 1}) is None
    assert not other.exists()


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("file"), lambda path: (path / "junk").mkdir(parents=True)]
)
def test_what_lies_in_the_way_is_set_aside(store: ArrayStore, make: Callable[[Path], Any]) -> None:
    folder_of(store).parent.mkdir(parents=True)
    with store.create(IDENTITY, {"x": ((3,), "float16")}):
        make(folder_of(store))
    assert store.get(IDENTITY) is not None
    assert len(list(store.aside.folder.iterdir())) == 1


def test_whoever_is_first_stays(store: ArrayStore) -> None:
    with store.create(IDENTITY, {"x": ((3,), "float16")}) as late:
        late["x"][:] = 2
        store.put(IDENTITY, {"x": np.ones(3, dtype=np.float16)})
    kept = store.get(IDENTITY)
    assert kept is not None
    assert kept["x"].tolist() == [1, 1, 1]
    assert late["x"].tolist() == [2, 2, 2]
    assert remains(store) == []


def test_the_least_recently_used_go_first(store: ArrayStore) -> None:
    identities = [kilobytes(store, n, used=1000 + n) for n in range(9)]
    assert store.get(identities[0]) is not None
    gc.collect()
    kilobytes(store, 9)
    kilobytes(store, 10)
    kept = [identity["n"] for identity in identities if store.get(identity) is not None]
    assert kept == [0, 3, 4, 5, 6, 7, 8]
    assert sum(item.bytes for item in store.items()) <= store.budget


def test_what_is_open_here_is_never_let_go(store: ArrayStore) -> None:
    first, second = kilobytes(store, 1, used=1), kilobytes(store, 2, used=2)
    kept = store.get(first)
    assert kept is not None
    os.utime(folder_of(store, first) / HEADER, (1, 1))
    part = kept["x"][10:20]
    del kept
    gc.collect()
    store.prune(0)
    assert store.get(second) is None
    assert part.tolist() == [1] * 10
    assert folder_of(store, first).exists()
    del part
    gc.collect()
    assert store.prune(0) > 100_000
    assert store.items() == []


def test_what_was_just_made_is_in_use(store: ArrayStore) -> None:
    with store.create(IDENTITY, {"x": ((10,), "float16")}) as arrays:
        pass
    assert store.prune(0) == 0
    del arrays
    gc.collect()
    assert store.prune(0) > 0


def test_more_than_the_budget_is_refused(store: ArrayStore) -> None:
    assert store.admits(store.budget)
    assert not store.admits(store.budget + 1)
    kilobytes(store, 1)
    with pytest.raises(InputError, match=r"4\.0 MB would exceed the budget of 1\.0 MB") as caught:
        store.put(IDENTITY, {"x": np.zeros(500_000)})
    assert caught.value.kind == "disk"
    assert store.get({"n": 1}) is not None
    gc.collect()


class Disk:
    """A disk of ``size`` bytes beyond the margin, of which the store's items take theirs."""

    def __init__(self, store: ArrayStore, size: int) -> None:
        self.store, self.size = store, size

    def __call__(self, path: Path) -> Any:
        used = sum(item.bytes for item in self.store.items())
        return shutil._ntuple_diskusage(0, 0, MARGIN + self.size - used)  # type: ignore[attr-defined]


def test_a_full_disk_is_said_before_anything_is_let_go(store: ArrayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kilobytes(store, 1)
    monkeypatch.setattr("cache.arrays.SMALL", 1000)
    monkeypatch.setattr(shutil, "disk_usage", Disk(store, 150_000))
    assert not store.admits(200_000)
    with pytest.raises(InputError, match=r"no space for the 200\.0 kB needed in .*--cache-dir") as caught:
        kilobytes(store, 2, 200_000)
    assert caught.value.kind == "disk"
    assert store.get({"n": 1}) is not None
    assert remains(store) == []


@pytest.mark.parametrize(("size", "fits"), [(6000, True), (SMALL, True), (SMALL + 1, False)])
def test_small_arrays_are_written_into_the_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, fits: bool
) -> None:
    store = ArrayStore(tmp_path / "samples", 10**8, Aside(tmp_path / "aside"))
    monkeypatch.setattr(shutil, "disk_usage", Disk(store, 2 * SMALL - MARGIN))
    assert store.admits(size) == fits
    if fits:
        kilobytes(store, 1, size)
    else:
        with pytest.raises(InputError, match="no space for the"):
            kilobytes(store, 1, size)


def test_a_disk_that_fills_lets_old_arrays_go(store: ArrayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        kilobytes(store, n, used=n + 1)
    monkeypatch.setattr("cache.arrays.SMALL", 1000)
    monkeypatch.setattr(shutil, "disk_usage", Disk(store, 350_000))
    assert store.admits(250_000)
    kilobytes(store, 3, 200_000)
    assert [store.get({"n": n}) is not None for n in range(4)] == [False, False, True, True]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate here")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_meanwhile_is_said(store: ArrayStore, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="no space") as caught:
        store.put(IDENTITY, {"x": np.zeros(3)})
    assert caught.value.kind == "disk"
    assert remains(store) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate here")
def test_a_disk_that_cannot_reserve_is_used_all_the_same(store: ArrayStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    store.put(IDENTITY, {"x": np.zeros(3)})
    assert store.get(IDENTITY) is not None


def test_a_file_in_the_place_of_the_folder_is_said(store: ArrayStore) -> None:
    store.folder.write_text("")
    with pytest.raises(InputError) as caught:
        store.put(IDENTITY, {"x": np.zeros(3)})
    assert caught.value.kind == "cache"


def test_remains_of_a_dead_process_go_with_the_next_write(store: ArrayStore) -> None:
    kilobytes(store, 1)
    dead = partial_path(folder_of(store, {"n": 1}))
    dead.mkdir()
    os.utime(dead, (1, 1))
    assert len(store.items()) == 1
    kilobytes(store, 2)
    assert not dead.exists()


def test_verify_reads_all_and_leaves_the_order_of_use(store: ArrayStore) -> None:
    for n in range(3):
        kilobytes(store, n, used=n + 1)
    damage(lambda data: data[:9000] + b"\xff" + data[9001:])(folder_of(store, {"n": 1}))
    assert store.verify() == (2, [Damaged("scores", key({"n": 1}))])
    assert [item.used for item in store.items()] == [1.0, 3.0]
    assert store.verify() == (2, [])


def _write(folder: Path, writer: int) -> None:
    store = ArrayStore(folder / "scores", 400_000, Aside(folder / "aside"))
    for turn in range(10):
        identity = {"n": turn % 4}
        with store.create(identity, {"x": ((100_000,), np.uint8)}) as arrays:
            arrays["x"][:] = turn % 4
        kept = store.get(identity)
        assert kept is None or set(np.unique(kept["x"])) == {turn % 4}
        del arrays, kept


def test_processes_that_write_and_let_go_at_once_never_corrupt(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = ArrayStore(tmp_path / "scores", 400_000, Aside(tmp_path / "aside"))
    assert store.verify()[1] == []
    assert remains(store) == []
    assert not store.aside.folder.exists()
