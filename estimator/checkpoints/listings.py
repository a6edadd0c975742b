"""The last listing of a hub model's revisions, kept by whoever implements :class:`Listings`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Listing:
    """(name, commit) of every branch and tag that a hub listed, and when (UTC)."""

    refs: tuple[tuple[str, str], ...]
    date: datetime


class Listings(Protocol):
    """Listings by the hub's address and the model."""

    def load(self, hub: str, model: str) -> Listing | None:
        """The last listing; None without one."""

    def keep(self, hub: str, model: str, refs: tuple[tuple[str, str], ...]) -> None:
        """Store a listing, made now, in place of the last one."""
