"""Bound curves on disk: each file holds the curve of one sample at one granularity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from cache.entries import Entry
from cache.records import RecordStore
from estimator.curve import BoundCurve

_FIELDS = tuple(field.name for field in fields(BoundCurve))


class CurveStore(RecordStore[BoundCurve]):
    """All curves, by the key of their identity."""

    schema = 2

    def all(self) -> list[tuple[dict[str, Any], BoundCurve]]:
        """Every curve with its identity, in the order of their keys."""
        return [(entry.identity, curve) for entry, curve in self._all()]

    def put(self, identity: Mapping[str, Any], curve: BoundCurve) -> None:
        """Store ``curve`` under ``identity``; raises ValueError for NaN and infinities, InputError as writing does."""
        self.entries.put(identity, {"schema": self.schema, **asdict(curve)}, {"granularity": curve.granularity})

    def _decode(self, entry: Entry) -> BoundCurve:
        value: dict[str, Any] = {name: entry.value[name] for name in _FIELDS}
        value |= {name: tuple(points) for name, points in value.items() if isinstance(points, list)}
        return BoundCurve(**value)
