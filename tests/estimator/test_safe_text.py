from __future__ import annotations

import sys

import pytest

from estimator.errors import InputError, MeasurementError
from estimator.safe_text import safe
from tests.hostile import NAMES, is_harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("café 日本 · ± ε", "café 日本 · ± ε"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("rtl\u202etxt", "rtl\\u202etxt"),
        ("x\U000e0041", "x\\U000e0041"),
        ("bad\udcff", "bad\\udcff"),
        ("already \\x1b", "already \\x1b"),
        (7, "7"),
    ],
)
def test_what_is_hidden_is_shown_as_an_escape(text, shown):
    assert safe(text) == shown


def test_no_character_at_all_is_let_through_that_controls():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert is_harmless(safe(everything)) and "\n" not in safe(everything)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_are_harmless_in_errors_and_stay_so(name):
    for error in (InputError("model", f"no {name}"), MeasurementError("model", f"no {name}")):
        assert is_harmless(str(error)) and "\n" not in str(error)
    assert safe(safe(name)) == safe(name)
