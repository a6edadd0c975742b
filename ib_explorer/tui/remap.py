"""The user's keys: which commands have other keys than those of the key map."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from textual.keys import Keys, _character_to_key

from estimator.errors import InputError
from ib_explorer.tui.keymap import Key, keys, written

TAKEN = {
    "ctrl+c": "ctrl+c copies and quits",
    "ctrl+b": "tmux takes it",
    "ctrl+a": "screen takes it",
    "ctrl+s": "the terminal takes it for flow control",
    "ctrl+q": "the terminal takes it for flow control",
    "ctrl+z": "the terminal takes it for job control",
    "ctrl+backslash": "the terminal takes it to end programs",
}
"""Keys that no command can have, with the reason."""
_NAMES = {key.value for key in Keys}
_MODIFIED = re.compile(r"((?:ctrl|shift|alt|super|meta)\+)*(.+)", re.DOTALL)


def remapped(entries: Mapping[str, object], where: Path) -> tuple[Key, ...]:
    """All commands, those named in ``entries`` with the keys given there: one, or a list.

    ``where`` is the file of the entries, for errors. Raises :class:`InputError` (``"config"``) for an unknown command
    or key, for a key that a terminal takes, and for one that would mean two things.
    """
    usual = keys()
    known = {key.name: key for key in usual}
    for name in entries:
        if name not in known:
            raise _refused(where, name, f"is no command: choose from {', '.join(known)}")
    changed = {name: _keys(name, value, where) for name, value in entries.items()}
    freed = {written(key) for name in changed for key in known[name].keys}
    found = tuple(_with(key, changed.get(key.name), freed) for key in usual)
    owners: dict[str, str] = {}
    for key in found:
        for one in key.keys:
            if one in owners:
                name, other = (key.name, owners[one]) if key.name in changed else (owners[one], key.name)
                raise _refused(where, name, f"is {written(one)}, which is also {other}: give one of them another key")
            owners[one] = key.name
    return found


def _with(key: Key, chosen: Sequence[str] | None, freed: set[str]) -> Key:
    """The command with its chosen keys; its text in the footer names only keys that are still its own."""
    if chosen is not None:
        return replace(key, keys=tuple(chosen), shown=" ".join(map(written, chosen)))
    return replace(key, shown=written(key.keys[0])) if freed & {*key.shown.split()} else key


def _keys(name: str, value: object, where: Path) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
        raise _refused(where, name, 'takes a key such as "n", or a list of keys')
    return list(dict.fromkeys(_key(name, one, where) for one in given))


def _key(name: str, given: str, where: Path) -> str:
    """The key in Textual's spelling: a character, or a name such as ``right``, after ``ctrl+`` and the like."""
    match = _MODIFIED.fullmatch(given)
    assert match is not None
    last = match[2]
    if len(last) == 1:
        spelt = given[: -len(last)] + _character_to_key(last)
    elif last.lower() in _NAMES or given.lower() in _NAMES:
        spelt = given.lower()
    elif len(_character_of(last)) == 1:
        spelt = given
    else:
        raise _refused(
            where, name, f'is {given!r}, which is not a key: write a character, or a name such as "right" or "ctrl+t"'
        )
    if spelt in TAKEN:
        raise _refused(where, name, f"cannot be {given}: {TAKEN[spelt]}")
    return spelt


def _character_of(name: str) -> str:
    from textual.keys import key_to_character

    return key_to_character(name) or name


def _refused(where: Path, name: str, reason: str) -> InputError:
    return InputError("config", f"In the configuration file {where}: [keys] {name!r} {reason}.")
