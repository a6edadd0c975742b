"""The demo model: a tiny OLMo2 trained on documentation strings, saved as Hugging Face checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Olmo2Config, Olmo2ForCausalLM, PreTrainedTokenizerFast

from estimator.demo.recipe import Recipe, checkpoint_folder
from estimator.errors import InputError
from estimator.progress import Progress
from estimator.text.corpus import Corpus

END_OF_TEXT = "<|endoftext|>"
STATE = "training-state.pt"
"""The file of a run from which its training goes on: the step of its last checkpoint, and the state there."""


@dataclass
class _Training:
    """A training at a step: everything that decides the steps after it."""

    step: int
    model: Olmo2ForCausalLM
    optimizer: torch.optim.Optimizer
    random: np.random.Generator


def train_demo(recipe: Recipe, corpus: Corpus, run: Path, progress: Progress) -> Iterator[int]:
    """Train in ``run``, yielding each checkpoint's step as soon as it is complete on disk.

    Existing checkpoints are retained and yielded in order; a finished run trains nothing. An interrupted run goes on
    from its last checkpoint, whose optimizer and random state are stored next to it, with the same weights as one that
    was not interrupted. Without a readable state it is trained again from its seed, which gives the same weights too.
    """
    missing = [step for step in recipe.steps if not checkpoint_folder(run, step).is_dir()]
    if not missing:
        yield from recipe.steps
        return
    progress.phase("text", 0, None, "documents")
    texts = list(corpus.texts())
    shown = texts[recipe.held_out :] or texts
    tokenizer = _train_tokenizer(recipe, shown)
    stream = _token_stream(tokenizer, shown)
    training = _resumed(recipe, tokenizer, run, missing[0]) or _begun(recipe, tokenizer)
    last = recipe.steps[-1]
    yield from (step for step in recipe.steps if step < training.step)
    for step in range(training.step, last + 1):
        training.step = step
        if step in recipe.steps:
            if step in missing:
                _save(training.model, tokenizer, checkpoint_folder(run, step))
                if step < missing[-1]:
                    _save_state(training, run)
                else:
                    (run / STATE).unlink(missing_ok=True)
            yield step
        if step == last or step >= missing[-1]:
            continue
        progress.phase("train", step, last, "steps")
        for group in training.optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, step)
        _train_step(training.model, training.optimizer, _batch(recipe, stream, training.random))
    progress.phase("train", last, last, "steps")


def _train_tokenizer(recipe: Recipe, texts: Sequence[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT)


def _token_stream(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> torch.Tensor:
    encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return torch.tensor([token for ids in encoded for token in (*ids, tokenizer.eos_token_id)])


def _new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Olmo2ForCausalLM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = Olmo2ForCausalLM(
            Olmo2Config(
                vocab_size=len(tokenizer),
                hidden_size=recipe.width,
                intermediate_size=recipe.intermediate,
                num_hidden_layers=recipe.depth,
                num_attention_heads=recipe.heads,
                max_position_embeddings=recipe.context,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    model.train()
    return model


def _learning_rate(recipe: Recipe, step: int) -> float:
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    return recipe.learning_rate * (0.55 + 0.45 * cos(pi * step / recipe.steps[-1]))


def _batch(recipe: Recipe, stream: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    starts = random.integers(0, len(stream) - recipe.window - 1, recipe.batch)
    return torch.stack([stream[start : start + recipe.window + 1] for start in starts])


def _train_step(model: Olmo2ForCausalLM, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> float:
    logits = model(input_ids=batch[:, :-1], use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _begun(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> _Training:
    model = _new_model(recipe, tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1)
    return _Training(0, model, optimizer, np.random.Generator(np.random.PCG64(recipe.seed)))


def _resumed(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, run: Path, latest: int) -> _Training | None:
    """The training as stored in ``run``; None if nothing readable is, or it is later than step ``latest``."""
    training = _begun(recipe, tokenizer)
    try:
        # Only tensors and plain values are read, so that a file in the cache runs no code.
        state = torch.load(run / STATE, map_location="cpu", weights_only=True)
        training.model.load_state_dict(state["model"])
        training.optimizer.load_state_dict(state["optimizer"])
        training.random.bit_generator.state = json.loads(state["random"])
        training.step = int(state["step"])
    except Exception:  # what a damaged file raises is not limited to a few types
        return None
    return training if training.step <= latest else None


def _save_state(training: _Training, run: Path) -> None:
    """Replace the state from which training goes on; where it cannot be written, it begins again instead."""
    scratch = run / f".{STATE}.{os.getpid()}"
    try:
        torch.save(
            {
                "step": training.step,
                "model": training.model.state_dict(),
                "optimizer": training.optimizer.state_dict(),
                "random": json.dumps(training.random.bit_generator.state),
            },
            scratch,
        )
        os.replace(scratch, run / STATE)
    except (OSError, RuntimeError):  # torch reports a full disk as the latter
        scratch.unlink(missing_ok=True)


def _save(model: Olmo2ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a checkpoint to a temporary folder and rename it, so that a partial one can never be read."""
    scratch = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder.parent))
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        os.replace(scratch, folder)
    except (OSError, SafetensorError) as error:
        if folder.is_dir():  # another process has saved the same checkpoint meanwhile
            return
        raise InputError(
            "disk",
            f"The demo's checkpoint cannot be written to {folder.parent} ({error}): free some space there, or "
            "choose another folder with --cache-dir.",
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
