"""The sample for preference information: tokens of pairs of completions, measured only after their prompts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from estimator.arrays import IntArray
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.alike import sharing
from estimator.text.corpus import Corpus
from estimator.text.pairs import Message, Pair
from estimator.text.sample import SHORTEST, Sample

_CHARACTERS_PER_TOKEN = 100
_REPORT_EVERY = 32


@dataclass(frozen=True, slots=True, eq=False)
class PairSample(Sample):
    """Documents 2i and 2i + 1 are the chosen and the rejected completion of pair i, each preceded by its prompt.

    ``starts`` int64 [documents] is the offset of each document's completion: every token from there on is a measured
    position; the prompt's tokens are not.
    """

    starts: IntArray = field(kw_only=True)

    @property
    def pairs(self) -> int:
        """The number of pairs."""
        return self.documents // 2

    @property
    def positions(self) -> int:
        """The number of completion tokens."""
        return int(self.first_position()[-1])

    def measured(self, document: int) -> slice:
        """The measured tokens of a document: those of its completion."""
        return slice(int(self.starts[document]), int(self.offsets[document + 1] - self.offsets[document]))

    def first_position(self) -> IntArray:
        """The number of each document's first measured position, int64 [documents + 1]; the last entry is the total."""
        return np.concatenate([[0], np.cumsum(np.diff(self.offsets) - self.starts)])

    def position_index(self) -> IntArray:
        """Indices of the measured positions in ``tokens``, int64 [positions], ascending."""
        document = self.document_of_position()
        first = self.first_position()[:-1]
        return np.arange(self.positions) + (self.offsets[:-1] + self.starts - first)[document]

    def units(self) -> IntArray:
        """What belongs together, int64 [documents]: pairs that share a prompt or a completion have the same number."""
        documents = [self.tokens[start:end].tobytes() for start, end in itertools.pairwise(self.offsets)]
        starts = 4 * self.starts

        def keys(pair: int) -> Iterator[tuple[str, bytes]]:
            for document in (2 * pair, 2 * pair + 1):
                prompt, completion = documents[document][: starts[document]], documents[document][starts[document] :]
                if prompt:
                    yield "prompt", prompt
                if len(completion) >= 4 * SHORTEST:
                    yield "completion", completion

        return np.repeat(sharing(map(keys, range(self.pairs))), 2)

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON-ready values from which :meth:`from_arrays` restores the sample."""
        values = {"corpus": self.corpus, "digest": self.digest, "max_length": self.max_length}
        return {"tokens": self.tokens, "offsets": self.offsets, "starts": self.starts}, values

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], values: dict[str, Any]) -> PairSample:
        """The sample from the output of :meth:`to_arrays`; raises ValueError when the digest does not match."""
        tokens, offsets, starts = (arrays[name] for name in ("tokens", "offsets", "starts"))
        if _digest(tokens, offsets, starts) != values["digest"]:
            raise ValueError("the arrays are not those of the sample's digest")
        return cls(tokens, offsets, values["corpus"], values["digest"], values["max_length"], starts=starts)


def tokenise_pairs(corpus: Corpus, tokenizer: Any, pairs: int, max_length: int, progress: Progress) -> PairSample:
    """The first ``pairs`` pairs of which both completions have tokens within ``max_length``, prompt included.

    The tokenizer's chat template sets the roles if there are a template and a prompt; otherwise texts are concatenated
    unchanged. Prompt and completion are tokenised separately, so that both completions follow the same tokens. Omitted
    pairs are noted. Reports phase ``"text"`` in pairs. Raises :class:`InputError` (``"corpus"``) with fewer than 2
    usable pairs.
    """
    progress.phase("text", 0, pairs, "pairs")
    chosen: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], int]] = []
    read = empty = cut = 0
    for pair in corpus.pairs():
        read += 1
        if not (_has_text(pair.chosen) and _has_text(pair.rejected)):
            empty += 1
            continue
        prompt, better, worse = _encode(pair, tokenizer, max_length)
        if len(prompt) >= max_length or not (len(better) and len(worse)):
            cut += 1
            continue
        both = (np.concatenate([prompt, ids])[:max_length].astype(np.int32) for ids in (better, worse))
        chosen.append((*both, len(prompt)))  # type: ignore[arg-type]
        if len(chosen) % _REPORT_EVERY == 0:
            progress.phase("text", len(chosen), pairs, "pairs")
        if len(chosen) == pairs:
            break
    left_out = (
        f"{empty} have an empty completion, and {cut} have a prompt of --max-length ({max_length}) tokens or more"
    )
    if len(chosen) < 2:
        usable = f"{len(chosen)} of its {read} pairs are usable, and a sample needs at least 2: {left_out}."
        raise InputError("corpus", f"{corpus.name}: {usable}" if read else f"{corpus.name} contains no pairs.")
    if len(chosen) < pairs or empty or cut:
        progress.note(f"{corpus.name}: used {len(chosen)} of the {read} pairs read; {left_out}.")
    progress.phase("text", len(chosen), pairs, "pairs")
    # Sorted by digest, as for texts, so that numbers do not depend on the order of reading.
    chosen.sort(key=lambda pair: hashlib.sha256(b"".join(ids.astype("<i4").tobytes() for ids in pair[:2])).digest())
    documents = [ids for pair in chosen for ids in pair[:2]]
    tokens = np.concatenate(documents)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in documents])]).astype(np.int64)
    starts = np.repeat(np.array([pair[2] for pair in chosen], dtype=np.int64), 2)
    return PairSample(tokens, offsets, corpus.name, _digest(tokens, offsets, starts), max_length, starts=starts)


def _has_text(messages: Sequence[Message]) -> bool:
    return any(message["content"].strip() for message in messages)


def _encode(pair: Pair, tokenizer: Any, max_length: int) -> tuple[list[int], list[int], list[int]]:
    """Token ids of prompt, chosen and rejected."""
    template = getattr(tokenizer, "chat_template", None)
    if template and pair.prompt:
        texts = _with_template(pair, tokenizer)
        special = False  # the template has already added them
    else:
        texts = tuple(_plain(messages) for messages in (pair.prompt, pair.chosen, pair.rejected))
        special = True
    room = max_length * _CHARACTERS_PER_TOKEN
    readable = [text[:room].encode("utf-8", "replace").decode("utf-8") for text in texts]
    prompt = tokenizer(readable[0], add_special_tokens=special, verbose=False)["input_ids"]
    better, worse = (tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in readable[1:])
    return prompt, better, worse


def _with_template(pair: Pair, tokenizer: Any) -> tuple[str, ...]:
    prompt_messages = _with_roles(pair.prompt, "user")

    def written(messages: list[Message], **options: Any) -> str:
        try:
            return str(tokenizer.apply_chat_template(messages, tokenize=False, **options))
        except Exception as error:  # templates may raise anything
            raise InputError("tokenizer", f"The tokenizer's chat template rejects a pair: {error}.") from error

    prompt = written(prompt_messages, add_generation_prompt=True)
    completions = []
    for messages in (pair.chosen, pair.rejected):
        whole = written(prompt_messages + _with_roles(messages, "assistant"))
        # If the template does not repeat the prompt verbatim (some drop earlier reasoning), use the text itself.
        completions.append(whole[len(prompt) :] if whole.startswith(prompt) else _plain(messages))
    return prompt, *completions


def _with_roles(messages: Sequence[Message], role: str) -> list[Message]:
    return [{**message, "role": message["role"] or role} for message in messages]


def _plain(messages: Sequence[Message]) -> str:
    """Plain texts unchanged; messages of a conversation on separate lines."""
    return "".join(m["content"] + ("\n" if m["role"] else "") for m in messages)


def _digest(tokens: npt.NDArray[Any], offsets: npt.NDArray[Any], starts: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(b"pairs")
    for array, dtype in ((tokens, "<i4"), (offsets, "<i8"), (starts, "<i8")):
        digest.update(array.astype(dtype).tobytes())
    return digest.hexdigest()
