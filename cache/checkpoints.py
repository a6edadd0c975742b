"""The weights of hub checkpoints that this program downloaded: what they take, and their release.

A record is written before its download begins, so that a later process knows of it after a crash. It lists only files
whose content was not in the hub cache before: nothing else is ever removed from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cache.claims import Claim, Claims, Holder
from cache.entries import EntryStore
from cache.files import remove
from cache.keys import key

if TYPE_CHECKING:
    from estimator.checkpoints.hub_cache import Repository
    from estimator.checkpoints.hub_files import HubFile

State = Literal["waiting", "measured", "failed"]
_SCHEMA = 1
_ORDER: dict[State, int] = {"measured": 0, "failed": 1, "waiting": 2}


@dataclass(frozen=True, slots=True)
class Download:
    """The files of one revision that this program downloaded into the hub cache in ``root``.

    ``state`` says whether its measurement has been stored or has failed; ``used`` is when that changed.
    """

    root: str
    model: str
    commit: str
    files: tuple[HubFile, ...]
    state: State = "waiting"
    used: float = 0.0

    @property
    def bytes(self) -> int:
        """What the files take once they are complete."""
        return sum(file.size for file in self.files)

    @property
    def repository(self) -> Repository:
        """The model's folder in the hub cache."""
        from estimator.checkpoints.hub_cache import Repository

        return Repository(Path(self.root), self.model)

    @property
    def key(self) -> str:
        """The key of its record."""
        return key(self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of its record."""
        return _identity(self.root, self.model, self.commit)


class CheckpointStore:
    """Records of downloads, one file each, in a folder that several processes share."""

    def __init__(self, entries: EntryStore) -> None:
        self.entries = entries

    def all(self) -> list[Download]:
        """All records, the first to be released first: those measured, failed, then waiting, each by their last use."""
        found = [_read(entry.identity, entry.value) for entry in self.entries.entries()]
        return sorted(filter(None, found), key=lambda one: (_ORDER[one.state], one.used, one.commit))

    def find(self, repository: Repository, commit: str) -> Download | None:
        """The record of a revision; None if this program has not downloaded it."""
        entry = self.entries.get(key(_identity(str(repository.root), repository.model, commit)))
        return None if entry is None else _read(entry.identity, entry.value)

    def put(self, download: Download, state: State) -> None:
        """Store a record; raises :class:`estimator.errors.InputError` (``"disk"``, ``"cache"``)."""
        files = [[file.name, file.size, file.blob] for file in download.files]
        value = {"files": files, "state": state, "used": time.time()}
        self.entries.put(download.identity, value, {"model": download.model})

    def forget(self, download: Download) -> None:
        """Remove a record: its files are kept, and belong to the user."""
        remove(self.entries.path(download.key))

    def use(self, repository: Repository, commit: str) -> AbstractContextManager[Claim]:
        """Mark a revision as in use by this process; raises OSError or InputError in a hub cache that is read-only."""
        taken = _uses(repository, commit).take(key({"use": Holder.me().token}))
        assert isinstance(taken, Claim)
        return taken

    def is_used(self, download: Download) -> bool:
        """Whether a process that runs is using a revision."""
        return any(_uses(download.repository, download.commit).holders())

    def release(self, download: Download) -> int:
        """Remove a revision's files from the hub cache unless somebody uses them; returns the bytes freed.

        Content that another revision shares stays, as part of that one's record if it has one. Raises OSError.
        """
        if self.is_used(download):
            return 0
        repository = download.repository
        before = repository.size(download.files)
        shared = repository.remove(download.commit, download.files)
        self._hand_over(download, shared)
        self.forget(download)
        return before - repository.size(download.files)

    def tidy(self) -> None:
        """Remove what killed processes left of unfinished downloads, and the records of files that are gone."""
        for download in self.all():
            if not self.is_used(download):
                download.repository.discard_unfinished(download.files)
                if not download.repository.size(download.files):
                    self.forget(download)

    def _hand_over(self, download: Download, shared: Sequence[HubFile]) -> None:
        """Make content that other downloads have too part of their records."""
        repository = download.repository
        for file in shared:
            heirs = (self.find(repository, commit) for commit in repository.sharing(file))
            heir = next(filter(None, heirs), None)
            if heir is not None and file.blob not in {own.blob for own in heir.files}:
                self.put(replace(heir, files=(*heir.files, _as_named(file, repository, heir.commit))), heir.state)


def _as_named(file: HubFile, repository: Repository, commit: str) -> HubFile:
    """A file under the name that it has in another revision."""
    names = {path.resolve().name: path.name for path in repository.snapshot(commit).iterdir()}
    return replace(file, name=names.get(file.blob, file.name))


def _uses(repository: Repository, commit: str) -> Claims:
    return Claims(repository.uses / commit)


def _identity(root: str, model: str, commit: str) -> dict[str, Any]:
    return {"schema": _SCHEMA, "kind": "download", "root": root, "model": model, "commit": commit}


def _read(identity: dict[str, Any], value: dict[str, Any]) -> Download | None:
    from estimator.checkpoints.hub_files import HubFile

    try:
        files = tuple(HubFile(str(name), int(size), str(blob)) for name, size, blob in value["files"])
        root, model, commit = (str(identity[part]) for part in ("root", "model", "commit"))
        return Download(root, model, commit, files, value["state"], float(value["used"]))
    except (KeyError, TypeError, ValueError):
        return None


def held(downloads: Sequence[Download]) -> Iterator[tuple[Download, int]]:
    """Each download with the bytes that it takes now."""
    for download in downloads:
        yield download, download.repository.size(download.files)
