"""Sharing a sweep among processes: each checkpoint is measured by one of them, and the others take its values.

Only work that needs scores is claimed (:mod:`cache.claims`), for all that one forward pass serves: the states of a
checkpoint on a sample with one set of anchors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cache.claims import Claim, Claims, Holder
from cache.keys import key
from estimator.checkpoints.revision import Revision
from estimator.progress import Progress

POLL = 0.5
"""Seconds between two looks at the claims of other processes."""


class Busy(Exception):
    """Another process, ``holder``, is doing the work of a key."""

    def __init__(self, work: str, holder: Holder) -> None:
        super().__init__(f"claimed by {holder}")
        self.work, self.holder = work, holder


def claimed(claims: Claims, states: dict[str, Any]) -> AbstractContextManager[Claim]:
    """Context manager that claims the work on the states of an identity; raises :class:`Busy` if another has it."""
    found = claims.take(key(states))
    if isinstance(found, Holder):
        raise Busy(key(states), found)
    return found


@dataclass(frozen=True, slots=True)
class _Left:
    revision: Revision
    work: str
    holder: Holder


class Turns:
    """Iterates over checkpoints in order; those put off come again at the end, each as soon as nobody claims it.

    While only such are left, reports phase ``"wait"``, which may raise to stop.
    """

    def __init__(
        self,
        revisions: Iterable[Revision],
        claims: Claims,
        progress: Progress,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self._revisions, self._claims, self._progress = revisions, claims, progress
        self._pause = pause or time.sleep
        self._left: list[_Left] = []
        self._told: set[str] = set()

    def __iter__(self) -> Iterator[Revision]:
        yield from self._revisions
        while self._left:
            yield self._next()

    def put_off(self, revision: Revision, busy: Busy) -> None:
        """Leave a checkpoint to the process that has claimed it, and come back to it."""
        self._left.append(_Left(revision, busy.work, busy.holder))

    def _next(self) -> Revision:
        """The first checkpoint left that nobody claims any more, once there is one."""
        while True:
            for left in self._left:
                if self._claims.holder(left.work) is None:
                    self._left.remove(left)
                    return left.revision
            self._tell()
            self._progress.revision = None
            self._progress.phase("wait", 0, None, "checkpoints")
            self._pause(POLL)

    def _tell(self) -> None:
        """Report once for each checkpoint who is waited for."""
        for left in self._left:
            if left.revision.name not in self._told:
                self._told.add(left.revision.name)
                self._progress.note(f"{left.revision.name} is being measured by {left.holder}; waiting.")
