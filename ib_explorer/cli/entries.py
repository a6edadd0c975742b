"""An option of the command line whose value is the name of an entry of a registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import click

from estimator.registry import Registry


class Described(Protocol):
    """An entry that says what it is."""

    @property
    def name(self) -> str:
        """How users write it."""

    @property
    def help(self) -> str:
        """What it is, without a final full stop."""


class EntryName(click.ParamType):
    """The name of an entry; the registry is read with the command line, so that an entry added late counts too."""

    name = "entry"

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All names, as click writes choices."""
        return f"[{'|'.join(self._registry.choices)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; raises :class:`InputError` if no entry has it."""
        return str(self._registry.find(value).name)


def described(entries: Iterable[Described]) -> str:
    """What each entry is, for a help text."""
    return "; ".join(f"{entry.name}: {entry.help}" for entry in entries)
