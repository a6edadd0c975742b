"""The files of a revision on the hub, and those of them that a measurement needs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from huggingface_hub.hf_api import RepoFile

from estimator.checkpoints.folders import ADAPTER, CONFIG, PICKLE, TOKENIZER_FILES, are_pickled
from estimator.checkpoints.hub_client import api

SMALL_FILES = (CONFIG, ADAPTER, *TOKENIZER_FILES)
SAFETENSORS = ("*.safetensors", "*.safetensors.index.json")
PICKLES = ("pytorch_model*.bin", "pytorch_model*.bin.index.json")
NOT_WANTED = ("*/*", "consolidated*")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a revision: its name, its size in bytes, and the name of its content in the hub cache."""

    name: str
    size: int
    blob: str

    @property
    def is_weights(self) -> bool:
        """Whether it holds weights, and not what is needed to read them."""
        return self.name.endswith((".safetensors", Path(PICKLE).suffix))


@lru_cache(maxsize=4096)
def hub_files(model: str, commit: str) -> tuple[HubFile, ...]:
    """The files at the top of a commit, which never change; raises what the client raises."""
    tree = api().list_repo_tree(model, revision=commit)
    return tuple(_read(entry) for entry in tree if isinstance(entry, RepoFile))


def needed_files(files: Iterable[HubFile], *, weights: bool = True, pickles: bool = True) -> list[HubFile]:
    """The configuration, the tokenizer and (``weights``) the safetensors, or else the ``.bin`` files if permitted."""
    files = list(files)
    needed = list(_matching(files, SMALL_FILES))
    if weights:
        stored = list(_matching(files, SAFETENSORS))
        if not any(file.is_weights and not file.name.startswith("adapter") for file in stored) and pickles:
            stored += _matching(files, PICKLES)
        needed += stored
    return needed


def has_only_pickles(files: Iterable[HubFile]) -> bool:
    """Whether the weights of a revision are in ``.bin`` files only."""
    needed = [file for file in needed_files(files) if file.is_weights]
    return are_pickled(Path(file.name) for file in needed)


def _matching(files: Iterable[HubFile], patterns: Iterable[str]) -> Iterator[HubFile]:
    for file in files:
        if _fits(file.name, patterns) and not _fits(file.name, NOT_WANTED):
            yield file


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _read(entry: RepoFile) -> HubFile:
    if entry.lfs is not None:
        return HubFile(entry.path, entry.lfs.size, entry.lfs.sha256)
    return HubFile(entry.path, entry.size, entry.blob_id)
