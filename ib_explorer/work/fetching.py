"""Downloads that are kept: checkpoints fetched where there is a network, to be measured without one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict

from cache.checkpoints import CheckpointStore
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.resolve import model_folder
from estimator.checkpoints.revision import Revision
from estimator.checkpoints.tokenizer import borrowed_note, tokenizer_folder
from estimator.errors import InputError, foreseen
from estimator.progress import Progress
from ib_explorer.work.faults import ends_sweep
from ib_explorer.work.selection import Checkpoints
from ib_explorer.worker.messages import CheckpointFailed, Event, Fetch, Fetched, Revisions

_LOG = logging.getLogger(__name__)


def fetch_all(
    job: Fetch, checkpoints: Checkpoints, store: CheckpointStore, emit: Callable[[Event], None], progress: Progress
) -> None:
    """Download checkpoint after checkpoint; one that fails is reported and left out, unless it is the only one."""
    chosen = checkpoints.chosen(job.request, progress)
    emit(Revisions(job.job, tuple(asdict(revision) for revision in chosen)))
    is_any_there, told = False, set()
    for revision in chosen:
        progress.revision = revision.name
        try:
            folder = model_folder(revision, progress, pickles=not job.request.safetensors_only)
            note = borrowed_note(revision, tokenizer_folder(revision, progress))
        except Exception as error:
            failure = foreseen(error)
            if len(chosen) == 1 or ends_sweep(failure, is_any_measured=is_any_there):
                raise failure from error
            _LOG.info("%s was not fetched:", revision.name, exc_info=True)
            emit(CheckpointFailed(job.job, revision.name, failure.kind, str(failure)))
            continue
        if note is not None and note not in told:
            told.add(note)
            progress.note(note)
        _keep(revision, store)
        is_any_there = True
        emit(Fetched(job.job, revision.name, str(folder)))


def _keep(revision: Revision, store: CheckpointStore) -> None:
    """Exempt a checkpoint from release, if an earlier sweep downloaded it."""
    if revision.commit is not None:
        known = store.find(Repository.of(revision.model), revision.commit)
        if known is not None:
            with contextlib.suppress(OSError, InputError):
                store.forget(known)
