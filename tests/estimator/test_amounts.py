"""Amounts of data as users write them."""

from __future__ import annotations

import pytest

from estimator.amounts import parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60GB", 60 * 10**9),
        ("60", 60 * 10**9),
        ("60g", 60 * 10**9),
        (" 1.5 TB ", 1_500 * 10**9),
        (".5mb", 500_000),
        ("12 kB", 12_000),
        ("7b", 7),
        ("0", 0),
        ("", None),
        ("GB", None),
        ("-1GB", None),
        ("60GiB", None),
        ("1e3GB", None),
        ("60 parsecs", None),
        ("9" * 400, None),
    ],
)
def test_amounts(text: str, expected: int | None) -> None:
    assert parse_bytes(text) == expected
