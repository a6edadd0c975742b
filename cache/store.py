"""The cache as a whole: its parts, their sizes, verification and pruning."""

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

PARTS = ("measurements", "increments", "curves", "scores", "samples", "runs", "aside")
VALUES = ("measurements", "increments", "curves")
"""Parts of sealed files, one value each."""
RECOVERABLE = ("scores", "aside")
"""Parts that can be emptied without losing a measured value."""

SAMPLE_BUDGET = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Occupied:
    """The number of files and bytes in a part."""

    part: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Verified:
    """The number of intact entries of a part, and the names of those quarantined."""

    part: str
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
        """The size of each part, unfinished and foreign files included."""
        found = []
        for part in PARTS:
            files = contents(self.root / part)
            found.append(Occupied(part, len(files), sum(state.st_size for _, state in files)))
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
        for part, store in stores.items():
            sound, bad = store.verify()
            found.append(Verified(part, sound, tuple(bad)))
        return found

    def prune(
        self,
        parts: Sequence[str] = RECOVERABLE,
        *,
        older_than: float | None = None,
        to_bytes: int | None = None,
    ) -> Pruned:
        """Remove entries of ``parts``, least recently used first, and unfinished files of dead processes in every part.

        ``older_than`` spares entries used within that many seconds; ``to_bytes`` stops once the parts together hold no
        more. Without either, the parts are emptied, except for scores and samples in use by this process. Raises
        :class:`InputError` (``"part"``) for an unknown part.
        """
        for part in parts:
            if part not in PARTS:
                raise InputError("part", f"The cache has no part {part!r}: choose from {', '.join(PARTS)}.")
        items = sorted(
            ((item, drop) for part in dict.fromkeys(parts) for item, drop in self._items(part)),
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

    def _items(self, part: str) -> Iterator[tuple[StoredEntry, Callable[[StoredEntry], int]]]:
        if part in ("scores", "samples"):
            store: ArrayStore = getattr(self, part)
            yield from ((item, store.drop) for item in store.items())
            return
        folder = self.root / part
        for path in entry_paths(folder) if part in VALUES else listing(folder):
            size = sum(state.st_size for _, state in contents(path))
            yield StoredEntry(path, size, last_change(path)), lambda item: remove(item.path)

    def _prune_remains(self) -> int:
        freed = prune_partial(self.root)
        for part in PARTS:
            for folder in (self.root / part, *shards(self.root / part)):
                freed += prune_partial(folder)
        return freed
