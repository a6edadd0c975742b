"""Increments on disk: each file holds those of one checkpoint, separate from the file of its measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cache.entries import Entry
from cache.keys import key
from cache.records import RecordStore
from estimator.increments import CheckpointIncrements, Increment


class IncrementStore(RecordStore[CheckpointIncrements]):
    """All increments, by the key of their identity."""

    def all(self) -> list[CheckpointIncrements]:
        """Every checkpoint's increments, in the order of their keys."""
        return [record for _, record in self._all()]

    def merge(self, identity: Mapping[str, Any], increments: CheckpointIncrements) -> CheckpointIncrements:
        """Add rows to those stored under ``identity``, replacing rows of the same layer and temperature.

        Returns the stored record. Raises ValueError for NaN and infinities, InputError as writing does.
        """
        known = self.load(key(identity))
        rows = {_identity(row): row for row in (*(known.rows if known else ()), *increments.rows)}
        merged = CheckpointIncrements(increments.measurements, tuple(sorted(rows.values(), key=_identity)))
        if merged != known:
            value = {"schema": self.schema, "rows": [asdict(row) for row in merged.rows]}
            self.entries.put(identity, value, {"measurements": merged.measurements})
        return merged

    def _decode(self, entry: Entry) -> CheckpointIncrements:
        rows = tuple(Increment(**row) for row in entry.value["rows"])
        return CheckpointIncrements(entry.about["measurements"], rows)


def _identity(row: Increment) -> tuple[Any, ...]:
    return row.layer, row.temperature_rule, row.side, row.order
