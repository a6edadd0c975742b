"""What checkpoints take on disk: exactly for those in the local cache, and one question to the hub for all others."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.folders import CONFIG, TOKENIZER_FILES, holds_model
from estimator.checkpoints.hub import listed_files, snapshot_folder
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, MeasurementError
from estimator.progress import Progress

CATALOGUE = "catalogue"
"""The source of a size that no checkpoint told."""
_WEIGHTS = (".safetensors", ".bin")
_SMALL = (CONFIG, *TOKENIZER_FILES, "*.index.json")


@dataclass(frozen=True, slots=True)
class Sizes:
    """``local``: bytes of the checkpoints on this machine, by name; ``typical``: bytes of ``typical_of`` (0: unknown).

    A model's checkpoints have equal shapes, so one stands for all: a question for each of 1,500 would take minutes.
    ``typical_of`` is the name of a checkpoint, or :data:`CATALOGUE`.
    """

    local: dict[str, int]
    typical: int = 0
    typical_of: str = ""


def sizes(revisions: Sequence[Revision], progress: Progress) -> Sizes:
    """The sizes of one model's revisions."""
    local = {revision.name: size for revision in revisions if (size := local_bytes(revision))}
    remote = [revision for revision in revisions if revision.commit is not None and revision.name not in local]
    if not remote:
        return Sizes(local)
    if not constants.is_offline_mode():
        typical = next((one for one in reversed(remote) if one.is_placed), remote[-1])
        try:
            if size := _needed(listed_files(typical, progress)):
                return Sizes(local, size, typical.name)
        except (InputError, MeasurementError) as error:
            progress.note(f"Sizes are unknown: {error}")
    known = facts(revisions[0].model)
    return Sizes(local, known.download_bytes, CATALOGUE) if known and known.download_bytes else Sizes(local)


def local_bytes(revision: Revision) -> int:
    """Bytes of a checkpoint's files on this machine; 0 unless its configuration and weights are complete."""
    folder = Path(revision.folder) if revision.folder is not None else snapshot_folder(revision)
    if folder is None or not folder.is_dir() or not holds_model(folder):
        return 0
    return _needed((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())


def _needed(files: Iterable[tuple[str, int]]) -> int:
    """Bytes of what is downloaded of a revision's files: small ones, and weights in one of the formats."""
    top = [(name, size) for name, size in files if "/" not in name and not name.startswith("consolidated")]
    weights = {suffix: sum(size for name, size in top if name.endswith(suffix)) for suffix in _WEIGHTS}
    small = sum(size for name, size in top if any(fnmatch.fnmatchcase(name, pattern) for pattern in _SMALL))
    best = next((weights[suffix] for suffix in _WEIGHTS if weights[suffix]), 0)
    return best + small if best else 0
