"""The catalogue of models: ours, merged with a user's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from estimator.checkpoints.catalogue import catalogue, facts, merged, use_file, whole_model
from estimator.checkpoints.names import parse_checkpoint
from estimator.errors import InputError


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Path]:
    """The path of a user's catalogue, in use until the test ends."""
    path = tmp_path / "catalogue.toml"
    use_file(path)
    yield path
    use_file(tmp_path / "none.toml")


def test_models_are_found_by_id_in_any_case_then_by_the_longest_glob():
    assert facts("allenai/olmo-2-1124-7b").parameters == 7298617344
    assert facts("EleutherAI/pythia-70m").layers == 6
    assert facts("EleutherAI/pythia-70m-seed3").tokens_per_step == 2097152
    assert facts("a/b") is None


def test_every_entry_is_sound():
    for entry in catalogue().models.values():
        assert "/" in entry.id
        assert entry.steps in ("", "restart", "continue")
        assert bool(entry.main_of) == (entry.main in ("equal", "annealed"))
        assert not entry.main_of or parse_checkpoint(entry.id, entry.main_of, None).is_placed
        assert entry.id not in entry.also


def test_repositories_belong_to_the_model_that_they_hold_checkpoints_of():
    assert whole_model("allenai/OLMo-2-0425-1B-early-training") == "allenai/OLMo-2-0425-1B"
    assert whole_model("a/b") == "a/b"


def test_a_users_file_adds_models_and_replaces_single_fields(users: Path):
    users.write_text(
        '[families.Mine]\ntokens_per_step = 1000\n[[models]]\nid = "me/mine"\nfamily = "Mine"\n'
        '[[models]]\nid = "allenai/OLMo-2-1124-7B"\nlayers = 99\n'
    )
    assert parse_checkpoint("me/mine", "step7", None).tokens == 7000
    changed = facts("allenai/OLMo-2-1124-7B")
    assert (changed.layers, changed.parameters) == (99, 7298617344)


def test_without_a_users_file_ours_is_used(users: Path):
    assert facts("allenai/OLMo-2-1124-7B").layers == 32


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"[[models]", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[[models]]\nlayers = 1", "has a model without an id"),
        (
            b'[[models]]\nid = "a/b"\nlayers = "many"',
            "layers = 'many' in the model 'a/b', which must be",
        ),
        (b'[[models]]\nid = "a/b"\nlayers = true', "must be a whole number"),
        (b'[[models]]\nid = "a/b"\ncolour = 1', "unknown key 'colour' in the model 'a/b': choose from id, family"),
        (b'[[models]]\nid = "a/b"\nmain = "best"', "must be one of last, equal"),
        (b'[[models]]\nid = "a/b"\nalso = "c/d"', "must be a list of texts"),
        (b"families = 3", "has families that are not tables"),
        (b"models = 3", "has models that are not a list"),
        (b"[model]\nid = 1", "unknown table 'model'"),
    ],
)
def test_a_damaged_users_file_is_one_sentence(users: Path, written: bytes, says: str):
    users.write_bytes(written)
    with pytest.raises(InputError, match=says) as error:
        facts("a/b")
    assert error.value.kind == "catalogue" and str(users) in str(error.value) and "\n" not in str(error.value)


def test_a_users_file_that_cannot_be_read_is_one_sentence(users: Path):
    users.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        facts("a/b")


def test_a_family_that_nobody_describes_is_only_a_name():
    found = merged([("x", {"models": [{"id": "a/b", "family": "Unknown"}]})]).find("a/b")
    assert found is not None and found.family == "Unknown" and found.tokens_per_step == 0
