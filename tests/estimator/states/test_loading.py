"""Models in memory: blocks found, dtypes and devices resolved, everything that is no decoder refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.errors import Cancelled, InputError, MeasurementError
from estimator.progress import Progress
from estimator.states.loading import load_model, resolve_device

FAMILIES = ["olmo2", "llama", "gpt_neox", "gpt2", "qwen2", "qwen3"]


def revision(folder: Path) -> Revision:
    return parse_checkpoint(str(folder), folder.name, None, str(folder))


@pytest.fixture
def copied(tiny_model, tmp_path) -> Path:
    return shutil.copytree(tiny_model("olmo2"), tmp_path / "model")


@pytest.mark.parametrize("family", FAMILIES)
def test_hooked_blocks_are_the_hidden_states(tiny_model, family):
    loaded = load_model(revision(tiny_model(family)), "cpu", "auto", Progress())
    assert (loaded.depth, loaded.width, loaded.dtype, loaded.device.type) == (3, 32, "float32", "cpu")
    assert len(loaded.blocks) == 3 and not loaded.model.training
    outputs: list[torch.Tensor] = []
    handles = [block.register_forward_hook(lambda _m, _i, output: outputs.append(output)) for block in loaded.blocks]
    tokens = torch.randint(0, 290, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        result = loaded.model(tokens, use_cache=False, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    for block in range(2):
        assert torch.equal(outputs[block], result.hidden_states[block + 1])
    assert torch.equal(result.last_hidden_state, result.hidden_states[-1])
    assert not torch.allclose(outputs[2], result.hidden_states[3])


def test_the_weights_are_the_saved_ones(tiny_model):
    from safetensors.torch import load_file

    folder = tiny_model("olmo2")
    saved = load_file(folder / "model.safetensors")["model.layers.1.mlp.up_proj.weight"]
    loaded = load_model(revision(folder), "cpu", "auto", Progress())
    assert torch.equal(loaded.model.layers[1].mlp.up_proj.weight, saved)


def test_a_named_dtype_is_used(tiny_model):
    assert load_model(revision(tiny_model("llama")), "cpu", "bfloat16", Progress()).dtype == "bfloat16"


def test_auto_is_float32_on_the_cpu_even_for_a_bfloat16_checkpoint(copied):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(copied, dtype=torch.bfloat16).save_pretrained(copied)
    assert json.loads((copied / "config.json").read_text())["dtype"] == "bfloat16"
    assert (
        load_model(revision(copied), "auto" if not torch.cuda.is_available() else "cpu", "auto", Progress()).dtype
        == "float32"
    )


@pytest.mark.parametrize(
    ("family", "says"), [("t5", "encoder-decoder"), ("bert", "is an encoder, whose tokens see later ones")]
)
def test_models_that_are_no_decoders_are_refused(tiny_model, family, says):
    with pytest.raises(InputError, match=says) as error:
        load_model(revision(tiny_model(family)), "cpu", "auto", Progress())
    assert error.value.kind == "architecture"


def test_an_unknown_architecture_is_refused(copied):
    (copied / "config.json").write_text('{"model_type": "no-such-architecture"}')
    with pytest.raises(InputError, match=r"does not know the model type no-such-architecture") as error:
        load_model(revision(copied), "cpu", "auto", Progress())
    assert error.value.kind == "architecture"


def test_a_vision_model_is_refused(copied):
    (copied / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(InputError, match="not a decoder-only language model"):
        load_model(revision(copied), "cpu", "auto", Progress())


@pytest.mark.parametrize("text", ["{", "{}", '{"model_type": "olmo2", "hidden_size": "x"}'])
def test_a_bad_configuration_is_one_sentence(copied, text):
    (copied / "config.json").write_text(text)
    with pytest.raises(InputError) as error:
        load_model(revision(copied), "cpu", "auto", Progress())
    assert error.value.kind == "config" and "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("keep", [0, 4, 100, 20_000])
def test_cut_off_weights_are_one_sentence(copied, keep):
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged or truncated") as error:
        load_model(revision(copied), "cpu", "auto", Progress())
    assert error.value.kind == "weights" and "\n" not in str(error.value)


def test_missing_tensors_are_not_drawn_at_random(copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 of the model's tensors, layers\.1\.mlp\.up_proj\.weight"):
        load_model(revision(copied), "cpu", "auto", Progress())


def test_tensors_of_another_shape_are_refused(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    with pytest.raises(InputError, match=r"is \(48, 32\), not \(64, 32\)|is \(32, 48\), not \(32, 64\)") as error:
        load_model(revision(copied), "cpu", "auto", Progress())
    assert error.value.kind == "weights"


def test_out_of_memory_is_bad_luck_not_bad_input(tiny_model, monkeypatch):
    def exhausted(*_args, **_kwargs):
        raise torch.OutOfMemoryError("tried to allocate")

    monkeypatch.setattr("transformers.AutoModel.from_pretrained", exhausted)
    with pytest.raises(MeasurementError, match="does not fit") as error:
        load_model(revision(tiny_model("olmo2")), "cpu", "auto", Progress())
    assert error.value.kind == "memory"


def test_devices():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for wrong in ("gpu", "cuda:99", "meta", "xpu"):
        with pytest.raises(InputError) as error:
            resolve_device(wrong)
        assert error.value.kind == "device"


def test_an_unknown_dtype_is_refused(tiny_model):
    with pytest.raises(InputError, match="choose auto, float32"):
        load_model(revision(tiny_model("olmo2")), "cpu", "int8", Progress())


def test_loading_can_be_cancelled(tiny_model):
    class Stop(Progress):
        def phase(self, phase, done, total, unit):
            raise Cancelled

    with pytest.raises(Cancelled):
        load_model(revision(tiny_model("olmo2")), "cpu", "auto", Stop())
