"""A model's tensors on disk, compared with those that its configuration describes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from estimator.checkpoints.folders import are_pickled, weight_files
from estimator.errors import InputError, first_lines
from estimator.states.configuration import text_config
from estimator.states.pickles import pickled_shapes

_SPARE = 4
"""A configuration may describe this many times the numbers that the files hold: tied weights are stored once."""
_HEADS = re.compile(
    r"(^|^language_model\.)(lm_head|embed_out|output_projection|head|cls|score|generator_\w+|decoder\.bias)(\.|$)"
)
_ADAPTER = re.compile(r"(^|[._])(lora_|base_layer\.|adapter)")
_BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_BESIDE = re.compile(r"(^|\.)(vision|visual|image|audio|speech|mtp)")


@dataclass(frozen=True, slots=True)
class Stored:
    """How many tensors, and numbers in them, a model's files hold."""

    tensors: int
    numbers: int


def stored(folder: Path, where: str) -> Stored:
    """What a model's weight files hold, from their headers; raises :class:`InputError` (``"weights"``) if damaged.

    ``.bin`` files that would run code when read are refused here, before anything loads them.
    """
    files = weight_files(folder)
    shapes = pickled_shapes(files, where) if are_pickled(files) else _shapes(files, where)
    # A pickled tensor may repeat a single number; a number takes a byte at least.
    numbers = min(sum(map(math.prod, shapes)), sum(path.stat().st_size for path in files))
    return Stored(len(shapes), numbers)


def _shapes(files: Sequence[Path], where: str) -> list[Sequence[int]]:
    from safetensors import SafetensorError, safe_open

    shapes: list[Sequence[int]] = []
    try:
        for path in files:
            with safe_open(path, "pt") as file:
                shapes += [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(where, error) from error
    return shapes


def damaged(where: str, error: Exception) -> InputError:
    """The refusal of weights that cannot be read."""
    return InputError(
        "weights",
        f"The weights of {where} are damaged or truncated ({first_lines(error)}): download or save them again.",
    )


def check_size(config: Any, found: Stored, maker: Any, where: str) -> None:
    """Refuse a configuration of a model much larger than its files, which would exhaust the memory when built."""
    text = text_config(config)
    depth = text.num_hidden_layers
    if depth > found.tensors:
        raise _too_large(where, f"{depth:,} decoder blocks", f"{found.tensors:,} tensors")
    sizes = [getattr(text, name, 1) or 1 for name in ("vocab_size", "hidden_size")]
    if math.prod(sizes) > 2 * _SPARE * found.numbers:
        raise _too_large(where, f"an embedding of {math.prod(sizes):,} numbers", f"{found.numbers:,}")
    try:
        with torch.device("meta"):
            described = sum(one.numel() for one in maker.from_config(config).parameters())
    except Exception:  # loading the model reports what is wrong
        return
    if described > _SPARE * found.numbers:
        raise _too_large(where, f"a model of {described:,} numbers", f"{found.numbers:,}")


def check_loaded(report: Mapping[str, Any], model: Any, where: str) -> str | None:
    """Refuse weights that do not fit the model; returns a note about tensors that it has no use for, if any.

    Missing and mismatched tensors are initialised at random, and would be measured as if they had been learned. Tensors
    of the decoder that are left over (scales of quantised weights, adapters, further blocks) mean that it computes
    something else than the model in the files.
    """
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
    unused = sorted(report["unexpected_keys"])
    if adapters := [name for name in unused if _ADAPTER.search(name)]:
        raise InputError(
            "weights",
            f"The weights of {where} hold an adapter that is not merged, {adapters[0]} among {len(adapters)} tensors: "
            "merge it (peft: merge_and_unload) and save the model again.",
        )
    if of_decoder := [name for name in unused if _is_of_decoder(name, model)]:
        raise InputError(
            "weights",
            f"The weights of {where} hold {len(of_decoder)} tensors of decoder blocks or embeddings that its "
            f"config.json has no place for, {of_decoder[0]} among them.",
        )
    others = [name for name in unused if not _HEADS.search(name)]
    if others:
        return f"{len(others)} tensors of the weight files are not part of the decoder, {others[0]} among them."
    return None


def _is_of_decoder(name: str, model: Any) -> bool:
    """Whether a tensor's name is that of a decoder block or embedding, and not of a part outside the decoder."""
    own = name.removeprefix(f"{getattr(model, 'base_model_prefix', '')}.")
    modules = {child for child, _ in model.named_children()}
    if _BESIDE.search(name) or not (name.startswith("model.") or own.split(".", 1)[0] in modules):
        return False
    text = text_config(model.config)
    if block := _BLOCK.search(own):
        further = int(block[1]) - text.num_hidden_layers  # those that predict several tokens ahead come last
        return not 0 <= further < (getattr(text, "num_nextn_predict_layers", None) or 0)
    return re.search(r"embed|wte|wpe", own) is not None


def _too_large(where: str, described: str, held: str) -> InputError:
    return InputError(
        "config",
        f"The config.json of {where} describes {described}, but the weight files hold {held}: it is damaged, or of "
        "another model.",
    )
