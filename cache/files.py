"""Files that are complete or absent: atomic writes, error messages, and quarantine of invalid files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from estimator.errors import InputError

PARTIAL = ".partial"
"""Suffix of unfinished files and folders, which readers skip."""

STALE_AFTER = 24 * 3600.0
"""Seconds without a change after which an unfinished file is treated as left over from a dead process."""

_ANOTHER = "choose another folder with --cache-dir or IB_EXPLORER_CACHE"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``: readers see the old file or the new one, and a failure leaves nothing behind.

    Folders are created as needed. Raises :class:`InputError`: ``"disk"`` if no space is left, ``"cache"`` if the folder
    cannot be written.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = partial_path(path)
        try:
            # Not mkstemp, whose files are private to one user: a cache may be shared by a group.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Convert operating system errors of writing below ``folder`` to :class:`InputError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise no_space(folder) from error
        reason = error.strerror or str(error)
        raise InputError("cache", f"{folder} cannot be written ({reason}): {_ANOTHER}.") from error


def no_space(folder: Path, needed: int | None = None) -> InputError:
    """The error for a full disk; names the ``needed`` bytes if known."""
    what = "no space left" if needed is None else f"no space for the {in_words(needed)} needed"
    return InputError("disk", f"There is {what} in {folder}: free some or set --cache-dir to a folder on another disk.")


def in_words(size: int) -> str:
    """A human-readable number of bytes, such as ``1.5 GB``."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def partial_path(path: Path) -> Path:
    """A path next to ``path`` for its unfinished content, unique to this process."""
    return path.with_name(f".{path.name}.{here()}-{os.getpid()}-{secrets.token_hex(6)}{PARTIAL}")


def prune_partial(folder: Path, older_than: float = STALE_AFTER) -> int:
    """Remove the :func:`abandoned` files in ``folder`` as far as possible; returns the bytes freed."""
    freed = 0
    for path in abandoned(folder, older_than):
        with contextlib.suppress(OSError):
            freed += remove(path)
    return freed


def abandoned(folder: Path, older_than: float = STALE_AFTER) -> list[Path]:
    """The unfinished files in ``folder`` of processes on this machine that no longer run, and those unchanged for
    ``older_than`` seconds."""
    unfinished = [path for path in listing(folder) if path.name.endswith(PARTIAL)]
    return [path for path in unfinished if _is_abandoned(path) or time.time() - last_change(path) > older_than]


def _is_abandoned(path: Path) -> bool:
    """Whether the process that wrote ``path`` is known to have ended."""
    import psutil  # imported late, because the screen's first frame does not need it

    made = re.search(r"\.(\w+)-(\d+)-\w+" + re.escape(PARTIAL), path.name)
    return made is not None and made[1] == here() and not psutil.pid_exists(int(made[2]))


@cache
def here() -> str:
    """Digest of the process id namespace: a machine since its last boot, or a container on it."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
        return hashlib.sha256(f"{started} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:8]
    except OSError:
        return secrets.token_hex(4)  # a unique value: files of this process are pruned by age


def listing(folder: Path) -> list[Path]:
    """The paths in a folder, by name; empty if it does not exist; raises :class:`InputError` if it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(Path(entry.path) for entry in found)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path, error: OSError) -> InputError:
    """The error for an existing cache folder that cannot be listed."""
    reason = error.strerror or str(error)
    return InputError("cache", f"{folder} cannot be read ({reason}): {_ANOTHER}.")


def contents(path: Path) -> list[tuple[Path, os.stat_result]]:
    """The files at or below ``path`` with their stat results; files that vanish meanwhile are skipped."""
    found = []
    inner = [Path(folder) / name for folder, _, names in os.walk(path) for name in names] if path.is_dir() else [path]
    for file in inner:
        with contextlib.suppress(OSError):
            found.append((file, file.stat()))
    return found


def last_change(path: Path) -> float:
    """Time when a file, or anything in a folder, was last written (seconds since 1970); 0 if nothing is left."""
    return max((state.st_mtime for _, state in contents(path)), default=_mtime(path))


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def remove(path: Path) -> int:
    """Remove a file or folder and return its size; removal is atomic, even if another process is reading it.

    A path that does not exist counts as removed. Raises OSError when something of it stays.
    """
    freed = sum(state.st_size for _, state in contents(path))
    gone = path if path.name.endswith(PARTIAL) else partial_path(path)
    try:
        if gone != path:
            os.replace(path, gone)
        if gone.is_dir() and not gone.is_symlink():
            shutil.rmtree(gone)
        else:
            gone.unlink()
    except FileNotFoundError:
        return 0
    return freed
