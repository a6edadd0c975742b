"""The tokens of a preference pair: those of its prompt, and those in which its two completions differ."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from estimator.errors import first_lines
from estimator.text.chat_template import ChatTemplate, TemplateError, chat_template
from estimator.text.pairs import Message, Pair

_CHARACTERS_PER_TOKEN = 100
_REASONING_END = "</think>"


class PairTokens(NamedTuple):
    """Token ids of a pair: the prompt's precede those of either completion.

    ``has_prompt`` says whether the prompt has more than the tokens that begin any text.
    """

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    has_prompt: bool


class Rejected(Exception):
    """The tokenizer's chat template cannot write a pair; the message is a clause that says why."""


class PairEncoder:
    """Encodes pairs with a tokenizer; made by :func:`pair_encoder`. ``template`` starts the chat template, if any."""

    def __init__(self, tokenizer: Any, max_length: int, template: Callable[[], ChatTemplate] | None) -> None:
        self._tokenizer = tokenizer
        self._room = max_length * _CHARACTERS_PER_TOKEN
        self._template = template
        self._before = _leading_tokens(tokenizer)

    def encode(self, pair: Pair) -> PairTokens:
        """The tokens of a pair; raises :class:`Rejected`.

        The chat template sets the roles if there are a template and a prompt; otherwise texts are concatenated
        unchanged. Prompt and completions are tokenised separately, so that both completions follow the same tokens.
        Those with which both begin are prompt as well, except for the last token of either.
        """
        if self._template and pair.prompt:
            texts = _written(pair, self._template())
            before: list[int] = []  # the template has written them
        else:
            texts = _plain(pair.prompt), _plain(pair.chosen), _plain(pair.rejected)
            before = self._before
        prompt, chosen, rejected = map(self._ids, texts)
        shared = max(min(_common(chosen, rejected), len(chosen) - 1, len(rejected) - 1), 0)
        prompt += chosen[:shared]
        return PairTokens(before + prompt, chosen[shared:], rejected[shared:], bool(prompt))

    def _ids(self, text: str) -> list[int]:
        readable = text[: self._room].encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer(readable, add_special_tokens=False, verbose=False)["input_ids"]
        return ids


@contextlib.contextmanager
def pair_encoder(tokenizer: Any, max_length: int, tick: Callable[[], None]) -> Iterator[PairEncoder]:
    """An encoder of pairs; ``tick`` is called while a chat template is rendered, and may raise to stop.

    Encoding raises :class:`InputError` (``"tokenizer"``) as :func:`.chat_template` does.
    """
    with contextlib.ExitStack() as stack:
        start = cache(lambda: stack.enter_context(chat_template(tokenizer, tick)))
        yield PairEncoder(tokenizer, max_length, start if getattr(tokenizer, "chat_template", None) else None)


def _leading_tokens(tokenizer: Any) -> list[int]:
    """The special tokens that precede a text; those that follow one would separate prompt and completion."""
    whole, bare = (tokenizer("a", add_special_tokens=special, verbose=False)["input_ids"] for special in (True, False))
    starts = (at for at in range(len(whole) - len(bare) + 1) if whole[at : at + len(bare)] == bare)
    return list(whole[: next(starts, 0)])


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """The number of leading items that both share."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _written(pair: Pair, template: ChatTemplate) -> tuple[str, str, str]:
    """The prompt and the two completions as the chat template writes them.

    If it does not repeat the prompt verbatim before a completion (some drop earlier reasoning, others begin the answer
    with some), the prompt is empty, and the completions are whole conversations.
    """
    asked = _with_roles(pair.prompt, "user")
    wholes = [asked + _with_roles(messages, "assistant") for messages in (pair.chosen, pair.rejected)]
    try:
        prompt, chosen, rejected = template.render([(asked, True), *((whole, False) for whole in wholes)])
    except TemplateError as error:
        raise Rejected(f"the chat template rejects it: {first_lines(error).rstrip('.')}") from error
    is_verbatim = chosen.startswith(prompt) and rejected.startswith(prompt)
    shared = prompt if is_verbatim else chosen[: _common(chosen, rejected)]
    if not (_has(shared, pair.prompt) and _has(chosen, pair.chosen) and _has(rejected, pair.rejected)):
        raise Rejected("the chat template leaves out, changes or moves a message")
    if not is_verbatim:
        return "", chosen, rejected
    return prompt, chosen[len(prompt) :], rejected[len(prompt) :]


def _has(text: str, messages: Sequence[Message]) -> bool:
    """Whether a text contains all messages, apart from white space and reasoning."""
    said = (message["content"].rpartition(_REASONING_END)[2] for message in messages)
    packed = "".join(text.split())
    return all("".join(one.split()) in packed for one in said)


def _with_roles(messages: Sequence[Message], role: str) -> list[Message]:
    return [{**message, "role": message["role"] or role} for message in messages]


def _plain(messages: Sequence[Message]) -> str:
    """Plain texts unchanged; messages of a conversation on separate lines."""
    return "".join(m["content"] + ("\n" if m["role"] else "") for m in messages)
