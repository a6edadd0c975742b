"""Content digests of files, cached so that a model of 29 GB is read once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cache.aside import Aside, Damaged
from cache.files import write_atomically
from cache.keys import key
from cache.sealed import seal, unseal
from estimator.errors import InputError

HeardOf = Callable[[int, int], None]
"""Called with the bytes read and the total number of bytes; an exception from it stops the reading."""

State = tuple[int, int, int, int]
"""Size, modification time (ns), change time (ns) and inode of a file.

Archives and copies restore the modification time. The change time is set by the file system alone, to the time of the
last change of content or attributes; on Windows it is the time of creation.
"""

_BLOCK = 16 * 2**20
_SETTLED = 2.0
"""Seconds: a file changed more recently may change again without a change of its times."""
_SAMPLES = 16
_SAMPLE_BYTES = 4096


def folder_digest(
    files: Sequence[Path], memo: Path, progress: HeardOf | None = None, clock: Callable[[], float] = time.time
) -> str:
    """The SHA-256 over names and bytes of ``files``, in any order; names are relative to their common folder.

    ``memo`` is a file that caches the digest of each path with its state and the digest of blocks sampled from it. A
    file with another state is read again. The samples are compared each time, because some file systems (sshfs, FAT)
    derive the change time from the modification time; there, a change between samples with both times restored is not
    noticed. Raises :class:`InputError` (``"files"``) when there are no files or one cannot be read.
    """
    if not files:
        raise InputError("files", "The folder has no files that identify the model: name another one.")
    paths = [Path(os.path.abspath(file)) for file in files]
    root = os.path.commonpath([path.parent for path in paths])
    states = file_states(paths)
    known = _remembered(memo)
    total = sum(size for size, *_ in states.values())
    done = 0
    digests: dict[str, str] = {}
    learned: dict[str, list[Any]] = {}
    for path, state in states.items():
        sampled = _sampled(path, state[0])
        *stamp, digest = known.get(str(path), [None])
        if stamp != [*state, sampled]:
            digest = _read(path, progress, done, total)
            if _state(path) == state and all(abs(clock() - changed / 1e9) > _SETTLED for changed in state[1:3]):
                learned[str(path)] = [*state, sampled, digest]
        done += state[0]
        if progress is not None:
            progress(done, total)
        digests[path.relative_to(root).as_posix()] = str(digest)
    if learned:
        # Read again, because another process may have added digests. A lost race costs one more reading.
        with contextlib.suppress(InputError):  # a cache that can only be read: the digest is right nevertheless
            write_atomically(memo, seal({"files": {**_remembered(memo), **learned}}))
    return key(digests)


def file_states(files: Sequence[Path]) -> dict[Path, State]:
    """The state of each file: another one means that the file may have changed.

    Raises :class:`InputError` (``"files"``) when one cannot be read.
    """
    return {path: _state(path) for path in files}


def verify_digests(memo: Path, aside: Aside) -> tuple[int, tuple[Damaged, ...]]:
    """Check the file of cached digests; returns the number of intact files, and those found damaged or unreadable."""
    try:
        unseal(memo.read_bytes())
        return 1, ()
    except FileNotFoundError:
        return 0, ()
    except OSError as error:
        aside.leave(memo, "digests", error)
    except ValueError:
        aside.take(memo, "digests")
    found = aside.found(memo, "digests")
    return 0, () if found is None else (found,)


def _remembered(memo: Path) -> dict[str, list[Any]]:
    try:
        files = unseal(memo.read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        return {}
    return files if isinstance(files, dict) else {}


def _state(path: Path) -> State:
    try:
        state = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def _sampled(path: Path, size: int) -> str:
    """The digest of blocks from the beginning of a file (the header of safetensors) to its end."""
    digest = hashlib.sha256()
    last = max(0, size - _SAMPLE_BYTES)
    try:
        with path.open("rb", buffering=0) as file:
            for start in sorted({last * i // (_SAMPLES - 1) for i in range(_SAMPLES)}):
                file.seek(start)
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _read(path: Path, progress: HeardOf | None, before: int, total: int) -> str:
    digest = hashlib.sha256()
    done = before
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError("files", f"{path} cannot be read ({reason}): check that it exists and that you may read it.")
