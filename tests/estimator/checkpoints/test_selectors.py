"""Selections of checkpoints: ranges, stages, branches, unions, and what log:N must contain."""

from __future__ import annotations

import itertools

import pytest

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.selectors import select
from estimator.errors import InputError

OLMO = "allenai/OLMo-2-1124-7B"
OLMOE = "allenai/OLMoE-1B-7B-0924"


def revisions(model: str, *names: str) -> list[Revision]:
    return [parse_checkpoint(model, name, f"{index:040x}") for index, name in enumerate(names)]


def olmo() -> list[Revision]:
    """As the hub lists OLMo 2 7B: stage 1 every 1,000 steps, three ingredients, and main."""

    def tokens(step: int) -> int:
        return -(-step * 4194304 // 10**9)

    stage1 = [f"stage1-step{step}-tokens{tokens(step)}B" for step in (*range(1000, 928001, 1000), 928646)]
    stage2 = [
        f"stage2-ingredient{ingredient}-step{step}-tokens{tokens(step)}B"
        for ingredient in (1, 2, 3)
        for step in (*range(1000, 11001, 1000), 11931)
    ]
    return revisions(OLMO, "step150-tokens1B", "step600-tokens3B", *stage1, *stage2, "main")


def names(chosen: list[Revision]) -> list[str]:
    return [revision.name for revision in chosen]


def test_log_has_the_first_the_ends_of_stages_and_main():
    notes: list[str] = []
    chosen = names(select(olmo(), "log:16", notes.append))
    assert len(chosen) == 16 and not notes
    assert {"step150-tokens1B", "stage1-step928646-tokens3896B", "main"} <= set(chosen)
    assert {f"stage2-ingredient{number}-step11931-tokens51B" for number in (1, 2, 3)} <= set(chosen)
    assert chosen[-1] == "main"
    steps = [one.step for one in select(olmo(), "log:16") if one.stage == "stage1"]
    assert len(steps) == 12 and max(after / before for before, after in itertools.pairwise(steps[1:])) < 5


def test_log_of_few_has_the_last_the_first_and_main():
    assert names(select(olmo(), "log:3")) == ["step150-tokens1B", "stage2-ingredient3-step11931-tokens51B", "main"]


@pytest.mark.parametrize(
    ("model", "listed", "says"),
    [
        (
            OLMOE,
            ("step5000-tokens20B", "step1220000-tokens5117B", "main"),
            "it is annealed from step1200000-tokens5033B",
        ),
        ("EleutherAI/pythia-70m", ("step0", "step143000", "main"), "it equals step143000."),
        ("HuggingFaceTB/SmolLM3-3B-checkpoints", ("stage1-step-40000", "main"), "it holds no model."),
    ],
)
def test_log_says_why_main_is_not_among_them(model, listed, says):
    notes: list[str] = []
    chosen = names(select(revisions(model, *listed), "log:16", notes.append))
    assert "main" not in chosen and len(chosen) == len(listed) - 1
    (note,) = notes
    assert note.startswith(f"main of {model} is not selected, because {says}")


def test_the_hub_decides_whether_main_equals_a_checkpoint():
    listed = [parse_checkpoint("a/b", name, "c" * 40) for name in ("step7", "main")]
    notes: list[str] = []
    assert names(select([*revisions("a/b", "step1"), *listed], "log:9", notes.append)) == ["step1", "step7"]
    assert notes == ["main of a/b is not selected, because it is the same commit as step7."]
    moved = revisions("a/b", "step1", "step7", "main")
    assert names(select(moved, "log:9")) == ["step1", "step7", "main"]


def test_a_range_counts_from_the_start_of_training():
    chosen = select(olmo(), "1000..50000")
    assert len(chosen) == 50 and {revision.stage for revision in chosen} == {"stage1"}
    assert names(select(olmo(), "..700")) == ["step150-tokens1B", "step600-tokens3B"]
    assert len(select(olmo(), "930k..")) == 33
    tokens = [revision.tokens for revision in select(olmo(), "10B..1T")]
    assert min(tokens) == 3000 * 4194304 and max(tokens) == 238000 * 4194304
    assert names(select(olmo(), "0..1B")) == ["step150-tokens1B"]


def test_a_selection_within_a_stage_or_branch():
    assert {revision.stage for revision in select(olmo(), "stage1:log:16")} == {"stage1"}
    assert len(select(olmo(), "stage1:log:16")) == 16
    assert len(select(olmo(), "stage2")) == 36 and len(select(olmo(), "ingredient2")) == 12
    assert len(select(olmo(), "stage2-ingredient3:log:4")) == 4
    assert names(select(olmo(), "stage2-ingredient3:*step2000-*")) == ["stage2-ingredient3-step2000-tokens9B"]


def test_commas_join_selections_in_training_order_without_repeats():
    chosen = names(select(olmo(), "main,log:3, stage1-step2000-tokens9B,..700"))
    assert chosen == [
        "step150-tokens1B",
        "step600-tokens3B",
        "stage1-step2000-tokens9B",
        "stage2-ingredient3-step11931-tokens51B",
        "main",
    ]


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ("main,,all", "has an empty part"),
        ("all,stage7", r"has no revision 'stage7': it has \d+, from step150-tokens1B to main, of stage1"),
        ("1000..10B", "mixes steps and tokens"),
        ("10B..1B", "is not a range: write its lower end first"),
        ("..", "is not a range"),
        ("5M..6M", "has tokens from 629145600 to 3.945T"),
        ("2000000..3000000", "has steps from 150 to 940577"),
        ("stage1:log:x", "give the number of checkpoints"),
    ],
)
def test_wrong_selections_name_what_there_is(selection, says):
    with pytest.raises(InputError, match=says) as error:
        select(olmo(), selection)
    assert error.value.kind == "revision" and "\n" not in str(error.value)


def test_a_range_of_what_no_name_tells_is_refused():
    with pytest.raises(InputError, match="needs tokens, and no revision of a/b tells them"):
        select(revisions("a/b", "step1", "step2"), "1B..2B")
