from __future__ import annotations

import pytest

from estimator.checkpoints.revision import Revision
from ib_explorer.drawing.names import short_models, short_number, short_place


@pytest.mark.parametrize(
    ("models", "names", "sizes"),
    [
        (["allenai/OLMo-2-1124-7B"], ["OLMo-2-1124-7B"], ["OLMo-2-1124-7B"]),
        (["allenai/OLMo-2-1124-7B", "allenai/OLMo-2-0425-1B"], ["OLMo-2-1124-7B", "OLMo-2-0425-1B"], ["7B", "1B"]),
        (["allenai/OLMo-2-1124-7B", "EleutherAI/pythia-7b"], ["OLMo-2-1124-7B", "pythia-7b"], None),
        (["a/m-7B", "a/m-7B-Instruct"], ["m-7B", "m-7B-Instruct"], None),
        (["a/m-7B", "b/m-7B"], ["a/m-7B", "b/m-7B"], None),
        (["/runs/one/model", "/runs/two/model", "demo"], ["one/model", "two/model", "demo"], None),
        (["model", "a/model"], ["model", "a/model"], None),
    ],
)
def test_models_have_short_names_that_tell_them_apart(models: list[str], names: list[str], sizes: list[str] | None):
    assert list(short_models(tuple(models)).values()) == names
    assert list(short_models(tuple(models), by_size=True).values()) == (sizes or names)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (4_200_000_000_000, "4.2T"),
    ],
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert short_number(number) == text


def test_a_place_is_a_step_or_tokens_or_a_name() -> None:
    assert short_place(Revision("m", "r", step=1000, tokens=5)) == "1.0k"
    assert short_place(Revision("m", "r", tokens=4_000_000_000)) == "4.0B tokens"
    assert short_place(Revision("m", "main")) == "main"
