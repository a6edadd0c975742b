"""Preference pairs: a prompt with a chosen and a rejected completion, read from records."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from estimator.errors import InputError
from estimator.text.columns import kind_of_value
from estimator.text.records import Record, Unusable

TULU = "allenai/llama-3.1-tulu-3-8b-preference-mixture"
"""The preference set of the paper, and the default."""

PAIR_COLUMNS = ("prompt", "chosen", "rejected")
"""The columns of a preference set, of which the first may be missing."""

Message = dict[str, str]

_KEYS = r"""(?=.*["']{}["']\s*:)(?=.*["']{}["']\s*:)"""
_ENCODED = re.compile(
    rf"""\s*\[?\s*\{{\s*(?=["'])(?:{_KEYS.format("role", "content")}|{_KEYS.format("from", "value")})""", re.DOTALL
)
"""Messages written as a string, as JSON or as Python writes them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The messages of a prompt (empty if there is none), and those of its two completions.

    Text without roles is one message with role ``""``. ``place`` names the record in messages.
    """

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    place: str = field(default="", compare=False)


def check_pair_columns(columns: Sequence[str], where: str) -> None:
    """Raise :class:`InputError` (``"column"``), which lists the ``columns``, if a preference set needs others."""
    if missing := [name for name in ("chosen", "rejected") if name not in columns]:
        raise InputError(
            "column",
            f"{where} is not a preference set: it has no column {' and no '.join(missing)}; "
            f"its columns are {', '.join(columns) or 'none'}.",
        )


def read_pairs(records: Iterable[tuple[str, Record]]) -> Iterator[Pair | Unusable]:
    """The pairs of records, each given with the place that names it in messages.

    Columns are ``chosen`` and ``rejected``, as text or as messages with ``role`` and ``content`` (lists, or strings
    that encode them), and ``prompt``. The messages with which both conversations begin are prompt; a column ``prompt``
    precedes them, unless they repeat it.
    """
    for place, record in records:
        try:
            prompt, chosen, rejected = (_messages(record.get(name), name) for name in PAIR_COLUMNS)
        except ValueError as error:
            yield Unusable(place, str(error))
            continue
        shared = _shared(chosen, rejected)
        yield Pair(_joined(prompt, chosen[:shared]), chosen[shared:], rejected[shared:], place)


def _shared(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> int:
    """The number of leading messages that both share, excluding the last of each."""
    most = min(len(chosen), len(rejected)) - 1
    return next((at for at in range(most) if chosen[at] != rejected[at]), max(most, 0))


def _joined(prompt: tuple[Message, ...], shared: tuple[Message, ...]) -> tuple[Message, ...]:
    """The prompt, then the messages shared by both completions, without those that appear in both."""
    asked, said = ([message["content"].strip() for message in messages] for messages in (prompt, shared))
    if not prompt or not shared:
        return prompt or shared
    if any(asked == said[at : at + len(asked)] for at in range(len(said))):
        return shared
    if len(prompt) == 1 and not prompt[0]["role"] and all(text in asked[0] for text in said):
        return shared  # the prompt is the whole conversation, as text
    overlap = next(
        size for size in range(min(len(asked), len(said)), -1, -1) if asked[len(asked) - size :] == said[:size]
    )
    return prompt + shared[overlap:]


def _messages(value: Any, column: str) -> tuple[Message, ...]:
    """The messages of one cell; raises ValueError with a clause that says what else it holds."""
    if isinstance(value, str) and _ENCODED.match(value):
        value = _decoded(value, column)
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return ({"role": "", "content": value},)
    messages = [value] if isinstance(value, dict) else value
    if not isinstance(messages, list):
        raise ValueError(f"the column {column!r} holds {kind_of_value(value)}, neither text nor messages")
    if not all(_is_message(message) for message in messages):
        raise ValueError(
            f"the column {column!r} holds {kind_of_value(value)} that are not messages with role and content"
        )
    return tuple({"role": message["role"], "content": message["content"]} for message in messages)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("content"), str) and isinstance(value.get("role"), str)


def _decoded(text: str, column: str) -> Any:
    for decode in (json.loads, ast.literal_eval):
        try:
            return decode(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    raise ValueError(f"the column {column!r} holds messages as a string that is not JSON")
