from __future__ import annotations

import math

import pytest

from ib_explorer.tui.sheets import Arrangement, Column, Source, sheet

ITEMS = [("OLMo b", 3.0, 2000), ("olmo a", math.nan, None), ("pythia", 1.5, 10), ("mamba", 3.0, 5)]


def column(name: str, index: int) -> Column:
    return Column(name, name.replace("_", " "), 8, lambda item: item[index], lambda item: f"{item[index]}")


SOURCE = Source(
    ITEMS, (column("model", 0), column("I(X;Z)", 1), column("tokens", 2)), fixed=1, go=lambda scene, _: scene.state
)


def arranged(**fields) -> list[int]:
    return list(sheet(SOURCE, Arrangement(**fields), None).order)


def test_rows_are_sorted_with_unknown_values_last_and_ties_in_their_order() -> None:
    assert arranged() == [0, 1, 2, 3]
    assert arranged(by="I(X;Z)") == [0, 3, 2, 1]
    assert arranged(by="I(X;Z)", descending=False) == [2, 0, 3, 1]
    assert arranged(by="model", descending=False) == [3, 1, 0, 2]
    assert arranged(by="gone") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("olmo", [0, 1]),
        ("OLMO b", [0]),
        ("tokens>1k", [0]),
        ("i(x;z)>=1.5 tokens<=10", [2, 3]),
        ("tok<1,000", [2, 3]),
        ("I(X;Z)=3", [0, 3]),
        ("nothing", []),
        ("", [0, 1, 2, 3]),
    ],
)
def test_rows_fit_all_words_of_the_filter(text: str, rows: list[int]) -> None:
    assert arranged(filter=text) == rows


def test_a_condition_on_no_column_is_said_and_leaves_the_rows() -> None:
    found = sheet(SOURCE, Arrangement(filter="depth>3"), None)
    assert found.said == "4 rows · no column depth"
    assert sheet(SOURCE, Arrangement(filter="model>3"), None).problem == "model is not a number"
    assert sheet(SOURCE, Arrangement(filter="tokens>1.2.3"), None).problem == "tokens>1.2.3 has no number"


def test_copied_text_has_full_precision_and_one_line_a_row() -> None:
    found = sheet(Source([("a\tb\n", 1 / 3, None)], SOURCE.columns, 1, SOURCE.go), Arrangement(), 0)
    assert found.text([0]) == f"model\tI(X;Z)\ttokens\na b \t{1 / 3!r}\t\n"


def test_the_cursor_is_on_the_first_value_until_it_moves() -> None:
    assert sheet(SOURCE, Arrangement(), None).at == 1
    assert sheet(SOURCE, Arrangement(column="tokens"), None).at == 2
    assert sheet(SOURCE, Arrangement(filter="mamba", by="tokens"), None).said == "1 of 4 rows · by tokens ▼"
