"""Models in local folders: a single model, or the ``checkpoint-N`` folders of a training run."""

from __future__ import annotations

import json
from pathlib import Path

from estimator.checkpoints.names import in_training_order, parse_checkpoint
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "tekken.json",
    "chat_template.jinja",
)


def folder_revisions(model: str) -> list[Revision]:
    """The checkpoints in a local folder, in training order; ``model`` is the folder as the user wrote it.

    A folder that holds a model gives one revision, named after the folder. A run's folder gives one per subfolder that
    holds a model, and ``main`` for a model saved in the run's folder itself. Raises :class:`InputError` (``"model"``,
    ``"config"``, ``"weights"``) when there is nothing to load.
    """
    folder = Path(model).expanduser().absolute()
    if not folder.exists():
        raise InputError("model", f"There is no folder {model}: check the path.")
    if not folder.is_dir():
        raise InputError("model", f"{model} is a file: name the folder that holds config.json and the weights.")
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
    except PermissionError as error:
        raise InputError("model", f"The folder {model} cannot be read: permission denied.") from error
    checkpoints = [path for path in below if holds_model(path)]
    if not checkpoints:
        unfinished = [path for path in below if parse_checkpoint(model, path.name, None).step is not None]
        check_model_folder(unfinished[-1] if unfinished and not (folder / CONFIG).exists() else folder)
        return [parse_checkpoint(model, folder.name, None, str(folder))]
    revisions = [parse_checkpoint(model, path.name, None, str(path)) for path in checkpoints]
    if holds_model(folder):
        revisions.append(parse_checkpoint(model, "main", None, str(folder)))
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
    if not (folder / CONFIG).is_file():
        raise InputError(
            "config", f"The folder {folder} has no config.json, so it is not a Hugging Face model: name another folder."
        )
    weight_files(folder)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, one or several shards; raises :class:`InputError` (``"weights"``)."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        shards = _shards(folder / INDEX)
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise InputError(
                "weights",
                f"The folder {folder} lacks {missing[0]}, which its {INDEX} lists: download or save the model again.",
            )
        return shards
    if any(folder.glob("*.bin")):
        raise InputError(
            "weights",
            f"The weights in {folder} are .bin files, which can run code when read: convert them to safetensors.",
        )
    raise InputError(
        "weights", f"The folder {folder} has a config.json but no weights ({WEIGHTS}): save them with save_pretrained."
    )


def content_files(folder: Path) -> list[Path]:
    """The files that determine a local model's numbers, sorted: configuration, weights and their index, tokenizer.

    Optimizer and trainer state are excluded. Raises :class:`InputError` as :func:`check_model_folder` does.
    """
    check_model_folder(folder)
    files = {folder / CONFIG, *weight_files(folder), *tokenizer_files(folder)}
    if (folder / INDEX).is_file():
        files.add(folder / INDEX)
    return sorted(files)


def stated_depth(folder: Path) -> int | None:
    """The number of decoder blocks stated in the ``config.json`` of a folder; None if it is missing or unreadable."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        text = config.get("text_config", config)
        depth = text.get("num_hidden_layers", text.get("n_layer"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return None  # loading the model reports what is wrong with it
    return depth if isinstance(depth, int) else None


def tokenizer_files(folder: Path) -> list[Path]:
    """The tokenizer files of a folder, sorted; empty if it has none."""
    return sorted({path for pattern in TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file()})


def _shards(index: Path) -> list[Path]:
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
        if not isinstance(name, str) or not name.endswith(".safetensors") or Path(name).name != name:
            raise InputError(
                "weights",
                f"{index} names {name!r:.60}, which is not a safetensors file of its folder: "
                "download or save the model again.",
            )
    return sorted(index.parent / name for name in names)
