"""``ib-explorer cache``: inspect, verify and prune the cache on disk."""

from __future__ import annotations

from pathlib import Path

import click

from cache import Cache
from cache.files import in_words
from cache.locations import locations
from cache.store import PARTS, RECOVERABLE
from estimator.errors import MeasurementError
from ib_explorer.cli import DONE, FAILED
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.outlet import show
from ib_explorer.cli.reading import outcome

_DAY = 86_400.0
_GIGABYTE = 10**9


@click.group("cache")
@cache_dir_option
def command(cache_dir: Path | None) -> None:
    """Inspect, verify and prune the cache."""


@command.command()
@cache_dir_option
def info(cache_dir: Path | None) -> None:
    """Show the location of the cache and the size of each part."""
    places = locations(cache_dir)
    show(f"{places.cache}  ({places.origin['cache']})")
    for held in Cache(places.cache).info():
        show(f"  {held.part:<14} {held.files:>8} files  {in_words(held.bytes):>10}")


@command.command()
@cache_dir_option
def verify(cache_dir: Path | None) -> int:
    """Check every cached file. Damaged files are listed, set aside, and measured again when needed.

    The exit code is 1 if a file is damaged, and as long as values set aside earlier have not been measured again.
    """
    cache = Cache(locations(cache_dir).cache)
    damaged = False
    for checked in cache.verify():
        counts = f"{checked.sound:>8} intact  {len(checked.damaged):>4} damaged  {checked.earlier:>4} set aside earlier"
        show(f"{checked.part:<14} {counts}")
        for found in checked.damaged:
            damaged = True
            show(f"  {found.name}  {found.problem or 'set aside'}")
    return outcome(cache, FAILED if damaged else DONE)


@command.command()
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help=f"Part to empty; may be repeated.  [default: {', '.join(RECOVERABLE)}, which hold no measured values]",
)
@click.option(
    "--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Remove only files not used for DAYS days."
)
@click.option(
    "--to",
    "gigabytes",
    type=click.FloatRange(min=0),
    metavar="GB",
    help="Stop once these parts take at most GB gigabytes.",
)
@cache_dir_option
def prune(cache_dir: Path | None, parts: tuple[str, ...], older_than: float | None, gigabytes: float | None) -> int:
    """Remove cached files, the least recently used first. Measured values are removed only with --part."""
    root = locations(cache_dir).cache
    pruned = Cache(root).prune(
        parts or RECOVERABLE,
        older_than=None if older_than is None else older_than * _DAY,
        to_bytes=None if gigabytes is None else round(gigabytes * _GIGABYTE),
    )
    show(f"removed {pruned.entries} entries, {in_words(pruned.bytes)}")
    if not pruned.stuck:
        return DONE
    raise MeasurementError(
        "cache",
        f"{pruned.stuck} {'entry' if pruned.stuck == 1 else 'entries'} in {root} could not be removed "
        f"({pruned.problem}): make the folder writable, or prune as the user who owns it.",
    )
