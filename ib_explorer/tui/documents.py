"""Frozen dataclasses, tuples, sets and mappings as plain JSON values and back, by their type annotations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_SEQUENCES: dict[Any, Any] = {tuple: tuple, frozenset: frozenset}


def plain(value: Any) -> Any:
    """``value`` as dictionaries, lists, texts, numbers, truth values and None; sets are sorted by what they become."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(plain, value), key=repr)
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def read(kind: Any, data: Any) -> Any:
    """The value of type ``kind`` that became ``data``; raises ValueError if ``data`` is not of that type.

    Fields of a dataclass that are missing have their defaults; InputError is raised for those out of range.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _first(inner, data)
    if origin is Literal:
        return _checked(data in inner and type(data) in map(type, inner), kind, data)
    if origin in _SEQUENCES:
        return _sequence(origin, inner, _checked(isinstance(data, list), kind, data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _checked(isinstance(data, dict), kind, data)
        return {read(inner[0], name): read(inner[1], one) for name, one in data.items()}
    if is_dataclass(kind):
        _checked(isinstance(data, dict), kind, data)
        hints: dict[str, Any] = _hints(kind)  # type: ignore[arg-type]
        _checked(data.keys() <= hints.keys(), kind, data)
        try:
            return kind(**{name: read(hints[name], one) for name, one in data.items()})  # type: ignore[operator]
        except TypeError as error:
            raise ValueError(f"{data!r:.80} lacks a field of {kind}") from error
    if kind is float:
        is_number = isinstance(data, int | float) and not isinstance(data, bool) and math.isfinite(data)
        return float(_checked(is_number, kind, data))
    return _checked(type(data) is kind, kind, data)


def _sequence(origin: Any, inner: tuple[Any, ...], data: list[Any]) -> Any:
    if origin is tuple and inner[-1] is not Ellipsis:
        _checked(len(data) == len(inner), inner, data)
        return tuple(read(kind, one) for kind, one in zip(inner, data, strict=True))
    return _SEQUENCES[origin](read(inner[0], one) for one in data)


def _first(kinds: tuple[Any, ...], data: Any) -> Any:
    for kind in kinds:
        try:
            return read(kind, data)
        except ValueError:
            continue
    raise ValueError(f"{data!r:.80} does not fit any of {kinds}")


def _checked(holds: bool, kind: Any, data: Any) -> Any:
    if not holds:
        raise ValueError(f"{data!r:.80} is not of type {kind}")
    return data


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
