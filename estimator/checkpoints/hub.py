"""The Hugging Face Hub: a model's revisions and their files, from the network or from the local cache."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    DryRunError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import get_session, validate_repo_id
from huggingface_hub.utils import tqdm as hub_tqdm

from estimator.checkpoints.folders import CONFIG, TOKENIZER_FILES, check_model_folder, holds_model, tokenizer_files
from estimator.checkpoints.revision import Revision
from estimator.errors import Cancelled, InputError
from estimator.progress import Progress

ANSWER_WITHIN = 5.0
"""Seconds the hub has to respond."""

_MB = 1_000_000
_REPORT_EVERY = 0.1
_SMALL_FILES = [CONFIG, *TOKENIZER_FILES]
_WEIGHTS = ["*.safetensors", "*.safetensors.index.json"]
_NOT_WANTED = ["*/*", "consolidated*"]


def answers(within: float = ANSWER_WITHIN) -> bool:
    """Whether the hub is usable: offline mode is off and it responds ``within`` seconds without a server error.

    Checked before every other request, because the client waits without limit, and retries server errors for a long
    time.
    """
    if constants.is_offline_mode():
        return False
    try:
        return get_session().head(constants.ENDPOINT, timeout=within).status_code < 500
    except (HTTPError, OSError):
        return False


def list_refs(model: str) -> list[tuple[str, str]]:
    """(name, commit) of every branch and tag of a hub model, from the local cache if the hub does not respond.

    Raises :class:`InputError`: ``"model"`` when there is no such model, or the hub is unreachable and nothing of it is
    cached; ``"access"`` when it is gated or private.
    """
    check_id(model)
    if not answers():
        return _cached_refs_or_error(model)
    try:
        refs = HfApi().list_repo_refs(model)
    except RepositoryNotFoundError as error:
        raise _repository_error(model, error) from error
    except (HTTPError, OfflineModeIsEnabled):
        return _cached_refs_or_error(model)
    listed = {ref.name: ref.target_commit for ref in [*refs.tags, *refs.branches]}
    if not listed:
        raise InputError("model", f"{model} has no branch on the hub, so it cannot be loaded: check the name.")
    return list(listed.items())


def cached_refs(model: str) -> list[tuple[str, str]]:
    """(name, commit) of a model's revisions in the local hub cache, by reference, or by commit if it has none."""
    folder = _cache_folder(model)
    refs = folder / "refs"
    named = [
        (path.relative_to(refs).as_posix(), path.read_text("utf-8").strip())
        for path in sorted(refs.rglob("*"))
        if path.is_file()
    ]
    commits = {path.name for path in folder.glob("snapshots/*")}
    known = {commit for _, commit in named}
    return [(name, commit) for name, commit in named if commit in commits] + [
        (commit, commit) for commit in sorted(commits - known)
    ]


def commit_exists(model: str, commit: str) -> bool:
    """Whether a hub model has a commit that no branch or tag points to (in the cache or on the hub)."""
    if (_cache_folder(model) / "snapshots" / commit).is_dir():
        return True
    if not answers():
        return False
    try:
        HfApi().model_info(model, revision=commit, timeout=ANSWER_WITHIN)
    except (HTTPError, OfflineModeIsEnabled):
        return False
    return True


