"""Python files of a model or a dataset are never run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.tokenizer import load_tokenizer
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.states.loading import load_model

CODE = """
from pathlib import Path
Path({mark!r}).write_text("run")
class Evil:
    pass
"""


@pytest.fixture
def trapped(tiny_model, tmp_path):
    """A model whose configuration and tokenizer name classes of a file beside them, and what that file would leave."""
    folder, mark = shutil.copytree(tiny_model("llama"), tmp_path / "model"), tmp_path / "mark"
    (folder / "evil.py").write_text(CODE.format(mark=str(mark)))
    for name, classes in {
        "config.json": ("AutoConfig", "AutoModel", "AutoModelForCausalLM"),
        "tokenizer_config.json": ("AutoTokenizer",),
    }.items():
        content = json.loads((folder / name).read_text())
        content["auto_map"] = {one: "evil.Evil" if one != "AutoTokenizer" else [None, "evil.Evil"] for one in classes}
        (folder / name).write_text(json.dumps(content))
    return folder, mark


def revision(folder: Path):
    return parse_checkpoint(str(folder), folder.name, None, str(folder))


def test_a_known_architecture_is_loaded_without_the_code_beside_it(trapped):
    folder, mark = trapped
    assert type(load_model(revision(folder), "cpu", "auto", Progress()).model).__module__.startswith("transformers.")
    assert type(load_tokenizer(revision(folder))).__module__.startswith("transformers.")
    assert not mark.exists()


def test_an_architecture_that_only_the_code_knows_is_refused(trapped):
    folder, mark = trapped
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "evil"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError):
        load_model(revision(folder), "cpu", "auto", Progress())
    assert not mark.exists()
