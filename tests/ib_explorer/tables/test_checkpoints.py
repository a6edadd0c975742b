"""The table of checkpoints: sizes, states and samples."""

from __future__ import annotations

from pathlib import Path

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Sizes
from ib_explorer.tables.checkpoints import COLUMNS, Listed, listed, shown
from tests.ib_explorer.synthetic import trajectory

OLMO = "allenai/OLMo-2-1124-7B"
NAMES = (
    "step150-tokens1B",
    "stage1-step1000-tokens5B",
    "stage2-ingredient1-step11931-tokens50B",
    "stage2-ingredient2-step11931-tokens50B",
)


def found() -> list[Listed]:
    record = trajectory()[0]
    measured = record.named(type(record.name)(OLMO, NAMES[0], "stage1", 150, None, record.corpus))
    sizes = Sizes({NAMES[1]: 29_300_000_000}, 29_200_000_000, NAMES[3])
    failures = {(OLMO, NAMES[2]): "The hub answers 503."}
    return listed([parse_checkpoint(OLMO, name, "c" * 40) for name in NAMES], sizes, [measured], failures)


def test_states_sizes_samples_and_failures():
    assert [(one.state, one.bytes, one.bytes_of) for one in found()] == [
        ("measured", 29_200_000_000, NAMES[3]),
        ("downloaded", 29_300_000_000, ""),
        ("failed", 29_200_000_000, NAMES[3]),
        ("on the hub", 29_200_000_000, ""),
    ]
    assert [bool(one.samples) for one in found()] == [True, False, False, False]
    row = dict(zip(COLUMNS, found()[2].row, strict=True))
    assert row["failure"] == "The hub answers 503." and row["branch"] == "ingredient 1" and row["ingredient"] == 1


def test_the_table_names_the_model_and_counts_states():
    lines = shown(found(), facts(OLMO))
    assert lines[0].startswith("OLMo 2: 7,298,617,344 parameters, 32 layers, width 4,096, 4,194,304 tokens per step")
    assert "main is the mean of the last checkpoints of its branches" in lines
    header = next(line for line in lines if line.startswith("stage "))
    assert header.split() == ["stage", "branch", "step", "tokens", "size", "state", "revision", "sample"]
    first = lines[lines.index(header) + 1]
    assert first.split()[:5] == ["stage1", "150", "629.15", "M", "~29.2"] and NAMES[0] in first.split()
    assert lines[-1] == (
        f"4 checkpoints: 1 measured, 1 downloaded, 1 failed, 1 on the hub. Sizes with ~ are that of {NAMES[3]}."
    )


def test_a_checkpoint_of_a_folder_is_on_disk_or_not_trained(tmp_path: Path):
    here = parse_checkpoint("run", "step1", None, str(tmp_path))
    later = parse_checkpoint("run", "step2", None, str(tmp_path / "later"))
    states = [one.state for one in listed([here, later], Sizes({}), [], {})]
    assert states == ["on disk", "not trained"]
    assert shown(listed([here, later], Sizes({}), [], {}), None)[0].split() == ["step", "state", "revision"]
