"""Registries: the built-in entries of an extension point, and those that other packages declare for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from estimator.errors import InputError


class Named(Protocol):
    """An object that can be registered."""

    @property
    def name(self) -> str:
        """The name that users write."""


Entry = TypeVar("Entry", bound=Named)


class Registry(Mapping[str, Entry]):
    """The entries of one ``kind`` (a word for messages) by name: the ``builtin`` ones in order, then all others.

    Installed packages declare theirs as entry points of ``group``, each naming one entry; they are loaded when the
    registry is first read. An entry that fails to load is omitted, and :meth:`find` reports why.
    """

    def __init__(self, kind: str, group: str, builtin: Iterable[Entry]) -> None:
        self.kind, self.group = kind, group
        self._entries: dict[str, Entry] = {}
        self._origins: dict[str, str] = {}
        self._broken: dict[str, str] = {}
        self._is_complete = False
        for entry in builtin:
            self.add(entry)
        self._builtin = frozenset(self._entries)

    def add(self, entry: Entry) -> Entry:
        """Register ``entry`` in this process and return it; raises ValueError if its name is taken."""
        if entry.name in self._entries:
            raise ValueError(f"there is a {self.kind} {entry.name!r} already")
        self._entries[entry.name] = entry
        return entry

    def remove(self, name: str) -> None:
        """Remove an entry registered with :meth:`add`."""
        del self._entries[name]

    def find(self, name: str) -> Entry:
        """The entry of that name; raises :class:`InputError` (of this kind) that lists the choices."""
        entries = self._complete()
        if name in entries:
            return entries[name]
        if name in self._broken:
            raise InputError(self.kind, self._broken[name])
        raise self.unknown(name)

    @property
    def choices(self) -> list[str]:
        """The entries as users write them."""
        return list(self)

    def unknown(self, name: str) -> InputError:
        """The error for an unknown ``name``, which lists the choices."""
        return InputError(self.kind, f"There is no {self.kind} {name!r}: choose from {', '.join(self.choices)}.")

    def origin(self, name: str) -> str | None:
        """The package and version that declares an entry; None for built-in ones and those added with :meth:`add`."""
        self._complete()
        return self._origins.get(name)

    def is_builtin(self, name: str) -> bool:
        """Whether an entry is built in."""
        return name in self._builtin

    @property
    def broken(self) -> Mapping[str, str]:
        """Declared entries that failed to load, each with a sentence that says why."""
        self._complete()
        return self._broken

    # Compared by identity, whatever it holds, so that a registry can be a field of a frozen record.
    __eq__, __hash__ = object.__eq__, object.__hash__

    def __getitem__(self, name: str) -> Entry:
        return self._complete()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._complete())

    def __len__(self) -> int:
        return len(self._complete())

    def _complete(self) -> dict[str, Entry]:
        if not self._is_complete:
            self._is_complete = True
            for declared in sorted(entry_points(group=self.group), key=lambda point: point.name):
                self._load(declared)
        return self._entries

    def _load(self, declared: EntryPoint) -> None:
        package = f"{declared.dist.name} {declared.dist.version}" if declared.dist else declared.module
        try:
            entry = declared.load()
            if entry.name != declared.name:
                raise ValueError(f"it is declared as {declared.name!r} and calls itself {entry.name!r}")
            self.add(entry)
        except Exception as error:  # code of another package: no failure in it may break what does not need it
            self._broken[declared.name] = (
                f"The {self.kind} {declared.name!r} of {package} cannot be loaded "
                f"({type(error).__name__}: {error}): update or remove that package."
            )
        else:
            self._origins[declared.name] = package
