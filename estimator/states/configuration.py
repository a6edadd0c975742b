"""A model's config.json: read, checked before anything is built from it, and held to describe a decoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from estimator.checkpoints.folders import CONFIG
from estimator.errors import InputError, first_lines

_DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
_SIZES = (
    *_DEPTHS,
    *("hidden_size", "n_embd", "d_model", "num_attention_heads", "n_head", "n_heads", "vocab_size"),
)
_MOST_BLOCKS = 10_000
_STREAMS = ("hc_mult", "hc_count", "altup_num_inputs")
_ROTATIONS_BY_LENGTH = ("dynamic", "longrope")


def decoder_config(folder: Path, where: str) -> Any:
    """The configuration of a decoder-only language model, with nothing in it that chooses code to run.

    Raises :class:`InputError` (``"config"``) if it is unusable, (``"architecture"``) if it is of another kind of model.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    raw = _raw(folder, where)
    for part in (raw, raw.get("text_config")):
        _check_sizes(part if isinstance(part, dict) else {}, where)
    family = raw.get("model_type")
    if family is not None and family not in CONFIG_MAPPING:
        raise InputError(
            "architecture",
            f"The installed transformers does not know the model type {family!s:.80} of {where}: update it.",
        )
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a configuration's class makes of the values in the file
        raise InputError("config", f"The config.json of {where} cannot be read: {first_lines(error)}") from error
    _check_kind(config, where)
    _check_quantisation(raw, where)
    # The file may name a kernel, which would be fetched and run: every model takes the default of its family.
    for part in _parts(config):
        part._attn_implementation = None
        part._experts_implementation = None
        part.return_dict = True
    return config


def text_config(config: Any) -> Any:
    """The part of a configuration that describes the decoder."""
    return config.get_text_config(decoder=True)


def needs_head_class(config: Any) -> bool:
    """Whether the base model is part of the causal class only: decoders cut out of encoders or encoder-decoders."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    if config.model_type not in MODEL_MAPPING_NAMES or getattr(config, "is_decoder", False):
        return True
    return bool(type(config)().is_encoder_decoder)  # while this one is not


def length_of_rotations(config: Any) -> int | None:
    """The length beyond which rotary positions depend on a text's length (LongRoPE, dynamic NTK); None if never."""
    text = text_config(config)
    whole = getattr(text, "rope_parameters", None) or {}
    lengths = [
        part.get("original_max_position_embeddings") or getattr(text, "max_position_embeddings", 0)
        for part in (whole, *whole.values())
        if isinstance(part, dict) and part.get("rope_type") in _ROTATIONS_BY_LENGTH
    ]
    return min((*lengths, getattr(text, "max_position_embeddings", 0))) if lengths else None


def _raw(folder: Path, where: str) -> dict[str, Any]:
    try:
        raw = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("config", f"The config.json of {where} cannot be read: {first_lines(error)}") from error
    if not isinstance(raw, dict):
        raise InputError(
            "config", f"The config.json of {where} is not a JSON object: download or save the model again."
        )
    return raw


def _check_sizes(raw: dict[str, Any], where: str) -> None:
    for name in _SIZES:
        value = raw.get(name)
        if value is None or isinstance(value, list | dict):  # some families state a number per block
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            shown = json.dumps(value)[:40]
            raise InputError(
                "config", f'The config.json of {where} has "{name}": {shown}; it must be a whole number from 1 up.'
            )
        if name in _DEPTHS and value > _MOST_BLOCKS:  # configurations make a list of them at once
            raise InputError(
                "config",
                f"The config.json of {where} describes {value:,} decoder blocks, but no model has more than "
                f"{_MOST_BLOCKS:,}: it is damaged.",
            )


def _check_kind(config: Any, where: str) -> None:
    from transformers.models.auto import modeling_auto as auto

    family = config.model_type
    if config.is_encoder_decoder:
        raise InputError(
            "architecture", f"{where} is an encoder-decoder ({family}); only decoder-only models are supported."
        )
    is_masked = family in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    is_causal = family in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if is_masked and (not is_causal or getattr(config, "is_decoder", None) is False):
        raise encoder(where, family)
    if not is_causal and family in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise InputError(
            "architecture", f"{where} is a vision-language model ({family}): save its language model by itself."
        )
    if not is_causal:
        raise InputError("architecture", f"{where} ({family}) is not a decoder-only language model.")
    try:
        text = text_config(config)
    except ValueError as error:
        raise InputError("architecture", f"{where} ({family}) has several text models: save one of them.") from error
    streams = max([getattr(text, name, None) or 1 for name in _STREAMS])
    if streams > 1:
        raise several_streams(where, family)
    if not getattr(text, "num_hidden_layers", 0):
        raise InputError("architecture", f"The configuration of {where} ({family}) lacks num_hidden_layers.")


def encoder(where: str, family: str) -> InputError:
    """The refusal of an encoder."""
    return InputError(
        "architecture", f"{where} ({family}) is an encoder, whose tokens see later ones: it has no next-token states."
    )


def several_streams(where: str, family: str) -> InputError:
    """The refusal of a model with several hidden states at each token."""
    return InputError(
        "architecture",
        f"{where} ({family}) has several residual streams, so that a token has no single hidden state between blocks.",
    )


def _check_quantisation(raw: dict[str, Any], where: str) -> None:
    quantisation = raw.get("quantization_config")
    if quantisation:
        method = quantisation.get("quant_method", "unknown method") if isinstance(quantisation, dict) else "unknown"
        raise InputError(
            "weights",
            f"The weights of {where} are quantised ({method!s:.40}): use the model's weights in bfloat16 or float32.",
        )


def _parts(config: Any) -> Iterator[Any]:
    yield config
    for name in getattr(config, "sub_configs", {}):
        part = getattr(config, name, None)
        if part is not None:
            yield from _parts(part)
