"""Loading of a revision's base decoder, with checks of its architecture (this module imports torch)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from estimator.checkpoints.folders import (
    are_pickled,
    check_model_folder,
    check_usual_files,
    not_safetensors,
    weight_files,
)
from estimator.checkpoints.resolve import model_folder
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError, first_lines
from estimator.progress import Progress
from estimator.quiet import quiet_libraries
from estimator.states.blocks import base_of, find_blocks, proven_head
from estimator.states.configuration import decoder_config, length_of_rotations, needs_head_class
from estimator.states.weights import check_loaded, check_size, damaged, stored

PICKLED = (
    "The weights of {} are in .bin files, which are pickles: only tensors are read from them, and no code is run "
    "(--safetensors-only refuses such files)."
)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadedModel:
    """A base model in evaluation mode, ready for hooks.

    ``blocks`` are its ``depth`` decoder blocks in order: the output of block k is ``hidden_states[k + 1]`` for all but
    the last; the base model's ``last_hidden_state`` follows the final norm. If it ``is_narrowed`` (projected to fewer
    dimensions than the ``width`` of a block's states), the last layer is the output of the last block. ``dtype`` is the
    resolved name, such as ``"bfloat16"``. ``head`` maps final states to logits, if requested. The states of documents
    of more than ``alike_above`` tokens depend on the longest one in a batch. ``notes`` are for the user.
    """

    model: Any
    blocks: tuple[nn.Module, ...]
    depth: int
    width: int
    device: torch.device
    dtype: str
    head: nn.Module | None = None
    is_narrowed: bool = False
    alike_above: int | None = None
    notes: tuple[str, ...] = ()


def resolve_device(device: str) -> torch.device:
    """The device of a given name; ``"auto"`` is CUDA if available, else the CPU. Raises :class:`InputError`."""
    if device == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise InputError("device", f"There is no device {device!r}: choose auto, cpu, cuda, cuda:1 or mps.") from error
    if resolved.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError("device", f"This machine has no usable CUDA device for {device}: choose auto or cpu.")
        if (resolved.index or 0) >= torch.cuda.device_count():
            raise InputError(
                "device", f"There is no device {device}: the number of CUDA devices is {torch.cuda.device_count()}."
            )
        return torch.device("cuda", resolved.index or 0)
    if resolved.type == "mps":
        if not torch.backends.mps.is_available():
            raise InputError("device", "This machine has no usable mps device: choose auto or cpu.")
    elif resolved.type != "cpu":
        raise InputError("device", f"The device {device} is not supported: choose auto, cpu, cuda, cuda:1 or mps.")
    return resolved


def tally_device(device: torch.device) -> torch.device:
    """The device for float64 sums over positions: the device itself, or the CPU if it lacks float64 (mps)."""
    return torch.device("cpu") if device.type == "mps" else device


def load_model(
    revision: Revision,
    device: str,
    dtype: str,
    progress: Progress,
    *,
    with_head: bool = False,
    pickles: bool = True,
) -> LoadedModel:
    """The base model of a revision on a device, downloaded if necessary; reports phases ``"download"`` and ``"load"``.

    ``dtype`` is ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"auto"``: the checkpoint's own, but float32 on the
    CPU. ``with_head`` loads the output embedding too. Reads safetensors, or else ``.bin`` files if ``pickles`` are
    permitted, and runs no code from the checkpoint.
    Raises :class:`InputError` (``"device"``, ``"dtype"``, ``"config"``, ``"weights"``, ``"architecture"`` and the kinds
    raised by the download) and :class:`MeasurementError` (``"memory"``).
    """
    target = resolve_device(device)
    if dtype != "auto" and dtype not in DTYPES:
        raise InputError("dtype", f"There is no dtype {dtype!r}: choose auto, {', '.join(DTYPES)}.")
    own = "float32" if target.type == "cpu" else "auto"
    folder = model_folder(revision, progress, pickles=pickles)
    where = revision.folder or f"{revision.model}@{revision.name}"
    check_model_folder(folder)
    check_usual_files(folder, where)
    is_pickled = are_pickled(weight_files(folder))
    if is_pickled and not pickles:
        raise not_safetensors(where)
    progress.phase("load", 0, 1, "models")
    config = decoder_config(folder, where)
    whole, notes = _load(folder, config, where, target, own if dtype == "auto" else dtype, with_head)
    model = base_of(whole) if with_head or needs_head_class(config) else whole
    blocks = find_blocks(model, where)
    head = proven_head(whole, model, where) if with_head else None
    progress.phase("load", 1, 1, "models")
    return LoadedModel(
        model=model,
        blocks=blocks.modules,
        depth=len(blocks.modules),
        width=blocks.width,
        device=target,
        dtype=str(model.dtype).removeprefix("torch."),
        head=head,
        is_narrowed=blocks.is_narrowed,
        alike_above=length_of_rotations(config),
        notes=((PICKLED.format(revision.model),) if is_pickled else ()) + notes,
    )


def _load(
    folder: Path, config: Any, where: str, device: torch.device, dtype: str, with_head: bool
) -> tuple[Any, tuple[str, ...]]:
    """The model, and notes about tensors that it has no use for."""
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoModelForCausalLM

    maker: Any = AutoModelForCausalLM if with_head or needs_head_class(config) else AutoModel
    options: dict[str, Any] = {} if device.type == "cpu" else {"device_map": {"": device}}
    try:
        with quiet_libraries():
            check_size(config, stored(folder, where), maker, where)
            model, report = maker.from_pretrained(
                folder,
                config=config,
                dtype=DTYPES.get(dtype, dtype),
                use_safetensors=not are_pickled(weight_files(folder)),
                weights_only=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported, and rejected below with a clearer message
                **options,
            )
    except (torch.OutOfMemoryError, MemoryError) as error:
        size = sum(path.stat().st_size for path in weight_files(folder)) / 1e9
        raise MeasurementError(
            "memory",
            f"{where} ({size:.1f} GB on disk) does not fit into the memory of {device}: choose another device.",
        ) from error
    except InputError:
        raise
    except SafetensorError as error:
        raise damaged(where, error) from error
    except Exception as error:  # whatever a family's code makes of the values in the files
        raise InputError("weights", f"The model {where} cannot be loaded: {first_lines(error)}") from error
    note = check_loaded(report, model, where)
    return model.eval(), () if note is None else (note,)
