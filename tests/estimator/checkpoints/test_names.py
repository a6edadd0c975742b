"""Checkpoint names, their order and their selection."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.selectors import select
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError


def revisions(*names: str) -> list[Revision]:
    return [parse_checkpoint("a/b", name, f"{index:040x}") for index, name in enumerate(names)]


def names(chosen: list[Revision]) -> list[str]:
    return [revision.name for revision in chosen]


@pytest.mark.parametrize(
    ("name", "stage", "ingredient", "step", "tokens"),
    [
        ("stage1-step10000-tokens21B", "stage1", None, 10000, 21 * 10**9),
        ("stage2-ingredient1-step2000-tokens5B", "stage2", 1, 2000, 5 * 10**9),
        ("step150-tokens1B", None, None, 150, 10**9),
        ("stage1-step896000", "stage1", None, 896000, None),
        ("step512", None, None, 512, None),
        ("step-250000", None, None, 250000, None),
        ("step0001220", None, None, 1220, None),
        ("checkpoint-1000", None, None, 1000, None),
        ("global_step143000", None, None, 143000, None),
        ("stage1-step7-tokens4T", "stage1", None, 7, 4 * 10**12),
        ("main", None, None, None, None),
        ("float16", None, None, None, None),
        ("multistep2", None, None, None, None),
        ("step5b", None, None, None, None),
    ],
)
def test_names_tell_stage_ingredient_step_and_tokens(name, stage, ingredient, step, tokens):
    found = parse_checkpoint("a/b", name, "c0ffee", "/runs/x")
    assert (found.model, found.name, found.commit, found.folder) == ("a/b", name, "c0ffee", "/runs/x")
    assert (found.stage, found.ingredient, found.step, found.tokens) == (stage, ingredient, step, tokens)


PUBLISHED = list(csv.DictReader((Path(__file__).parent / "data" / "names.csv").read_text("utf-8").splitlines()))
"""Names that hubs list, with their reading; ``published_tokens`` are those that the name itself tells, rounded."""


@pytest.mark.parametrize("row", PUBLISHED, ids=[f"{row['model']}@{row['name']}" for row in PUBLISHED])
def test_published_names_are_read(row):
    found = parse_checkpoint(row["model"], row["name"], None)
    read = (found.stage, found.ingredient, found.step, found.tokens, found.kind)
    assert ["" if part is None else str(part) for part in read] == [
        row[column] for column in ("stage", "ingredient", "step", "tokens", "kind")
    ]


def test_tokens_are_step_times_tokens_per_step_where_that_is_known():
    found = parse_checkpoint("allenai/OLMo-2-1124-7B", "stage1-step928646-tokens3896B", None)
    assert found.tokens == 928646 * 4194304 != 3896 * 10**9
    midtraining = parse_checkpoint("allenai/Olmo-3-1025-7B", "stage2-step47684", None)
    assert midtraining.tokens == 47684 * 2097152


@pytest.mark.parametrize(
    ("model", "name", "fork"),
    [
        ("allenai/DataDecide-dolma1_7-150M", "step37500-seed-default", "seed-default"),
        ("a/b", "step37500-seed-small-aux-2", "seed-small-aux-2"),
        ("a/b", "seed3-step10", "seed3"),
        ("allenai/Olmo-3-32B-Think-SFT", "5e-5-step1000", "5e-5"),
        ("a/b", "step1000", None),
        ("google/multiberts-seed_0-step_500k", "main", None),
        ("allenai/OLMo-2-1124-7B", "main", "main"),
        ("EleutherAI/pythia-410m", "main", None),
    ],
)
def test_seeds_learning_rates_and_averaged_mains_are_branches(model, name, fork):
    assert parse_checkpoint(model, name, None).branch == fork


@given(st.text(max_size=60))
def test_any_name_is_read(name: str):
    found = parse_checkpoint("a/b", name, "c0ffee")
    assert found.name == name and found.commit == "c0ffee"


ORDERED = [
    "stage1-step0-tokens0B",
    "step150-tokens1B",
    "stage1-step900-tokens2B",
    "stage1-step1000-tokens2B",
    "stage2-ingredient1-step1000-tokens3B",
    "stage2-ingredient1-step2000-tokens5B",
    "stage2-ingredient2-step1000-tokens3B",
    "stage2-soup",
    "main",
    "a-branch",
    "float16",
]


@given(st.randoms())
def test_training_order_does_not_depend_on_the_order_given(rng: random.Random):
    shuffled = revisions(*ORDERED)
    rng.shuffle(shuffled)
    assert names(in_training_order(shuffled)) == ORDERED


def test_a_name_wins_over_every_other_reading():
    assert names(select(revisions("all", "main"), "all")) == ["all"]
    assert names(select(revisions("stage1", "stage1-step5"), "stage1")) == ["stage1"]


def test_all_stages_globs_and_commits():
    listed = revisions(*ORDERED)
    assert names(select(listed, "all")) == ORDERED
    assert names(select(listed, "stage1")) == [name for name in ORDERED if name.startswith("stage1")]
    assert names(select(listed, "stage2-ingredient2")) == ["stage2-ingredient2-step1000-tokens3B"]
    assert names(select(listed, "*ingredient?-step1000-*")) == [ORDERED[4], ORDERED[6]]
    commit = parse_checkpoint("a/b", "main", "abc1234" + "0" * 33)
    assert select([*listed, commit], "abc1234") == [commit]


def test_a_commit_prefix_of_two_commits_is_refused():
    listed = [parse_checkpoint("a/b", name, "abc1234" + name * 33) for name in "de"]
    with pytest.raises(InputError, match="give more digits"):
        select(listed, "abc1234")
    assert select([listed[0], listed[0]], "abc1234") == [listed[0]]


def test_log_takes_first_and_last_and_spreads_between():
    listed = revisions("step0", *(f"step{2**power}" for power in range(10)), *(f"step{n}000" for n in range(1, 144)))
    chosen = select([*listed, *revisions("main", "notes")], "log:16")
    steps = [revision.step for revision in chosen]
    assert len(steps) == 16 and steps[0] == 0 and steps[-1] == 143000
    ratios = [after / before for before, after in itertools.pairwise(steps[3:])]
    assert max(ratios) / min(ratios) < 3


def test_log_counts_steps_through_the_stages():
    listed = revisions("stage1-step1", "stage1-step1000", "stage2-step10", "stage2-step1000")
    assert names(select(listed, "log:3")) == ["stage1-step1", "stage1-step1000", "stage2-step1000"]


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=60), st.integers(1, 80))
def test_log_gives_as_many_distinct_checkpoints_as_there_are(steps: set[int], count: int):
    listed = revisions(*(f"step{step}" for step in steps))
    chosen = [revision.step for revision in select(listed, f"log:{count}")]
    assert len(chosen) == len(set(chosen)) == min(count, len(steps))
    assert chosen == sorted(steps) if count >= len(steps) else chosen == sorted(chosen)
    assert chosen[-1] == max(steps) and (count == 1 or chosen[0] == min(steps))


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ("step-1000", "the closest are step1000"),
        ("stage3", "has no revision 'stage3'"),
        ("zzz*", "has no revision 'zzz\\*'"),
        ("log:many", "as in log:16"),
        ("log:0", "as in log:16"),
        ("deadbeef", "has no revision 'deadbeef'"),
    ],
)
def test_what_fits_nothing_is_refused_with_a_hint(selection, says):
    with pytest.raises(InputError, match=says) as error:
        select(revisions("step1000", "step2000", "main"), selection)
    assert error.value.kind == "revision"


def test_log_needs_steps():
    with pytest.raises(InputError, match="no revision has one in its name"):
        select(revisions("main"), "log:4")
