"""Damaged files: moved out of the way, and counted until their value is stored again."""

from __future__ import annotations

import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cache.files import listing

_NAME = re.compile(r"(?:(?P<part>[a-z]+)\.)?(?P<name>.+)\.[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that cannot be used: its part of the cache (None: unknown), its name there, and why it is still in place.

    ``problem`` is None for a file that has been set aside.
    """

    part: str | None
    name: str
    problem: str | None = None


class Aside:
    """The folder of damaged files of all parts, and what this process has found damaged or unreadable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[tuple[str | None, str], Damaged] = {}
        self._unreported: list[Damaged] = []

    def take(self, path: Path, part: str) -> None:
        """Move a damaged file or folder of ``part`` here; in a cache that cannot be written it stays, and is counted.

        A file that has vanished meanwhile is not counted.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.replace(path, self.folder / f"{part}.{path.name}.{secrets.token_hex(4)}")
        except OSError as error:
            if os.path.lexists(path):
                self._count(Damaged(part, path.name, f"damaged, and not set aside: {_reason(error)}"))
        else:
            self._count(Damaged(part, path.name))

    def leave(self, path: Path, part: str, error: OSError) -> None:
        """Count a file of ``part`` that could not be read, which does not show that it is damaged."""
        self._count(Damaged(part, path.name, _reason(error)))

    def found(self, path: Path, part: str) -> Damaged | None:
        """What this process has found wrong with ``path``."""
        return self._found.get((part, path.name))

    def note(self) -> str:
        """What was found since the last call, in a sentence for who computes what is missing; empty if nothing."""
        new, self._unreported = self._unreported, []
        if not new:
            return ""
        why = new[0].problem or f"damaged, set aside in {self.folder}"
        return f"{_counted(new)} of the cache could not be used ({why}): what is needed of it is computed again."

    def all(self) -> list[Damaged]:
        """What has been set aside by any process and is still here, and what this one found and could not move."""
        stuck = [damaged for damaged in self._found.values() if damaged.problem is not None]
        return [damaged for path in listing(self.folder) if (damaged := _parsed(path.name)) is not None] + stuck

    def _count(self, damaged: Damaged) -> None:
        if self._found.get((damaged.part, damaged.name)) != damaged:
            self._unreported.append(damaged)
        self._found[damaged.part, damaged.name] = damaged


def sentence(damaged: Iterable[Damaged], folder: Path) -> str:
    """What is wrong with records of a cache and what to do, in a sentence for each kind of fault; empty for none."""
    # A record can be damaged more than once before it is stored again; it is missing once.
    distinct = list({(one.part, one.name): one for one in damaged}.values())
    moved = [one for one in distinct if one.problem is None]
    stuck = [one for one in distinct if one.problem is not None]
    said = []
    if moved:
        said.append(
            f"{_counted(moved)} of the cache {_was(moved)} damaged and set aside in {folder}: measure again what is "
            "missing, or forget it with ib-explorer cache prune --part aside."
        )
    if stuck:
        said.append(
            f"{_counted(stuck)} of the cache cannot be used ({stuck[0].part}, {stuck[0].name}: {stuck[0].problem}): "
            "measure again what is missing, with a cache that you may read and write."
        )
    return " ".join(said)


def _counted(damaged: list[Damaged]) -> str:
    parts = Counter(one.part or "an earlier version" for one in damaged)
    kinds = ", ".join(f"{count} of {part}" if len(parts) > 1 else part for part, count in sorted(parts.items()))
    return f"{len(damaged)} {'record' if len(damaged) == 1 else 'records'} ({kinds})"


def _was(damaged: list[Damaged]) -> str:
    return "was" if len(damaged) == 1 else "were"


def _parsed(name: str) -> Damaged | None:
    made = _NAME.fullmatch(name)
    return None if made is None else Damaged(made["part"], made["name"])


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
