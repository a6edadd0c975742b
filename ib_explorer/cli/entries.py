"""A command-line option type whose value is the name of a registry entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import click

from estimator.registry import Registry


class Described(Protocol):
    """An entry with a description."""

    @property
    def name(self) -> str:
        """The name that users write."""

    @property
    def help(self) -> str:
        """Description without a final full stop."""


class EntryName(click.ParamType):
    """The name of an entry; the registry is read at parse time, so that entries added late are included."""

    name = "entry"

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All names, formatted like click's choices."""
        return f"[{'|'.join(self._registry.choices)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; raises :class:`InputError` if no entry has it."""
        return str(self._registry.find(value).name)


def described(entries: Iterable[Described]) -> str:
    """Descriptions of entries, for a help text."""
    return "; ".join(f"{entry.name}: {entry.help}" for entry in entries)
