"""Datasets of a (loopback) hub, streamed as a corpus."""

from __future__ import annotations

import itertools
import json

import pytest

from benchmarks.loopback_hub import LoopbackHub, Repository
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress
from estimator.text.corpus import Corpus
from estimator.text.sources import C4, default_corpus, open_corpus
from estimator.text.tables import Document

CARD = """---
configs:
- config_name: en
  data_files:
  - split: train
    path: en/train.jsonl
  - split: validation
    path: en/validation.jsonl
- config_name: de
  data_files:
  - split: train
    path: de/train.jsonl
---
"""


def lines(texts: list[str], column: str = "text") -> bytes:
    return "".join(json.dumps({"url": "http://x", column: text}) + "\n" for text in texts).encode()


@pytest.fixture
def published(hub: LoopbackHub, monkeypatch, tmp_path) -> LoopbackHub:
    """A hub with a dataset of two configurations, a plain one, one with other columns and a gated one."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    files = {
        "README.md": CARD.encode(),
        "en/train.jsonl": lines(["train one", "train two"]),
        "en/validation.jsonl": lines(["validation one", "", "validation two"]),
        "de/train.jsonl": lines(["eins", "zwei"]),
    }
    for name, gated, content in [
        ("org/texts", False, files),
        ("org/plain", False, {"data.jsonl": lines(["only one"])}),
        ("org/pairs", False, {"data.jsonl": b'{"left": "a b", "right": "c d"}\n'}),
        ("org/broken", False, {"data.jsonl": b'{"text": "good"}\n{"text": \n'}),
        ("org/gated", True, files),
    ]:
        hub.datasets[name] = Repository(gated=gated)
        hub.datasets[name].commit(content, branch="main")
    return hub


def opened(spec: str) -> Corpus:
    return open_corpus(spec, Progress())


@pytest.mark.parametrize(
    ("spec", "split", "texts"),
    [
        ("org/texts:en:validation", "validation", ["validation one", "validation two"]),
        ("org/texts:en", "validation", ["validation one", "validation two"]),
        ("org/texts:de", "train", ["eins", "zwei"]),
        ("org/plain", "train", ["only one"]),
        ("org/plain::train", "train", ["only one"]),
    ],
)
def test_a_split_is_streamed_and_fixed_to_its_commit(published, spec, split, texts):
    corpus = opened(spec)
    assert list(corpus.texts()) == texts == list(corpus.texts())
    name = spec.partition(":")[0]
    assert corpus.name == spec and corpus.identity["split"] == split and corpus.identity_of(None)["column"] == "text"
    assert corpus.identity["commit"] == published.datasets[name].branches["main"]
    json.dumps(corpus.identity_of(None))


def test_a_named_column(published):
    assert list(opened("org/pairs").texts("right")) == ["c d"]
    with pytest.raises(InputError, match="--text-column, one of left, right"):
        opened("org/pairs").identity_of(None)
    with pytest.raises(InputError, match="no column 'middle': its columns are left, right") as error:
        opened("org/pairs").identity_of("middle")
    assert error.value.kind == "column"


@pytest.mark.parametrize(
    ("spec", "kind", "says"),
    [
        ("org/none", "corpus", "no such dataset"),
        ("org/texts:fr", "corpus", "'?fr'?.*en.*de"),
        ("org/texts:en:test", "corpus", "no split 'test': it has train, validation"),
        ("org/texts", "corpus", "en.*de"),
        ("org/gated:en", "access", "gated"),
        ("a/b/c", "corpus", "neither a local file"),
    ],
)
def test_datasets_that_cannot_be_opened(published, spec, kind, says):
    with pytest.raises(InputError, match=says) as error:
        opened(spec)
    assert error.value.kind == kind and "\n" not in str(error.value)


def test_a_damaged_file_is_one_sentence(published):
    with pytest.raises(InputError, match="cannot be read") as error:
        list(opened("org/broken").texts())
    assert error.value.kind == "corpus" and "\n" not in str(error.value)


def test_a_stream_that_breaks_off_is_bad_luck(published, monkeypatch):
    corpus = opened("org/plain")

    def broken():
        yield {"text": "first"}
        raise ConnectionError("gone")

    monkeypatch.setattr("datasets.IterableDataset.__iter__", lambda _self: broken())
    with pytest.raises(MeasurementError, match="was interrupted") as error:
        list(itertools.islice(corpus.texts(), 5))
    assert error.value.kind == "corpus"


def test_the_default_is_c4_where_the_hub_answers(published):
    assert default_corpus() == C4


def test_the_identity_is_that_of_earlier_versions(published):
    """It is hashed into the keys of cached values."""
    commit = published.datasets["org/texts"].branches["main"]
    rest = {"config": "en", "split": "train", "commit": commit, "column": "text"}
    assert opened("org/texts:en:train").identity_of(None) == {"source": "hub", "dataset": "org/texts", **rest}
    assert opened("org/texts:en:train").identity_of("url")["column"] == "url"


def test_categories_of_a_dataset_are_text_and_labels(published):
    import io

    import datasets
    import pyarrow
    import pyarrow.parquet

    prose = [f"text {number}" for number in range(4)]
    columns = {
        "text": pyarrow.array(prose).dictionary_encode(),
        "kind": pyarrow.array(["a", "b"] * 2).dictionary_encode(),
    }
    named = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["x", "y"])})
    classed = datasets.Dataset.from_dict({"text": prose, "label": [0, 1, 0, 1]}, features=named)
    contents = io.BytesIO(), io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), contents[0])
    classed.to_parquet(contents[1])
    for name, content, column, labels in [
        ("org/categories", contents[0], "kind", ["a", "b"] * 2),
        ("org/classes", contents[1], "label", [0, 1] * 2),
    ]:
        published.datasets[name] = Repository()
        published.datasets[name].commit({"data.parquet": content.getvalue()}, branch="main")
        documents = list(opened(name).documents(None, [column]))
        assert documents == [Document(text, (label,)) for text, label in zip(prose, labels, strict=True)]


def test_texts_come_with_further_columns(published):
    corpus = opened("org/pairs")
    assert list(corpus.documents("left", ["right", "left"])) == [Document("a b", ("c d", "a b"))]
    with pytest.raises(InputError, match="no column 'topic': its columns are left, right"):
        list(corpus.documents("left", ["topic"]))


def test_the_rows_by_which_the_text_column_is_found_are_read_once(published, monkeypatch):
    import datasets

    corpus, begun = opened("org/plain"), []
    read = datasets.IterableDataset.__iter__
    monkeypatch.setattr(datasets.IterableDataset, "__iter__", lambda self: begun.append(1) or read(self))
    assert corpus.identity_of(None) == corpus.identity_of(None)
    assert len(begun) == 1
    list(corpus.texts())
    assert len(begun) == 2


def test_pairs_are_streamed_from_the_hub_and_missing_columns_named(published):
    pairs = [
        {"chosen": [m("user", "a"), m("assistant", reply)], "rejected": [m("user", "a"), m("assistant", "no")]}
        for reply in ("yes", "well")
    ]
    content = "".join(json.dumps(pair) + "\n" for pair in pairs).encode()
    published.datasets["org/preferences"] = Repository()
    commit = published.datasets["org/preferences"].commit({"data.jsonl": content}, branch="main")
    source = opened("org/preferences")
    assert (source.identity["commit"], source.identity["split"]) == (commit, "train")
    read = list(source.pairs())
    assert [(pair.prompt[0]["content"], pair.chosen[0]["content"]) for pair in read] == [("a", "yes"), ("a", "well")]
    with pytest.raises(InputError, match="no column chosen and no rejected; its columns are left, right") as error:
        list(opened("org/pairs").pairs())
    assert error.value.kind == "column"


def m(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_a_dataset_that_is_a_script_is_refused_and_not_run(published, tmp_path):
    mark = tmp_path / "mark"
    published.datasets["org/script"] = Repository()
    script = f"import pathlib\npathlib.Path({str(mark)!r}).write_text('run')\n".encode()
    published.datasets["org/script"].commit({"script.py": script}, branch="main")
    with pytest.raises(InputError, match="org/script cannot be opened: Dataset scripts are no longer supported"):
        opened("org/script")
    assert not mark.exists()
