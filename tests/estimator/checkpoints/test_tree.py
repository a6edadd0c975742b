"""Training as a tree: order, branches and places from the start of training."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import in_training_order, positions, segments

OLMO = "allenai/OLMo-2-1124-7B"
OLMO_NAMES = [
    "step150-tokens1B",
    "stage1-step1000-tokens5B",
    "stage1-step928646-tokens3896B",
    "stage2-ingredient1-step1000-tokens5B",
    "stage2-ingredient1-step11931-tokens50B",
    "stage2-ingredient2-step1000-tokens5B",
    "stage2-ingredient3-step11931-tokens50B",
    "main",
    "notes",
]
OLMO3_NAMES = [
    "stage1-step656000",
    "stage2-ingredient1-step23842",
    "stage2-ingredient2-step23842",
    "stage2-ingredient1+2-step23842",
    "stage3-step1000",
    "stage3-step11921",
    "main",
]


def revisions(model: str, *names: str) -> list[Revision]:
    return [parse_checkpoint(model, name, f"{index:040x}") for index, name in enumerate(names)]


def tree(model: str, *names: str) -> list[tuple[list[str], str | None]]:
    found = segments(revisions(model, *names))
    return [([one.name for one in part.revisions], part.origin and part.origin.name) for part in found]


def test_ingredients_and_their_mean_fork_at_the_end_of_stage_1():
    end = "stage1-step928646-tokens3896B"
    assert tree(OLMO, *OLMO_NAMES) == [
        (OLMO_NAMES[:3], None),
        (OLMO_NAMES[3:5], end),
        (OLMO_NAMES[5:6], end),
        (OLMO_NAMES[6:7], end),
        (["main"], end),
        (["notes"], None),
    ]


def test_a_stage_continues_the_soup_before_it():
    assert tree("allenai/Olmo-3-1125-32B", *OLMO3_NAMES) == [
        (OLMO3_NAMES[:1], None),
        (OLMO3_NAMES[1:2], OLMO3_NAMES[0]),
        (OLMO3_NAMES[2:3], OLMO3_NAMES[0]),
        (OLMO3_NAMES[3:4], OLMO3_NAMES[0]),
        (OLMO3_NAMES[4:6], OLMO3_NAMES[3]),
        (["main"], OLMO3_NAMES[5]),
    ]


def test_stages_without_branches_are_one_line_with_main_at_its_end():
    names = ["stage1-step-40000", "stage2-step-3480000", "stage3-step-4720000"]
    assert tree("HuggingFaceTB/SmolLM3-3B-checkpoints", *names) == [(names, None)]
    assert tree("a/b", "step1", "step2", "main") == [(["step1", "step2", "main"], None)]


def test_an_annealed_main_forks_at_the_checkpoint_that_it_is_annealed_from():
    names = ["step5000-tokens20B", "step1200000-tokens5033B", "step1220000-tokens5117B"]
    assert tree("allenai/OLMoE-1B-7B-0924", *names, "main") == [(names, None), (["main"], names[1])]


def test_a_main_that_equals_an_ingredient_is_not_joined_to_the_trunk():
    names = ["stage1-step1907359-tokens4001B", "stage2-ingredient3-step23852-tokens51B"]
    assert tree("allenai/OLMo-2-0425-1B", *names, "main") == [
        (names[:1], None),
        (names[1:], names[0]),
        (["main"], names[1]),
    ]
    same = [
        parse_checkpoint("a/b", name, commit * 40) for name, commit in (("step1", "a"), ("step2", "b"), ("main", "a"))
    ]
    assert [part.origin for part in segments(same)] == [None, same[0]]


def test_seeds_and_learning_rates_are_trainings_of_their_own():
    assert tree("allenai/DataDecide-x", "step1-seed-a", "step2-seed-a", "step1-seed-b") == [
        (["step1-seed-a", "step2-seed-a"], None),
        (["step1-seed-b"], None),
    ]
    assert len(tree("allenai/Olmo-3-32B-Think-SFT", "5e-5-step1000", "1e-4-step1000", "5e-5-step2000")) == 2


@given(st.randoms(), st.sampled_from([(OLMO, OLMO_NAMES), ("allenai/Olmo-3-1125-32B", OLMO3_NAMES)]))
def test_each_checkpoint_is_in_one_segment_whatever_the_order(rng: random.Random, case: tuple[str, list[str]]):
    model, names = case
    shuffled = revisions(model, *names)
    rng.shuffle(shuffled)
    assert [one.name for one in in_training_order(shuffled)] == names
    assert [one.name for part in segments(shuffled) for one in part.revisions] == names


def test_later_stages_follow_whatever_their_steps():
    def ordered(model: str, *names: str) -> list[str]:
        return [one.name for one in in_training_order(revisions(model, *reversed(names)))]

    for model, *names in (
        (
            "swiss-ai/Apertus-70B-2509",
            "step50000-tokens420B",
            "step1155828-tokens15T",
            "longctx-step50",
            "longctx-step850",
        ),
        ("OpenLLM-France/Lucie-7B", "step0005000", "step0753851", "extension_step0000250", "extension_step0001220"),
        ("LLM360/K2-V2", "base_0720000", "base_1245000", "base_final", "mid_1_0010000", "mid_2_0010000"),
        ("LLM360/Crystal", "CrystalCoder_phase1_checkpoint_079721", "CrystalCoder_phase2_checkpoint_018000"),
        ("marin-community/marin-8b-base", "kestrel", "ocelot", "jellyfish", "phoenix", "starling", "deeper-starling"),
        (
            "HuggingFaceTB/SmolLM3-3B-checkpoints",
            "stage1-step-40000",
            "stage3-step-4720000",
            "it-mid-training",
            "it-SFT",
        ),
        ("a/b", "step5", "lc-4k-to-32k-step-4000", "lc-32k-to-64k-step-4000", "main", "zebra"),
    ):
        assert ordered(model, *names) == names


def test_places_count_from_the_start_of_training():
    steps = [step for step, _ in positions(revisions(OLMO, *OLMO_NAMES))]
    assert steps == [150, 1000, 928646, 929646, 940577, 929646, 940577, None, None]
    tokens = [count for _, count in positions(revisions(OLMO, *OLMO_NAMES))]
    assert tokens[3] == (928646 + 1000) * 4194304


def test_steps_that_continue_over_stages_are_not_added():
    names = ["stage1-step-3440000", "stage2-step-3480000", "stage3-step-4720000"]
    for model in ("HuggingFaceTB/SmolLM3-3B-checkpoints", "a/unknown"):
        assert [step for step, _ in positions(revisions(model, *names))] == [3440000, 3480000, 4720000]
    assert positions(revisions(OLMO, "stage1-step10", "stage2-ingredient1-step20"))[1][0] == 30
