"""The sample for preference information: tokens of pairs of completions, measured only after their prompts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from estimator.arrays import IntArray
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.alike import sharing
from estimator.text.corpus import Corpus
from estimator.text.pair_tokens import PairTokens, Rejected, pair_encoder
from estimator.text.pairs import Message
from estimator.text.records import TRIED, LeftOut, usable
from estimator.text.sample import SHORTEST, Sample

_REPORT_EVERY = 32
_ALIKE = 1.1
"""Ratio of mean lengths up to which chosen and rejected completions count as equally long."""


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
        values = {"corpus": self.corpus, "digest": self.digest, "max_length": self.max_length, "notes": self.notes}
        return {"tokens": self.tokens, "offsets": self.offsets, "starts": self.starts}, values

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]], values: dict[str, Any]) -> PairSample:
        """The sample from the output of :meth:`to_arrays`; raises ValueError when the digest does not match."""
        tokens, offsets, starts = (arrays[name] for name in ("tokens", "offsets", "starts"))
        if _digest(tokens, offsets, starts) != values["digest"]:
            raise ValueError("the arrays are not those of the sample's digest")
        return cls(tokens, offsets, **(values | {"notes": tuple(values["notes"])}), starts=starts)


def tokenise_pairs(
    corpus: Corpus, tokenizer: Any, pairs: int, max_length: int, progress: Progress, *, match_length: bool = False
) -> PairSample:
    """The first ``pairs`` pairs of which both completions have tokens within ``max_length``, prompt included.

    With ``match_length`` the longer completion of each pair ends where the shorter one does. :class:`.PairEncoder` says
    how a pair is tokenised. Pairs that are left out, those without prompt, and differences in length are noted.
    Reports phase ``"text"`` in pairs. Raises :class:`InputError`: ``"corpus"`` with fewer than 2 usable pairs,
    ``"column"`` if no record is a pair, and ``"tokenizer"`` if the chat template cannot be used.
    """
    chosen: list[_Encoded] = []
    seen: set[bytes] = set()
    left_out = LeftOut()
    rejected = without_prompt = 0
    lengths = np.zeros(2, dtype=np.int64)

    def report() -> None:
        progress.phase("text", len(chosen), pairs, "pairs")

    report()
    with pair_encoder(tokenizer, max_length, report) as encoder:
        for pair in usable(corpus.pairs(), left_out):
            if not (_has_text(pair.chosen) and _has_text(pair.rejected)):
                left_out.add(pair.place, "a completion is empty")
                continue
            try:
                tokens = encoder.encode(pair)
            except Rejected as error:
                left_out.add(pair.place, str(error))
                rejected += 1
                if rejected == TRIED and not chosen:
                    break
                continue
            if len(tokens.prompt) >= max_length or not (tokens.chosen and tokens.rejected):
                left_out.add(pair.place, f"the prompt has --max-length ({max_length}) tokens or more")
                continue
            encoded = _encoded(tokens, max_length, match_length)
            if encoded.digest in seen:
                left_out.add(pair.place, "it is a copy of an earlier pair")
                continue
            seen.add(encoded.digest)
            without_prompt += not tokens.has_prompt
            lengths += encoded.lengths
            chosen.append(encoded)
            if len(chosen) % _REPORT_EVERY == 0:
                report()
            if len(chosen) == pairs:
                break
    read = len(chosen) + len(left_out)
    if len(chosen) < 2:
        raise _too_few(corpus.name, read, len(chosen), left_out)
    notes = (
        *_notes(corpus.name, pairs, len(chosen), left_out, without_prompt),
        *_length_notes(corpus.name, lengths / len(chosen), match_length),
    )
    for note in notes:
        progress.note(note)
    report()
    return _sample(chosen, corpus.name, max_length, notes)


def _too_few(name: str, read: int, used: int, left_out: LeftOut) -> InputError:
    if not read:
        return InputError("corpus", f"{name} contains no pairs.")
    are_left_out = f"; {len(left_out)} are left out: {left_out}" if left_out else ""
    return InputError(
        "corpus", f"{name}: {used} of the {read} pairs read can be used, and a sample needs 2{are_left_out}."
    )


def _notes(name: str, pairs: int, used: int, left_out: LeftOut, without_prompt: int) -> Iterator[str]:
    if used < pairs or left_out:
        are_left_out = (
            f"; {len(left_out)} of the {used + len(left_out)} read are left out: {left_out}" if left_out else ""
        )
        yield f"{name}: {used} of the {pairs} requested pairs are used{are_left_out}."
    if without_prompt:
        yield (
            f"{name}: {without_prompt} of the {used} pairs have no prompt, neither in a column prompt nor as a common "
            "beginning of both completions, which are measured from their first token."
        )


def _length_notes(name: str, lengths: npt.NDArray[np.float64], match_length: bool) -> Iterator[str]:
    """What to know of the mean lengths of chosen and rejected completions, in tokens."""
    chosen, rejected = lengths
    if match_length:
        yield (
            f"{name}: the longer completion of each pair is cut to the length of the shorter one: chosen completions "
            f"have {chosen:.1f} tokens on average, rejected ones {rejected:.1f}."
        )
    elif max(chosen, rejected) > _ALIKE * min(chosen, rejected):
        yield (
            f"{name}: chosen completions have {chosen:.1f} tokens on average, rejected ones {rejected:.1f}; "
            "--match-length measures each pair up to the length of the shorter completion."
        )


class _Encoded(NamedTuple):
    """The two documents of a pair, which both begin with ``start`` tokens of the prompt, and their digest.

    ``lengths`` are those of its completions within the maximum length, before the longer one is cut.
    """

    digest: bytes
    start: int
    documents: list[npt.NDArray[np.int32]]
    lengths: list[int]


def _encoded(pair: PairTokens, max_length: int, match_length: bool) -> _Encoded:
    start = len(pair.prompt)
    documents = [np.array(pair.prompt + ids, dtype=np.int32)[:max_length] for ids in (pair.chosen, pair.rejected)]
    lengths = [len(ids) - start for ids in documents]
    if match_length:
        documents = [ids[: start + min(lengths)] for ids in documents]
    digest = hashlib.sha256(b"".join(ids.astype("<i4").tobytes() for ids in documents)).digest()
    return _Encoded(digest, start, documents, lengths)


def _sample(pairs: list[_Encoded], name: str, max_length: int, notes: tuple[str, ...]) -> PairSample:
    """The pairs in the order of their digests, as for texts, so that numbers do not depend on the order of reading."""
    pairs = sorted(pairs, key=lambda pair: pair.digest)
    documents = [ids for pair in pairs for ids in pair.documents]
    tokens = np.concatenate(documents)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in documents])]).astype(np.int64)
    starts = np.repeat(np.array([pair.start for pair in pairs], dtype=np.int64), 2)
    digest = _digest(tokens, offsets, starts)
    return PairSample(tokens, offsets, name, digest, max_length, notes=notes, starts=starts)


def _has_text(messages: Sequence[Message]) -> bool:
    return any(message["content"].strip() for message in messages)


def _digest(tokens: npt.NDArray[Any], offsets: npt.NDArray[Any], starts: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256(b"pairs")
    for array, dtype in ((tokens, "<i4"), (offsets, "<i8"), (starts, "<i8")):
        digest.update(array.astype(dtype).tobytes())
    return digest.hexdigest()
