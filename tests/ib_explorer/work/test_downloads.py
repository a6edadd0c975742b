"""Checkpoints downloaded within a disk budget: what is released, what is not, and what a killed process leaves."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import loopback_hub as loopback
from benchmarks.loopback_hub import LoopbackHub
from cache import Cache
from cache.claims import Claims, Holder
from cache.keys import key
from estimator.checkpoints.download import cached_snapshot, download
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.resolve import list_revisions
from estimator.checkpoints.revision import Revision
from estimator.errors import Cancelled, InputError
from estimator.progress import Phase, Progress
from estimator.request import MeasurementRequest
from ib_explorer.work import downloads as module
from ib_explorer.work.downloads import Downloads

MODEL = "org/run"
WEIGHTS = 1000
STEPS = (10, 20, 30, 40)


def files(step: int, weights: bytes | None = None) -> dict[str, bytes]:
    content = bytes([step]) * WEIGHTS if weights is None else weights
    return {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": content}


@pytest.fixture
def published(hub: LoopbackHub) -> LoopbackHub:
    """A hub model of four checkpoints of 1,000 bytes."""
    hub.models[MODEL] = loopback.Repository()
    for step in STEPS:
        hub.models[MODEL].commit(files(step), branch=f"step{step}")
    return hub


@pytest.fixture
def revisions(published: LoopbackHub) -> list[Revision]:
    return list_revisions(MODEL, Progress())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def begun(cache: Cache, budget: int, pause: Callable[[float], None] | None = None) -> Downloads:
    downloads = Downloads(cache, pause or (lambda _: pytest.fail("it waited")))
    downloads.begin(MeasurementRequest(MODEL, checkpoint_budget=f"{budget / 1000}KB"))
    return downloads


def here(revisions: list[Revision]) -> list[int | None]:
    """The steps whose weights are in the hub cache."""
    return [revision.step for revision in revisions if cached_snapshot(revision)]


def on_disk() -> int:
    """Bytes of all weights in the hub cache, unfinished ones included."""
    blobs = Repository.of(MODEL).folder / "blobs"
    return sum(path.stat().st_size for path in blobs.glob("*") if path.stat().st_size >= WEIGHTS // 10)


def test_measured_checkpoints_make_room_and_the_first_goes_first(cache: Cache, revisions: list[Revision]) -> None:
    downloads = begun(cache, 2 * WEIGHTS)
    for revision in revisions:
        assert downloads.obtain(revision, Progress())
        assert on_disk() <= 2 * WEIGHTS
        downloads.settle(revision, "measured")
    assert here(revisions) == [30, 40]
    # What is small stays: it is needed to find measured values without the network.
    assert all(cached_snapshot(revision, weights=False) for revision in revisions)
    (part,) = [part for part in cache.info() if part.part == "checkpoints"]
    assert (part.files, part.bytes) == (2, 2 * WEIGHTS)


def test_what_is_due_is_never_released(cache: Cache, revisions: list[Revision]) -> None:
    downloads = begun(cache, 2 * WEIGHTS)
    assert downloads.obtain(revisions[0], Progress())
    assert downloads.obtain(revisions[1], Progress(), ahead=True)
    assert not downloads.obtain(revisions[2], Progress(), ahead=True)
    assert here(revisions) == [10, 20] and on_disk() == 2 * WEIGHTS
    downloads.settle(revisions[0], "measured")
    assert downloads.obtain(revisions[2], Progress(), ahead=True)
    assert here(revisions) == [20, 30]


def test_failed_checkpoints_go_after_measured_ones(cache: Cache, revisions: list[Revision]) -> None:
    downloads = begun(cache, 2 * WEIGHTS)
    for revision, state in zip(revisions, ("failed", "measured", "failed"), strict=False):
        downloads.obtain(revision, Progress())
        downloads.settle(revision, state)  # type: ignore[arg-type]
    assert here(revisions) == [10, 30]
    downloads.settle(revisions[0], "measured")
    downloads.settle(revisions[0], "failed")  # another request's failure does not make its values unstored
    downloads.obtain(revisions[3], Progress())
    assert here(revisions) == [30, 40]


def test_a_checkpoint_that_was_there_before_is_not_ours(cache: Cache, revisions: list[Revision]) -> None:
    download(revisions[0], Progress())
    downloads = begun(cache, WEIGHTS)
    for revision in revisions:
        downloads.obtain(revision, Progress())
        downloads.settle(revision, "measured")
    assert here(revisions) == [10, 40]
    assert cache.prune(["checkpoints"]).bytes == WEIGHTS
    assert here(revisions) == [10]


def test_content_that_another_revision_has_stays(
    cache: Cache, published: LoopbackHub, revisions: list[Revision]
) -> None:
    same = files(10)["model.safetensors"]
    published.models[MODEL].commit(files(50, same) | {"README.md": b"50"}, branch="step50")
    twin = list_revisions(MODEL, Progress())[-1]
    downloads = begun(cache, 3 * WEIGHTS)
    downloads.obtain(revisions[0], Progress())
    downloads.obtain(twin, Progress())  # nothing is downloaded, so it has no record
    downloads.settle(revisions[0], "measured")
    downloads.settle(twin, "measured")
    cache.prune(["checkpoints"])
    assert here([revisions[0], twin]) == [50]


def test_content_that_two_downloads_share_goes_with_the_last(
    cache: Cache, published: LoopbackHub, revisions: list[Revision]
) -> None:
    shared = files(10)["model.safetensors"]
    further = {"model-2.safetensors": bytes(WEIGHTS), "model-1.safetensors": shared}
    index = b'{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    sharded = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors.index.json": index, **further}
    published.models[MODEL].commit(sharded, branch="step50")
    twin = list_revisions(MODEL, Progress())[-1]
    downloads = begun(cache, 3 * WEIGHTS)
    for revision in (revisions[0], twin):
        downloads.obtain(revision, Progress())
        downloads.settle(revision, "measured")
    first, _ = cache.checkpoints.all()
    assert cache.checkpoints.release(first) == 0
    assert here([revisions[0], twin]) == [50]
    (left,) = cache.checkpoints.all()
    assert left.bytes == 2 * WEIGHTS and cache.checkpoints.release(left) == 2 * WEIGHTS
    assert on_disk() == 0


def test_what_another_process_uses_is_waited_for(cache: Cache, revisions: list[Revision]) -> None:
    downloads = begun(cache, WEIGHTS)
    downloads.obtain(revisions[0], Progress())
    downloads.settle(revisions[0], "measured")
    other = Cache(cache.root.with_name("other")).checkpoints.use(Repository.of(MODEL), str(revisions[0].commit))
    assert not begun(cache, WEIGHTS).obtain(revisions[1], Progress(), ahead=True)
    assert cache.prune(["checkpoints"]).bytes == 0

    said: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            said.append(text)

    waited: list[float] = []

    def pause(seconds: float) -> None:
        assert here(revisions) == [10]
        waited.append(seconds)
        if len(waited) == 3:
            other.__exit__(None, None, None)

    begun(cache, WEIGHTS, pause).obtain(revisions[1], Notes())
    assert here(revisions) == [20] and len(waited) == 3
    assert said == [
        "Other processes hold downloaded checkpoints, and the budget of 1.0 kB has no room for another; waiting."
    ]


def test_a_mark_of_a_process_that_has_ended_does_not_count(cache: Cache, revisions: list[Revision]) -> None:
    begun(cache, WEIGHTS).obtain(revisions[0], Progress())
    repository, commit = Repository.of(MODEL), str(revisions[0].commit)
    for path in (repository.uses / commit).iterdir():
        path.unlink()
    mine = Holder.me()
    dead = Holder(mine.host, mine.pid, mine.here, "long ago", mine.token)
    Claims(repository.uses / commit, me=lambda: dead).take(key({"use": "dead"}))
    begun(cache, WEIGHTS).obtain(revisions[1], Progress())
    assert here(revisions) == [20]


def test_a_checkpoint_larger_than_the_budget_is_one_sentence(cache: Cache, revisions: list[Revision]) -> None:
    with pytest.raises(InputError) as error:
        begun(cache, WEIGHTS - 1).obtain(revisions[0], Progress())
    assert error.value.kind == "checkpoint-budget" and on_disk() == 0
    assert str(error.value) == (
        "org/run@step10 takes 1.0 kB, more than the 999 bytes of the checkpoint budget: set --checkpoint-budget to "
        "1.0 kB or more."
    )
    assert cache.checkpoints.all() == []


def test_a_full_disk_releases_what_it_can_and_is_one_sentence(
    cache: Cache, revisions: list[Revision], monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = begun(cache, 9 * WEIGHTS)
    for revision in revisions[:2]:
        downloads.obtain(revision, Progress())
        downloads.settle(revision, "measured")
    monkeypatch.setattr(module, "free_space", lambda: 2 * WEIGHTS - on_disk())
    downloads.obtain(revisions[2], Progress())
    assert here(revisions) == [20, 30]
    downloads.settle(revisions[2], "measured")
    monkeypatch.setattr(module, "free_space", lambda: 0)
    monkeypatch.setattr("estimator.checkpoints.download.free_space", lambda: 0)
    with pytest.raises(InputError, match="free some space, or set HF_HOME") as error:
        downloads.obtain(revisions[3], Progress())
    assert error.value.kind == "disk"


def test_what_cannot_be_removed_is_one_sentence(
    cache: Cache, revisions: list[Revision], monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = begun(cache, WEIGHTS)
    downloads.obtain(revisions[0], Progress())
    downloads.settle(revisions[0], "measured")

    def stuck(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Repository, "remove", stuck)
    with pytest.raises(InputError, match="could not be removed to make room for step20") as error:
        downloads.obtain(revisions[1], Progress())
    assert error.value.kind == "checkpoint-budget"


class Stop(Progress):
    """Ends a download once it has begun."""

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        if phase == "download" and total is not None:
            raise Cancelled


def test_a_download_that_was_killed_is_known_and_goes_on(cache: Cache, revisions: list[Revision]) -> None:
    killed = begun(cache, WEIGHTS)
    with pytest.raises(Cancelled):
        killed.obtain(revisions[0], Stop())
    killed.end()
    (known,) = cache.checkpoints.all()
    assert (known.commit, known.state, known.bytes) == (revisions[0].commit, "waiting", WEIGHTS)
    # As the client leaves it when its process is killed.
    left = Repository.of(MODEL).folder / "blobs" / f"{known.files[0].blob}.0123abcd.incomplete"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(bytes(WEIGHTS // 2))
    downloads = begun(Cache(cache.root), WEIGHTS)
    assert not left.exists()
    downloads.obtain(revisions[0], Progress())
    downloads.settle(revisions[0], "measured")
    assert here(revisions) == [10] and on_disk() == WEIGHTS


def test_a_killed_process_that_had_not_measured_leaves_what_a_later_one_releases(
    cache: Cache, revisions: list[Revision]
) -> None:
    killed = begun(cache, 2 * WEIGHTS)
    killed.obtain(revisions[0], Progress())
    killed.end()
    downloads = begun(Cache(cache.root), WEIGHTS)
    assert not downloads.obtain(revisions[1], Progress(), ahead=True)
    downloads.obtain(revisions[1], Progress())
    assert here(revisions) == [20]


def test_what_an_earlier_attempt_downloaded_stays_ours(
    cache: Cache, published: LoopbackHub, revisions: list[Revision]
) -> None:
    with pytest.raises(Cancelled):
        begun(cache, WEIGHTS).obtain(revisions[0], Stop())
    downloads = begun(cache, WEIGHTS)
    downloads.obtain(revisions[0], Progress())
    (Repository.of(MODEL).snapshot(str(revisions[0].commit)) / "config.json").unlink()
    downloads.obtain(revisions[0], Progress())
    (known,) = cache.checkpoints.all()
    assert known.bytes == WEIGHTS


@pytest.mark.parametrize(
    ("free", "held_before", "budget"), [(10**12, 0, 100 * 10**9), (4 * 10**9, 0, 10**9), (3000, WEIGHTS, 1000)]
)
def test_the_default_budget_is_100_gb_or_a_quarter_of_the_free_space(
    cache: Cache, revisions: list[Revision], monkeypatch: pytest.MonkeyPatch, free: int, held_before: int, budget: int
) -> None:
    if held_before:
        begun(cache, WEIGHTS).obtain(revisions[0], Progress())
    monkeypatch.setattr(module, "free_space", lambda: free)
    assert module.checkpoint_budget("auto", cache.checkpoints) == budget
    assert module.checkpoint_budget("1.5GB", cache.checkpoints) == 1_500_000_000
