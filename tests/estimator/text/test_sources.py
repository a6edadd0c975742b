"""Sources of text: texts, further columns and pairs of each built-in one, and sources that other packages add."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from estimator.errors import InputError
from estimator.progress import Progress
from estimator.registry import Registry
from estimator.text import sources
from estimator.text.corpus import Corpus
from estimator.text.docstrings import DOCSTRINGS
from estimator.text.sources import SOURCES, Source, open_corpus
from estimator.text.tables import Document, Records
from ib_explorer.options import option
from tests.packages import package

ROOT = Path(__file__).parents[3]

RECORDS = [
    {"topic": f"t{n % 2}", "text": f"text {n}", "prompt": "p ", "chosen": f"c{n}", "rejected": "r"} for n in range(3)
]
TOPICS = [Document(f"text {n}", (f"t{n % 2}", f"c{n}")) for n in range(3)]


def opened(spec: Path | str) -> Corpus:
    return open_corpus(str(spec), Progress())


def records_file(folder: Path, suffix: str, records: list[dict[str, Any]] = RECORDS) -> Path:
    path = folder / f"records{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    elif suffix == ".csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_files_give_texts_columns_and_pairs(tmp_path: Path, suffix: str) -> None:
    corpus = opened(records_file(tmp_path, suffix))
    assert list(corpus.documents()) == [Document(f"text {n}") for n in range(3)]
    assert list(corpus.documents(None, ["topic", "chosen"])) == TOPICS
    assert list(corpus.documents("topic", ["topic"])) == [Document(t, (t,)) for t in ("t0", "t1", "t0")]
    assert [pair.chosen[0]["content"] for pair in corpus.pairs()] == ["c0", "c1", "c2"]
    with pytest.raises(InputError, match="no column 'language': its columns are topic, text, prompt") as error:
        list(corpus.documents(None, ["topic", "language"]))
    assert error.value.kind == "column"


def test_records_without_text_are_passed_over_with_their_columns(tmp_path: Path) -> None:
    records = [{"text": "one", "topic": 1}, {"text": " ", "topic": 2}, {"topic": 3}, {"text": "four"}]
    corpus = opened(records_file(tmp_path, ".jsonl", records))
    assert list(corpus.documents(None, ["topic"])) == [Document("one", (1,)), Document("four", (None,))]


def test_of_a_parquet_file_only_the_columns_needed_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = pyarrow.parquet.ParquetFile.iter_batches

    def spy(self: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(options["columns"])
        return read(self, *arguments, **options)

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "iter_batches", spy)
    corpus = opened(records_file(tmp_path, ".parquet"))
    list(corpus.documents())
    list(corpus.documents(None, ["topic", "chosen", "topic"]))
    assert asked == [["text"], ["text", "topic", "chosen"]]


def test_plain_texts_have_neither_columns_nor_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" some text ")
    plain = opened(tmp_path / "a.txt")
    assert list(plain.documents("anything")) == [Document("some text")]
    docstrings = opened(DOCSTRINGS)
    assert next(docstrings.documents()).columns == ()
    for corpus in (plain, docstrings):
        with pytest.raises(InputError, match="is plain text and has no column 'topic'") as error:
            next(corpus.documents(None, ["topic"]))
        assert error.value.kind == "column"
        with pytest.raises(InputError, match="is plain text, not a preference set: use a file") as error:
            next(corpus.pairs())
        assert error.value.kind == "corpus"


def test_identities_are_those_of_earlier_versions(tmp_path: Path) -> None:
    """They are hashed into the keys of cached values."""
    (tmp_path / "a.txt").write_text("text")
    digest = hashlib.sha256(hashlib.sha256(b"text").digest()).hexdigest()
    files = {"source": "files", "kinds": [".txt"], "sha256": digest}
    assert opened(tmp_path).identity_of(None) == {**files, "column": None}
    assert opened(tmp_path).identity_of("body") == {**files, "column": "body"}
    docstrings = opened(DOCSTRINGS)
    digest = hashlib.sha256("\0".join(docstrings.texts()).encode()).hexdigest()
    expected = {"source": "docstrings", "python": platform.python_version(), "sha256": digest}
    assert docstrings.identity_of(None) == docstrings.identity_of("body") == expected


def fables(spec: str, progress: Progress) -> Corpus:
    return Corpus(spec, {"source": "fables"}, [Records(spec, lambda: RECORDS)])


@pytest.fixture
def added() -> Iterator[Source]:
    """A source added to this process that recognises whatever contains its name."""
    yield SOURCES.add(Source("fables", "fables (Aesop's)", lambda spec: "fables" in spec or spec == DOCSTRINGS, fables))
    SOURCES.remove("fables")


def test_an_added_source_gives_texts_columns_and_pairs(added: Source) -> None:
    corpus = opened("fables")
    assert list(corpus.texts()) == ["text 0", "text 1", "text 2"]
    assert list(corpus.documents("text", ["topic", "chosen"])) == TOPICS
    assert len(list(corpus.pairs())) == 3
    assert corpus.identity_of("topic") == {"source": "fables", "column": "topic"}
    assert added.help in option("corpus").help


def test_added_sources_are_asked_before_files_and_the_hub_but_after_docstrings(added: Source, tmp_path: Path) -> None:
    (tmp_path / "fables.txt").write_text("a file")
    assert opened(tmp_path / "fables.txt").identity["source"] == "fables"
    assert opened("aesop/fables:en").identity["source"] == "fables"
    assert opened(DOCSTRINGS).identity["source"] == DOCSTRINGS
    (tmp_path / "a.txt").write_text("a file")
    assert opened(tmp_path / "a.txt").identity["source"] == "files"


def test_a_source_that_cannot_be_loaded_is_named_where_the_hub_is_asked_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "torn", "raise RuntimeError('pages missing')\n", {"ib_explorer.sources": {"fables": "FABLES"}})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sources, "SOURCES", Registry("source", "ib_explorer.sources", SOURCES.values()))
    notes: list[str] = []
    progress = Progress()
    progress.note = notes.append  # type: ignore[method-assign]
    with pytest.raises(InputError, match="cannot be reached"):
        open_corpus("fables", progress)
    (note,) = notes
    assert "'fables' of torn 1.0 cannot be loaded" in note
    open_corpus(DOCSTRINGS, progress)
    assert len(notes) == 1


PACKAGE = """
from estimator.text.corpus import Corpus
from estimator.text.sources import Source
from estimator.text.tables import Records


