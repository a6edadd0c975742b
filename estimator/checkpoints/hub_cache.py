"""The layout of the local hub cache, and the removal of weights from it.

Content is stored once (``blobs``), and the revisions that have it link to it (``snapshots``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock

from estimator.checkpoints.hub_files import HubFile

_UNFINISHED = ".incomplete"
_LOCKED_FOR = 5.0
"""Seconds to wait for another process that is downloading the same content."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A model's folder in a hub cache."""

    root: Path
    model: str

    @classmethod
    def of(cls, model: str) -> Repository:
        """The model's folder in the hub cache of this process."""
        return cls(Path(constants.HF_HUB_CACHE), model)

    @classmethod
    def model_of(cls, snapshot: Path) -> str:
        """The model that a snapshot's folder belongs to."""
        return snapshot.parents[1].name.removeprefix("models--").replace("--", "/")

    @property
    def folder(self) -> Path:
        """The folder, which need not exist."""
        return self.root / repo_folder_name(repo_id=self.model, repo_type="model")

    @property
    def uses(self) -> Path:
        """A folder for the marks of processes that read revisions; the client leaves it alone."""
        return self.root / ".locks" / "ib-explorer"

    def snapshot(self, commit: str) -> Path:
        """The folder of a revision's files."""
        return self.folder / "snapshots" / commit

    def has(self, commit: str, file: HubFile) -> bool:
        """Whether a file need not be downloaded, because a revision has its content."""
        return (self.snapshot(commit) / file.name).is_file() or self._blob(file).is_file()

    def size(self, files: Iterable[HubFile]) -> int:
        """Bytes that files take now, unfinished downloads included."""
        return sum(map(_bytes, (path for file in files for path in (self._blob(file), *self._unfinished(file)))))

    def discard_unfinished(self, files: Iterable[HubFile]) -> None:
        """Remove what downloads that have ended left of files."""
        for file in files:
            for path in self._unfinished(file):
                path.unlink(missing_ok=True)

    def remove(self, commit: str, files: Iterable[HubFile]) -> list[HubFile]:
        """Remove a revision's files, and their content unless other revisions have it too; returns what they share.

        Raises OSError (``TimeoutError`` while another process downloads the same content).
        """
        shared = []
        for file in files:
            with self._locked(file):
                (self.snapshot(commit) / file.name).unlink(missing_ok=True)
                if any(self._links(file)):
                    shared.append(file)
                    continue
                self._blob(file).unlink(missing_ok=True)
                self.discard_unfinished([file])
        return shared

    def sharing(self, file: HubFile) -> list[str]:
        """The commits of the revisions that have a file's content."""
        return [link.parent.name for link in self._links(file)]

    def _blob(self, file: HubFile) -> Path:
        return self.folder / "blobs" / file.blob

    def _unfinished(self, file: HubFile) -> Iterator[Path]:
        return (self.folder / "blobs").glob(f"{file.blob}*{_UNFINISHED}")

    def _links(self, file: HubFile) -> Iterator[Path]:
        for path in (self.folder / "snapshots").glob("*/*"):
            with contextlib.suppress(OSError):
                if os.path.basename(os.readlink(path)) == file.blob:
                    yield path

    @contextlib.contextmanager
    def _locked(self, file: HubFile) -> Iterator[None]:
        """The client's own lock on a file's content: nobody else begins to use it meanwhile."""
        lock = self.root / ".locks" / self.folder.name / f"{file.blob}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock, timeout=_LOCKED_FOR):
            yield


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
