"""Texts from docstrings, files and folders, and what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import os
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from estimator.checkpoints import hub
from estimator.errors import Cancelled, InputError
from estimator.progress import Progress
from estimator.text import lines
from estimator.text.columns import choose_column
from estimator.text.corpus import Corpus
from estimator.text.docstrings import DOCSTRINGS, docstring_documents
from estimator.text.records import LeftOut, usable
from estimator.text.sources import C4, default_corpus, open_corpus
from estimator.text.tables import Records

TEXTS = ["The first text, which is long enough.", "A second text — with a dash.", "Third,\nover two lines."]


class Notes(Progress):
    def __init__(self):
        self.said: list[str] = []

    def note(self, text):
        self.said.append(text)


def opened(path: Path | str) -> Corpus:
    return open_corpus(str(path), Progress())


def texts(path: Path | str, column: str | None = None) -> list[str]:
    return list(opened(path).texts(column))


def write_jsonl(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def write_csv(path: Path, records: list[dict]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def write_parquet(path: Path, records: list[dict]) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


TABLES = [(write_jsonl, ".jsonl"), (write_csv, ".csv"), (write_parquet, ".parquet")]


@pytest.mark.parametrize(("write", "suffix"), TABLES)
def test_tables_give_their_text_column(tmp_path, write, suffix):
    path = write(tmp_path / f"a{suffix}", [{"id": i, "url": "http://x", "text": text} for i, text in enumerate(TEXTS)])
    assert texts(path) == TEXTS
    assert texts(path, "url") == ["http://x"] * 3


@pytest.mark.parametrize(("write", "suffix"), TABLES)
def test_the_only_column_with_text_is_found(tmp_path, write, suffix):
    path = write(tmp_path / f"a{suffix}", [{"n": i, "prose": text} for i, text in enumerate(TEXTS)])
    assert texts(path) == TEXTS


@pytest.mark.parametrize(("write", "suffix"), TABLES)
def test_a_missing_column_names_those_there_are(tmp_path, write, suffix):
    path = write(tmp_path / f"a{suffix}", [{"left": "one text", "right": "another"}])
    with pytest.raises(InputError, match="no column 'words': its columns are left, right") as error:
        texts(path, "words")
    assert error.value.kind == "column"
    with pytest.raises(InputError, match="--text-column, one of left, right"):
        texts(path)


def test_a_column_of_lists_is_refused(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": ["a", "b"]}])
    with pytest.raises(InputError, match="holds lists, not text"):
        texts(path, "text")


def test_empty_cells_and_records_without_text_are_passed_over(tmp_path):
    records = [{"text": TEXTS[0]}, {"text": None}, {"text": "  "}, {"other": "x"}, {"text": TEXTS[1]}]
    assert texts(write_jsonl(tmp_path / "a.jsonl", records)) == TEXTS[:2]


def test_usual_names_win_in_their_order():
    assert choose_column(["url", "Body", "content"], ["url", "Body", "content"], None, "x") == "content"


def test_a_csv_cell_may_be_longer_than_the_csv_modules_limit(tmp_path):
    long = "word " * 40_000
    assert texts(write_csv(tmp_path / "a.csv", [{"text": long}])) == [long.strip()]


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv"])
def test_gzip_is_read_like_the_plain_file(tmp_path, suffix):
    content = {".txt": TEXTS[0], ".jsonl": json.dumps({"text": TEXTS[0]}), ".csv": f'text\n"{TEXTS[0]}"\n'}[suffix]
    path = tmp_path / f"a{suffix}.gz"
    path.write_bytes(gzip.compress(content.encode()))
    assert texts(path) == [TEXTS[0]]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="truncated"):
        texts(path)


def test_a_short_txt_is_one_document_and_a_long_one_is_cut_at_paragraphs(tmp_path):
    paragraphs = [f"Paragraph {number}. " + "Some words of prose. " * 20 for number in range(120)]
    short, long = tmp_path / "short.txt", tmp_path / "long.txt"
    short.write_text("\n\n".join(paragraphs[:3]))
    long.write_text("\n\n".join(paragraphs))
    assert len(texts(short)) == 1
    documents = texts(long)
    assert all(1250 <= len(document) <= 2500 for document in documents[:-1])
    assert all(document.startswith("Paragraph ") for document in documents)
    assert "".join("".join(documents).split()) == "".join("".join(paragraphs).split())


@pytest.mark.parametrize("filler", ["line of text\n", "word ", "x"])
def test_text_without_paragraphs_is_cut_without_loss(tmp_path, filler):
    path = tmp_path / "a.txt"
    path.write_text(filler * (50_000 // len(filler)))
    documents = texts(path)
    assert max(map(len, documents)) <= 2500 and len(documents) >= 20
    assert "".join("".join(documents).split()) == "".join(path.read_text().split())


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    (tmp_path / "b.txt").write_text("second")
    write_jsonl(tmp_path / "a.jsonl", [{"text": "first"}])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("third")
    (tmp_path / ".hidden.txt").write_text("never")
    (tmp_path / "readme.md").write_text("never")
    assert texts(tmp_path) == ["first", "second", "third"]


def test_identity_is_the_content_not_the_name(tmp_path):
    one, two, other = (tmp_path / name for name in ("one.txt", "two.txt", "other.txt"))
    one.write_text("the same")
    two.write_text("the same")
    other.write_text("not the same")
    assert opened(one).identity == opened(two).identity != opened(other).identity
    assert opened(one).name == "one.txt"
    json.dumps(opened(one).identity)


def test_texts_can_be_read_twice_and_lazily(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good"}\n' * 8 + "not json\n")
    corpus = opened(path)
    assert [next(corpus.texts()), next(corpus.texts())] == ["good", "good"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"text": "good"}\n\n{"text": \n', "Line 3 of .* is not JSON"),
        ("a.jsonl", b'["text"]\n', "Line 1 of .* is not a JSON object"),
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.jsonl", b'{"text": "a"}\n\n{"text": "caf\xe9"}\n', "Line 3 of .* is not UTF-8"),
        ("a.jsonl", b"[" * 100_000, "Line 1 of .* is not JSON"),
        ("a.jsonl", '{"text": "a"}'.encode("utf-16"), "Line 1 of .* is not UTF-8"),
        ("a.csv", b"text\ncaf\xe9\n", "Line 2 of .* is not UTF-8"),
        ("a.csv", b"text\none\ntw\0o\n", "Line 3 of .* contains a NUL"),
        ("a.csv", b"id,text\n0,one\n1,two, three\n", "Line 3 of .* has 3 cells and the first line 2: .* commas"),
        ("a.csv", b"text\nsome, words\n", "Line 2 of .* has 2 cells and the first line 1"),
        ("a.csv", b'id,text\n0,"one\n1,two\n', "begins in line 2 of .* is not CSV: unexpected end of data"),
        ("a.csv", b"text,text\na,b\n", "several columns named 'text'"),
        ("a.txt", b"one\ntwo\n" + "three".encode("utf-16-le"), "Line 3 of .* contains a NUL"),
        ("a.txt.gz", gzip.compress(b"one\n\xff\n", mtime=0), "Line 2 of .* is not UTF-8"),
        ("a.parquet", b"PAR1 or not", "not a parquet file"),
        ("a.parquet", b"", "not a parquet file"),
        ("a.txt.gz", b"plain", "not a gzip file"),
        ("a.docx", b"x", "unsupported format"),
    ],
)
def test_unreadable_content_is_one_sentence(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        texts(tmp_path / name)
    assert error.value.kind == "corpus" and "\n" not in str(error.value)


def test_missing_files_and_empty_folders(tmp_path):
    for missing in (tmp_path / "no.txt", tmp_path / "nothing", "no-such-file.jsonl"):
        with pytest.raises(InputError, match="There is no file"):
            opened(missing)
    with pytest.raises(InputError, match=r"contains no \.txt"):
        opened(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    (tmp_path / "a.txt").write_text("secret")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        opened(tmp_path / "a.txt")


def test_permission_denied_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("secret")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="permission denied"):
        opened(tmp_path / "a.txt")


def test_reading_can_be_cancelled(tmp_path):
    class Stop(Progress):
        def phase(self, phase, done, total, unit):
            raise Cancelled

    (tmp_path / "a.txt").write_text("text")
    for spec in (str(tmp_path / "a.txt"), DOCSTRINGS):
        with pytest.raises(Cancelled):
            open_corpus(spec, Stop())


def write_library(root: Path) -> None:
    root.mkdir()
    module = '"""Module."""\nclass A:\n    """Class."""\n    async def f(self):\n        """Method."""\n'
    (root / "one.py").write_text(module + "x = '''not documentation'''\n")
    (root / "copy.py").write_text(module)
    (root / "long.py").write_text("".join(f'def f{i}():\n    """{"words " * 100}{i}"""\n' for i in range(10)))
    (root / "broken.py").write_text('"""Never."""\ndef')
    (root / "bare.py").write_text("x = 1\n")
    (root / "test").mkdir()
    (root / "test" / "t.py").write_text('"""Never."""')


def test_docstrings_are_joined_by_module_cut_between_and_not_repeated(tmp_path):
    write_library(tmp_path / "lib")
    documents = docstring_documents(Progress(), tmp_path / "lib")
    assert "Module.\n\nClass.\n\nMethod." in documents
    assert len(documents) == len(set(documents)) == 4
    assert not any("Never" in document or "not documentation" in document for document in documents)
    assert all(len(document) <= 2500 for document in documents)


def test_the_order_of_docstrings_does_not_depend_on_the_files(tmp_path):
    write_library(tmp_path / "lib")
    documents = docstring_documents(Progress(), tmp_path / "lib")
    (tmp_path / "lib" / "one.py").rename(tmp_path / "lib" / "zzz.py")
    (tmp_path / "lib" / "long.py").rename(tmp_path / "lib" / "a.py")
    assert docstring_documents(Progress(), tmp_path / "lib") == documents


def test_the_built_in_corpus_is_english_and_large():
    corpus = opened(DOCSTRINGS)
    documents = list(corpus.texts())
    assert sum(map(len, documents)) > 1_000_000 and len(documents) == len(set(documents)) > 500
    assert corpus.identity["python"] in sys.version and len(corpus.identity["sha256"]) == 64
    assert corpus.identity == opened(DOCSTRINGS).identity
    assert sum(document.count(" the ") for document in itertools.islice(documents, 200)) > 500


def test_the_default_is_docstrings_where_there_is_no_hub(monkeypatch):
    monkeypatch.setattr(hub, "answers", lambda within: False)
    assert default_corpus() == DOCSTRINGS
    monkeypatch.setattr(hub, "answers", lambda within: within <= 2)
    assert default_corpus() == C4


def test_offline_a_hub_dataset_is_refused_with_a_way_out():
    with pytest.raises(InputError, match="name a file, or use docstrings"):
        opened("allenai/c4:en:validation")
    with pytest.raises(InputError, match="name:config:split"):
        opened("a:b:c:d")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_delimiter_of_a_csv_is_found(tmp_path, delimiter, end, mark):
    prose = ["One, two and; more\tof it | at length.", 'It says "no".', "Over\ntwo lines, too."]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        stream.write(mark)
        rows = csv.writer(stream, delimiter=delimiter, lineterminator=end)
        rows.writerows([["id", "prose"], *enumerate(prose)])
    assert texts(tmp_path / "a.csv") == prose
    assert opened(tmp_path / "a.csv").tables[0].columns.names == ["id", "prose"]


@pytest.mark.parametrize(
    "first", ["7,a fox\n", '"A sentence, which ends.",a fox\n', f"{'long ' * 30},a fox\n", '"over\ntwo lines",a fox\n']
)
def test_a_csv_without_header_numbers_its_columns_and_keeps_its_first_line(tmp_path, first):
    (tmp_path / "a.csv").write_text(first + "8,a crow\n9,a hare\n")
    notes = Notes()
    corpus = open_corpus(str(tmp_path / "a.csv"), notes)
    assert list(corpus.texts("2")) == ["a fox", "a crow", "a hare"]
    assert notes.said == ["The first line of a.csv names no columns: they are called 1, 2 and so on."]


@pytest.mark.parametrize("header", ["text,2020", "What is it like?,n", ",text"])
def test_a_header_may_have_a_number_a_question_or_an_empty_cell(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\na fox,a crow\n")
    notes = Notes()
    names = [name for name in header.split(",") if name]
    corpus = open_corpus(str(tmp_path / "a.csv"), notes)
    assert list(corpus.tables[0].columns.names) == names and notes.said == []
    assert list(corpus.texts(names[0])) == ["a fox" if header[0] != "," else "a crow"]


@pytest.mark.parametrize("first", [None, "", "42", 42, ["nested"], {"of": "records"}])
def test_the_column_is_chosen_from_several_records(tmp_path, first):
    records = [{"id": "7", "prose": first}] + [{"id": "8", "prose": text} for text in TEXTS]
    jsonl = write_jsonl(tmp_path / "a.jsonl", records)
    assert [text for text in texts(jsonl) if text != "42"] == TEXTS
    assert texts(write_jsonl(tmp_path / "b.jsonl", [{"id": "7"}, *records[1:]])) == TEXTS
    if not isinstance(first, list | dict):
        assert [text for text in texts(write_csv(tmp_path / "a.csv", records)) if text != "42"] == TEXTS


def test_categories_are_text_where_no_other_column_is(tmp_path):
    words = pyarrow.array(TEXTS)
    for named, column in [("text", {"text": words.dictionary_encode()}), ("any", {"any": words.dictionary_encode()})]:
        path = tmp_path / f"{named}.parquet"
        pyarrow.parquet.write_table(pyarrow.table({"n": [1, 2, 3], **column}), path)
        assert texts(path) == TEXTS
    kinds = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"kind": kinds, "prose": words}), tmp_path / "prose.parquet")
    assert texts(tmp_path / "prose.parquet") == TEXTS
    assert [document.columns for document in opened(tmp_path / "prose.parquet").documents(None, ["kind"])] == [
        ("a",),
        ("b",),
        ("a",),
    ]
    source = pyarrow.table({"source": ["u", "v", "w"], "text": words.dictionary_encode()})
    pyarrow.parquet.write_table(source, tmp_path / "source.parquet")
    assert texts(tmp_path / "source.parquet") == TEXTS


def test_records_that_hold_no_text_are_left_out_with_their_line(tmp_path):
    content = ['{"text": "good"}', "", '{"text": ["a"]}', '{"text": 3}', '{"text": {"en": "a"}}', '{"text": "fine"}']
    (tmp_path / "a.jsonl").write_text("\n".join(content))
    left_out = LeftOut()
    found = usable(opened(tmp_path / "a.jsonl").documents("text"), left_out)
    assert [document.text for document in found] == ["good", "fine"] and len(left_out) == 3
    for number, kind in [(3, "lists"), (4, "numbers"), (5, "records")]:
        assert f"the column 'text' holds {kind}, not text (line {number} of {tmp_path}/a.jsonl)" in str(left_out)
    rows = [{"text": "good"}, {"text": None}, {"text": "a"}]
    pyarrow.parquet.write_table(pyarrow.table({"text": [b"a", b"b"]}), tmp_path / "a.parquet")
    with pytest.raises(
        InputError, match=r"None of the 2 records read can be used: in row 1 of .* holds bytes, not text"
    ):
        texts(tmp_path / "a.parquet", "text")
    assert texts(write_parquet(tmp_path / "b.parquet", rows)) == ["good", "a"]


def test_a_set_whose_first_records_are_all_unusable_is_refused_before_the_rest_is_read():
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield {"text": ["no text"]}

    with pytest.raises(InputError, match="None of the 32 records read can be used: in record 1 of set"):
        list(Corpus("set", {}, [Records("set", endless)]).texts("text"))
    assert len(read) < 100


def test_readmes_and_hidden_files_of_a_folder_are_named_and_left_out(tmp_path):
    (tmp_path / ".git").mkdir()
    for name in ("README.txt", "readme.csv.gz", ".hidden.txt", ".git/config.txt"):
        (tmp_path / name).write_bytes(b"never")
    with pytest.raises(InputError, match=r"contains no .* file except \.git/config.txt, .* and 1 more"):
        opened(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    notes = Notes()
    assert list(open_corpus(str(tmp_path), notes).texts()) == ["text"]
    (note,) = notes.said
    assert ".git/config.txt, .hidden.txt, README.txt and 1 more" in note
    assert texts(tmp_path / "README.txt") == ["never"]


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(InputError, match="not a regular file"):
        opened(tmp_path / "a.txt")


def test_a_line_beyond_the_limit_is_refused_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 100)
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "' + "b" * 200)
    with pytest.raises(InputError, match=r"Line 2 of .* is longer than 100 characters"):
        texts(tmp_path / "a.jsonl")


def test_damaged_parquet_files_are_one_sentence(tmp_path):
    path = tmp_path / "a.parquet"
    records = [{"text": f"{text} {number}", "n": number} for number in range(100) for text in TEXTS]
    whole = write_parquet(path, records).read_bytes()
    refused = 0
    for cut in range(0, len(whole), max(1, len(whole) // 60)):
        for damaged in (whole[:cut], whole[:cut] + b"\xff" * 8 + whole[cut + 8 :]):
            path.write_bytes(damaged)
            try:
                texts(path)
            except InputError as error:
                assert error.kind in ("corpus", "column") and "\n" not in str(error)
                refused += 1
    assert refused > 60
