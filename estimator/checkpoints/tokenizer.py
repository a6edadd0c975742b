"""A model's tokenizer, loaded from its revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from estimator.checkpoints import hub
from estimator.checkpoints.folders import tokenizer_files
from estimator.checkpoints.resolve import model_folder
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError, first_lines
from estimator.progress import Progress


def load_tokenizer(revision: Revision, progress: Progress | None = None) -> Any:
    """The tokenizer of a revision, or that of the run's folder if the checkpoint was saved without one.

    Downloads no weights. Raises :class:`InputError` (``"tokenizer"``) if there is no readable tokenizer.
    """
    folder = tokenizer_folder(revision, progress or Progress())
    where = revision.folder or f"{revision.model}@{revision.name}"

    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except BaseException as error:  # tokenizers raises a bare Exception on a damaged file, and may panic
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InputError(
            "tokenizer",
            f"The tokenizer of {where} cannot be loaded: {first_lines(error)} Download or save its files again.",
        ) from error


def tokenizer_folder(revision: Revision, progress: Progress) -> Path:
    """The folder with a revision's tokenizer files.

    A checkpoint that was saved without them has those of its run's folder, a hub revision those of the model's
    ``main``. Raises :class:`InputError` (``"tokenizer"``) without tokenizer files.
    """
    folder = model_folder(revision, progress, weights=False)
    if not tokenizer_files(folder):
        folder = _shared_folder(revision, folder, progress)
    if not tokenizer_files(folder):
        where = revision.folder or f"{revision.model}@{revision.name}"
        raise InputError("tokenizer", f"{where} has no tokenizer: save one in the model's folder with save_pretrained.")
    return folder


def borrowed_note(revision: Revision, folder: Path) -> str | None:
    """A sentence for the user if a hub revision's tokenizer, in ``folder``, is that of ``main``; else None."""
    if revision.folder is not None or folder.name == revision.commit:
        return None
    return f"Checkpoints of {revision.model} that have no tokenizer are read with that of main ({folder.name[:8]})."


def _shared_folder(revision: Revision, folder: Path, progress: Progress) -> Path:
    if revision.folder is not None:
        return folder.parent
    known = dict(hub.cached_refs(revision.model)).get("main")
    for commit in (known, None):
        if commit is None:
            commit = dict(hub.list_refs(revision.model, progress)).get("main")
        if commit is not None:
            shared = model_folder(Revision(revision.model, "main", commit), progress, weights=False)
            if tokenizer_files(shared):
                return shared
    return folder
