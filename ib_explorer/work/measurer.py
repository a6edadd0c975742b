"""Measurement of a checkpoint: its scores, then the information of each kind of labels (this module imports torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cache.arrays import ArrayStore
from estimator.increments import Increment
from estimator.measurement import Measurement
from estimator.progress import Progress
from estimator.soft_entropy.increments import IncrementEstimator, increment_estimator, measure_increments
from estimator.soft_entropy.plane import LabelEstimator, label_estimator, measure_layers
from estimator.soft_entropy.temperature import Temperature
from estimator.states.loading import resolve_device, tally_device
from ib_explorer.work.score_store import ModelFacts
from ib_explorer.work.scorer import Obtain, Scorer
from ib_explorer.work.subject import Subject

LABELS_HELD = 2**28
"""Bytes of sorted labels up to which those of earlier views are cached in memory in addition to the last ones."""


@dataclass(frozen=True, slots=True)
class CheckpointValues:
    """The values measured for a checkpoint; ``loss`` is None if it was not requested."""

    model: ModelFacts
    rows: tuple[Measurement, ...]
    loss: float | None


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Prepared = TypeVar("Prepared", bound=_Sized)


class _Recent(Generic[Prepared]):
    """Estimators by the identity of their labels, evicted least recently used first."""

    def __init__(self) -> None:
        self._held: dict[tuple[Any, ...], Prepared] = {}

    def get(self, wanted: tuple[Any, ...], prepare: Callable[[], Prepared]) -> Prepared:
        """The estimator of ``wanted``, prepared if it is not cached."""
        found = self._held.pop(wanted, None)
        self._held[wanted] = prepare() if found is None else found
        while len(self._held) > 1 and self.nbytes > LABELS_HELD:
            del self._held[next(iter(self._held))]
        return self._held[wanted]

    @property
    def nbytes(self) -> int:
        """Memory required for all of them, in bytes."""
        return sum(one.nbytes for one in self._held.values())


class Measurer:
    """Measures checkpoints one after another; labels are sorted once for all that share a sample.

    ``obtain`` is called before a model is loaded, to download it.
    """

    def __init__(self, scores: ArrayStore, obtain: Obtain) -> None:
        self._scorer = Scorer(scores, obtain)
        self._estimators = _Recent[LabelEstimator]()
        self._increments = _Recent[IncrementEstimator]()

    def begin(self) -> None:
        """Begin a job, so that an earlier job's failure to store scores is not raised in this one."""
        self._scorer.begin()

    def settle(self, progress: Progress) -> None:
        """Wait until all scores are on disk; raises :class:`InputError` (``"disk"``) if they cannot be stored."""
        self._scorer.settle(progress)

    def measure(
        self,
        subject: Subject,
        temperatures: Sequence[Temperature],
        progress: Progress,
        *,
        with_loss: bool = False,
        stored_only: bool = False,
    ) -> CheckpointValues | None:
        """Information at ``temperatures`` of all requested layers, and the model's loss if ``with_loss``.

        With ``stored_only`` the model is not loaded; returns None if scores are not stored.
        """
        if stored_only and not self._scorer.has_stored(subject):
            return None  # before sorting labels
        request = subject.request
        labels = subject.text.sample.digest, subject.identity.get("labels")
        wanted = (*labels, request.weights, request.min_count, subject.device)
        device = tally_device(resolve_device(subject.device))
        prepared = self._estimators.get(
            wanted, lambda: label_estimator(subject.text, subject.kinds, request.weights, device, request.min_count)
        )
        seen = self._scorer.see(
            subject,
            self._estimators.nbytes,
            progress,
            variants=request.variants if temperatures else (),
            with_loss=with_loss,
            stored_only=stored_only,
        )
        if seen is None:
            return None
        rows = tuple(measure_layers(prepared, seen.model, temperatures, progress))
        return CheckpointValues(seen.facts, rows, seen.losses.mean if seen.losses is not None else None)

    def measure_increments(
        self, subject: Subject, temperatures: Sequence[Temperature], progress: Progress
    ) -> tuple[Increment, ...]:
        """Increments at ``temperatures`` of all requested layers."""
        device = tally_device(resolve_device(subject.device))
        prepared = self._increments.get(
            (subject.text.sample.digest, subject.device), lambda: increment_estimator(subject.text, device)
        )
        seen = self._scorer.see(subject, prepared.nbytes, progress)
        assert seen is not None
        return tuple(measure_increments(prepared, seen.model, temperatures, progress))
