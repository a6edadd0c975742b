"""``ib-explorer cache``: inspect, verify and prune the cache on disk."""

from __future__ import annotations

from pathlib import Path

import click

from cache import Cache
from cache.files import in_words
from cache.locations import locations
from cache.rooms import RECOVERABLE, ROOMS
from ib_explorer.cli import DONE, FAILED
from ib_explorer.cli.folders import cache_dir_option

_DAY = 86_400.0
_GIGABYTE = 10**9


@click.group("cache")
@cache_dir_option
def command(cache_dir: Path | None) -> None:
    """Inspect, verify and prune the cache."""


@command.command()
@cache_dir_option
def info(cache_dir: Path | None) -> None:
    """Show where the cache is and what each part of it holds."""
    places = locations(cache_dir)
    print(f"{places.cache}  ({places.origin['cache']})")
    for room in Cache(places.cache).info():
        print(f"  {room.room:<14} {room.files:>8} files  {in_words(room.bytes):>10}")


@command.command()
@cache_dir_option
def verify(cache_dir: Path | None) -> int:
    """Read every cached byte; damaged files are set aside and named (exit code 1), and measured again when needed."""
    damaged = False
    for room in Cache(locations(cache_dir).cache).verify():
        print(f"{room.room:<14} {room.sound:>8} sound  {len(room.set_aside):>4} set aside")
        for name in room.set_aside:
            damaged = True
            print(f"  {name}")
    return FAILED if damaged else DONE


@command.command()
@click.option(
    "--room",
    "rooms",
    multiple=True,
    type=click.Choice(ROOMS),
    help=f"Part to empty; may be repeated.  [default: {', '.join(RECOVERABLE)}, which hold no results]",
)
@click.option(
    "--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Spare files used within so many days."
)
@click.option(
    "--to",
    "gigabytes",
    type=click.FloatRange(min=0),
    metavar="GB",
    help="Stop when no more than so many gigabytes are left.",
)
@cache_dir_option
def prune(cache_dir: Path | None, rooms: tuple[str, ...], older_than: float | None, gigabytes: float | None) -> None:
    """Remove the least recently used parts; measurements stay unless their room is named."""
    pruned = Cache(locations(cache_dir).cache).prune(
        rooms or RECOVERABLE,
        older_than=None if older_than is None else older_than * _DAY,
        to_bytes=None if gigabytes is None else round(gigabytes * _GIGABYTE),
    )
    print(f"removed {pruned.entries} entries, {in_words(pruned.bytes)}")
