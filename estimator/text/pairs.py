"""Preference pairs: a prompt with a chosen and a rejected completion, read from records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from estimator.errors import InputError

TULU = "allenai/llama-3.1-tulu-3-8b-preference-mixture"
"""The preference set of the paper, and the default."""

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """The messages of a prompt (empty if the completions have none), and those of its two completions.

    Text without roles is one message with role ``""``.
    """

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


def read_pairs(records: Iterable[Mapping[str, Any]], where: str) -> Iterator[Pair]:
    """The pairs of records; ``where`` names their origin in messages.

    Columns are ``chosen`` and ``rejected``, as text or as lists of messages with ``role`` and ``content``, and
    ``prompt``, which full conversations do not need. Raises :class:`InputError` (``"column"``), which lists the
    available columns.
    """
    for record in records:
        if missing := [name for name in ("chosen", "rejected") if name not in record]:
            raise InputError(
                "column",
                f"{where} is not a preference set: it has no column {' and no '.join(missing)}; "
                f"its columns are {', '.join(record) or 'none'}.",
            )
        prompt, chosen, rejected = (
            _messages(record.get(name), name, where) for name in ("prompt", "chosen", "rejected")
        )
        if len(chosen) > 1 or len(rejected) > 1:  # full conversations, which include the prompt
            shared = _shared(chosen, rejected)
            prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        yield Pair(prompt, chosen, rejected)


def _shared(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> int:
    """The number of leading messages that both share, excluding the last of each."""
    most = min(len(chosen), len(rejected)) - 1
    return next((at for at in range(most) if chosen[at] != rejected[at]), max(most, 0))


def _messages(value: Any, column: str, where: str) -> tuple[Message, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return ({"role": "", "content": value},) if value else ()
    if isinstance(value, list) and all(
        isinstance(m, dict) and isinstance(m.get("content"), str) and isinstance(m.get("role"), str) for m in value
    ):
        return tuple({"role": m["role"], "content": m["content"]} for m in value)
    raise InputError(
        "column", f"The column {column!r} of {where} holds neither text nor a list of messages with role and content."
    )
