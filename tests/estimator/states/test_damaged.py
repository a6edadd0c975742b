"""Configurations, weights and tokenizers that cannot be used: one sentence each, before anything large is built."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from estimator.checkpoints.folders import weight_files
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.tokenizer import load_tokenizer
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.states.loading import LoadedModel, load_model


@pytest.fixture
def copied(tiny_model: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model("olmo2"), tmp_path / "model")


def load(folder: Path) -> LoadedModel:
    return load_model(parse_checkpoint(str(folder), folder.name, None, str(folder)), "cpu", "auto", Progress())


def refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as error:
        load(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    return error.value


def configured(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def with_tensors(folder: Path, **tensors: torch.Tensor) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(load_file(path) | tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("value", ["3", 0, -1, 2.5, True, float("nan")])
@pytest.mark.parametrize("name", ["num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size"])
def test_sizes_are_whole_numbers_from_1_up(copied: Path, name: str, value: object) -> None:
    configured(copied, **{name: value})
    error = refusal(copied)
    assert error.kind == "config"
    assert f'has "{name}": {json.dumps(value)}; it must be a whole number from 1 up.' in str(error)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("num_hidden_layers", 10**9, "describes 1,000,000,000 decoder blocks, but no model has more than 10,000"),
        ("num_hidden_layers", 10**4, "describes 10,000 decoder blocks, but the weight files hold 36 tensors"),
        ("hidden_size", 10**9, "describes an embedding of 300,000,000,000 numbers, but the weight files hold 45,728"),
        ("vocab_size", 10**12, "describes an embedding of 32,000,000,000,000 numbers"),
        ("intermediate_size", 10**9, r"describes a model of 288,0\d\d,\d\d\d,\d\d\d numbers"),
    ],
)
def test_absurd_sizes_are_refused_before_the_model_is_built(copied: Path, name: str, value: int, says: str) -> None:
    configured(copied, **{name: value})
    error = refusal(copied)
    assert error.kind == "config"
    with pytest.raises(InputError, match=says):
        raise error


@pytest.mark.parametrize("text", ["[]", "3", '"model"', "null", "[" * 100_000, '{"a":' * 50_000, "\x00", "NaN"])
def test_a_configuration_that_is_no_object_is_one_sentence(copied: Path, text: str) -> None:
    (copied / "config.json").write_text(text)
    assert refusal(copied).kind == "config"


def test_quantised_weights_are_refused(copied: Path) -> None:
    configured(copied, quantization_config={"quant_method": "fp8"})
    error = refusal(copied)
    assert error.kind == "weights" and "are quantised (fp8)" in str(error)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.1.mlp.up_proj.weight_scale_inv",
        "model.layers.3.mlp.up_proj.weight",
        "model.embed_tokens.weight_scale",
        "layers.0.mlp.extra",
    ],
)
def test_tensors_of_the_decoder_without_a_place_are_refused(copied: Path, name: str) -> None:
    with_tensors(copied, **{name: torch.ones(3)})
    error = refusal(copied)
    assert error.kind == "weights"
    assert "hold 1 tensors of decoder blocks or embeddings that its config.json has no place for" in str(error)


@pytest.mark.parametrize(
    "name", ["model.layers.1.mlp.up_proj.lora_A.weight", "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"]
)
def test_adapters_that_are_not_merged_are_refused(copied: Path, name: str) -> None:
    with_tensors(copied, **{name: torch.ones(3)})
    error = refusal(copied)
    assert error.kind == "weights" and "hold an adapter that is not merged" in str(error)


def test_other_tensors_without_use_are_noted(copied: Path) -> None:
    assert load(copied).notes == ()  # its lm_head is not mentioned
    with_tensors(copied, **{"vision_tower.encoder.layers.0.weight": torch.ones(3), "mtp.layers.0.x": torch.ones(3)})
    assert load(copied).notes == (
        "2 tensors of the weight files are not part of the decoder, mtp.layers.0.x among them.",
    )


def test_blocks_that_predict_several_tokens_ahead_are_beside_the_decoder(copied: Path) -> None:
    configured(copied, num_nextn_predict_layers=1)
    with_tensors(copied, **{"model.layers.3.mlp.up_proj.weight": torch.ones(3)})
    assert load(copied).notes == (
        "1 tensors of the weight files are not part of the decoder, model.layers.3.mlp.up_proj.weight among them.",
    )
    with_tensors(copied, **{"model.layers.4.mlp.up_proj.weight": torch.ones(3)})
    assert "no place for, model.layers.4.mlp.up_proj.weight among them" in str(refusal(copied))


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_a_configuration_chooses_no_kernel(copied: Path, name: str) -> None:
    configured(copied, **{name: "kernels-community/flash-attn"})
    assert load(copied).model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({}, "does not map weights to files"),
        ([], "does not map weights to files"),
        ({"weight_map": 3}, "does not map weights to files"),
        ({"weight_map": {}}, "names no file"),
        ({"weight_map": {"a": 7}}, "names 7, which is not a safetensors file of its folder"),
        ({"weight_map": {"a": None}}, "names None, which is not a safetensors file"),
        ({"weight_map": {"a": "../other/model.safetensors"}}, "which is not a safetensors file of its folder"),
        ({"weight_map": {"a": "/etc/model.safetensors"}}, "which is not a safetensors file of its folder"),
        ({"weight_map": {"a": "pytorch_model.bin"}}, "which is not a safetensors file of its folder"),
        ({"weight_map": {"a": "lacks.safetensors"}}, "lacks lacks.safetensors"),
        ({"weight_map": {"a": ["model.safetensors"]}}, "does not map weights to files"),
    ],
)
def test_a_bad_index_is_one_sentence(copied: Path, index: object, says: str) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=says) as error:
        weight_files(copied)
    assert error.value.kind == "weights"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"version": "9"}', '{"model": {"type": "None"}}', "[" * 100_000, "\x80"]
)
def test_a_damaged_tokenizer_is_one_sentence(copied: Path, text: str) -> None:
    (copied / "tokenizer.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"^The tokenizer of .* cannot be loaded") as error:
        load_tokenizer(parse_checkpoint(str(copied), "model", None, str(copied)))
    assert error.value.kind == "tokenizer" and "\n" not in str(error.value)


def test_a_sentencepiece_model_is_a_tokenizer(copied: Path) -> None:
    import sentencepiece

    text = ["the information plane of language models", "states tell labels apart", "a model of many words"] * 9
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copied / name).unlink()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_prefix=str(copied / "tokenizer"),
        vocab_size=40,
        model_type="bpe",
        minloglevel=2,
    )
    (copied / "tokenizer.vocab").unlink()
    (copied / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    tokenizer = load_tokenizer(parse_checkpoint(str(copied), "model", None, str(copied)))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(copied / "tokenizer.model"))
    ids = tokenizer("states of words", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "states of words"
    assert tokenizer.convert_ids_to_tokens(ids) == [pieces.id_to_piece(one) for one in ids]
