"""Preference pairs as they come, and the sample that is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.states.batches import batched
from estimator.text.corpus import Corpus
from estimator.text.pair_sample import PairSample, tokenise_pairs
from estimator.text.pairs import Pair, read_pairs
from estimator.text.sources import open_corpus
from estimator.text.tables import Records

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def text(content: str, role: str = "") -> tuple[dict[str, str], ...]:
    return ({"role": role, "content": content},)


def source(pairs: list[Pair]) -> Corpus:
    names = ("prompt", "chosen", "rejected")
    records = [{name: list(getattr(pair, name)) for name in names} for pair in pairs]
    return Corpus("set", {}, [Records("set", lambda: records)])


def made(pairs: list[Pair], tokenizer: Any, count: int = 100, max_length: int = 64) -> PairSample:
    return tokenise_pairs(source(pairs), tokenizer, count, max_length, Progress())


def test_positions_are_the_completions_tokens(tiny_tokenizer: Any) -> None:
    sample = made([Pair(text("of what "), text("it reads"), text("and forgets the rest"))] * 2, tiny_tokenizer)
    assert (sample.pairs, sample.documents) == (2, 4)
    parts = [
        tiny_tokenizer.decode(sample.tokens[sample.offsets[d] :][sample.measured(d)]) for d in range(sample.documents)
    ]
    assert parts == ["it reads", "and forgets the rest"] * 2
    measured = sample.tokens[sample.position_index()]
    assert tiny_tokenizer.decode(measured) == "".join(parts)
    assert (np.bincount(sample.document_of_position()) == np.diff(sample.first_position())).all()
    seen = np.zeros(sample.positions, dtype=np.int64)
    for batch in batched(sample, 30):
        assert (batch.tokens.ravel()[batch.rows] == measured[batch.positions]).all()
        seen[batch.positions] += 1
    assert (seen == 1).all()


def test_a_sample_comes_back_from_its_arrays(tiny_tokenizer: Any) -> None:
    sample = made([Pair((), text("it reads"), text(f"it forgets {n}")) for n in range(3)], tiny_tokenizer)
    again = PairSample.from_arrays(*sample.to_arrays())
    assert (again.digest, again.positions, again.starts.tolist()) == (sample.digest, sample.positions, [0] * 6)
    arrays, values = sample.to_arrays()
    with pytest.raises(ValueError, match="digest"):
        PairSample.from_arrays(arrays | {"starts": sample.starts + 1}, values)


def test_long_completions_are_cut_and_long_prompts_left_out(tiny_tokenizer: Any) -> None:
    notes: list[str] = []
    progress = Progress()
    progress.note = notes.append  # type: ignore[method-assign]
    pairs = [Pair(text("a"), text("b " * 40), text("c")), Pair(text("d " * 40), text("e"), text("f"))]
    pairs += [Pair(text("g"), text("h"), text(" ")), Pair(text("i"), text("j"), text("k"))]
    sample = tokenise_pairs(source(pairs), tiny_tokenizer, 10, 20, progress)
    assert sample.pairs == 2
    assert np.diff(sample.offsets).max() == 20
    (note,) = notes
    assert (
        "2 of the 4 pairs" in note
        and "1 have an empty completion" in note
        and "1 have a prompt of --max-length" in note
    )


def test_the_order_of_reading_does_not_matter(tiny_tokenizer: Any) -> None:
    pairs = [Pair(text("on"), text(f"it reads {n}"), text(f"it forgets {n * n}")) for n in range(8)]
    assert made(pairs, tiny_tokenizer).digest == made(pairs[::-1], tiny_tokenizer).digest
    swapped = [Pair(pair.prompt, pair.rejected, pair.chosen) for pair in pairs]
    assert made(pairs, tiny_tokenizer).digest != made(swapped, tiny_tokenizer).digest


def test_a_chat_template_sets_the_roles(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", TEMPLATE)
    user, better, worse = text("what?", "user"), text("this", "assistant"), text("that", "assistant")
    for pair in (Pair(user, better, worse), Pair(text("what?"), text("this"), text("that"))):
        sample = made([pair] * 2, tiny_tokenizer)
        assert tiny_tokenizer.decode(sample.tokens[: sample.offsets[1]]) == "<user>what?\n<assistant>this\n"
        assert tiny_tokenizer.decode(sample.tokens[sample.measured(0)]) == "this\n"


def test_full_conversations_share_their_prompt() -> None:
    ask, yes, no = ({"role": role, "content": role} for role in ("user", "assistant", "other"))
    (pair,) = read_pairs([{"chosen": [ask, yes], "rejected": [ask, no], "prompt": "ignored"}], "set")
    assert (pair.prompt, pair.chosen, pair.rejected) == ((ask,), (yes,), (no,))
    (pair,) = read_pairs([{"chosen": [ask, yes], "rejected": [ask, yes]}], "set")
    assert (pair.prompt, pair.chosen, pair.rejected) == ((ask,), (yes,), (yes,))
    (pair,) = read_pairs([{"chosen": [yes], "rejected": [no], "prompt": [ask]}], "set")
    assert (pair.prompt, pair.chosen) == ((ask,), (yes,))


def test_files_of_pairs(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    records = [{"prompt": f"p{n}", "chosen": f"c{n}", "rejected": f"r{n}"} for n in range(3)]
    lines, table = tmp_path / "pairs.jsonl", tmp_path / "pairs.parquet"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), table)
    for path in (lines, table):
        pairs = list(open_corpus(str(path), Progress()).pairs())
        assert [pair.chosen[0]["content"] for pair in pairs] == ["c0", "c1", "c2"]
    assert open_corpus(str(lines), Progress()).identity == open_corpus(str(lines), Progress()).identity


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"question": "a", "chosen": "b"}, "no column rejected; its columns are question, chosen"),
        ({"text": "a"}, "no column chosen and no rejected; its columns are text"),
        ({"chosen": 3, "rejected": "a"}, "'chosen' of set holds neither text nor a list of messages"),
        ({"chosen": [{"role": "user"}], "rejected": "a"}, "'chosen' of set holds neither"),
    ],
)
def test_what_is_no_preference_set_is_refused(record: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        list(read_pairs([record], "set"))
    assert caught.value.kind == "column"


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "contains no pairs"),
        ([Pair((), text("a"), text("b"))], "1 of its 1 pairs are usable"),
        ([Pair((), text("a"), ())] * 5, "0 of its 5 pairs are usable.* 5 have an empty completion"),
    ],
)
def test_too_few_pairs_are_refused(tiny_tokenizer: Any, pairs: list[Pair], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        made(pairs, tiny_tokenizer)
    assert caught.value.kind == "corpus"


def test_a_file_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="not a preference set"):
        list(open_corpus(str(tmp_path / "a.txt"), Progress()).pairs())


def test_real_states_of_a_tiny_model_are_scored_behind_the_prompt(
    tiny_model: Callable[[str], Path], tiny_tokenizer: Any
) -> None:
    """Scores of a completion do not depend on what else is in the batch, and see the prompt."""
    from estimator.checkpoints.resolve import resolve
    from estimator.states.anchors import stack_anchors
    from estimator.states.loading import load_model
    from estimator.states.scores import compute_scores

    (revision,) = resolve(str(tiny_model("llama")), None, Progress())
    model = load_model(revision, "cpu", "float32", Progress())
    anchors = stack_anchors(10, model.width, (0,))

    def scored(pairs: list[Pair]) -> tuple[PairSample, torch.Tensor]:
        sample = made(pairs, tiny_tokenizer)
        out = [torch.zeros((1, sample.positions, 10), dtype=torch.float16)]
        compute_scores(model, sample, anchors, (2,), out, Progress())
        return sample, out[0][0]

    pair = Pair(text("of what "), text("it reads"), text("it reads"))
    sample, found = scored([pair] * 2 + [Pair(text("a longer prompt "), text("this"), text("and that"))])
    first = sample.first_position()
    same = [found[first[d] : first[d + 1]] for d in range(6) if "of what" in tiny_tokenizer.decode(_tokens(sample, d))]
    assert len(same) == 4
    assert all(torch.equal(one, same[0]) for one in same)
    _, without = scored([Pair((), text("it reads"), text("it reads"))] * 2)
    assert not torch.allclose(without[: len(same[0])], same[0], atol=1e-3)


def _tokens(sample: PairSample, document: int) -> np.ndarray:
    return sample.tokens[sample.offsets[document] : sample.offsets[document + 1]]
