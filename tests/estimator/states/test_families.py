"""Every family of causal language models: measured states are the model's own, or it is refused with a reason."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from estimator.checkpoints.names import parse_checkpoint
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.states.batches import Batch
from estimator.states.forward import run_forward
from estimator.states.loading import LoadedModel, load_model
from estimator.text.sample import Sample
from tests.families import ENCODERS, NOT_BUILT, REFUSED, VOCABULARY, families, save_tiny

ROOT = Path(__file__).parents[3]
LENGTHS = (17, 9, 13)


def sample(lengths: tuple[int, ...] = LENGTHS, vocabulary: int = VOCABULARY) -> Sample:
    tokens = np.random.default_rng(3).integers(5, vocabulary, sum(lengths)).astype(np.int32)
    return Sample(tokens, np.concatenate([[0], np.cumsum(lengths)]), "text", "digest", max(lengths))


def load(folder: Path) -> LoadedModel:
    return load_model(parse_checkpoint(str(folder), folder.name, None, str(folder)), "cpu", "auto", Progress())


class Collected:
    """A visitor that collects the states [positions, width] of each layer."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[int, torch.Tensor]] = {}

    def begin(self, batch: Batch) -> None:
        self._places = batch.positions.tolist()

    def read(self, layer: int, z: torch.Tensor) -> None:
        self.rows.setdefault(layer, {}).update(zip(self._places, z.clone(), strict=True))

    def end(self, batch: Batch, last: torch.Tensor | None) -> None: ...

    def layer(self, layer: int) -> torch.Tensor:
        return torch.stack([row for _, row in sorted(self.rows[layer].items())])


def measured(model: LoadedModel, text: Sample) -> list[torch.Tensor]:
    collected = Collected()
    run_forward(model, text, range(model.depth + 1), collected, Progress())
    return [collected.layer(layer) for layer in range(model.depth + 1)]


def own_states(folder: Path, text: Sample) -> list[torch.Tensor]:
    """The states that the causal model reports for one document at a time, without padding."""
    from transformers import AutoModelForCausalLM

    by_document: list[Any] = []
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for begin, end in zip(text.offsets[:-1], text.offsets[1:], strict=True):
        if (getattr(model.config, "rope_parameters", None) or {}).get("rope_type") == "dynamic":
            # Its positions remember longer texts.
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        tokens = torch.from_numpy(text.tokens[begin:end].astype(np.int64))[None]
        with torch.inference_mode():
            states = list(model(tokens, output_hidden_states=True, use_cache=False).hidden_states)
            if model.config.model_type in ("mamba", "mamba2", "falcon_mamba", "rwkv"):
                # They report the output of the last block, but not the embedding.
                states = [model.get_input_embeddings()(tokens), *states[:-2], states[-1]]
        by_document.append(states)
    where = torch.from_numpy(text.position_index())
    return [torch.cat([state[0] for state in layer])[where] for layer in zip(*by_document, strict=True)]


def agree(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    assert len(found) == len(expected)
    for layer, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one.shape == other.shape, f"layer {layer}"
        assert (one - other).abs().max() <= 1e-5 * other.abs().max(), f"layer {layer}"


@pytest.mark.parametrize("family", [one for one in families() if one not in NOT_BUILT])
def test_a_family_is_measured_right_or_refused(family: str, tmp_path: Path) -> None:
    save_tiny(family, tmp_path, **({"is_decoder": True} if family in ENCODERS else {}))
    if family in REFUSED:
        with pytest.raises(InputError, match=REFUSED[family]) as error:
            load(tmp_path)
        assert error.value.kind == "architecture"
        return
    model, text = load(tmp_path), sample()
    assert model.depth == 3 and not model.notes
    agree(measured(model, text), own_states(tmp_path, text))


@pytest.mark.parametrize("family", ENCODERS)
def test_encoders_are_refused_as_encoders(family: str, tmp_path: Path) -> None:
    from tests.families import tiny_config

    tiny_config(family, is_decoder=False).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").touch()
    if family == "bert-generation":  # not known as a masked language model: its states show it
        save_tiny(family, tmp_path, is_decoder=False)
    with pytest.raises(InputError, match="is an encoder, whose tokens see later ones: it has no next-token states"):
        load(tmp_path)


@pytest.mark.parametrize("family", sorted(NOT_BUILT))
def test_what_is_said_to_be_impossible_to_build_is(family: str, tmp_path: Path) -> None:
    with pytest.raises(Exception):  # noqa: B017 (whatever the family raises)
        save_tiny(family, tmp_path)


def test_the_page_of_models_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "models.py"))
    assert script["page"]() == (ROOT / "docs" / "models.md").read_text("utf-8"), "run make docs"


def rotary(rope_type: str) -> dict[str, Any]:
    rope: dict[str, Any] = {"rope_type": rope_type, "rope_theta": 1e4, "factor": 4.0}
    if rope_type == "longrope":
        rope |= {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4, "original_max_position_embeddings": 12}
    return {"rope_parameters": rope, "max_position_embeddings": 12 if rope_type == "dynamic" else 48}


@pytest.mark.parametrize("rope_type", ["dynamic", "longrope"])
def test_positions_do_not_depend_on_the_longest_document(rope_type: str, tmp_path: Path) -> None:
    save_tiny("llama", tmp_path, **rotary(rope_type))
    text = sample((17, 9, 13, 17, 12, 21, 10))
    agree(measured(load(tmp_path), text), own_states(tmp_path, text))


def test_a_projected_final_state_is_replaced_by_that_of_the_last_block(tmp_path: Path) -> None:
    save_tiny("opt", tmp_path, word_embed_proj_dim=16, do_layer_norm_before=False)
    model, text = load(tmp_path), sample()
    assert (model.width, model.is_narrowed) == (32, True)
    found, expected = measured(model, text), own_states(tmp_path, text)
    agree(found[:-1], expected[:-1])
    assert expected[-1].shape[1] == 16
    projected = torch.nn.functional.linear(found[-1], model.model.decoder.project_out.weight)
    assert (projected - expected[-1]).abs().max() <= 1e-5


@pytest.mark.parametrize("family", ["gpt2", "opt", "bloom", "ctrl", "gptj", "mpt", "xglm", "biogpt", "openai-gpt"])
def test_text_beyond_learned_positions_is_refused_with_the_limit(family: str, tmp_path: Path) -> None:
    save_tiny(family, tmp_path)
    model, text = load(tmp_path), sample((20, 80, 12))
    if family in ("bloom", "xglm"):  # positions that are computed for any length
        agree(measured(model, text), own_states(tmp_path, text))
        return
    with pytest.raises(
        InputError, match=r"has 80 tokens, but the model has positions for 64 only: set --max-length 64"
    ):
        measured(model, text)
    agree(measured(model, sample((20, 64, 12))), own_states(tmp_path, sample((20, 64, 12))))


def test_tokens_beyond_the_embedding_are_refused_before_the_pass(tmp_path: Path) -> None:
    save_tiny("llama", tmp_path)
    with pytest.raises(InputError, match=r"token id \d+, but the model has only 96 embeddings") as error:
        measured(load(tmp_path), sample(vocabulary=400))
    assert error.value.kind == "tokenizer"