def fables(spec, progress):
    animals = ("fox", "crow", "lion", "mouse", "hare", "tortoise")
    records = [{"moral": "beware", "story": f"once the {one} met the {other} and they spoke of what is said"}
               for one, other in zip(animals, animals[::-1])]
    return Corpus("fables", {"source": "fables", "edition": 1}, [Records("fables", lambda: records)])


FABLES = Source("fables", "fables (of Aesop)", lambda spec: spec == "fables", fables)
"""


def test_the_source_of_an_installed_package_is_measured_by_the_command_line(
    tmp_path: Path, tiny_model: Callable[[str], Path]
) -> None:
    package(tmp_path, "aesop", PACKAGE, {"ib_explorer.sources": {"fables": "FABLES"}})
    environment = os.environ | {
        "IB_EXPLORER_CACHE": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
    }

    def explorer(*arguments: str) -> str:
        command = [sys.executable, "-m", "ib_explorer", "measure", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    settings = ["--documents", "6", "--max-length", "48", "--anchors", "20", "--anchor-seeds", "0,1"]
    found = explorer(str(tiny_model("llama")), "--corpus", "fables", "--text-column", "story", *settings)
    rows = list(csv.DictReader(io.StringIO(found)))
    assert rows and {row["corpus"] for row in rows} == {"fables"} and {row["documents"] for row in rows} == {"6"}
    assert "fables (of Aesop)" in " ".join(explorer("--help").split())
