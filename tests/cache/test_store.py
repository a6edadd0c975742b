"""The cache as a whole."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cache
from benchmarks import made_up
from cache import Cache, Occupied, Pruned, Verified, digests
from cache.aside import Damaged
from cache.files import partial_path
from cache.keys import key
from estimator.errors import InputError
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements

CURVE = made_up.curve("token", (0.0, 1.0), (0.0, 1.0))


def page(identity: dict[str, int]) -> CheckpointMeasurements:
    return made_up.checkpoint(key=key(identity))


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr(digests, "_SETTLED", -1.0)  # the file has just been written
    found = Cache(tmp_path / "cache", score_budget=10**6)
    for n in range(3):
        found.measurements.merge({"n": n}, page({"n": n}))
        found.scores.put({"n": n}, {"x": np.zeros(1000, dtype=np.uint8)})
        os.utime(found.scores.items()[-1].path / "header.json", (100.0 + n, 100.0 + n))
    found.increments.merge({"i": 1}, CheckpointIncrements("m", ()))
    found.curves.put({"c": 1}, CURVE)
    found.samples.put({"s": 1}, {"tokens": np.arange(5)}, {"corpus": "c4"})
    (found.runs / "demo" / "checkpoint-1").mkdir(parents=True)
    (found.runs / "demo" / "checkpoint-1" / "model.safetensors").write_bytes(b"1234")
    files = [found.runs / "demo" / "checkpoint-1" / "model.safetensors"]
    os.utime(files[0], (time.time() - 100, time.time() - 100))
    found.folder_digest(files)
    gc.collect()
    return found


def parts(found: list[Occupied]) -> dict[str, int]:
    return {occupied.part: occupied.files for occupied in found}


def test_opening_a_cache_makes_nothing(tmp_path: Path) -> None:
    found = Cache(tmp_path / "none")
    assert found.measurements.all() == []
    assert found.curves.all() == []
    assert all(occupied == Occupied(occupied.part, 0, 0) for occupied in found.info())
    assert all(verified.damaged == () for verified in found.verify())
    assert found.prune() == Pruned(0, 0)
    assert not (tmp_path / "none").exists()


def test_info_counts_files_and_bytes(filled: Cache) -> None:
    assert parts(filled.info()) == {
        "measurements": 3,
        "names": 0,
        "increments": 1,
        "curves": 1,
        "scores": 6,
        "samples": 2,
        "runs": 1,
        "checkpoints": 0,
        "listings": 0,
        "failures": 0,
        "requests": 0,
        "claims": 0,
        "aside": 0,
    }
    on_disk = sum(path.stat().st_size for path in filled.root.rglob("*/*") if path.is_file())
    assert sum(occupied.bytes for occupied in filled.info()) == on_disk


def test_verify_finds_what_is_damaged_in_every_room(filled: Cache) -> None:
    assert [(verified.part, verified.sound) for verified in filled.verify()] == [
        ("measurements", 3),
        ("names", 0),
        ("increments", 1),
        ("curves", 1),
        ("scores", 3),
        ("samples", 1),
        ("digests", 1),
    ]
    damaged = filled.measurements.entries.path(key({"n": 1}))
    damaged.write_bytes(b"")
    (filled.samples.items()[0].path / "tokens.npy").write_bytes(b"")
    (filled.root / "digests.json").write_bytes(b"{}")
    reports = {verified.part: verified for verified in filled.verify()}
    assert reports["measurements"] == Verified("measurements", 2, (Damaged("measurements", damaged.name),))
    assert reports["samples"] == Verified("samples", 0, (Damaged("samples", key({"s": 1})),))
    assert reports["digests"] == Verified("digests", 0, (Damaged("digests", "digests.json"),))
    assert reports["scores"] == Verified("scores", 3)
    assert len(filled.measurements.all()) == 2
    assert len(list(filled.aside.folder.iterdir())) == 3
    later = {verified.part: (verified.damaged, verified.earlier) for verified in Cache(filled.root).verify()}
    assert later["measurements"] == later["samples"] == later["digests"] == ((), 1)


def test_verify_finds_records_that_cannot_be_decoded(filled: Cache) -> None:
    for store in (filled.measurements, filled.increments, filled.curves):
        store.entries.put({"foreign": 1}, {"schema": store.schema}, {})
        store.entries.put({"of another schema": 1}, {"schema": 0}, {})
    found = {verified.part: (verified.sound, len(verified.damaged)) for verified in filled.verify()}
    assert (found["measurements"], found["increments"], found["curves"]) == ((4, 1), (2, 1), (2, 1))


def test_a_damaged_value_is_missing_until_it_is_stored_again(filled: Cache) -> None:
    assert filled.missing() == ""
    for store, identity in ((filled.measurements, {"n": 1}), (filled.curves, {"c": 1})):
        path = store.entries.path(key(identity))
        path.write_bytes(path.read_bytes()[:-5])
    assert len(filled.measurements.all()) == 2 and filled.curves.all() == []
    told = "2 records (1 of curves, 1 of measurements) of the cache were damaged and set aside in "
    for opened in (filled, Cache(filled.root)):
        assert opened.missing().startswith(f"{told}{filled.aside.folder}: measure again")
    filled.measurements.merge({"n": 1}, page({"n": 1}))
    assert filled.missing().startswith("1 record (curves) of the cache was damaged")
    filled.prune(["aside"])
    assert filled.missing() == ""


def test_a_damaged_name_is_missing_and_the_record_keeps_its_own(filled: Cache) -> None:
    filled.names.add(key({"n": 0}), replace(page({"n": 0}), model="copy").name)
    assert parts(filled.info())["names"] == 1 and Verified("names", 1) in filled.verify()
    ((name, _),) = filled.names.entries.stamps().items()
    assert [record.model for record in filled.measurements.all()].count("copy") == 1
    filled.names.entries.path(name).write_bytes(b"{}")
    assert "copy" not in {record.model for record in filled.measurements.all()}
    assert filled.missing().startswith("1 record (names) of the cache was damaged and set aside in ")
    filled.names.add(key({"n": 0}), replace(page({"n": 0}), model="copy").name)
    assert filled.missing() == "" and filled.prune(["names"]).entries == 1
    assert len(filled.measurements.all()) == 3


def test_damaged_scores_are_no_missing_value(filled: Cache) -> None:
    (filled.scores.items()[0].path / "x.npy").write_bytes(b"")
    assert filled.scores.get({"n": 0}) is None
    assert filled.missing() == ""
    assert filled.aside.note().startswith("1 record (scores) of the cache could not be used (damaged, set aside in ")
    assert filled.aside.note() == ""


def test_what_an_earlier_version_set_aside_counts_too(filled: Cache) -> None:
    lost, kept = key({"lost": 1}), key({"n": 1})
    filled.aside.folder.mkdir()
    for name in (lost, kept):
        (filled.aside.folder / f"{name}.json.0a1b2c3d").write_bytes(b"")
    assert filled.missing().startswith("1 record (an earlier version) of the cache was damaged")
    assert filled.verify()[-1] == Verified("aside", 0, (), 2)


def test_a_cache_that_can_only_be_read_claims_no_success(filled: Cache, read_only: Callable[[Path], None]) -> None:
    path = filled.measurements.entries.path(key({"n": 1}))
    path.write_bytes(b"")
    read_only(filled.root)
    (report, *_) = filled.verify()
    why = "damaged, and not set aside: Read-only file system"
    assert report == Verified("measurements", 2, (Damaged("measurements", path.name, why),))
    assert path.exists()
    assert f"1 record (measurements) of the cache cannot be used (measurements, {path.name}: {why})" in filled.missing()
    pruned = filled.prune()
    assert pruned == Pruned(0, 0, 3, "Read-only file system")
    assert len(filled.scores.items()) == 3


def test_a_record_that_may_not_be_read_is_missing(filled: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = filled.measurements.entries.path(key({"n": 1})), Path.read_bytes

    def refused(self: Path) -> bytes:
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return whole(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert len(filled.measurements.all()) == 2
    assert f"cannot be used (measurements, {path.name}: Permission denied)" in filled.missing()
    assert filled.verify()[0] == Verified("measurements", 2, (Damaged("measurements", path.name, "Permission denied"),))
    assert path.exists()


def test_a_cache_that_can_only_be_read_is_read_and_says_that_it_cannot_be_written(
    filled: Cache, read_only: Callable[[Path], None]
) -> None:
    assert filled.is_writable()
    read_only(filled.root)
    assert not filled.is_writable()
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\): choose another folder"):
        filled.check_writable()
    assert len(filled.measurements.all()) == 3 and filled.scores.get({"n": 1}) is not None
    files = [filled.runs / "demo" / "checkpoint-1" / "model.safetensors"]
    assert len(filled.folder_digest(files)) == 64


def test_pruning_takes_scores_and_what_was_set_aside_and_no_measured_value(filled: Cache) -> None:
    filled.measurements.entries.path(key({"n": 1})).write_bytes(b"damaged")
    filled.verify()
    pruned = filled.prune()
    assert pruned.entries == 4
    assert pruned.bytes > 3000
    left = parts(filled.info())
    assert (left["scores"], left["aside"], left["measurements"], left["samples"], left["runs"]) == (0, 0, 2, 2, 1)


def test_pruning_to_a_size_lets_the_oldest_go(filled: Cache) -> None:
    one = filled.scores.items()[0].bytes
    assert filled.prune(["scores"], to_bytes=2 * one).entries == 1
    assert [filled.scores.get({"n": n}) is not None for n in range(3)] == [False, True, True]
    assert filled.prune(["scores"], to_bytes=10 * one) == Pruned(0, 0)


def test_pruning_what_is_old_spares_what_was_used_since(filled: Cache) -> None:
    assert filled.scores.get({"n": 0}) is not None
    gc.collect()
    assert filled.prune(["scores"], older_than=3600.0).entries == 2
    assert filled.scores.get({"n": 0}) is not None
    assert filled.prune(["measurements", "curves", "runs"], older_than=3600.0) == Pruned(0, 0)


def test_each_room_can_be_emptied(filled: Cache) -> None:
    filled.prune(["measurements", "increments", "curves", "samples", "runs", "scores"])
    assert sum(parts(filled.info()).values()) == 0
    assert filled.measurements.all() == []


def test_pruning_also_takes_old_remains(filled: Cache) -> None:
    name = filled.measurements.entries.path(key({"n": 0}))
    old, fresh = partial_path(name), partial_path(name)
    for path in (old, fresh):
        path.write_bytes(b"12345")
    long_ago = time.time() - 48 * 3600
    os.utime(old, (long_ago, long_ago))
    assert filled.prune([]) == Pruned(0, 5)
    assert fresh.exists()


def test_an_unknown_part_is_refused(filled: Cache) -> None:
    with pytest.raises(InputError, match="no part 'attic'") as caught:
        filled.prune(["attic"])
    assert caught.value.kind == "part"


def test_the_digest_of_a_folder_is_remembered_in_the_cache(filled: Cache) -> None:
    files = [filled.runs / "demo" / "checkpoint-1" / "model.safetensors"]
    digest = filled.folder_digest(files)
    assert len(digest) == 64
    assert digest == filled.folder_digest(files)
    assert (filled.root / "digests.json").exists()


def test_the_package_names_only_what_it_has() -> None:
    assert not hasattr(cache, "Attic")


def test_looking_up_folders_does_not_wait_for_numpy_nor_anything_for_torch() -> None:
    code = (
        "import sys, cache.locations; assert 'numpy' not in sys.modules; "
        "from cache import Cache; assert 'numpy' in sys.modules; "
        "assert not {'torch', 'transformers', 'datasets', 'textual', 'ib_explorer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
