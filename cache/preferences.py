"""Preference information on disk: one file is one checkpoint on one set of pairs with one set of anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from cache.documents import Entry
from cache.keys import key
from cache.records import RecordStore
from estimator.measurement import Information
from estimator.preference import CheckpointPreferences, Preference

_ABOUT = ("model", "revision", "corpus")
_FIELDS = tuple(field.name for field in fields(CheckpointPreferences) if field.name not in ("key", "rows"))
_IDENTITY = ("layer", "site", "weights", "variant", "temperature_rule")


class PreferenceStore(RecordStore[CheckpointPreferences]):
    """All preference information, by the key of what decides it."""

    def all(self) -> list[CheckpointPreferences]:
        """Every checkpoint's, in the order of their keys."""
        return [record for _, record in self._all()]

    def merge(self, document: Mapping[str, Any], preferences: CheckpointPreferences) -> CheckpointPreferences:
        """Add rows to what is kept under ``document``; a row replaces its equal in identity. Returns what is kept now.

        Raises ValueError when ``preferences.key`` is not the document's key or a value is not finite, InputError as
        writing does.
        """
        if preferences.key != key(document):
            raise ValueError("the preferences carry another key than that of their document")
        known = self.load(preferences.key)
        rows = {_identity(row): row for row in (*(known.rows if known else ()), *preferences.rows)}
        merged = replace(preferences, rows=tuple(rows[place] for place in sorted(rows)))
        if merged != known:
            named = {name: getattr(merged, name) for name in _FIELDS}
            about = {name: named.pop(name) for name in _ABOUT}
            value = {"schema": self.schema, **named, "rows": [asdict(row) for row in merged.rows]}
            self.documents.put(document, value, about)
        return merged

    def _decode(self, entry: Entry) -> CheckpointPreferences:
        value = {name: entry.about[name] if name in _ABOUT else entry.value[name] for name in _FIELDS}
        value["anchor_seeds"] = tuple(value["anchor_seeds"])
        rows = tuple(
            Preference(**{**row, "information": Information(**row["information"])}) for row in entry.value["rows"]
        )
        return CheckpointPreferences(key=entry.key, rows=rows, **value)


def preference_key(preferences: CheckpointPreferences, row: Preference) -> str:
    """The SHA-256 that identifies one row among all checkpoints, samples and anchors: the CSV's ``key``."""
    return key({"preferences": preferences.key, **dict(zip(_IDENTITY, _identity(row), strict=True))})


def _identity(row: Preference) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _IDENTITY)
