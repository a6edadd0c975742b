"""Downloads of a revision's files into the local hub cache: only those that a measurement needs."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, XetDownloadError

from estimator.checkpoints import hub, hub_client
from estimator.checkpoints.folders import (
    CONFIG,
    are_pickled,
    check_model_folder,
    holds_model,
    not_safetensors,
    tokenizer_files,
    weight_files,
)
from estimator.checkpoints.hub_cache import Repository
from estimator.checkpoints.hub_client import is_commit, is_reference
from estimator.checkpoints.hub_errors import explained, is_no_answer, out_of_reach
from estimator.checkpoints.hub_files import (
    NOT_WANTED,
    PICKLES,
    SAFETENSORS,
    SMALL_FILES,
    HubFile,
    has_only_pickles,
    hub_files,
    needed_files,
)
from estimator.checkpoints.hub_meter import Meter, Watch
from estimator.checkpoints.patience import Unavailable, attended
from estimator.checkpoints.revision import Revision
from estimator.errors import InputError
from estimator.progress import Progress


def download(revision: Revision, progress: Progress, *, weights: bool = True, pickles: bool = True) -> Path:
    """The local folder of a hub revision's configuration, tokenizer and (``weights``) safetensors.

    ``.bin`` files stand in for missing safetensors if ``pickles`` are permitted. Files that are missing are downloaded.
    Reports phase ``"download"`` in MB and stops with :class:`Cancelled` when that raises. Raises :class:`InputError`:
    ``"revision"``, ``"access"``, ``"model"`` (offline and not cached), ``"hub"`` (not the address of a hub), ``"disk"``
    (no space, or not writable), ``"config"`` or ``"weights"`` (absent from the revision); and :class:`MeasurementError`
    (``"network"``) when the hub failed at every attempt.
    """
    if cached := cached_snapshot(revision, weights=weights, pickles=pickles):
        return cached
    wanted = wanted_files(revision, progress, weights=weights, pickles=pickles)
    with explained(revision.model, revision.name):
        folder = hub.PATIENCE.persist(lambda: _fetch(revision, wanted, progress), _waiting(progress), progress.note)
        _remember_name(revision)
    if weights:
        _check_snapshot(revision, folder)
    return folder


def wanted_files(
    revision: Revision, progress: Progress, *, weights: bool = True, pickles: bool = True
) -> list[HubFile]:
    """The files of a revision that a measurement needs, by the hub's list; raises as :func:`download` does."""
    commit = _commit(revision)
    if constants.is_offline_mode():
        raise out_of_reach(_called(revision))

    def ask() -> tuple[HubFile, ...]:
        with _unanswered():
            return attended(lambda: hub_files(revision.model, commit), _waiting(progress))

    with explained(revision.model, revision.name):
        files = hub.PATIENCE.persist(ask, _waiting(progress), progress.note)
    if weights and not pickles and has_only_pickles(files):
        raise not_safetensors(_called(revision))
    return needed_files(files, weights=weights, pickles=pickles)


def missing_files(revision: Revision, wanted: Sequence[HubFile]) -> list[HubFile]:
    """Those of a revision's files whose content is not in the local hub cache."""
    cache, commit = Repository.of(revision.model), _commit(revision)
    return [file for file in wanted if not cache.has(commit, file)]


def cached_snapshot(revision: Revision, *, weights: bool = True, pickles: bool = True) -> Path | None:
    """The folder of a revision in the local hub cache if it is complete.

    Without its list of files the client treats any snapshot as complete, so the files themselves are checked.
    """
    formats: tuple[tuple[str, ...], ...] = (SAFETENSORS, PICKLES)[: 1 + pickles] if weights else ((),)
    for patterns in formats:
        try:
            folder = Path(
                snapshot_download(
                    revision.model,
                    revision=_commit(revision),
                    allow_patterns=[*SMALL_FILES, *patterns],
                    ignore_patterns=list(NOT_WANTED),
                    local_files_only=True,
                )
            )
        except LocalEntryNotFoundError:
            continue
        if _is_whole(revision, folder, weights) and (not weights or _is_read_as(folder, patterns)):
            return folder
    return None


