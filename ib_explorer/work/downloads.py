"""Downloads of a sweep's checkpoints within a disk budget: measured ones make room for the next.

What was downloaded stays until room is needed, so that a second look at a checkpoint need not fetch it again. Nothing
is released that was in the hub cache before, that another process or revision uses, or whose measurement is due.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from cache import Cache
from cache.checkpoints import CheckpointStore, Download, State, held
from cache.claims import Claim
from cache.files import in_words
from cache.keys import key
from estimator.amounts import parse_bytes
from estimator.checkpoints.download import (
    cached_snapshot,
    check_space,
    download,
    free_space,
    missing_files,
    wanted_files,
)
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.hub_files import HubFile
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.request import AUTO, MeasurementRequest

MOST = 100 * 10**9
"""Bytes of the default budget, unless a quarter of the free space is less."""
POLL = 0.5
"""Seconds between two looks at what other processes have released."""
_MUTEX = {"kind": "checkpoint budget"}


def checkpoint_budget(written: str, store: CheckpointStore) -> int:
    """The budget in bytes; the default counts what is held already as free."""
    if written != AUTO:
        return parse_bytes(written) or 0
    return min(MOST, (free_space() + sum(size for _, size in held(store.all()))) // 4)


class Downloads:
    """Provides the files of one job's checkpoints; methods may be called from two threads."""

    def __init__(self, cache: Cache, pause: Callable[[float], None] = time.sleep) -> None:
        self._cache, self._store, self._pause = cache, cache.checkpoints, pause
        self._lock = threading.Lock()
        self._uses: dict[tuple[str, str | None], ExitStack] = {}
        self._budget = 0
        self._is_told = False

    def begin(self, request: MeasurementRequest) -> None:
        """Begin a job: its budget applies, and what killed processes left unfinished is removed."""
        self.end()
        self._is_told = False
        if self._cache.is_writable():
            with contextlib.suppress(OSError):
                self._store.tidy()
        self._budget = checkpoint_budget(request.checkpoint_budget, self._store)

    def end(self) -> None:
        """Give up all files; they stay until another job needs room."""
        with self._lock:
            for uses in self._uses.values():
                uses.close()
            self._uses.clear()

    def obtain(self, revision: Revision, progress: Progress, *, pickles: bool = True, ahead: bool = False) -> bool:
        """Download a checkpoint within the budget, unless it is there, and protect it until it is settled.

        With ``ahead`` returns False if there is no room yet; otherwise waits for other processes to make it. Raises as
        :func:`estimator.checkpoints.download.download` does, and :class:`InputError` (``"checkpoint-budget"``) for a
        checkpoint larger than the budget.
        """
        if revision.folder is not None:
            return True
        self._protect(revision)
        if cached_snapshot(revision, pickles=pickles) is None:
            wanted = wanted_files(revision, progress, pickles=pickles)
            missing = tuple(file for file in missing_files(revision, wanted) if file.is_weights)
            if missing and not self._reserve(revision, missing, progress, ahead):
                return False
            download(revision, progress, pickles=pickles)
        return True

    def leave(self, revision: Revision) -> None:
        """Give up a checkpoint's files because another process measures it."""
        with self._lock:
            if uses := self._uses.pop((revision.model, revision.commit), None):
                uses.close()

    def settle(self, revision: Revision, state: State) -> None:
        """Note that a checkpoint's measurement is stored or has failed: its files may be released."""
        self.leave(revision)
        if revision.commit is not None:
            known = self._store.find(Repository.of(revision.model), revision.commit)
            if known is not None and (known.state, state) != ("measured", "failed"):
                with contextlib.suppress(InputError):
                    self._store.put(known, state)

    def _protect(self, revision: Revision) -> None:
        """Mark a checkpoint as in use; a hub cache that cannot be written needs no protection from us."""
        name = (revision.model, revision.commit)
        with self._lock:
            if name not in self._uses:
                self._uses[name] = ExitStack()
                with contextlib.suppress(OSError, InputError):
                    mark = self._store.use(Repository.of(revision.model), str(revision.commit))
                    self._uses[name].enter_context(mark)

    def _reserve(self, revision: Revision, missing: Sequence[HubFile], progress: Progress, ahead: bool) -> bool:
        """Record a download once there is room for it; returns whether there is, if it is ``ahead``."""
        new = self._new(revision, missing)
        if new.bytes > self._budget:
            raise InputError(
                "checkpoint-budget",
                f"{revision.model}@{revision.name} takes {in_words(new.bytes)}, more than the {in_words(self._budget)} "
                f"of the checkpoint budget: set --checkpoint-budget to {in_words(new.bytes)} or more.",
            )
        while True:
            with self._alone(progress):
                if self._has_room(new, ahead):
                    self._store.put(new, "waiting")
                    return True
            if ahead:
                return False
            if not any(self._store.is_used(one) for one in self._others(new)):
                check_space(f"{revision.model}@{revision.name}", new.bytes)
                raise InputError(
                    "checkpoint-budget",
                    f"Downloaded checkpoints in {new.root} could not be removed to make room for {revision.name}: make "
                    "the folder writable, or set a larger --checkpoint-budget.",
                )
            self._wait(progress)

    def _new(self, revision: Revision, missing: Sequence[HubFile]) -> Download:
        """The record of a download, with what an earlier attempt has downloaded of the same revision."""
        repository = Repository.of(revision.model)
        earlier = self._store.find(repository, str(revision.commit))
        files = {file.name: file for file in (*(earlier.files if earlier else ()), *missing)}
        return Download(str(repository.root), revision.model, str(revision.commit), tuple(files.values()))

    def _has_room(self, new: Download, ahead: bool) -> bool:
        """Whether a download fits into the budget and the disk, once what may go has been released."""
        for candidate in [None, *self._others(new)]:
            if candidate is not None and not self._make_room(candidate, ahead):
                continue
            taken = sum(max(one.bytes, size) for one, size in held(self._others(new)))
            if taken + new.bytes <= self._budget and new.bytes <= free_space():
                return True
        return False

    def _make_room(self, candidate: Download, ahead: bool) -> bool:
        """Release a download unless it is in use; one that is due only if the checkpoint at work needs the room."""
        if ahead and candidate.state == "waiting":
            return False
        try:
            return self._store.release(candidate) > 0
        except OSError:
            return False

    def _others(self, new: Download) -> list[Download]:
        return [one for one in self._store.all() if one.key != new.key]

    def _wait(self, progress: Progress) -> None:
        if not self._is_told:
            self._is_told = True
            progress.note(
                f"Other processes hold downloaded checkpoints, and the budget of {in_words(self._budget)} has no room "
                "for another; waiting."
            )
        progress.phase("wait", 0, None, "checkpoints")
        self._pause(POLL)

    @contextlib.contextmanager
    def _alone(self, progress: Progress) -> Iterator[None]:
        """Keep other processes from reserving room meanwhile."""
        while not isinstance(claim := self._cache.claims.take(key(_MUTEX)), Claim):
            progress.phase("wait", 0, None, "checkpoints")
            self._pause(POLL / 10)
        with claim:
            yield
