"""The exit code of a command that reads the cache: damaged records are reported, and the rest is given."""

from __future__ import annotations

from cache import Cache
from ib_explorer.cli import DONE, FAILED
from ib_explorer.cli.outlet import complain


def outcome(cache: Cache, otherwise: int = DONE) -> int:
    """Report damaged records that are missing from what the command gave, with exit code 1; else ``otherwise``."""
    if missing := cache.missing():
        complain(missing)
        return otherwise or FAILED
    return otherwise