def download(revision: Revision, progress: Progress, *, weights: bool = True) -> Path:
    """The local folder of a hub revision's configuration, tokenizer and (``weights``) safetensors.

    Files that are missing are downloaded. Reports phase ``"download"`` in MB and stops with :class:`Cancelled` when
    that raises. Raises :class:`InputError`: ``"revision"``, ``"access"``, ``"model"`` (unreachable and not cached),
    ``"disk"`` (no space left), ``"config"`` or ``"weights"`` (absent from the revision).
    """
    options: dict[str, Any] = {
        "repo_id": revision.model,
        "revision": revision.commit,
        "allow_patterns": _SMALL_FILES + (_WEIGHTS if weights else []),
        "ignore_patterns": _NOT_WANTED,
    }
    if cached := _cached_snapshot(options, weights):
        return cached
    if not answers():
        raise _out_of_reach(f"{revision.model}@{revision.name}")
    try:
        folder = _fetch(options, progress)
    except RevisionNotFoundError as error:
        raise InputError(
            "revision", f"{revision.model} no longer has a revision {revision.name}: choose another one."
        ) from error
    except RepositoryNotFoundError as error:
        raise _repository_error(revision.model, error) from error
    except DryRunError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            raise _repository_error(revision.model, error.__cause__) from error
        raise _out_of_reach(f"{revision.model}@{revision.name}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise InputError("model", f"The hub refused {revision.model} (status {status}): try again later.") from error
    except (HTTPError, LocalEntryNotFoundError) as error:
        raise InputError(
            "model", f"The download of {revision.model} was interrupted: run the command again to resume it."
        ) from error
    _remember_name(revision)
    if weights:
        _check_snapshot(revision, folder)
    return folder


def check_id(model: str) -> None:
    """Raise :class:`InputError` (``"model"``) unless ``model`` is written as a hub id."""
    try:
        validate_repo_id(model)
    except HFValidationError as error:
        raise InputError(
            "model", f"{model!r} is neither a local folder nor a hub id such as allenai/OLMo-2-0425-1B."
        ) from error


def _cached_snapshot(options: dict[str, Any], weights: bool) -> Path | None:
    """The cached snapshot if it is complete.

    Without its list of files the client treats any snapshot as complete, so the files themselves are checked.
    """
    try:
        folder = Path(snapshot_download(**options, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if (holds_model(folder) if weights else tokenizer_files(folder)) else None


def _check_snapshot(revision: Revision, folder: Path) -> None:
    """Raise as :func:`check_model_folder` does, with a message about the revision instead of a cache folder."""
    try:
        check_model_folder(folder)
    except InputError as error:
        what = "config.json" if error.kind == "config" else "weights in safetensors format"
        raise InputError(
            error.kind,
            f"{revision.model}@{revision.name} has no {what}, so it cannot be loaded: choose another revision.",
        ) from error


def _fetch(options: dict[str, Any], progress: Progress) -> Path:
    files = snapshot_download(**options, dry_run=True, tqdm_class=_silent_bar())
    wanted = sum(file.file_size or 0 for file in files if file.will_download)
    cache = Path(constants.HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if wanted > (free := shutil.disk_usage(existing).free):
        raise InputError(
            "disk",
            f"The download of {options['repo_id']} needs {wanted / 1e9:.1f} GB in {cache}, and {free / 1e9:.1f} "
            "GB are free: "
            "free some space, or set HF_HOME to a folder on a larger disk.",
        )
    meter = _Meter()
    with ThreadPoolExecutor(1, "download") as client:
        fetched = client.submit(lambda: str(snapshot_download(**options, tqdm_class=meter.bar())))
        try:
            _report(fetched, meter, wanted, progress)
        finally:
            meter.stopped = True  # after a cancellation, ends the client's threads
    return Path(fetched.result())


def _report(fetched: Future[str], meter: _Meter, total: int, progress: Progress) -> None:
    """Report a download from the calling thread until it is finished."""
    over = False
    progress.phase("download", 0, total // _MB, "MB")
    while not over:
        over = bool(wait([fetched], _REPORT_EVERY).done)
        progress.phase("download", meter.received // _MB, max(total, meter.received) // _MB, "MB")


class _Meter:
    """Counts the bytes received by the client's threads, and ends them once ``stopped``."""

    def __init__(self) -> None:
        self.received = 0
        self.stopped = False

    def bar(self) -> type[hub_tqdm]:
        """A progress bar class for the client that draws nothing."""
        meter = self

        class Bar(_silent_bar()):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                self._counts_bytes = kwargs.get("unit") == "B"
                self._bytes = 0
                super().__init__(*args, **kwargs)

            def update(self, n: float | None = 1) -> None:
                if self._counts_bytes:
                    self._bytes += int(n or 0)
                    meter.received = self._bytes
                if meter.stopped:
                    raise Cancelled

        return Bar


def _silent_bar() -> type[hub_tqdm]:
    class Silent(hub_tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

    return Silent


def _remember_name(revision: Revision) -> None:
    """Store the branch's name in the cache, which a download by commit does not, so that it resolves offline."""
    if revision.commit is None or revision.name == revision.commit:
        return
    path = _cache_folder(revision.model) / "refs" / revision.name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(revision.commit, "utf-8")
    temporary.replace(path)


def _cache_folder(model: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model")


def _cached_refs_or_error(model: str) -> list[tuple[str, str]]:
    refs = cached_refs(model)
    if not refs:
        raise _out_of_reach(model)
    return refs


def _out_of_reach(what: str) -> InputError:
    why = (
        "offline mode is on (HF_HUB_OFFLINE)"
        if constants.is_offline_mode()
        else f"{constants.ENDPOINT} does not answer"
    )
    return InputError(
        "model", f"{what} is neither a local folder nor in the local hub cache, and {why}: download it while online."
    )


def _repository_error(model: str, error: Exception) -> InputError:
    if isinstance(error, GatedRepoError):
        return InputError(
            "access",
            f"{model} is gated: accept its terms at {constants.ENDPOINT}/{model} and sign in with `hf auth login`.",
        )
    return InputError(
        "model",
        f"There is no local folder and no public model {model} on the hub: check the name, or sign in with `hf "
        "auth login`.",
    )
