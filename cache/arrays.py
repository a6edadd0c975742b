"""Large arrays on disk within a budget: memory-mapped, verified, evicted least recently used first."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.aside import Aside, Damaged
from cache.entries import entry_paths, shards
from cache.files import disk_errors, in_words, no_space, partial_path, prune_partial, remove
from cache.keys import key
from cache.sealed import seal, unseal
from estimator.errors import InputError

HEADER = "header.json"
MARGIN = 64 * 2**20
"""Bytes to leave free on the disk when large arrays are created."""
SMALL = 2**20
"""Bytes up to which arrays are written as long as the disk takes them."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SAMPLES = 64
_SAMPLE_BYTES = 4096
_BLOCK = 16 * 2**20

Shapes = Mapping[str, tuple[Sequence[int], npt.DTypeLike]]


class StoredArrays(dict[str, npt.NDArray[Any]]):
    """The arrays of one entry by name, as read-only memory maps, and the values stored with them in ``about``."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> None:
        super().__init__(arrays)
        self.about = dict(about)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry on disk: its folder, its size, and the time of its last use (seconds since 1970)."""

    path: Path
    bytes: int
    used: float


class ArrayStore:
    """Sets of named arrays in ``folder``, one folder ``ab/abcdef…/`` each, within ``budget`` bytes in total.

    Sets in use by this process are never evicted. Another process that is reading an evicted set can continue to read
    it.
    """

    def __init__(self, folder: Path, budget: int, aside: Aside) -> None:
        self.folder = folder
        self.budget = budget
        self.aside = aside
        self._in_use: dict[str, list[weakref.ref[npt.NDArray[Any]]]] = {}

    def get(self, identity: Mapping[str, Any], *, full: bool = False) -> StoredArrays | None:
        """The arrays of ``identity``; None if missing or invalid. Invalid ones are quarantined.

        Sizes and 64 samples of 4 kB of each array are verified; with ``full`` every byte is. Counts as a use.
        """
        name = key(identity)
        found = self._read(self._path(name), name, full)
        if found is not None:
            with contextlib.suppress(OSError):
                os.utime(self._path(name) / HEADER)
            self._use(name, found)
        return found

    @contextlib.contextmanager
    def create(
        self, identity: Mapping[str, Any], shapes: Shapes, about: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Context manager that yields zeroed arrays of ``{name: (shape, dtype)}`` to write, and stores them on exit.

        An exception in the block leaves nothing behind. If another process stored the same set first, its arrays are
        retained. Raises :class:`estimator.errors.InputError` (``"disk"``) if :meth:`admits` returns False.
        """
        name = key(identity)
        path = self._path(name)
        self._make_room(_total(shapes))
        temporary = partial_path(path)
        arrays: dict[str, np.memmap[Any, Any]] = {}
        try:
            with disk_errors(self.folder):
                temporary.mkdir(parents=True)
                for array, (shape, dtype) in shapes.items():
                    arrays[array] = _reserve(temporary / _file(array), tuple(shape), np.dtype(dtype))
            yield dict(arrays)
            with disk_errors(self.folder):
                header = {"document": identity, "about": about or {}, "arrays": _describe_all(arrays, temporary)}
                (temporary / HEADER).write_bytes(seal(header))
                self._keep(temporary, path, name)
            self._use(name, arrays)
        finally:
            for written in arrays.values():
                written.flags.writeable = False
            shutil.rmtree(temporary, ignore_errors=True)

    def put(
        self,
        identity: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Store copies of ``arrays``; raises as :meth:`create` does."""
        with self.create(
            identity, {name: (array.shape, array.dtype) for name, array in arrays.items()}, about
        ) as stored:
            for name, array in arrays.items():
                stored[name][...] = array

    def admits(self, size: int) -> bool:
        """Whether ``size`` bytes of arrays fit, once everything evictable has been evicted."""
        items = self.items()
        loose = sum(item.bytes for item in items if not self._is_in_use(item.path.name))
        held = sum(item.bytes for item in items) - loose
        return size <= max(0, min(self.budget - held, self._free(size) + loose))

    def items(self) -> list[StoredEntry]:
        """The stored entries, least recently used first."""
        found = []
        for path in entry_paths(self.folder):
            with contextlib.suppress(OSError):
                size = sum(file.stat().st_size for file in path.iterdir())
                found.append(StoredEntry(path, size, (path / HEADER).stat().st_mtime))
        return sorted(found, key=lambda item: (item.used, item.path.name))

    def prune(self, budget: int) -> int:
        """Evict entries, least recently used first, down to ``budget`` bytes; returns the bytes freed.

        Entries in use are not evicted.
        """
        items = self.items()
        excess = sum(item.bytes for item in items) - budget
        freed = 0
        for item in items:
            if freed >= excess:
                break
            freed += self._evict(item)
        return freed

    def drop(self, item: StoredEntry) -> int:
        """Remove one entry unless this process has it in use; returns the bytes freed.

        Raises OSError when something of it stays.
        """
        return 0 if self._is_in_use(item.path.name) else remove(item.path)

    def verify(self) -> tuple[int, list[Damaged]]:
        """Read every byte; returns the number of intact entries, and those found damaged or unreadable."""
        sound, bad = 0, []
        for path in entry_paths(self.folder):
            if self._path(path.name) != path:
                self.aside.take(path, self.folder.name)
            elif self._read(path, path.name, full=True) is not None:
                sound += 1
                continue
            if (found := self.aside.found(path, self.folder.name)) is not None:
                bad.append(found)
        return sound, bad

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def _read(self, path: Path, name: str, full: bool) -> StoredArrays | None:
        try:
            header = unseal((path / HEADER).read_bytes())
            if key(header["document"]) != name:
                raise ValueError("the identity is not that of the folder's name")
            arrays = {array: _open(path / _file(array), told, full) for array, told in header["arrays"].items()}
            found = StoredArrays(arrays, header["about"])
        except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
            # Pruning by another process removes an entry atomically, so an incomplete one is damaged.
            if os.path.lexists(path):
                self.aside.take(path, self.folder.name)
            return None
        except OSError as error:
            self.aside.leave(path, self.folder.name, error)
            return None
        return found

    def _keep(self, temporary: Path, path: Path, name: str) -> None:
        for _ in range(2):
            try:
                os.rename(temporary, path)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            # Intact arrays of another process are equivalent; :meth:`_read` quarantines damaged ones.
            if self._read(path, name, full=False) is not None:
                return

    def _make_room(self, size: int) -> None:
        if size > self.budget:
            raise InputError(
                "disk",
                f"Storing {in_words(size)} would exceed the budget of {in_words(self.budget)} for {self.folder}: "
                "measure fewer documents, anchor draws or layers per run.",
            )
        for shard in shards(self.folder):
            prune_partial(shard)
        if not self.admits(size):
            raise no_space(self.folder, size)
        self.prune(self.budget - size)
        for item in self.items():
            if self._free(size) >= size:
                break
            self._evict(item)

    def _evict(self, item: StoredEntry) -> int:
        try:
            return self.drop(item)
        except OSError:
            return 0  # of another user: the next entry may be ours

    def _free(self, size: int) -> int:
        """The free bytes of the disk that arrays of ``size`` bytes may use."""
        existing = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        margin = MARGIN if size > SMALL else 0
        with disk_errors(self.folder):
            return max(0, shutil.disk_usage(existing).free - margin)

    def _use(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._in_use[name] = self._living(name) + [weakref.ref(array) for array in arrays.values()]

    def _living(self, name: str) -> list[weakref.ref[npt.NDArray[Any]]]:
        return [reference for reference in self._in_use.get(name, []) if reference() is not None]

    def _is_in_use(self, name: str) -> bool:
        return bool(self._living(name))


def _file(array: str) -> str:
    if not _NAME.fullmatch(array):
        raise ValueError(f"an array's name is made of letters, digits, _ and -, not {array!r}")
    return f"{array}.npy"


def _total(shapes: Shapes) -> int:
    return sum(int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize for shape, dtype in shapes.values())


def _reserve(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.memmap[Any, Any]:
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # Writing to mapped blocks that the disk cannot provide would kill the process.
        with path.open("r+b") as file, _unsupported_is_fine():
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return array


@contextlib.contextmanager
def _unsupported_is_fine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _describe_all(arrays: Mapping[str, np.memmap[Any, Any]], folder: Path) -> dict[str, Any]:
    # Flushing and hashing release the interpreter lock: on a machine with a GPU this hides most of their time.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        described = pool.map(_describe, arrays.values(), [folder / _file(name) for name in arrays])
        return dict(zip(arrays, described, strict=True))


def _describe(array: np.memmap[Any, Any], path: Path) -> dict[str, Any]:
    array.flush()
    content = _content(path)
    return {
        "shape": array.shape,
        "dtype": array.dtype.str,
        "offset": array.offset,
        "bytes": content.size,
        "sampled": _sampled_digest(content),
        "sha256": _full_digest(content),
    }


def _open(path: Path, told: Mapping[str, Any], full: bool) -> npt.NDArray[Any]:
    """The array described by the header; raises ValueError or OSError if the file has changed.

    Shape and type are taken from the sealed header, because the file's own header may be damaged.
    """
    if path.stat().st_size != told["bytes"]:
        raise ValueError(f"{path.name} has another size than its header says")
    content = _content(path)
    if _sampled_digest(content) != told["sampled"] or (full and _full_digest(content) != told["sha256"]):
        raise ValueError(f"{path.name} does not fit its digest")
    return np.memmap(path, np.dtype(told["dtype"]), "r", told["offset"], tuple(told["shape"]))


def _content(path: Path) -> npt.NDArray[np.uint8]:
    return np.memmap(path, np.uint8, "r")


def _sampled_digest(content: npt.NDArray[np.uint8]) -> str:
    digest = hashlib.sha256()
    last = max(0, content.size - _SAMPLE_BYTES)
    for start in sorted({last * i // (_SAMPLES - 1) for i in range(_SAMPLES)}):
        digest.update(content[start : start + _SAMPLE_BYTES].data)
    return digest.hexdigest()


def _full_digest(content: npt.NDArray[np.uint8]) -> str:
    digest = hashlib.sha256()
    for start in range(0, content.size, _BLOCK):
        digest.update(content[start : start + _BLOCK].data)
    return digest.hexdigest()
