"""Preference pairs as they come, and the sample that is made of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import Cancelled, InputError
from estimator.progress import Progress
from estimator.states.batches import batched
from estimator.text import chat_template
from estimator.text.corpus import Corpus
from estimator.text.pair_sample import PairSample, tokenise_pairs
from estimator.text.pairs import Pair, read_pairs
from estimator.text.records import Record, Unusable
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


def sample_of(records: list[Record], tokenizer: Any, max_length: int = 200) -> PairSample:
    corpus = Corpus("set", {}, [Records("set", lambda: records)])
    return tokenise_pairs(corpus, tokenizer, 100, max_length, Progress())


def read(record: Record) -> Pair | Unusable:
    (found,) = read_pairs([("record 1 of set", record)])
    return found


def completions(sample: PairSample, tokenizer: Any) -> list[str]:
    """The text of the measured tokens of each document."""
    return [tokenizer.decode(_tokens(sample, d)[sample.measured(d)]) for d in range(sample.documents)]


def prompts(sample: PairSample, tokenizer: Any) -> list[str]:
    return [tokenizer.decode(_tokens(sample, d)[: sample.starts[d]]) for d in range(sample.documents)]


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_positions_are_the_completions_tokens(tiny_tokenizer: Any) -> None:
    answers = text("it reads"), text("and forgets the rest")
    sample = made([Pair(text(prompt), *answers) for prompt in ("of what ", "of the ")], tiny_tokenizer)
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
    sample = made([Pair((), text("reads it"), text(f"forgets {n}")) for n in range(3)], tiny_tokenizer)
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
    note, difference = notes
    assert difference.startswith(
        "set: chosen completions have 10.0 tokens on average, rejected ones 1.0; --match-length"
    )
    assert note == (
        "set: 2 of the 10 requested pairs are used; 2 of the 4 read are left out: 1 because the prompt has "
        "--max-length (20) tokens or more (record 2 of set), 1 because a completion is empty (record 3 of set)."
    )
    assert sample.notes == (note, difference) == PairSample.from_arrays(*sample.to_arrays()).notes


def test_the_order_of_reading_does_not_matter(tiny_tokenizer: Any) -> None:
    pairs = [Pair(text("on"), text(f"it reads {n}"), text(f"it forgets {n * n}")) for n in range(8)]
    assert made(pairs, tiny_tokenizer).digest == made(pairs[::-1], tiny_tokenizer).digest
    swapped = [Pair(pair.prompt, pair.rejected, pair.chosen) for pair in pairs]
    assert made(pairs, tiny_tokenizer).digest != made(swapped, tiny_tokenizer).digest


def test_a_chat_template_sets_the_roles(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", TEMPLATE)
    user, better, worse = text("what?", "user"), text("this", "assistant"), text("no", "assistant")
    for pair in (Pair(user, better, worse), Pair(text("what?"), text("this"), text("no"))):
        sample = made([pair, replace(pair, prompt=text("which?", pair.prompt[0]["role"]))], tiny_tokenizer)
        chosen = [tiny_tokenizer.decode(_tokens(sample, document)) for document in (0, 2)]
        assert "<user>what?\n<assistant>this\n" in chosen
        assert tiny_tokenizer.decode(sample.tokens[sample.measured(0)]) == "this\n"


ASK, YES, NO, MORE = (
    message("user", "so?"),
    message("assistant", "yes"),
    message("assistant", "no"),
    message("user", "why?"),
)


@pytest.mark.parametrize(
    ("prompt", "shared", "expected"),
    [
        (None, [ASK], [ASK]),
        ([ASK], [], [ASK]),
        ([ASK], [ASK], [ASK]),
        ("so?", [ASK], [ASK]),
        ("so? ", [MORE, YES, ASK], [MORE, YES, ASK]),
        ([MORE, ASK], [ASK, YES, MORE], [MORE, ASK, YES, MORE]),
        ("User: so?\nAnswer: yes\nUser: why?", [ASK, YES, MORE], [ASK, YES, MORE]),
        ([message("system", "be kind")], [ASK], [message("system", "be kind"), ASK]),
        ("be kind", [ASK], [message("", "be kind"), ASK]),
        ([ASK], [NO, MORE], [ASK, NO, MORE]),
    ],
)
def test_a_column_prompt_precedes_what_conversations_share_unless_they_repeat_it(
    prompt: Any, shared: list[Any], expected: list[Any]
) -> None:
    for rejected in (NO, YES):
        pair = read({"prompt": prompt, "chosen": [*shared, YES], "rejected": [*shared, rejected]})
        assert isinstance(pair, Pair)
        assert (list(pair.prompt), pair.chosen, pair.rejected) == (expected, (YES,), (rejected,))


def test_completions_of_several_messages_follow_their_prompt(tiny_tokenizer: Any) -> None:
    records = [{"prompt": f"of {n} ", "chosen": [YES, MORE, NO], "rejected": [NO, MORE, YES]} for n in range(3)]
    sample = sample_of(records, tiny_tokenizer)
    assert sorted(prompts(sample, tiny_tokenizer)) == ["of 0 ", "of 0 ", "of 1 ", "of 1 ", "of 2 ", "of 2 "]
    assert completions(sample, tiny_tokenizer) == ["yes\nwhy?\nno\n", "no\nwhy?\nyes\n"] * 3


@pytest.mark.parametrize(
    "encode", [json.dumps, str, lambda messages: json.dumps(messages, indent=2), lambda messages: messages]
)
def test_messages_encoded_as_strings_are_decoded(encode: Callable[[Any], Any]) -> None:
    pair = read({"chosen": encode([ASK, YES]), "rejected": encode([ASK, NO])})
    assert pair == Pair((ASK,), (YES,), (NO,))
    pair = read({"prompt": encode(ASK), "chosen": encode(YES), "rejected": encode([NO])})
    assert pair == Pair((ASK,), (YES,), (NO,))
    named = [{"id": 3, **one} for one in (ASK, YES)]
    assert read({"chosen": encode(named), "rejected": encode([ASK, NO])}) == Pair((ASK,), (YES,), (NO,))
    foreign = read({"chosen": encode([{"from": "human", "value": "so?"}]), "rejected": encode([ASK, NO])})
    assert isinstance(foreign, Unusable) and "lists that are not messages with role and content" in foreign.reason


@pytest.mark.parametrize("words", ['["role", "content"]', "[1] is cited", '{"a": 1}', "{", "role: content"])
def test_other_text_in_brackets_is_text(words: str) -> None:
    assert read({"chosen": words, "rejected": "b"}) == Pair((), text(words), text("b"))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["[{'role': ", '[{"role":"a","content":']),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner),
        max_leaves=8,
    )
)
def test_whatever_a_cell_holds_is_a_pair_or_a_reason(cell: Any) -> None:
    for record in ({"prompt": cell, "chosen": "a", "rejected": "b"}, {"chosen": cell, "rejected": cell}):
        found = read(record)
        assert isinstance(found, Pair) or "\n" not in found.reason


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
INST = (
    "{{ bos_token or '' }}{% for m in messages %}{% if m.role == 'user' %}[INST] {% if loop.index0 == messages | "
    "selectattr('role', 'equalto', 'user') | list | length and messages[0].role == 'system' %}{{ messages[0].content }}"
    "\n\n{% endif %}{{ m.content | trim }} [/INST]{% elif m.role == 'assistant' %} {{ m.content | trim }}</s>"
    "{% endif %}{% endfor %}"
)
MODEL_TURNS = (
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "asked", "ends"),
    [
        (CHATML + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "assistant\n", "<|im_end|>\n"),
        (CHATML, "assistant\n", "<|im_end|>\n"),  # without a prompt for the answer
        (INST, "[/INST]", "</s>"),
        (MODEL_TURNS, "<start_of_turn>model\n", "<end_of_turn>\n"),
    ],
)
def test_usual_templates_label_the_answers(
    tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, template: str, asked: str, ends: str
) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", template)
    prompts_of = [[message("system", "be kind"), message("user", f" so? {n}")] for n in range(3)]
    sample = sample_of([{"prompt": one, "chosen": [YES], "rejected": [NO]} for one in prompts_of], tiny_tokenizer)
    assert [text.strip(" ") for text in completions(sample, tiny_tokenizer)] == ["yes" + ends, "no" + ends] * 3
    assert all(prompt.endswith(asked) and "so?" in prompt for prompt in prompts(sample, tiny_tokenizer))


def test_whole_conversations_as_text_give_the_sample_of_their_parts(tiny_tokenizer: Any) -> None:
    """As in hh-rlhf: only the answers, after the common beginning, are labelled."""
    parts = [
        {"prompt": f"\n\nHuman: what of {n}?\n\nAssistant:", "chosen": " it reads", "rejected": " no, it writes"}
        for n in range(4)
    ]
    apart = sample_of(parts, tiny_tokenizer)
    wholes = [{name: part["prompt"] + part[name] for name in ("chosen", "rejected")} for part in parts]
    repeated = [{"prompt": part["prompt"], **whole} for part, whole in zip(parts, wholes, strict=True)]
    for records in (wholes, repeated):
        sample = sample_of(records, tiny_tokenizer)
        assert completions(sample, tiny_tokenizer) == completions(apart, tiny_tokenizer)
        assert sample.notes == () or "requested" in sample.notes[0]
    assert set(completions(apart, tiny_tokenizer)) <= {" it reads", " no, it writes", "it reads", "no, it writes"}
    assert prompts(sample_of(wholes, tiny_tokenizer), tiny_tokenizer) == prompts(apart, tiny_tokenizer)


def test_a_common_beginning_is_prompt_but_one_token_of_each_remains(tiny_tokenizer: Any) -> None:
    records = [{"prompt": f"{n}", "chosen": "it reads", "rejected": "it reads the rest"} for n in range(2)]
    sample = sample_of(records, tiny_tokenizer)
    ids = tiny_tokenizer("it reads")["input_ids"]
    chosen = [_tokens(sample, d)[sample.measured(d)].tolist() for d in (0, 2)]
    assert chosen == [ids[-1:]] * 2
    same = sample_of([{"prompt": n, "chosen": "it reads", "rejected": "it reads"} for n in "ab"], tiny_tokenizer)
    assert np.diff(same.first_position()).tolist() == [1, 1, 1, 1]


def test_pairs_without_prompt_are_noted(tiny_tokenizer: Any) -> None:
    records = [{"chosen": "reads it", "rejected": other} for other in ("forgets", "what")]
    records.append({"chosen": "it is", "rejected": "it was"})
    (few, none) = sample_of(records, tiny_tokenizer).notes
    assert few == "set: 3 of the 100 requested pairs are used."
    assert none.startswith("set: 2 of the 3 pairs have no prompt, neither in a column prompt nor as a common beginning")


def test_an_end_token_does_not_separate_prompt_and_completion(tiny_tokenizer: Any) -> None:
    from tokenizers import AddedToken
    from tokenizers.processors import TemplateProcessing

    adding = copy.deepcopy(tiny_tokenizer)
    adding.add_tokens([AddedToken("<s>", special=True), AddedToken("</s>", special=True)])
    begin, end = adding.convert_tokens_to_ids(["<s>", "</s>"])
    adding.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", begin), ("</s>", end)]
    )
    assert adding("a")["input_ids"][::2] == [begin, end]
    for prompt in ("of what ", None):
        records = [{"prompt": prompt, "chosen": f"reads {n}", "rejected": "forgets"} for n in range(2)]
        sample, plain = sample_of(records, adding), sample_of(records, tiny_tokenizer)
        assert end not in sample.tokens and len(sample.tokens) == len(plain.tokens) + 4
        assert (sample.tokens[sample.offsets[:-1]] == begin).all()
        assert completions(sample, adding) == completions(plain, tiny_tokenizer)
        assert any("have no prompt" in note for note in sample.notes) == (prompt is None)


def test_bad_records_are_left_out_and_counted_with_the_line_of_the_first(tiny_tokenizer: Any, tmp_path: Path) -> None:
    good = [{"prompt": f"p{n}", "chosen": f"c{n}", "rejected": f"r{n}"} for n in range(4)]
    bad = [
        {"prompt": "p", "chosen": 3, "rejected": "r"},
        {"prompt": "p", "chosen": "c"},
        {"prompt": "p", "chosen": [{"role": "user"}], "rejected": "r"},
        {"prompt": "p", "chosen": '[{"role": "user", "content": "cut o', "rejected": "r"},
        {"prompt": "p", "chosen": 4, "rejected": "r"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, [*bad, *good])))
    sample = tokenise_pairs(open_corpus(str(path), Progress()), tiny_tokenizer, 9, 64, Progress())
    note = sample.notes[0]
    assert sample.pairs == 4 and note.startswith(
        "a.jsonl: 4 of the 9 requested pairs are used; 5 of the 9 read are left out"
    )
    for reason in (
        f"2 because the column 'chosen' holds numbers, neither text nor messages (first: line 1 of {path})",
        f"1 because a completion is empty (line 2 of {path})",
        f"1 because the column 'chosen' holds lists that are not messages with role and content (line 3 of {path})",
        f"1 because the column 'chosen' holds messages as a string that is not JSON (line 4 of {path})",
    ):
        assert reason in note
    path.write_text("\n".join(map(json.dumps, bad[:1] * 3)))
    with pytest.raises(InputError, match=r"None of the 3 records read can be used: in line 1 of .*holds numbers"):
        tokenise_pairs(open_corpus(str(path), Progress()), tiny_tokenizer, 9, 64, Progress())


REJECTING = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)


def chats(count: int = 3, **more: Any) -> list[Record]:
    return [{"prompt": [message("user", f"so {n}?")], "chosen": [YES], "rejected": [NO]} | more for n in range(count)]


def test_pairs_that_a_chat_template_rejects_are_left_out(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", REJECTING + TEMPLATE.removeprefix("{% for m in messages %}"))
    odd = chats(1, prompt=[message("system", "be kind"), ASK])
    note, *_ = sample_of(odd + chats(), tiny_tokenizer).notes
    assert "1 because the chat template rejects it: System role not supported (record 1 of set)" in note
    with pytest.raises(InputError, match=r"0 of the 32 pairs read can be used.*rejects it: System role not supported"):
        sample_of(odd * 40, tiny_tokenizer)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}",
        "{% for m in messages | reverse %}<{{ m.role }}>{{ m.content }}{% endfor %}",
        "{{ messages[0].content }}",
        "{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}{% endfor %}",
    ],
)
def test_a_template_that_drops_or_moves_messages_is_refused(
    tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    monkeypatch.setattr(tiny_tokenizer, "chat_template", template)
    records = chats(prompt=[message("system", "be kind"), ASK])
    with pytest.raises(InputError, match="the chat template leaves out, changes or moves a message"):
        sample_of(records, tiny_tokenizer)


def test_templates_may_drop_reasoning_and_begin_answers(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1] | trim }}|{% endfor %}"
        "{% if add_generation_prompt %}<assistant><think>{% endif %}"
    )
    monkeypatch.setattr(tiny_tokenizer, "chat_template", template)
    asked = [ASK, message("assistant", "<think>hm</think> sure"), MORE]
    sample = sample_of([*chats(1, prompt=asked), *chats(1)], tiny_tokenizer)
    long, short = "<user>so?|<assistant>sure|<user>why?|<assistant>", "<user>so 0?|<assistant>"
    assert set(prompts(sample, tiny_tokenizer)) == {long, short}
    assert completions(sample, tiny_tokenizer) == ["yes|", "no|"] * 2


def test_texts_of_a_template_depend_neither_on_the_day_nor_on_chance(
    tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tiny_tokenizer, "chat_template", "{{ strftime_now('%d %b %Y') }}{{ range(99999) | random }}" + TEMPLATE
    )
    first, second = (sample_of(chats(), tiny_tokenizer) for _ in range(2))
    assert first.digest == second.digest
    assert all(prompt.startswith("26 Jul 2024") for prompt in prompts(first, tiny_tokenizer))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}" + TEMPLATE,
            "did not end within 1 s",
        ),
        ("{% set x = 10 ** (10 ** (messages | length + 9)) %}" + TEMPLATE, "did not end within 1 s"),
        ("{{ 10 ** (10 ** 10) }}" + TEMPLATE, "did not end within 1 s"),
        ("{{ 'a' * 10 ** 12 }}" + TEMPLATE, "chat template rejects it: MemoryError"),
        ("{% for m in messages %}", "cannot be used: Unexpected end of template"),
        ("{{ nothing.at_all }}", "rejects it: 'nothing' is undefined"),
        ("{{ 'ab' * 10 ** 7 }}" + TEMPLATE, "writes more than 16777216 characters"),
    ],
)
def test_templates_that_would_hang_or_fill_the_memory_are_one_sentence(
    tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, template: str, words: str
) -> None:
    monkeypatch.setattr(chat_template, "RENDER_WITHIN", 1.0)
    monkeypatch.setattr(tiny_tokenizer, "chat_template", template)
    with pytest.raises(InputError, match=words) as error:
        sample_of(chats(), tiny_tokenizer)
    assert "\n" not in str(error.value)


def test_rendering_can_be_cancelled(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Progress):
        reports = 0

        def phase(self, *_report: Any) -> None:
            self.reports += 1
            if self.reports > 8:  # while the template is rendered: the pairs are fewer
                raise Cancelled

    monkeypatch.setattr(
        tiny_tokenizer,
        "chat_template",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    )
    corpus = Corpus("set", {}, [Records("set", chats)])
    with pytest.raises(Cancelled):
        tokenise_pairs(corpus, tiny_tokenizer, 10, 64, Stop())


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
        (
            {"chosen": 3, "rejected": "a"},
            "in record 1 of set, the column 'chosen' holds numbers, neither text nor messages",
        ),
        ({"chosen": [{"role": "user"}], "rejected": "a"}, "holds lists that are not messages with role and content"),
    ],
)
def test_what_is_no_preference_set_is_refused(tiny_tokenizer: Any, record: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        sample_of([record], tiny_tokenizer)
    assert caught.value.kind == "column"


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "contains no pairs"),
        ([Pair((), text("a"), text("b"))], "1 of the 1 pairs read can be used"),
        (
            [Pair((), text("a"), ())] * 5,
            r"0 of the 5 pairs read can be used.*: 5 because a completion is empty \(first: record 1 of set\)",
        ),
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
    other = Pair(text("a longer prompt "), text("this"), text("and that"))

    def answers(pairs: list[Pair], beginning: str) -> list[torch.Tensor]:
        sample, found = scored(pairs)
        first = sample.first_position()
        begins = [tiny_tokenizer.decode(_tokens(sample, d)).startswith(beginning) for d in range(sample.documents)]
        return [found[first[d] : first[d + 1]] for d in np.flatnonzero(begins)]

    same = answers([pair, other], "of what")
    assert len(same) == 2 and torch.equal(*same)
    without, _ = answers([replace(pair, prompt=()), other], "it reads")
    assert not torch.allclose(without, same[0], atol=1e-3)


def _tokens(sample: PairSample, document: int) -> np.ndarray:
    return sample.tokens[sample.offsets[document] : sample.offsets[document + 1]]


def test_copies_of_a_pair_are_left_out(tiny_tokenizer: Any) -> None:
    pairs = [Pair(text(f"question {n}"), text(f"good answer {n}"), text("bad answer")) for n in range(4)]
    heard: list[str] = []

    class Heard(Progress):
        def note(self, text: str) -> None:
            heard.append(text)

    sample = tokenise_pairs(source([*pairs, pairs[1], pairs[1]]), tiny_tokenizer, 6, 64, Heard())
    assert sample.pairs == 4 and sample.digest == made(pairs, tiny_tokenizer).digest
    assert "2 of the 6 read are left out: 2 because it is a copy of an earlier pair" in heard[0]


def test_pairs_matched_in_length_end_where_the_shorter_completion_does(tiny_tokenizer: Any) -> None:
    pairs = [Pair(text(prompt), text("it reads"), text("and forgets the rest")) for prompt in ("of what ", "of the ")]
    as_read = made(pairs, tiny_tokenizer)
    matched = tokenise_pairs(source(pairs), tiny_tokenizer, 2, 64, Progress(), match_length=True)
    whole, cut = (
        {(prompts(sample, tiny_tokenizer)[d], d % 2): _tokens(sample, d)[sample.measured(d)] for d in range(4)}
        for sample in (as_read, matched)
    )
    for prompt, side in whole:
        shorter = min(len(whole[prompt, 0]), len(whole[prompt, 1]))
        assert cut[prompt, side].tolist() == whole[prompt, side][:shorter].tolist()
    (note,) = matched.notes
    short, long = np.diff(as_read.first_position()).reshape(-1, 2).mean(0)
    assert short < long
    assert note.endswith(f"chosen completions have {short:.1f} tokens on average, rejected ones {long:.1f}.")


def test_a_difference_in_length_is_noted_with_what_to_do(tiny_tokenizer: Any) -> None:
    prompts = "ab"
    longer = [Pair(text(prompt), text("it " * 20), text("reads " * 10)) for prompt in prompts]
    alike = [Pair(text(prompt), text("it " * 20), text("of " * 20)) for prompt in prompts]
    (note,) = tokenise_pairs(source(longer), tiny_tokenizer, 2, 64, Progress()).notes
    assert "--match-length measures each pair up to the length of the shorter completion" in note
    assert not tokenise_pairs(source(alike), tiny_tokenizer, 2, 64, Progress()).notes
