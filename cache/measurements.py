"""Measurements on disk: each file holds one checkpoint on one sample with one set of anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from cache.columns import IDENTITY, decode_rows, encode_rows
from cache.entries import Entry, EntryStore
from cache.keys import key
from cache.names import NameStore
from cache.records import RecordStore
from estimator.measurement import CheckpointMeasurements, Measurement
from estimator.text.kinds import LABELS

_ABOUT = ("model", "revision", "corpus")
_FIELDS = tuple(field.name for field in fields(CheckpointMeasurements) if field.name not in ("key", "rows"))


class MeasurementStore(RecordStore[CheckpointMeasurements]):
    """All measurements, by the key of their identity."""

    schema = 3

    def __init__(self, entries: EntryStore, names: NameStore) -> None:
        super().__init__(entries)
        self.names = names

    def all(self) -> list[CheckpointMeasurements]:
        """Every checkpoint's measurements under each of its names, in the order of their keys.

        Of names that differ only in how their place in training was read, a further one replaces the record's own.
        """
        names = self.names.by_measurements()
        return [
            record.named(name)
            for _, record in self._all()
            for name in {_called(name): name for name in (record.name, *names.get(record.key, ()))}.values()
        ]

    def merge(self, identity: Mapping[str, Any], measurements: CheckpointMeasurements) -> CheckpointMeasurements:
        """Add rows to those stored under ``identity``, replacing equal ones, and return the stored record.

        It keeps the name under which it was stored first.

        When two processes merge into one checkpoint at the same time, the later file wins and rows of the earlier one
        may be lost (a miss, measured again); a file is never a mixture of both. Raises ValueError when
        ``measurements.key`` is not the identity's key or a value is not finite, InputError as writing does.
        """
        if measurements.key != key(identity):
            raise ValueError("the measurements carry another key than that of their identity")
        known = self.load(measurements.key)
        rows = {_identity(row): row for row in (*(known.rows if known else ()), *measurements.rows)}
        loss = known.loss if known and measurements.loss is None else measurements.loss
        merged = replace(measurements, rows=tuple(sorted(rows.values(), key=_place)), loss=loss)
        merged = merged.named(known.name if known else None)
        if merged != known:
            self._put(identity, merged)
        return merged

    def _put(self, identity: Mapping[str, Any], measurements: CheckpointMeasurements) -> None:
        named = {name: getattr(measurements, name) for name in _FIELDS}
        about = {name: named.pop(name) for name in _ABOUT}
        value = {"schema": self.schema, **named, "table": encode_rows(measurements.rows)}
        self.entries.put(identity, value, about)

    def _decode(self, entry: Entry) -> CheckpointMeasurements:
        value = {name: entry.about[name] if name in _ABOUT else entry.value[name] for name in _FIELDS}
        value["anchor_seeds"] = tuple(value["anchor_seeds"])
        return CheckpointMeasurements(key=entry.key, rows=decode_rows(entry.value["table"]), **value)


def row_key(measurements: CheckpointMeasurements, row: Measurement) -> str:
    """The SHA-256 that identifies one row among all checkpoints, samples and anchors: the CSV's ``key``."""
    return key({"measurements": measurements.key, **{name: getattr(row, name) for name in IDENTITY}})


_identity = attrgetter(*IDENTITY)
_called = attrgetter("model", "revision", "corpus")


def _place(row: Measurement) -> tuple[Any, ...]:
    """Sort key of a row: by layer, then by kind of labels; means come last."""
    layer = (1, 0) if row.layer == "mean" else (0, row.layer)
    labels = LABELS.place(row.granularity)
    return *layer, row.site, labels, row.weights, row.min_count, row.variant, row.temperature_rule
