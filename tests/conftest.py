"""Shared fixtures: small random models and a small tokenizer, made once per session, without network."""

from __future__ import annotations

import errno
import functools
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# No test reaches a real hub; those of the loopback hub say so in their own fixtures.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Spinning threads make small sums very slow where cores are shared (set before torch is imported).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Processes of pytest-xdist share the cores: each computes, and lets its own child processes compute, on its part.
_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _processes)))
# An example may take as long as a busy machine needs.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

TINY_TEXT = [
    "The information plane shows what a model keeps of its input and of its output.",
    "A soft assignment of every position to anchors gives a distribution, and a distribution has an entropy.",
    "Checkpoints are read in training order: first the model expands, and later it may compress.",
    "Return the number of labels seen once, and raise ValueError when there are none at all.",
]


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """A byte-level BPE tokenizer of 300 tokens with a beginning-of-text token that it does not add by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TINY_TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    )


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any) -> Callable[[str], Path]:
    """``tiny_model(family)``: a folder with a random model (3 blocks, width 32) and ``tiny_tokenizer``; read-only.

    Families: olmo2, llama, gpt_neox, gpt2, qwen2, qwen3, and t5 and bert, which are no decoders.
    """

    @functools.cache
    def make(family: str) -> Path:
        import torch
        from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

        shape = {"num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
        if family.startswith("qwen"):
            shape |= {"num_key_value_heads": 2, "head_dim": 8}
        if family == "gpt2":
            shape = {"n_layer": 3, "n_embd": 32, "n_head": 4}
        if family == "t5":
            shape = {"num_layers": 3, "d_model": 32, "num_heads": 4, "d_ff": 48, "d_kv": 8}
        config = AutoConfig.for_model(
            family, **shape, vocab_size=len(tiny_tokenizer), bos_token_id=0, eos_token_id=0, pad_token_id=0
        )
        maker = AutoModel if family in ("t5", "bert") else AutoModelForCausalLM
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(len(family))
            model = maker.from_config(config)
        folder = tmp_path_factory.mktemp(f"tiny-{family}") / family
        model.save_pretrained(folder)
        tiny_tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """``read_only(folder)``: from then on nothing below ``folder`` can be written, also by root."""
    folders: list[Path] = []

    def refuses(module: Any, name: str, paths: int) -> None:
        whole = getattr(module, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            mode = arguments[1] if name == "open" and len(arguments) > 1 else "r"
            writes = set("wax+") & set(mode) if isinstance(mode, str) else mode & (os.O_WRONLY | os.O_RDWR)
            writes = writes or name != "open"
            named = [Path(os.fsdecode(path)) for path in arguments[:paths] if not isinstance(path, int)]
            if writes and any(path.is_relative_to(folder) for path in named for folder in folders):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(named[0]))
            return whole(*arguments, **keywords)

        monkeypatch.setattr(module, name, call)

    for name in ("open", "mkdir", "unlink", "rmdir", "utime"):
        refuses(os, name, 1)
    for name in ("replace", "rename", "link"):
        refuses(os, name, 2)
    refuses(io, "open", 1)
    return folders.append


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty loopback hub (:mod:`benchmarks.loopback_hub`) for the client of this process, with an empty cache.

    Waits for it take no time; their lengths are in ``waited``.
    """
    from huggingface_hub import constants

    from benchmarks.loopback_hub import loopback_hub
    from estimator.checkpoints import hub as hub_module
    from estimator.checkpoints.patience import Patience

    with loopback_hub() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(hub_module, "PATIENCE", Patience(sleep=served.waited.append))
        yield served
