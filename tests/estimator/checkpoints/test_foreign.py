"""Checkpoints of training frameworks are refused with the reason and the way out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from estimator.checkpoints.folders import folder_revisions
from estimator.errors import InputError


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        folder_revisions(str(path))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("names", "says", "way_out"),
    [
        (["epoch=3-step=100.ckpt"], "is a checkpoint of Lightning", "save_pretrained"),
        (["optimizer.pt", "scheduler.pt", "trainer_state.json"], "state of an optimizer (optimizer.pt)", "model's"),
        (["optimizer.bin"], "state of an optimizer", "save_only_model=True"),
        (["latest", "global_step100/mp_rank_00_model_states.pt", "zero_to_fp32.py"], "DeepSpeed", "zero_to_fp32.py"),
        (["zero_pp_rank_0_mp_rank_00_optim_states.pt", "mp_rank_00_model_states.pt"], "DeepSpeed", "zero_to_fp32.py"),
        (["latest_checkpointed_iteration.txt", "iter_0000100/mp_rank_00/model_optim_rng.pt"], "Megatron", "convert.py"),
        (["mp_rank_00/model_optim_rng.pt"], "Megatron", "convert.py"),
        ([".metadata", "__0_0.distcp"], "distributed checkpoint (__0_0.distcp)", "dcp_to_torch"),
        (["consolidated.bin"], "weights in consolidated.bin, but no", "save_pretrained"),
    ],
)
@pytest.mark.parametrize("with_config", [False, True], ids=["bare", "configured"])
def test_other_formats(tmp_path: Path, names: list[str], says: str, way_out: str, with_config: bool) -> None:
    folder = tmp_path / "model"
    for name in [*names, *(["config.json"] if with_config else [])]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    said = refused(folder)
    assert says in said and way_out in said


def test_a_file_named_instead_of_a_folder(tmp_path: Path) -> None:
    for name, says in (("a.ckpt", "checkpoint of Lightning"), ("model.safetensors", "name the folder that holds it")):
        (tmp_path / name).touch()
        assert says in refused(tmp_path / name)


def test_the_state_of_the_trainer_is_no_obstacle(tmp_path: Path, tiny_model) -> None:
    folder = shutil.copytree(tiny_model("olmo2"), tmp_path / "run/checkpoint-10")
    for name in ("optimizer.pt", "global_step10/x", "zero_to_fp32.py", "training_args.bin"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (revision,) = folder_revisions(str(tmp_path / "run"))
    assert revision.step == 10
