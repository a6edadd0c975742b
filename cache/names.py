"""Further names of measured checkpoints: equal content is measured once, and listed under each name it was asked by."""

from __future__ import annotations

from dataclasses import asdict, fields

from cache.entries import Entry
from cache.keys import key
from cache.records import RecordStore
from estimator.measurement import CheckpointName

_FIELDS = tuple(field.name for field in fields(CheckpointName))


class NameStore(RecordStore[CheckpointName]):
    """Names by the key of their measurements, one small file each; a record's own name needs none."""

    def add(self, measurements: str, name: CheckpointName) -> None:
        """Store that the measurements of a key answer for ``name`` too; raises InputError as writing does."""
        identity = {"schema": self.schema, "kind": "name", "measurements": measurements, **asdict(name)}
        if self.entries.stamp(key(identity)) is None:
            self.entries.put(identity, {"schema": self.schema}, {})

    def by_measurements(self) -> dict[str, list[CheckpointName]]:
        """All names, by the key of their measurements, whether or not these are still cached."""
        found: dict[str, list[CheckpointName]] = {}
        for entry, name in self._all():
            found.setdefault(entry.identity["measurements"], []).append(name)
        return found

    def _decode(self, entry: Entry) -> CheckpointName:
        if not isinstance(entry.identity["measurements"], str):
            raise TypeError("a name belongs to the key of measurements")
        return CheckpointName(**{name: entry.identity[name] for name in _FIELDS})
