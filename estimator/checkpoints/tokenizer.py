"""A model's tokenizer, loaded from its revision."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from estimator.checkpoints import hub
from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.folders import tokenizer_files
from estimator.checkpoints.hub_cache import Repository
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
    ``main``, or of the repository that the catalogue names. Raises :class:`InputError` (``"tokenizer"``) without
    tokenizer files.
    """
    folder = model_folder(revision, progress, weights=False)
    if not tokenizer_files(folder):
        folder = _shared_folder(revision, folder, progress)
    if not tokenizer_files(folder):
        where = revision.folder or f"{revision.model}@{revision.name}"
        raise InputError("tokenizer", f"{where} has no tokenizer: save one in the model's folder with save_pretrained.")
    return folder


def borrowed_note(revision: Revision, folder: Path) -> str | None:
    """A sentence for the user if the tokenizer of a hub revision, in ``folder``, is another revision's; else None."""
    if revision.folder is not None or folder.name == revision.commit:
        return None
    owner = Repository.model_of(folder)
    return f"Checkpoints of {revision.model} without a tokenizer use that of {owner}@main ({folder.name[:8]})."


def _shared_folder(revision: Revision, folder: Path, progress: Progress) -> Path:
    """The folder of the run or of the repository that has the tokenizer; ``folder`` if none has."""
    if revision.folder is not None:
        return folder.parent
    known = facts(revision.model)
    for model in filter(None, (revision.model, known.tokenizer_from if known else "")):
        for refs in (hub.cached_refs, partial(hub.list_refs, progress=progress)):
            if (commit := dict(refs(model)).get("main")) is not None:
                shared = model_folder(Revision(model, "main", commit), progress, weights=False)
                if tokenizer_files(shared):
                    return shared
    return folder
