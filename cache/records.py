"""Typed records over a store of sealed files, decoded once per process and change."""

from __future__ import annotations

import contextlib
import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from cache.aside import Damaged
from cache.entries import Entry, EntryStore, Stamp

Record = TypeVar("Record")


class RecordStore(ABC, Generic[Record]):
    """Base class of stores of records: reading, and detection of changes."""

    schema = 1
    """Version of the values' layout, stored in every value; files of another version are skipped, not quarantined."""

    def __init__(self, entries: EntryStore) -> None:
        self.entries = entries
        self._decoded: dict[str, tuple[Stamp, Entry, Record]] = {}

    @abstractmethod
    def _decode(self, entry: Entry) -> Record:
        """The record of an entry; raises KeyError, TypeError or ValueError if the entry is not of this type."""

    def load(self, key: str) -> Record | None:
        """The record of a key; None if missing or invalid. Raises ValueError when ``key`` is not a key."""
        stamp = self.entries.stamp(key)
        found = None if stamp is None else self._read(key, stamp)
        return None if found is None else found[1]

    def verify(self) -> tuple[int, list[Damaged]]:
        """Read and decode every file; returns the number of intact ones, and those found damaged or unreadable.

        Intact files of another schema count as such.
        """
        sound, bad = self.entries.verify()
        for name in [name for name, stamp in self.entries.stamps().items() if self._read(name, stamp) is None]:
            found = self.entries.aside.found(self.entries.path(name), self.entries.part)
            if found is not None and found not in bad:
                sound, bad = sound - 1, [*bad, found]
        return sound, bad

    def revision(self) -> int:
        """A number that changes whenever any process adds, changes or removes a record: for polling."""
        return hash(tuple(self.entries.stamps().items()))

    def _all(self) -> list[tuple[Entry, Record]]:
        """All valid records, in the order of their keys; only files that have changed are read again."""
        stamps = self.entries.stamps()
        for gone in self._decoded.keys() - stamps.keys():
            self._decoded.pop(gone, None)
        with _without_collection():
            found = [self._read(key, stamp) for key, stamp in stamps.items()]
        return [record for record in found if record is not None]

    def _read(self, key: str, stamp: Stamp) -> tuple[Entry, Record] | None:
        known = self._decoded.get(key)
        if known is not None and known[0] == stamp:
            return known[1:]
        entry = self.entries.get(key)
        if entry is None or entry.value.get("schema") != self.schema:
            return None
        try:
            record = self._decode(entry)
        except (KeyError, TypeError, ValueError):
            self.entries.set_aside(key)
            return None
        # Callers need the identity; the value is already in the record.
        entry = Entry(key, entry.identity, entry.about, {})
        self._decoded[key] = stamp, entry, record
        return entry, record


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Disable the garbage collector, which would traverse the growing records repeatedly and double the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
