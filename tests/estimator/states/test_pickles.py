"""Weights in .bin files: the same model as from safetensors, and nothing in them runs."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from estimator.checkpoints.folders import content_files, folder_revisions
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.states.loading import LoadedModel, load_model


@pytest.fixture
def weights(tiny_model: Callable[[str], Path], tmp_path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a copied model without its safetensors."""
    folder = shutil.copytree(tiny_model("olmo2"), tmp_path / "model")
    found = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return found


@pytest.fixture
def folder(weights: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    """That model, with its weights in one .bin file."""
    torch.save(weights, tmp_path / "model/pytorch_model.bin")
    return tmp_path / "model"


def load(folder: Path, **options: Any) -> LoadedModel:
    return load_model(folder_revisions(str(folder))[0], "cpu", "auto", Progress(), **options)


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        load(folder, **options)
    assert error.value.kind == "weights" and "\n" not in str(error.value) and len(str(error.value)) < 500
    return str(error.value)


def shard(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Write the weights as two shards with their index."""
    names = sorted(weights)
    parts = {"pytorch_model-1.bin": names[::2], "pytorch_model-2.bin": names[1::2]}
    for part, held in parts.items():
        torch.save({name: weights[name] for name in held}, folder / part)
    listed = {"metadata": {}, "weight_map": {name: part for part, held in parts.items() for name in held}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(listed))


@pytest.mark.parametrize("form", ["whole", "legacy", "shards"])
def test_the_model_is_that_of_the_safetensors(weights: dict[str, torch.Tensor], tmp_path: Path, form: str) -> None:
    folder = tmp_path / "model"
    if form == "shards":
        shard(weights, folder)
    else:
        torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=form == "whole")
    loaded = load(folder)
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, weights[f"model.{name}"])
    (note,) = loaded.notes
    assert "no code is run" in note and "--safetensors-only" in note
    names = {file.name for file in content_files(folder)}
    assert {name for name in names if ".bin" in name} == {path.name for path in folder.glob("pytorch_model*")}


def test_safetensors_come_first(folder: Path, weights: dict[str, torch.Tensor], tiny_model: Any) -> None:
    shutil.copy(tiny_model("olmo2") / "model.safetensors", folder)
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert load(folder, pickles=False).notes == ()


def test_they_can_be_refused(folder: Path) -> None:
    assert "--safetensors-only is set" in refused(folder, pickles=False)


class Hostile:
    """Runs a function when it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def run_by_pickle(path: str) -> None:
    Path(path).write_text("run")


@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
@pytest.mark.parametrize("place", ["value", "whole"])
def test_a_hostile_pickle_runs_nothing(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, form: str, place: str
) -> None:
    trace = tmp_path / "trace"
    hostile: Any = Hostile(run_by_pickle, str(trace))
    content = {**weights, "model.extra": hostile} if place == "value" else hostile
    path = folder / "pytorch_model.bin"
    if form == "bare":
        path.write_bytes(pickle.dumps(content if place == "whole" else {"model.extra": hostile}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    said = refused(folder)
    if form == "bare":
        assert "is damaged or truncated (no tensors as torch.save writes them)" in said
    else:
        assert "run_by_pickle, which is not a tensor and could run code; it was not run" in said
    assert not trace.exists()
    # Read without care, the file does what the test says.
    pickle.loads(path.read_bytes()) if form == "bare" else torch.load(path, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize("keep", [0, 4, 100, 20_000])
def test_a_truncated_file_is_one_sentence(folder: Path, keep: int) -> None:
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:keep])
    assert "is damaged or truncated" in refused(folder)


@pytest.mark.parametrize("content", [[1, 2], {"model": {"a": torch.zeros(2)}}, {"step": 3}])
def test_what_is_no_state_dict_is_refused(folder: Path, content: object) -> None:
    torch.save(content, folder / "pytorch_model.bin")
    assert "is not a state dict" in refused(folder)


def test_a_compressed_archive_is_refused_before_it_expands(folder: Path) -> None:
    path = folder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + bytes(10**7) if name.endswith("/data/0") else content)
    assert "is compressed" in refused(folder)


def test_missing_and_unused_tensors_are_refused_as_in_safetensors(
    folder: Path, weights: dict[str, torch.Tensor]
) -> None:
    lost = "model.layers.1.mlp.up_proj.weight"
    torch.save({name: one for name, one in weights.items() if name != lost}, folder / "pytorch_model.bin")
    assert "lack 1 of the model's tensors, layers.1.mlp.up_proj.weight" in refused(folder)
    further = {name.replace("layers.2", "layers.3"): one for name, one in weights.items() if "layers.2" in name}
    torch.save(weights | further, folder / "pytorch_model.bin")
    assert "tensors of decoder blocks or embeddings that its config.json has no place for" in refused(folder)


def test_a_configuration_larger_than_its_file_is_refused(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 10**9}))
    torch.save(
        {name: one.new_zeros(1).expand(10**9, 32) if "embed" in name else one for name, one in weights.items()},
        folder / "pytorch_model.bin",
    )
    with pytest.raises(InputError, match="describes an embedding of 32,000,000,000 numbers"):
        load(folder)


def test_masks_of_older_versions_are_no_surplus(tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model("gpt_neox"), tmp_path / "pythia")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for block in range(3):
        prefix = f"gpt_neox.layers.{block}.attention."
        weights[prefix + "bias"] = torch.ones(1, 1, 8, 8, dtype=torch.uint8)
        weights[prefix + "masked_bias"] = torch.tensor(-1e9)
        weights[prefix + "rotary_emb.inv_freq"] = torch.ones(4)
    torch.save(weights, folder / "pytorch_model.bin")
    assert load(folder).depth == 3
