"""Loading of a revision's base decoder, with checks of its architecture (this module imports torch)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from estimator.checkpoints.folders import check_model_folder, check_usual_files, weight_files
from estimator.checkpoints.resolve import model_folder
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError, first_lines
from estimator.progress import Progress
from estimator.quiet import quiet_libraries

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadedModel:
    """A base model in evaluation mode, ready for hooks.

    ``blocks`` are its ``depth`` decoder blocks in order: the output of block k (a tensor, or the first of a tuple) is
    ``hidden_states[k + 1]`` for all but the last; the base model's ``last_hidden_state`` follows the final norm.
    ``width`` is the size of a hidden state; ``dtype`` the resolved name, such as ``"bfloat16"``. ``head`` maps final
    states to logits, if requested.
    """

    model: Any
    blocks: tuple[nn.Module, ...]
    depth: int
    width: int
    device: torch.device
    dtype: str
    head: nn.Module | None = None


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
    revision: Revision, device: str, dtype: str, progress: Progress, *, with_head: bool = False
) -> LoadedModel:
    """The base model of a revision on a device, downloaded if necessary; reports phases ``"download"`` and ``"load"``.

    ``dtype`` is ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"auto"``: the checkpoint's own, but float32 on the
    CPU. ``with_head`` loads the output embedding too. Reads safetensors only and runs no code from the checkpoint.
    Raises :class:`InputError` (``"device"``, ``"dtype"``, ``"config"``, ``"weights"``, ``"architecture"`` and the kinds
    raised by the download) and :class:`MeasurementError` (``"memory"``).
    """
    target = resolve_device(device)
    if dtype != "auto" and dtype not in DTYPES:
        raise InputError("dtype", f"There is no dtype {dtype!r}: choose auto, {', '.join(DTYPES)}.")
    own = "float32" if target.type == "cpu" else "auto"
    folder = model_folder(revision, progress)
    where = revision.folder or f"{revision.model}@{revision.name}"
    check_model_folder(folder)
    check_usual_files(folder, where)
    progress.phase("load", 0, 1, "models")
    config = _decoder_config(folder, where)
    whole = _load(folder, where, target, own if dtype == "auto" else dtype, with_head)
    model = whole.base_model if with_head else whole
    blocks = _find_blocks(model, config, where)
    _check_decoder(model, blocks, where)
    head = _proven_head(whole, where) if with_head else None
    progress.phase("load", 1, 1, "models")
    text = config.get_text_config()
    resolved = str(model.dtype).removeprefix("torch.")
    return LoadedModel(model, blocks, len(blocks), text.hidden_size, target, resolved, head)


def _decoder_config(folder: Path, where: str) -> Any:
    """The configuration; rejects early a model that is not a decoder-only language model."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING, AutoConfig, PretrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        family = PretrainedConfig.get_config_dict(folder, local_files_only=True)[0].get("model_type")
        if family is not None and family not in CONFIG_MAPPING:
            raise InputError(
                "architecture",
                f"The installed transformers does not know the model type {family} of {where}: update it.",
            )
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (StrictDataclassError, ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise InputError("config", f"The config.json of {where} cannot be read: {first_lines(error)}") from error
    if config.is_encoder_decoder:
        raise InputError(
            "architecture",
            f"{where} is an encoder-decoder ({config.model_type}); only decoder-only models are supported.",
        )
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise InputError("architecture", f"{where} ({config.model_type}) is not a decoder-only language model.")
    if not getattr(config.get_text_config(), "num_hidden_layers", 0):
        raise InputError("architecture", f"The configuration of {where} ({config.model_type}) lacks num_hidden_layers.")
    return config


def _load(folder: Path, where: str, device: torch.device, dtype: str, with_head: bool) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoModelForCausalLM

    options: dict[str, Any] = {} if device.type == "cpu" else {"device_map": {"": device}}
    try:
        with quiet_libraries():
            maker: Any = AutoModelForCausalLM if with_head else AutoModel
            model, report = maker.from_pretrained(
                folder,
                dtype=DTYPES.get(dtype, dtype),
                use_safetensors=True,
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
    except SafetensorError as error:
        raise InputError(
            "weights",
            f"The weights of {where} are damaged or truncated ({first_lines(error)}): download or save them again.",
        ) from error
    except (ValueError, OSError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise InputError("weights", f"The model {where} cannot be loaded: {first_lines(error)}") from error
    # Missing or mismatched weights are initialised at random, and would be measured as if they had been learned.
    if report["mismatched_keys"]:
        name, saved, expected = sorted(report["mismatched_keys"])[0]
        raise InputError(
            "weights",
            f"The weights of {where} do not match its config.json: {name} is {tuple(saved)}, not {tuple(expected)}.",
        )
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            "weights", f"The weights of {where} lack {len(missing)} of the model's tensors, {missing[0]} among them."
        )
    return model.eval()


def _find_blocks(model: nn.Module, config: Any, where: str) -> tuple[nn.Module, ...]:
    """The decoder blocks: the first module list, outermost first, whose length is the depth of the model."""
    depth = config.get_text_config().num_hidden_layers
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == depth]
    if not lists:
        raise InputError(
            "architecture", f"No list of {depth} decoder blocks was found in {where} ({config.model_type})."
        )
    return tuple(lists[0])


def _check_decoder(model: Any, blocks: tuple[nn.Module, ...], where: str) -> None:
    """Verify on six tokens that no token sees a later one, and that block outputs are the hidden states."""
    outputs: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Any) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output)

    vocabulary = model.get_input_embeddings().weight.shape[0]
    tokens = torch.arange(6, device=model.device)[None] % vocabulary
    changed = tokens.clone()
    changed[0, -1] = (tokens[0, -1] + vocabulary // 2) % vocabulary
    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        with torch.inference_mode():
            states = model(tokens, use_cache=False, output_hidden_states=True).hidden_states
            measured = tuple(outputs)
            others = model(changed, use_cache=False, output_hidden_states=True).hidden_states
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError("architecture", f"{where} cannot be run on token ids alone: {first_lines(error)}") from error
    finally:
        for handle in handles:
            handle.remove()
    before_change = [(state[:, :-1], other[:, :-1]) for state, other in zip(states, others, strict=True)]
    if not all(_same(state, other) for state, other in before_change):
        raise InputError(
            "architecture",
            f"{where} is a bidirectional encoder (tokens see later ones); only decoders are supported.",
        )
    if len(states) != len(blocks) + 1 or not all(map(_same, measured[:-1], states[1:-1])):
        raise InputError(
            "architecture", f"The blocks of {where} ({type(model).__name__}) do not return its hidden states."
        )


def _proven_head(whole: Any, where: str) -> nn.Module:
    """The output embedding, verified on six tokens: some models scale or cap its output to obtain logits."""
    head = whole.get_output_embeddings()
    tokens = torch.arange(6, device=whole.device)[None] % whole.get_input_embeddings().weight.shape[0]
    if head is not None and whole.base_model is not whole:
        with torch.inference_mode():
            states = whole.base_model(tokens, use_cache=False).last_hidden_state
            if _same(head(states), whole(tokens, use_cache=False).logits):
                return cast(nn.Module, head)
    raise InputError(
        "architecture", f"The logits of {where} are not its output embedding of the final states: leave out --loss."
    )


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-2, atol=1e-3, equal_nan=True)