def _is_read_as(folder: Path, patterns: tuple[str, ...]) -> bool:
    """Whether a model is read from the files of one format, which have been checked for completeness."""
    return are_pickled(weight_files(folder)) == (patterns is PICKLES)


def _is_whole(revision: Revision, folder: Path, weights: bool) -> bool:
    if weights:
        return holds_model(folder)
    # A revision may lack a tokenizer: if the list of its files is known, nothing else is to be waited for.
    listed = Repository.of(revision.model).folder / "trees" / f"{revision.commit}.json"
    return bool(tokenizer_files(folder)) or ((folder / CONFIG).is_file() and listed.is_file())


def _check_snapshot(revision: Revision, folder: Path) -> None:
    """Raise as :func:`check_model_folder` does, with a message about the revision instead of a cache folder."""
    try:
        check_model_folder(folder)
    except InputError as error:
        where = _called(revision)
        if error.kind == "adapter":
            sentence = f"{where} is an adapter without its model: merge the two with peft's merge_and_unload()."
        else:
            what = "config.json" if error.kind == "config" else "weights (safetensors, or pytorch_model.bin)"
            sentence = f"{where} has no {what}, so it cannot be loaded: choose another revision."
        raise InputError(error.kind, sentence) from error


def _fetch(revision: Revision, wanted: Sequence[HubFile], progress: Progress) -> Path:
    hub_client.prepare()
    missing = sum(file.size for file in missing_files(revision, wanted))
    check_space(revision.model, missing)
    meter = Meter()
    watch = Watch(meter, missing, progress)

    def fetch() -> str:
        return str(
            snapshot_download(
                revision.model,
                revision=revision.commit,
                allow_patterns=[glob.escape(file.name) for file in wanted],
                library_name=hub_client.NAME,
                tqdm_class=meter.bar(),
            )
        )

    try:
        with _unanswered():
            folder = attended(fetch, watch.report)
            watch.report()
            return Path(folder)
    finally:
        meter.stopped = True  # ends the client's threads if they are still at work


def check_space(what: str, wanted: int) -> None:
    """Raise :class:`InputError` (``"disk"``) unless the hub cache has room for a download of ``wanted`` bytes."""
    if wanted > (free := free_space()):
        raise InputError(
            "disk",
            f"The download of {what} needs {wanted / 1e9:.1f} GB in {constants.HF_HUB_CACHE}, and {free / 1e9:.1f} GB "
            "are free: free some space, or set HF_HOME to a folder on a larger disk.",
        )


def free_space() -> int:
    """Bytes free on the disk of the local hub cache."""
    cache = Path(constants.HF_HUB_CACHE)
    return shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.exists())).free


@contextlib.contextmanager
def _unanswered() -> Iterator[None]:
    """Raise :class:`Unavailable` for what the client reports of a hub that failed in the middle of an answer."""
    try:
        yield
    except (HTTPError, OSError, XetDownloadError, RuntimeError) as error:
        if (reason := is_no_answer(error)) is None:
            raise
        raise Unavailable(reason, has_answered=True) from error


def _remember_name(revision: Revision) -> None:
    """Store the branch's name in the cache, which a download by commit does not, so that it resolves offline."""
    if revision.commit is None or revision.name == revision.commit or not is_reference(revision.name):
        return
    path = Repository.of(revision.model).folder / "refs" / (revision.reference or revision.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(revision.commit, "utf-8")
    temporary.replace(path)


def _commit(revision: Revision) -> str:
    if not is_commit(revision.commit):
        raise InputError("revision", f"{_called(revision)} has no commit: name a revision that the hub lists.")
    return str(revision.commit)


def _called(revision: Revision) -> str:
    return f"{revision.model}@{revision.name}"


def _waiting(progress: Progress) -> Callable[[], None]:
    return lambda: progress.phase("download", 0, None, "MB")
