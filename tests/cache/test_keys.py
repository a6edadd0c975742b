"""The canonical spelling of identities and their keys."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.keys import canonical, is_key, key

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
identities = st.dictionaries(st.text(), values, max_size=5)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reordered(inner) for name, inner in reversed(value.items())}
    return tuple(reordered(inner) for inner in value) if isinstance(value, list) else value


@given(identities)
def test_the_spelling_reads_back_exactly_and_is_stable(identity: dict[str, Any]) -> None:
    spelled = canonical(identity)
    read = json.loads(spelled)
    assert read == identity
    assert canonical(read) == spelled


@given(identities)
def test_neither_order_nor_tuples_matter(identity: dict[str, Any]) -> None:
    assert canonical(reordered(identity)) == canonical(identity)
    assert is_key(key(identity))


@given(identities, identities)
def test_different_documents_have_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    # repr tells 1 from 1.0 and True, and 0.0 from -0.0, which == does not.
    same = repr(json.loads(canonical(one))) == repr(json.loads(canonical(other)))
    assert (key(one) == key(other)) == same


def test_a_key_never_changes_between_versions() -> None:
    identity = {"b": [1, 2.5, None, True], "a": {"é": "x", "ε": 1e-05}}
    assert canonical(identity) == b'{"a":{"\\u00e9":"x","\\u03b5":1e-05},"b":[1,2.5,null,true]}'
    assert key(identity) == "517340a5fddbad5516ffd2397c97ebbf26dca6e9ee507f6654503b2f26900e2d"
    assert key({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        canonical({"a": [{"b": value}]})


@pytest.mark.parametrize("identity", [{1: "a"}, {"a": {None: 1}}, {"a": {1, 2}}, {"a": b"x"}, {"a": object()}])
def test_nothing_that_json_would_bend(identity: dict[Any, Any]) -> None:
    with pytest.raises(TypeError):
        canonical(identity)


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "../" + "a" * 61])
def test_what_is_no_key(text: str) -> None:
    assert not is_key(text)
