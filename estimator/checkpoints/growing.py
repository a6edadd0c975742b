"""A training run's folder that grows: which of its checkpoints are complete, look after look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from estimator.checkpoints.folders import content_files, folder_of, is_pickle, weight_files
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError

WRITTEN_LAST = "trainer_state.json"
"""What the Trainer of transformers writes last; checkpoints of other programs lack it."""
_UNFINISHED = ("tmp-", ".")
_LONGEST_HEADER = 100 * 2**20

Stamp = Mapping[str, tuple[int, int]]
"""Size and modification time of each file of a checkpoint."""


class GrowingRun:
    """The checkpoints of a run's folder, which need not exist yet; those removed meanwhile are forgotten.

    A checkpoint is complete once its configuration and weights are whole and either its ``trainer_state.json`` is there
    or nothing of it changed between two looks. ``waiting`` are the names of those that are not, at the last look.
    """

    def __init__(self, model: str) -> None:
        self.folder = folder_of(model)
        self.waiting: tuple[str, ...] = ()
        self._seen: dict[str, Stamp] = {}
        self._given: dict[str, Stamp] = {}

    def look(self) -> list[Revision]:
        """The checkpoints that are complete and new since the last look, in training order.

        One whose files have changed since it was given is new again.
        """
        found: list[Revision] = []
        waiting: list[str] = []
        seen: dict[str, Stamp] = {}
        for folder in self._folders():
            revision = parse_checkpoint(str(self.folder), folder.name, None, str(folder))
            if revision.step is None:
                continue
            stamp = _stamp(folder)
            if stamp is None:
                waiting.append(folder.name)
                continue
            seen[folder.name] = stamp
            if self._given.get(folder.name) == stamp:
                continue
            if (folder / WRITTEN_LAST).is_file() or self._seen.get(folder.name) == stamp:
                self._given[folder.name] = stamp
                found.append(revision)
            else:
                waiting.append(folder.name)
        self._seen, self.waiting = seen, tuple(waiting)
        return in_training_order(found)

    def put_back(self, revision: Revision) -> None:
        """Give a checkpoint again at a later look: its files changed while it was measured."""
        self._given.pop(revision.name, None)
        self._seen.pop(revision.name, None)

    def _folders(self) -> list[Path]:
        """The subfolders, without those under a name that says that they are being written."""
        try:
            below = sorted(self.folder.iterdir())
        except OSError:  # not there yet, or away for a moment
            return []
        return [path for path in below if path.is_dir() and not path.name.startswith(_UNFINISHED)]


def _stamp(folder: Path) -> Stamp | None:
    """The stamp of a checkpoint with a configuration and whole weights; None without them."""
    try:
        files = content_files(folder)
        if not all(map(_is_whole, weight_files(folder))):
            return None
        states = {file.name: file.stat() for file in files}
    except (InputError, OSError):  # incomplete, or being removed
        return None
    return {name: (state.st_size, state.st_mtime_ns) for name, state in states.items()}


def _is_whole(weights: Path) -> bool:
    """Whether a file of weights has all bytes that its header announces; of ``.bin`` files, whether it has any."""
    size = weights.stat().st_size
    if is_pickle(weights):
        return size > 0
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, _LONGEST_HEADER):
            return False
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            return size >= 8 + length + max(ends, default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return False
