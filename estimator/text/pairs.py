"""Preference pairs: a prompt with a chosen and a rejected completion, from a hub dataset or a local file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.files import content_digest, kind_of, read_records, text_files

TULU = "allenai/llama-3.1-tulu-3-8b-preference-mixture"
"""The preference set of the paper, and the default."""

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """The messages of a prompt (none where a completion stands alone), and those of its two completions.

    Text without roles is one message with role ``""``.
    """

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class PairSource:
    """A source of pairs: ``name`` is short and for people, ``identity`` JSON-ready and decides what is read."""

    name: str
    identity: dict[str, Any]
    read: Callable[[], Iterator[Pair]]


def open_pairs(spec: str | None, progress: Progress) -> PairSource:
    """The preference set that ``spec`` names: a ``.jsonl`` or ``.parquet`` file, a folder of them, or a hub dataset.

    None is the Tulu 3 preference mixture. Columns are ``chosen`` and ``rejected``, as text or as lists of messages with
    ``role`` and ``content``, and ``prompt``, which full conversations do not need. Raises :class:`InputError`
    (``"corpus"``, ``"column"``, ``"access"``), now or while reading.
    """
    spec = TULU if spec is None else spec
    path = Path(spec).expanduser()
    if path.exists() or kind_of(path) or spec.startswith(("/", "./", "../", "~")):
        files = text_files(path)
        identity = {"source": "pairs", "sha256": content_digest(files, progress)}
        return PairSource(path.resolve().name, identity, lambda: read_pairs(read_records(files), str(path)))
    return _hub_pairs(spec, progress)


def _hub_pairs(spec: str, progress: Progress) -> PairSource:
    from estimator.text.hub_datasets import HubRows

    name, *rest = spec.split(":")
    if len(rest) > 2 or not name:
        raise InputError("corpus", f"{spec!r} is not written as a dataset's name:configuration:split.")
    config, split = [*(part or None for part in rest), None, None][:2]
    progress.phase("text", 0, None, "pairs")
    source = HubRows(name, config, split)
    identity = {
        "source": "hub pairs",
        "dataset": name,
        "config": config,
        "split": source.split,
        "commit": source.commit,
    }
    return PairSource(spec, identity, lambda: read_pairs(source.rows(), name))


def read_pairs(records: Iterable[dict[str, Any]], where: str) -> Iterator[Pair]:
    """The pairs of records; raises :class:`InputError` (``"column"``) that names the columns there are."""
    for record in records:
        if missing := [name for name in ("chosen", "rejected") if name not in record]:
            raise InputError(
                "column",
                f"{where} is no preference set: it has no column {' and no '.join(missing)}; "
                f"its columns are {', '.join(record) or 'none'}.",
            )
        prompt, chosen, rejected = (
            _messages(record.get(name), name, where) for name in ("prompt", "chosen", "rejected")
        )
        if len(chosen) > 1 or len(rejected) > 1:  # full conversations, which begin with the prompt
            shared = _shared(chosen, rejected)
            prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        yield Pair(prompt, chosen, rejected)


def _shared(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> int:
    """How many messages both begin with, leaving each at least its last."""
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
