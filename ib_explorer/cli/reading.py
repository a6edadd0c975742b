"""The exit code of a command that reads the cache: damaged records are reported, and the rest is given."""

from __future__ import annotations

import sys

from cache import Cache
from ib_explorer.cli import DONE, FAILED


def outcome(cache: Cache, otherwise: int = DONE) -> int:
    """Report damaged records that are missing from what the command gave, with exit code 1; else ``otherwise``."""
    if missing := cache.missing():
        print(f"ib-explorer: {missing}", file=sys.stderr)
        return otherwise or FAILED
    return otherwise
