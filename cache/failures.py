"""Checkpoints whose last measurement failed, and why, so that a later process can name them."""

from __future__ import annotations

import contextlib

from cache.entries import EntryStore
from cache.files import remove
from cache.keys import key
from estimator.errors import InputError

_SCHEMA = 1


class FailureStore:
    """Sentences by model and revision, one file each."""

    def __init__(self, entries: EntryStore) -> None:
        self.entries = entries

    def add(self, model: str, revision: str, message: str) -> None:
        """Store why a checkpoint failed; a cache that cannot be written keeps nothing."""
        with contextlib.suppress(InputError):
            self.entries.put(_identity(model, revision), {"message": message}, {})

    def forget(self, model: str, revision: str) -> None:
        """Remove the failure of a checkpoint that has been measured since, if there was one."""
        with contextlib.suppress(OSError):
            remove(self.entries.path(key(_identity(model, revision))))

    def of(self, model: str) -> dict[str, str]:
        """Why checkpoints of a model failed, by revision."""
        return {
            str(entry.identity["revision"]): str(entry.value.get("message", ""))
            for entry in self.entries.entries()
            if entry.identity.get("model") == model
        }


def _identity(model: str, revision: str) -> dict[str, object]:
    return {"schema": _SCHEMA, "kind": "failure", "model": model, "revision": revision}
