"""The last listing of each hub model's revisions, so that it is known offline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from cache.entries import EntryStore
from cache.keys import key
from estimator.checkpoints.listings import Listing
from estimator.errors import InputError

_SCHEMA = 1


def _now() -> datetime:
    return datetime.now(UTC)


class ListingStore:
    """Listings by the hub's address and the model, one file each; ``now`` is the clock."""

    def __init__(self, entries: EntryStore, now: Callable[[], datetime] = _now) -> None:
        self.entries = entries
        self._now = now

    def load(self, hub: str, model: str) -> Listing | None:
        """The last listing; None without one, or if its file is damaged."""
        entry = self.entries.get(key(_identity(hub, model)))
        try:
            refs = tuple((str(name), str(commit)) for name, commit in entry.value["refs"]) if entry else ()
            return Listing(refs, datetime.fromisoformat(entry.value["date"])) if entry else None
        except (KeyError, TypeError, ValueError):
            return None

    def keep(self, hub: str, model: str, refs: tuple[tuple[str, str], ...]) -> None:
        """Store a listing, made now; a cache that cannot be written keeps none."""
        value = {"refs": [list(ref) for ref in refs], "date": self._now().isoformat()}
        with contextlib.suppress(InputError):
            self.entries.put(_identity(hub, model), value, {"model": model})


def _identity(hub: str, model: str) -> dict[str, object]:
    return {"schema": _SCHEMA, "kind": "listing", "hub": hub, "model": model}
