"""Models in local folders: a single model, or the ``checkpoint-N`` folders of a training run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from estimator.checkpoints.foreign import foreign, foreign_file
from estimator.checkpoints.names import parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tree import in_training_order
from estimator.errors import InputError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"
ADAPTER = "adapter_config.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.*.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "tekken.json",
    "bpe.codes",
    "byte_maps.json",
    "emoji.json",
    "normalizer.json",
    "prophetnet.tokenizer",
    "target_vocab.json",
    "word_pronunciation.json",
    "word_shape.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
)
"""What tokenizers and chat templates are read from. Their class also depends on ``config.json``."""

_LACKS = {
    "weights": "its weights are incomplete",
    "config": "it has no config.json",
    "adapter": "it is an adapter without its model",
}
_WEIGHTS = (WEIGHTS, INDEX, PICKLE, PICKLE_INDEX)


def is_local(model: str) -> bool:
    """Whether ``model`` is a folder on this machine: it exists, or is written as a path."""
    return model.startswith(("/", "./", "../", "~")) or model in (".", "..") or Path(model).exists()


def model_name(model: str) -> str:
    """The one name of a model: of a folder its absolute path without links, however it is written; else ``model``."""
    return str(folder_of(model)) if is_local(model) else model


def folder_of(model: str) -> Path:
    """The folder of a local model, which need not exist: its absolute path without links."""
    return Path(os.path.realpath(Path(model).expanduser()))


def left_out(model: str) -> list[str]:
    """A sentence about each checkpoint of a run's folder that :func:`folder_revisions` leaves out; empty of others."""
    sentences = []
    name = model_name(model)
    for path in sorted(Path(name).iterdir()) if Path(name).is_dir() else []:
        if path.is_dir() and parse_checkpoint(name, path.name, None).step is not None:
            try:
                check_model_folder(path)
            except InputError as error:
                sentences.append(f"{path.name} is left out: {_LACKS.get(error.kind, _LACKS['weights'])}.")
    return sentences


def folder_revisions(model: str) -> list[Revision]:
    """The checkpoints in a local folder, in training order; ``model`` is the folder as the user wrote it.

    Their model is the folder's :func:`model_name`, so that it has one name wherever it is measured from. A folder that
    holds a model gives one revision, named after the folder. A run's folder gives one per subfolder that holds a model,
    and ``main`` for a model saved in the run's folder itself. Raises :class:`InputError` (``"model"``, ``"config"``,
    ``"weights"``, ``"adapter"``) when there is nothing to load.
    """
    name = model_name(model)
    folder = Path(name)
    if not folder.exists():
        raise InputError("model", f"There is no folder {model}: check the path.")
    if not folder.is_dir():
        reason = foreign_file(folder)
        raise InputError(
            "model", reason or f"{model} is a file: name the folder that holds config.json and the weights."
        )
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError as error:
        raise InputError("model", f"The folder {model} cannot be read: permission denied.") from error
    checkpoints = [path for path in below if holds_model(path)]
    if not checkpoints:
        unfinished = [path for path in below if parse_checkpoint(name, path.name, None).step is not None]
        check_model_folder(unfinished[-1] if unfinished and not (folder / CONFIG).exists() else folder)
        return [parse_checkpoint(name, folder.name, None, name)]
    revisions = [parse_checkpoint(name, path.name, None, str(path)) for path in checkpoints]
    if holds_model(folder):
        revisions.append(parse_checkpoint(name, "main", None, name))
    return in_training_order(revisions)


def holds_model(folder: Path) -> bool:
    """Whether a folder has a configuration and complete weights (a checkpoint still being saved does not)."""
    try:
        check_model_folder(folder)
    except InputError:
        return False
    return True


def check_model_folder(folder: Path) -> None:
    """Raise :class:`InputError` (``"config"`` or ``"weights"``) unless ``folder`` has a configuration and weights."""
    has_model = (folder / CONFIG).is_file() and any((folder / name).is_file() for name in _WEIGHTS)
    if not has_model and (folder / ADAPTER).is_file():
        raise InputError(
            "adapter",
            f"The folder {folder} has an adapter ({ADAPTER}) without its model: merge the two with peft's "
            "merge_and_unload(), and save the result with save_pretrained.",
        )
    if not (folder / CONFIG).is_file():
        if reason := foreign(folder):
            raise InputError("weights", reason)
        raise InputError(
            "config", f"The folder {folder} has no config.json, so it is not a Hugging Face model: name another folder."
        )
    weight_files(folder)


