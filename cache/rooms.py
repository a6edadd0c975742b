"""The cache as a whole: its parts (rooms), their sizes, verification and pruning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.arrays import ArrayStore, StoredEntry
from cache.curves import CurveStore
from cache.digests import HeardOf, folder_digest
from cache.entries import EntryStore, entry_paths, shards
from cache.files import contents, last_change, listing, prune_partial, remove
from cache.increments import IncrementStore
from cache.locations import SCORE_BUDGET
from cache.measurements import MeasurementStore
from estimator.errors import InputError

ROOMS = ("measurements", "increments", "curves", "scores", "samples", "runs", "aside")
VALUES = ("measurements", "increments", "curves")
"""Rooms of sealed files, one value each."""
RECOVERABLE = ("scores", "aside")
"""Rooms that can be emptied without losing a measured value."""

SAMPLE_BUDGET = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Occupied:
    """The number of files and bytes in a room."""

    room: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Verified:
    """The number of intact entries of a room, and the names of those quarantined."""

    room: str
    sound: int
    set_aside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """The number of entries removed, and their size."""

    entries: int
    bytes: int


class Cache:
    """All data stored below ``root``, which need not exist; scores use at most ``score_budget`` bytes."""

    def __init__(self, root: Path, score_budget: int = SCORE_BUDGET) -> None:
        self.root = root
        self.aside = root / "aside"
        self.runs = root / "runs"
        self.measurements = MeasurementStore(EntryStore(root / "measurements", self.aside))
        self.increments = IncrementStore(EntryStore(root / "increments", self.aside))
        self.curves = CurveStore(EntryStore(root / "curves", self.aside))
        self.scores = ArrayStore(root / "scores", score_budget, self.aside)
        self.samples = ArrayStore(root / "samples", SAMPLE_BUDGET, self.aside)

    def folder_digest(self, files: Sequence[Path], progress: HeardOf | None = None) -> str:
        """The SHA-256 over names and bytes of ``files``, cached; see :func:`cache.digests.folder_digest`."""
        return folder_digest(files, self.root / "digests.json", progress)

    def info(self) -> list[Occupied]:
        """The size of each room, unfinished and foreign files included."""
        found = []
        for room in ROOMS:
            files = contents(self.root / room)
            found.append(Occupied(room, len(files), sum(state.st_size for _, state in files)))
        return found

    def verify(self) -> list[Verified]:
        """Read every byte except those of demo runs; invalid entries are quarantined."""
        stores: dict[str, EntryStore | ArrayStore] = {
            "measurements": self.measurements.entries,
            "increments": self.increments.entries,
            "curves": self.curves.entries,
            "scores": self.scores,
            "samples": self.samples,
        }
        found = []
        for room, store in stores.items():
            sound, bad = store.verify()
            found.append(Verified(room, sound, tuple(bad)))
        return found

    def prune(
        self,
        rooms: Sequence[str] = RECOVERABLE,
        *,
        older_than: float | None = None,
        to_bytes: int | None = None,
    ) -> Pruned:
        """Remove entries of ``rooms``, least recently used first, and unfinished files of dead processes in every room.

        ``older_than`` spares entries used within that many seconds; ``to_bytes`` stops once the rooms together hold no
        more. Without either, the rooms are emptied, except for scores and samples in use by this process. Raises
        :class:`InputError` (``"room"``) for an unknown room.
        """
        for room in rooms:
            if room not in ROOMS:
                raise InputError("room", f"The cache has no room {room!r}: choose from {', '.join(ROOMS)}.")
        items = sorted(
            ((item, drop) for room in dict.fromkeys(rooms) for item, drop in self._items(room)),
            key=lambda pair: (pair[0].used, pair[0].path),
        )
        left = sum(item.bytes for item, _ in items)
        entries = freed = 0
        for item, drop in items:
            if to_bytes is not None and left - freed <= to_bytes:
                break
            if older_than is not None and time.time() - item.used < older_than:
                break
            if gained := drop(item):
                entries, freed = entries + 1, freed + gained
        return Pruned(entries, freed + self._prune_remains())

    def _items(self, room: str) -> Iterator[tuple[StoredEntry, Callable[[StoredEntry], int]]]:
        if room in ("scores", "samples"):
            store: ArrayStore = getattr(self, room)
            yield from ((item, store.drop) for item in store.items())
            return
        folder = self.root / room
        for path in entry_paths(folder) if room in VALUES else listing(folder):
            size = sum(state.st_size for _, state in contents(path))
            yield StoredEntry(path, size, last_change(path)), lambda item: remove(item.path)

    def _prune_remains(self) -> int:
        freed = prune_partial(self.root)
        for room in ROOMS:
            for folder in (self.root / room, *shards(self.root / room)):
                freed += prune_partial(folder)
        return freed
