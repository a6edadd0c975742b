"""The cache as a whole: its parts, their sizes, verification and pruning."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cache.arrays import ArrayStore, StoredEntry
from cache.aside import Aside, Damaged, sentence
from cache.checkpoints import CheckpointStore, Download, held
from cache.claims import Claims
from cache.curves import CurveStore
from cache.digests import HeardOf, folder_digest, verify_digests
from cache.entries import EntryStore, entry_paths, shards
from cache.failures import FailureStore
from cache.files import abandoned, contents, last_change, listing, remove
from cache.increments import IncrementStore
from cache.keys import is_key
from cache.listings import ListingStore
from cache.locations import SCORE_BUDGET, prepare
from cache.measurements import MeasurementStore
from cache.names import NameStore
from cache.records import RecordStore
from cache.requests import RequestStore
from estimator.errors import InputError

PARTS = (
    *("measurements", "names", "increments", "curves", "scores", "samples"),
    *("runs", "checkpoints", "listings", "failures", "requests", "claims", "aside"),
)
VALUES = ("measurements", "names", "increments", "curves")
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
    """The number of intact entries of a part, those found damaged, and the number set aside earlier."""

    part: str
    sound: int
    damaged: tuple[Damaged, ...] = ()
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """The number of entries removed, their size, and the number that could not be removed, with the reason of one."""

    entries: int
    bytes: int
    stuck: int = 0
    problem: str = ""


class Cache:
    """All data stored below ``root``, which need not exist; scores use at most ``score_budget`` bytes."""

    def __init__(self, root: Path, score_budget: int = SCORE_BUDGET) -> None:
        self.root = root
        self.aside = Aside(root / "aside")
        self.runs = root / "runs"
        self.claims = Claims(root / "claims")
        self.names = NameStore(EntryStore(root / "names", self.aside))
        self.measurements = MeasurementStore(EntryStore(root / "measurements", self.aside), self.names)
        self.increments = IncrementStore(EntryStore(root / "increments", self.aside))
        self.curves = CurveStore(EntryStore(root / "curves", self.aside))
        self.checkpoints = CheckpointStore(EntryStore(root / "checkpoints", self.aside))
        self.listings = ListingStore(EntryStore(root / "listings", self.aside))
        self.failures = FailureStore(EntryStore(root / "failures", self.aside))
        self.requests = RequestStore(EntryStore(root / "requests", self.aside))
        self.scores = ArrayStore(root / "scores", score_budget, self.aside)
        self.samples = ArrayStore(root / "samples", SAMPLE_BUDGET, self.aside)

    def folder_digest(self, files: Sequence[Path], progress: HeardOf | None = None) -> str:
        """The SHA-256 over names and bytes of ``files``, cached; see :func:`cache.digests.folder_digest`."""
        return folder_digest(files, self._digests, progress)

    @property
    def _digests(self) -> Path:
        return self.root / "digests.json"

    def check_writable(self) -> None:
        """Raise :class:`InputError` (``"cache"``, ``"disk"``) unless values can be stored; call before lengthy work."""
        prepare(self.root)

    def is_writable(self) -> bool:
        """Whether values can be stored."""
        try:
            self.check_writable()
        except InputError:
            return False
        return True

    def missing(self) -> str:
        """What the cache lacks because it was damaged, and what to do, in one sentence; empty if nothing.

        Reports measured values, set aside by this process or earlier and not stored again since, and values that this
        process could not read.
        """
        return sentence(filter(self._is_missing, self.aside.all()), self.aside.folder)

    def _is_missing(self, damaged: Damaged) -> bool:
        if damaged.problem is not None:
            return damaged.part in VALUES
        if damaged.part is not None and damaged.part not in VALUES:
            return False
        name = damaged.name.removesuffix(".json")
        stores = [self._values[part] for part in VALUES if damaged.part in (part, None)]
        return is_key(name) and name != damaged.name and all(one.entries.stamp(name) is None for one in stores)

    @property
    def _values(self) -> dict[str, RecordStore[Any]]:
        return {
            "measurements": self.measurements,
            "names": self.names,
            "increments": self.increments,
            "curves": self.curves,
        }

    def info(self) -> list[Occupied]:
        """The size of each part, unfinished and foreign files included; of downloaded checkpoints, in the hub cache."""
        found = []
        for part in PARTS:
            if part == "checkpoints":
                taken = list(held(self.checkpoints.all()))
                found.append(Occupied(part, len(taken), sum(size for _, size in taken)))
                continue
            files = contents(self.root / part)
            found.append(Occupied(part, len(files), sum(state.st_size for _, state in files)))
        return found

    def verify(self) -> list[Verified]:
        """Read every byte except those of demo runs; invalid entries are quarantined.

        Entries that were set aside earlier count for the part that they came from, under ``"aside"`` if it is unknown.
        """
        earlier = Counter(one.part or "aside" for one in self.aside.all() if one.problem is None)
        stores: dict[str, RecordStore[Any] | ArrayStore] = {
            **self._values,
            "scores": self.scores,
            "samples": self.samples,
        }
        found = []
        for part, store in stores.items():
            sound, bad = store.verify()
            found.append(Verified(part, sound, tuple(bad), earlier.pop(part, 0)))
        found.append(Verified("digests", *verify_digests(self._digests, self.aside), earlier.pop("digests", 0)))
        return found + [Verified(part, 0, (), count) for part, count in earlier.items()]

    def prune(
        self,
        parts: Sequence[str] = RECOVERABLE,
        *,
        older_than: float | None = None,
        to_bytes: int | None = None,
    ) -> Pruned:
        """Remove entries of ``parts``, least recently used first, and unfinished files and claims of dead processes.

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
        problems = []
        for item, drop in items:
            if to_bytes is not None and left - freed <= to_bytes:
                break
            if older_than is not None and time.time() - item.used < older_than:
                break
            try:
                if gained := drop(item):
                    entries, freed = entries + 1, freed + gained
            except OSError as error:
                problems.append(error)
        for path in self._abandoned():
            try:
                freed += remove(path)
            except OSError as error:
                problems.append(error)
        reason = problems[0].strerror or str(problems[0]) if problems else ""
        return Pruned(entries, freed, len(problems), reason)

    def _items(self, part: str) -> Iterator[tuple[StoredEntry, Callable[[StoredEntry], int]]]:
        if part in ("scores", "samples"):
            store: ArrayStore = getattr(self, part)
            yield from ((item, store.drop) for item in store.items())
            return
        if part == "checkpoints":
            for download, size in held(self.checkpoints.all()):
                item = StoredEntry(self.checkpoints.entries.path(download.key), size, download.used)
                yield item, partial(self._release, download)
            return
        folder = self.root / part
        for path in entry_paths(folder) if part in VALUES else listing(folder):
            size = sum(state.st_size for _, state in contents(path))
            yield StoredEntry(path, size, last_change(path)), lambda item: remove(item.path)

    def _release(self, download: Download, _: StoredEntry) -> int:
        return self.checkpoints.release(download)

    def _abandoned(self) -> Iterator[Path]:
        yield from abandoned(self.root)
        yield from self.claims.stale()
        for part in PARTS:
            for folder in (self.root / part, *shards(self.root / part)):
                yield from abandoned(folder)
