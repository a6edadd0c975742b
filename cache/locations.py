"""The folders of the application; no other module determines them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

from cache.files import disk_errors, partial_path
from estimator.errors import InputError

CACHE_VARIABLE = "IB_EXPLORER_CACHE"
BUDGET_VARIABLE = "IB_EXPLORER_SCORE_BUDGET"
SCORE_BUDGET = 20 * 10**9
_XDG = {"cache": "XDG_CACHE_HOME", "config": "XDG_CONFIG_HOME", "state": "XDG_STATE_HOME", "log": "XDG_STATE_HOME"}


@dataclass(frozen=True, slots=True)
class Locations:
    """The folders of this user, absolute; none of them needs to exist.

    ``origin`` is the source of each folder, by name, for display: ``"--cache-dir"``, a variable, or the platform.
    """

    cache: Path
    config: Path
    state: Path
    log: Path
    origin: Mapping[str, str]


def locations(cache_dir: str | os.PathLike[str] | None = None) -> Locations:
    """The folders: the cache is ``cache_dir`` if given, else IB_EXPLORER_CACHE, else the platform's cache folder.

    Configuration, state and logs follow the platform. Neither creates folders nor accesses the disk; see
    :func:`prepare`.
    """
    platform = PlatformDirs("ib-explorer", appauthor=False)
    cache, config, state, log = (
        platform.user_cache_path,
        platform.user_config_path,
        platform.user_state_path,
        platform.user_log_path,
    )
    origin = {
        name: _platform_origin(folder, _XDG[name])
        for name, folder in (("cache", cache), ("config", config), ("state", state), ("log", log))
    }
    if cache_dir is not None and os.fspath(cache_dir):
        cache, origin["cache"] = Path(cache_dir), "--cache-dir"
    elif chosen := os.environ.get(CACHE_VARIABLE):
        cache, origin["cache"] = Path(chosen), CACHE_VARIABLE
    return Locations(_absolute(cache), config, state, log, origin)


def usable(folder: Path, otherwise: Path) -> Path:
    """``folder`` if files can be written there, which creates it; else ``otherwise``, as with a read-only HOME."""
    with contextlib.suppress(InputError):
        return prepare(folder)
    return otherwise


def score_budget() -> int:
    """The disk budget of scores in bytes: IB_EXPLORER_SCORE_BUDGET, in GB, or 20 GB.

    Raises :class:`estimator.errors.InputError` (``"score-budget"``) when that is not a number of GB.
    """
    chosen = os.environ.get(BUDGET_VARIABLE, "").strip()
    try:
        budget = float(chosen) * 1e9 if chosen else SCORE_BUDGET
        if budget >= 0:
            return int(budget)
    except (ValueError, OverflowError):
        pass
    raise InputError("score-budget", f"{BUDGET_VARIABLE} must be a number of GB, such as 100, not {chosen!r}.")


def prepare(folder: Path) -> Path:
    """Create ``folder`` if necessary and verify that it is writable, before hours of work depend on it.

    Raises :class:`estimator.errors.InputError`: ``"cache"`` if it cannot be created or written, ``"disk"`` when full.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        trial = partial_path(folder / "trial")
        try:
            trial.write_bytes(b"1")
        finally:
            with contextlib.suppress(OSError):
                trial.unlink(missing_ok=True)
    return folder


def _platform_origin(folder: Path, variable: str) -> str:
    # Not every platform uses these variables: the folder shows whether this one does.
    chosen = os.environ.get(variable, "").strip()
    return variable if chosen and folder.is_relative_to(chosen) else "platform default"


def _absolute(folder: Path) -> Path:
    # Not resolved, so that a symbolic link made by the user stays visible in messages.
    with contextlib.suppress(RuntimeError):
        folder = folder.expanduser()
    return Path(os.path.abspath(folder))
