"""Values stored one per file, looked up by their identity. There is no index besides the files."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.aside import Aside, Damaged
from cache.files import PARTIAL, listing, prune_partial, unreadable, write_atomically
from cache.keys import is_key, key
from cache.sealed import seal, unseal

_SHARD = re.compile(r"[0-9a-f]{2}")
_SUFFIX = ".json"

Stamp = tuple[int, int, int]
"""Inode, size and modification time (ns) of a file: a different stamp means different content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: the identity of the value, names for display (not part of the key), and the value."""

    key: str
    identity: dict[str, Any]
    about: dict[str, Any]
    value: dict[str, Any]


class EntryStore:
    """Entries in ``folder``, as ``ab/abcdef….json``; several processes may read and write it at once.

    Every file is verified when it is read. An invalid file is a miss and is moved to ``aside``; one that cannot be read
    is a miss that ``aside`` counts.
    """

    def __init__(self, folder: Path, aside: Aside) -> None:
        self.folder = folder
        self.aside = aside

    def put(self, identity: Mapping[str, Any], value: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        """Store ``value`` under the key of ``identity``, replacing any earlier one, and return the key.

        Raises :class:`estimator.errors.InputError` (``"disk"``, ``"cache"``), and TypeError or ValueError for types and
        values that an identity cannot hold.
        """
        name = key(identity)
        path = self.path(name)
        write_atomically(path, seal({"document": identity, "about": about, "value": value}))
        prune_partial(path.parent)
        return name

    def get(self, name: str) -> Entry | None:
        """The entry of a key; None if it is missing or invalid. Raises ValueError when ``name`` is not a key."""
        try:
            data = _read(self.path(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.aside.leave(self.path(name), self.part, error)
            return None
        try:
            content = unseal(data)
            entry = Entry(name, *(_mapping(content, part) for part in ("document", "about", "value")))
            if key(entry.identity) != name:
                raise ValueError("the identity is not that of the file's name")
        except (KeyError, TypeError, ValueError):
            self.set_aside(name)
            return None
        return entry

    def entries(self) -> Iterator[Entry]:
        """All valid entries, in the order of their keys."""
        for name in self.stamps():
            entry = self.get(name)
            if entry is not None:
                yield entry

    def stamps(self) -> dict[str, Stamp]:
        """The keys of all files with their stamps, in order, without reading a file: cheap enough to poll.

        Raises :class:`estimator.errors.InputError` (``"cache"``) when the folder exists and cannot be read.
        """
        found: dict[str, Stamp] = {}
        for shard in shards(self.folder):
            try:
                with os.scandir(shard) as files:
                    for file in files:
                        name = file.name.removesuffix(_SUFFIX)
                        if name != file.name and is_key(name) and name.startswith(shard.name):
                            with contextlib.suppress(FileNotFoundError):
                                found[name] = _stamp(file.stat())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise unreadable(shard, error) from error
        return dict(sorted(found.items()))

    def stamp(self, name: str) -> Stamp | None:
        """The stamp of a key's file; None if there is no such file."""
        try:
            return _stamp(self.path(name).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.aside.leave(self.path(name), self.part, error)
            return None

    def verify(self) -> tuple[int, list[Damaged]]:
        """Read every file; returns the number of intact ones, and those found damaged or unreadable."""
        sound, bad = 0, []
        for path in entry_paths(self.folder):
            name = path.name.removesuffix(_SUFFIX)
            if not is_key(name) or self.path(name) != path:
                self.aside.take(path, self.part)
            elif self.get(name) is not None:
                sound += 1
                continue
            if (found := self.aside.found(path, self.part)) is not None:
                bad.append(found)
        return sound, bad

    def path(self, name: str) -> Path:
        """The path of a key's entry; raises ValueError when ``name`` is not a key."""
        if not is_key(name):
            raise ValueError(f"{name!r} is not a key")
        return self.folder / name[:2] / f"{name}{_SUFFIX}"

    def set_aside(self, name: str) -> None:
        """Quarantine the file of a key; the next :meth:`get` is a miss."""
        self.aside.take(self.path(name), self.part)

    @property
    def part(self) -> str:
        """The name of this part of the cache."""
        return self.folder.name


def shards(folder: Path) -> list[Path]:
    """The subfolders that partition files by the first two digits of their keys."""
    return [shard for shard in listing(folder) if _SHARD.fullmatch(shard.name)]


def entry_paths(folder: Path) -> list[Path]:
    """All paths in the subfolders of a store except unfinished ones, whether or not they are entries."""
    return [path for shard in shards(folder) for path in listing(shard) if not path.name.endswith(PARTIAL)]


def _read(path: Path) -> bytes:
    """The content of a file, empty for a folder; raises OSError."""
    try:
        return path.read_bytes()
    except IsADirectoryError:
        return b""
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
    # On NFS, a file that another machine has just replaced is stale; reopening it by name reads the new one.
    return path.read_bytes()


def _stamp(state: os.stat_result) -> Stamp:
    return state.st_ino, state.st_size, state.st_mtime_ns


def _mapping(content: dict[str, Any], part: str) -> dict[str, Any]:
    value = content[part]
    if not isinstance(value, dict):
        raise TypeError(f"{part} is no object")
    return value
