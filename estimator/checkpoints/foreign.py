"""Checkpoints of training frameworks that are not Hugging Face models: what they are, and how to convert them."""

from __future__ import annotations

import re
from pathlib import Path

_SAVE = "load it in your training code, and save the model with save_pretrained in a folder of its own"
_LIGHTNING = (".ckpt",)
_MEGATRON = re.compile(r"mp_rank_\d+|iter_\d{7}|latest_checkpointed_iteration\.txt|model_optim_rng\.pt|release")
_DEEPSPEED = re.compile(r"global_step\d+|zero_to_fp32\.py|zero_pp_rank_.*|mp_rank_\d+_model_states\.pt|bf16_zero_.*")
_OPTIMIZER = re.compile(r"optimizer(_\d+)?(\.pt|\.bin)?|scheduler\.pt|rng_state.*\.pth")


def foreign(folder: Path) -> str | None:
    """A sentence about a folder whose weights are in another framework's format; None if none is recognised."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return None
    if found := _matching(_DEEPSPEED, names):
        return (
            f"The folder {folder} holds a DeepSpeed checkpoint ({found}), whose weights are spread over processes: run "
            "its zero_to_fp32.py, and save the result with save_pretrained in a folder of its own."
        )
    if found := _matching(_MEGATRON, names):
        return (
            f"The folder {folder} holds a Megatron checkpoint ({found}), which is not a Hugging Face model: convert it "
            "with Megatron's converter (tools/checkpoint/convert.py), then name the converted folder."
        )
    if found := next((name for name in names if name.endswith(".distcp")), None):
        return (
            f"The folder {folder} holds a distributed checkpoint ({found}): convert it with python -m "
            "torch.distributed.checkpoint.format_utils dcp_to_torch, and save the model with save_pretrained."
        )
    if found := next((name for name in names if name.endswith(_LIGHTNING)), None):
        return foreign_file(folder / found)
    if found := next((name for name in names if name.endswith(".bin") and not _is_trainers(name)), None):
        return (
            f"The folder {folder} has weights in {found}, but no pytorch_model.bin or model.safetensors: rename or "
            "save them with save_pretrained."
        )
    if found := _matching(_OPTIMIZER, names):
        return (
            f"The folder {folder} holds the state of an optimizer ({found}) without the model's weights: measure a "
            "checkpoint that has them, and let the trainer save the model too (save_only_model=True is enough)."
        )
    return None


def foreign_file(path: Path) -> str | None:
    """A sentence about a file that is a checkpoint of another framework; None if it is not recognised as one."""
    if path.name.endswith(_LIGHTNING):
        return f"{path} is a checkpoint of Lightning, which is not a Hugging Face model: {_SAVE}."
    if path.suffix in (".pt", ".pth", ".bin", ".safetensors"):
        return f"{path} is a file of weights: name the folder that holds it together with config.json."
    return None


def _is_trainers(name: str) -> bool:
    return bool(_OPTIMIZER.fullmatch(name)) or name in ("training_args.bin", "scheduler.bin")


def _matching(pattern: re.Pattern[str], names: list[str]) -> str | None:
    return next((name for name in names if pattern.fullmatch(name)), None)