def check_usual_files(folder: Path, where: str | None = None) -> None:
    """Raise :class:`InputError` (``"adapter"``, ``"config"``) if a model is read from other files than usual.

    The library would read them by itself, and they do not belong to the content that identifies a model. ``where`` is
    the model's name, by default the folder.
    """
    where = where or str(folder)
    if (folder / ADAPTER).is_file():
        raise InputError(
            "adapter",
            f"{where} has an adapter ({ADAPTER}) next to its weights, which changes the model if peft is installed: "
            "merge it with peft's merge_and_unload(), and save the result with save_pretrained in a folder of its own.",
        )
    config = _read_config(folder)
    for entry, what in (("transformers_weights", "weights"), ("configuration_files", "configurations")):
        if config.get(entry):
            raise InputError(
                "config",
                f"The config.json of {where} refers to other {what} ({entry}), which are not supported: load the model "
                "with transformers, and save it with save_pretrained in a folder of its own.",
            )


def weight_files(folder: Path) -> list[Path]:
    """The weights of a model, one or several shards: safetensors, or else ``.bin`` files.

    Raises :class:`InputError` (``"weights"``).
    """
    for whole, index in ((WEIGHTS, INDEX), (PICKLE, PICKLE_INDEX)):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            return _shards(folder / index, Path(whole).suffix)
    if reason := foreign(folder):
        raise InputError("weights", reason)
    raise InputError(
        "weights", f"The folder {folder} has a config.json but no weights ({WEIGHTS}): save them with save_pretrained."
    )


def are_pickled(files: Iterable[Path]) -> bool:
    """Whether weight files are ``.bin`` files, which are pickles."""
    return any(map(is_pickle, files))


def is_pickle(file: Path) -> bool:
    """Whether a file of weights is a ``.bin`` file."""
    return file.suffix == Path(PICKLE).suffix


def not_safetensors(where: str) -> InputError:
    """The refusal of ``.bin`` files where only safetensors may be read."""
    return InputError(
        "weights",
        f"{where} has weights in .bin files only, and --safetensors-only is set: choose another revision, convert it, "
        "or leave the option out (.bin files are read without running code).",
    )


def content_files(folder: Path) -> list[Path]:
    """The files that determine a local model's numbers, sorted: configuration, weights and their index, tokenizer.

    Optimizer and trainer state are excluded. Raises :class:`InputError` as :func:`check_model_folder` and
    :func:`check_usual_files` do.
    """
    check_model_folder(folder)
    check_usual_files(folder)
    files = {folder / CONFIG, *weight_files(folder), *tokenizer_files(folder)}
    files |= {folder / index for index in (INDEX, PICKLE_INDEX) if (folder / index).is_file()}
    return sorted(files)


def stated_depth(folder: Path) -> int | None:
    """The number of decoder blocks stated in the ``config.json`` of a folder; None if it is missing or unreadable."""
    config = _read_config(folder)
    text = config.get("text_config", config)
    depth = text.get("num_hidden_layers", text.get("n_layer")) if isinstance(text, dict) else None
    return depth if isinstance(depth, int) else None


def tokenizer_class(folder: Path) -> dict[str, Any]:
    """What of a folder's ``config.json`` decides the class of its tokenizer; empty if it has none.

    Raises :class:`InputError` (``"config"``) if it cannot be read.
    """
    config = _read_config(folder)
    if not config and (folder / CONFIG).is_file():
        raise InputError("config", f"The config.json in {folder} cannot be read: download or save the model again.")
    return {name: config[name] for name in ("model_type", "model_name", "tokenizer_class") if config.get(name)}


def tokenizer_files(folder: Path) -> list[Path]:
    """The tokenizer files of a folder, sorted; empty if it has none."""
    return sorted({path for pattern in TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file()})


def _read_config(folder: Path) -> dict[str, Any]:
    """The entries of ``config.json``; empty if it is missing or unreadable, which loading the model reports."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _shards(index: Path, suffix: str) -> list[Path]:
    """The files that an index lists; raises :class:`InputError` (``"weights"``) unless all are there."""
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            "weights", f"{index} does not map weights to files: download or save the model again."
        ) from error
    if not names:
        raise InputError("weights", f"{index} names no file: download or save the model again.")
    for name in names:
        # A file elsewhere would be measured, but neither downloaded nor part of the model's digest.
        if not isinstance(name, str) or not name.endswith(suffix) or Path(name).name != name:
            raise InputError(
                "weights",
                f"{index} names {name!r:.60}, which is not a {suffix.removeprefix('.')} file of its folder: "
                "download or save the model again.",
            )
    shards = sorted(index.parent / name for name in names)
    if missing := [shard.name for shard in shards if not shard.is_file()]:
        raise InputError(
            "weights",
            f"The folder {index.parent} lacks {missing[0]}, which its {index.name} lists: download or save the model "
            "again.",
        )
    return shards
