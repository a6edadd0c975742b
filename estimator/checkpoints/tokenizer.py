"""A model's tokenizer, loaded from its revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    """The folder with a revision's tokenizer files: that of the model, or of the run it belongs to.

    Raises :class:`InputError` (``"tokenizer"``) without tokenizer files.
    """
    folder = model_folder(revision, progress, weights=False)
    if revision.folder is not None and not tokenizer_files(folder) and tokenizer_files(folder.parent):
        folder = folder.parent
    if not tokenizer_files(folder):
        where = revision.folder or f"{revision.model}@{revision.name}"
        raise InputError("tokenizer", f"{where} has no tokenizer: save one in the model's folder with save_pretrained.")
    return folder
