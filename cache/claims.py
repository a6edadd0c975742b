"""Claims: who does a piece of work that several processes, also on several machines, would do for one cache.

A claim is a file in a folder of the cache, named by the key of the work. It holds who made it: host, process and a
token of its own. The parts that several machines must agree on are atomic on local disks and on NFS:

- *Taking*: the file is written under a name of its own and linked to the claim's name, which fails if that exists. A
  server's answer may be lost, so the number of links decides, not the answer. File systems without links create the
  file exclusively.
- *Holding*: a thread renews the file's modification time. A claim's age is the difference to that of a file just
  written in the same folder, so that the clocks of machines need not agree.
- *Staleness*: on the machine of its owner, a claim is stale when that process has ended (also if another one has its
  number now); seen from elsewhere, when it has not been renewed for the length of the lease.
- *Taking over*: under a lock, which is a claim on the claim, the file is read again and removed if it is still the
  stale one. Whoever takes the claim afterwards has it. The lock is held for an instant; one whose owner has ended in
  that instant is moved to a unique name and dropped.

A claim saves work and guards no data: if a process is suspended for longer than its lease, its work is done twice, and
both store the same values.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType

from cache.files import disk_errors, here, partial_path
from cache.keys import is_key

LEASE = 120.0
"""Seconds without renewal after which a claim of another machine is stale; above what NFS clients cache of a file."""
RENEWALS = 6
"""Renewals in the time of a lease."""

_LOCK = ".lock"
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a claim; ``here`` identifies its machine since the last boot, ``started`` its start."""

    host: str
    pid: int
    here: str
    started: str
    token: str

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        return f"process {self.pid} on {self.host}"

    @classmethod
    def me(cls) -> Holder:
        """This process, with a new token."""
        return cls(socket.gethostname(), os.getpid(), here(), _started(os.getpid()) or "", secrets.token_hex(8))


class Claim:
    """A claim of this process, renewed by a thread until it is released; a context manager."""

    def __init__(self, path: Path, holder: Holder, renew_every: float) -> None:
        self.path, self.holder = path, holder
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renewing, args=(renew_every,), name="claim", daemon=True)
        self._thread.start()

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def is_held(self) -> bool:
        """Whether the claim is still that of this process."""
        known = _read(self.path)
        return known is not None and known[0] == self.holder

    def renew(self) -> None:
        """Begin the lease anew, unless another process has taken the claim over."""
        with contextlib.suppress(OSError):  # the file system is away for a moment: the next renewal may succeed
            if self.is_held:
                os.utime(self.path)

    def release(self) -> None:
        """Give the claim up."""
        self._released.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if self.is_held:
                self.path.unlink()

    def _renewing(self, every: float) -> None:
        while not self._released.wait(every):
            self.renew()


class Claims:
    """The claims in ``folder``, which is created when the first is taken."""

    def __init__(self, folder: Path, lease: float = LEASE, me: Callable[[], Holder] = Holder.me) -> None:
        self.folder = folder
        self.lease = lease
        self._me = me

    def take(self, work: str) -> Claim | Holder:
        """The claim on the work of a key, or who holds it.

        Raises :class:`estimator.errors.InputError` (``"cache"``, ``"disk"``) if claims cannot be written, ValueError
        when ``work`` is not a key.
        """
        path = self._path(work)
        me = self._me()
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for _ in range(2):
                if _place(path, me):
                    return Claim(path, me, self.lease / RENEWALS)
                known = _read(path)
                if known is not None and not self._is_stale(*known):
                    return known[0]
                if known is not None:
                    self._drop(path, known[0])
        holder = self.holder(work)
        return _UNKNOWN if holder is None else holder

    def holder(self, work: str) -> Holder | None:
        """Who holds the claim on the work of a key; None if nobody does, or a process that has ended."""
        known = _read(self._path(work))
        return None if known is None or self._is_stale(*known) else known[0]

    def holders(self) -> Iterator[Holder]:
        """The processes that hold claims in this folder and have not ended."""
        for path in self._paths():
            known = _read(path)
            if known is not None and not self._is_stale(*known):
                yield known[0]

    def stale(self) -> Iterator[Path]:
        """The files of claims and locks whose owners have ended."""
        for path in self._paths():
            if (known := _read(path)) and self._is_stale(*known):
                yield path

    def _paths(self) -> list[Path]:
        """The files of claims and locks."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [self.folder / name for name in names if is_key(name.removesuffix(_LOCK))]

    def _path(self, work: str) -> Path:
        if not is_key(work):
            raise ValueError(f"{work!r} is not a key")
        return self.folder / work

    def _is_stale(self, holder: Holder, renewed: float) -> bool:
        if holder.here == here():
            return _started(holder.pid) != holder.started
        now = _now(self.folder)
        return now is not None and now - renewed > self.lease

    def _drop(self, path: Path, stale: Holder) -> None:
        """Remove the claim of a holder that has ended, unless another process is about to or has already."""
        lock = path.with_name(path.name + _LOCK)
        me = self._me()
        if not _place(lock, me):
            held = _read(lock)
            if held is not None and self._is_stale(*held):
                gone = partial_path(lock)
                with contextlib.suppress(FileNotFoundError):
                    os.rename(lock, gone)
                    gone.unlink()
            return
        try:
            known = _read(path)
            if known is not None and known[0] == stale:
                path.unlink()
        finally:
            known = _read(lock)
            if known is not None and known[0] == me:
                lock.unlink()


_UNKNOWN = Holder("", 0, "", "", "")
"""The holder of a claim that is just being written or given up."""


def _place(path: Path, holder: Holder) -> bool:
    """Whether ``path`` was made by this call, with ``holder`` in it; raises OSError."""
    content = json.dumps(asdict(holder)).encode()
    temporary = partial_path(path)
    try:
        _write(temporary, content)
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno in _WITHOUT_LINKS:
                return _place_without_links(path, content)
            if os.stat(temporary).st_nlink == 2:
                return True
            if error.errno == errno.EEXIST:
                return False
            raise
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _place_without_links(path: Path, content: bytes) -> bool:
    try:
        _write(path, content)
    except FileExistsError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> tuple[Holder, float] | None:
    """The holder in a claim's file and when it was renewed, by the file system's clock; None if there is no claim.

    Opened, because NFS asks the server then. A file that is still being written has an unknown holder.
    """
    try:
        with path.open("rb") as file:
            content, renewed = file.read(), os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    try:
        found = json.loads(content)
        return Holder(**{field.name: found[field.name] for field in fields(Holder)}), renewed
    except (ValueError, KeyError, TypeError):
        return _UNKNOWN, renewed


def _now(folder: Path) -> float | None:
    """The time by the clock of the folder's file system; None if nothing can be written there."""
    trial = partial_path(folder / "clock")
    try:
        _write(trial, b"1")
        return trial.stat().st_mtime
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()


def _started(pid: int) -> str | None:
    """When a process of this machine started, as text to compare; None if it does not run, or is a zombie."""
    try:
        # The name of the program, in brackets, may contain anything.
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if status[0] in "ZX" else status[19]
    except (OSError, IndexError):
        pass
    import psutil  # imported late, because the screen's first frame does not need it

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
