from __future__ import annotations

from xml.etree import ElementTree

from ib_explorer.drawing.svg import CELL, Span, svg

NAME = "{http://www.w3.org/2000/svg}"


def drawn(*spans: Span) -> ElementTree.Element:
    return ElementTree.fromstring(svg([spans, ()], 40, background="#11141a", title="a < b"))


def test_the_file_asks_for_nothing_outside_and_has_a_size() -> None:
    text = svg([[Span("I(X;Z) <&>", "#ffffff")]], 40, background="#11141a", title="plane")
    assert "url(" not in text and "@font-face" not in text and "href" not in text
    root = ElementTree.fromstring(text)
    assert (root.get("width"), root.get("height")) == (str(round(40 * CELL[0])), str(round(CELL[1])))


def test_words_are_fitted_to_their_cells() -> None:
    words = drawn(Span("one", "#ff0000"), Span("  two <&>", "#00ff00", bold=True)).findall(f"{NAME}text")
    assert [word.text for word in words] == ["one", "two", "<&>"]
    assert [float(word.get("x")) / CELL[0] for word in words] == [0, 5, 9]
    assert [float(word.get("textLength")) / CELL[0] for word in words] == [3, 3, 3]
    assert words[1].get("font-weight") == "bold" and words[0].get("font-weight") is None


def test_dots_lines_and_blocks_are_shapes() -> None:
    root = drawn(Span("⠁⣿─├█▌▃░●■▲◆", "#ff0000"))
    assert root.findall(f"{NAME}text") == []
    fills = [path.get("d") for path in root.findall(f"{NAME}path") if path.get("stroke") is None]
    assert len(fills) == 1 and fills[0].count("a1.2") == 2 * (1 + 8)
    strokes = [path.get("d") for path in root.findall(f"{NAME}path") if path.get("stroke")]
    assert strokes[0].count("M") == 2 + 3
    assert [rect.get("opacity") for rect in root.findall(f"{NAME}rect")] == [None, "0.25"]


def test_a_background_is_drawn_below_its_text() -> None:
    root = drawn(Span("ab", "#000000", "#56b4e9"))
    assert [child.tag.removeprefix(NAME) for child in root] == ["title", "rect", "rect", "text"]
    assert root[2].get("fill") == "#56b4e9" and float(root[2].get("width")) == 2 * CELL[0]
