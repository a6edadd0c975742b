"""Measuring a checkpoint: its scores, then what they tell of each kind of label (this module imports torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cache.arrays import ArrayStore
from estimator.increments import Increment
from estimator.measurement import CheckpointMeasurements, Measurement
from estimator.preference import CheckpointPreferences, Preference
from estimator.progress import Progress
from estimator.soft_entropy.increments import IncrementEstimator, increment_estimator, measure_increments
from estimator.soft_entropy.information import Estimator
from estimator.soft_entropy.plane import measure_layers, sample_estimator
from estimator.soft_entropy.preference import PreferenceEstimator, measure_preferences
from estimator.soft_entropy.temperature import Temperature
from estimator.states.loading import resolve_device, tally_device
from estimator.text.pair_sample import PairSample
from estimator.text.sample import Sample
from ib_explorer.work.scorer import Scorer
from ib_explorer.work.subject import Subject


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of a checkpoint, and what of the model belongs beside it; ``loss`` is that of all its rows."""

    depth: int
    width: int
    dtype: str
    rows: tuple[Measurement, ...]
    loss: float | None


@dataclass(frozen=True, slots=True)
class FoundPreferences:
    """The same of preference information."""

    depth: int
    width: int
    dtype: str
    rows: tuple[Preference, ...]


LABELS_KEPT = 2**28
"""Bytes of sorted labels up to which those of earlier views are kept beside the last ones."""


class Measurer:
    """Measures checkpoints one after another; labels are sorted once for all that share a sample."""

    def __init__(self, scores: ArrayStore) -> None:
        self._scorer = Scorer(scores)
        self._estimators: dict[tuple[Any, ...], Estimator] = {}
        self._increments: dict[tuple[str, str], IncrementEstimator] = {}

    def begin(self) -> None:
        """A job begins: that one before it could not keep its scores is no failure of this one."""
        self._scorer.begin()

    def settle(self, progress: Progress) -> None:
        """Wait until all scores are on the disk; raises :class:`InputError` (``"disk"``) if they cannot be."""
        self._scorer.settle(progress)

    def measure(
        self,
        subject: Subject[Sample],
        known: CheckpointMeasurements | None,
        temperatures: Sequence[Temperature],
        progress: Progress,
        *,
        from_kept: bool = False,
    ) -> Found | None:
        """Values at ``temperatures`` of all layers asked for; ``known`` is what the cache has of the checkpoint.

        ``from_kept`` is to do without its model; None where that cannot be done.
        """
        if from_kept and not self._scorer.keeps(subject):
            return None  # before its labels are sorted
        estimator, request = self._estimator(subject), subject.request
        loss = known_loss(known)
        seen = self._scorer.see(
            subject,
            known,
            self._labels(),
            progress,
            variants=request.variants if temperatures else (),
            with_loss=request.loss and loss is None,
            from_kept=from_kept,
        )
        if seen is None:
            return None
        rows = list(measure_layers(estimator, seen.model, temperatures, progress))
        if seen.losses is not None:
            loss = seen.losses.mean
        rows = [replace(row, loss=loss) for row in rows]
        return Found(seen.model.depth, seen.model.width, seen.dtype, tuple(rows), loss)

    def measure_increments(
        self,
        subject: Subject[Sample],
        known: CheckpointMeasurements,
        temperatures: Sequence[Temperature],
        progress: Progress,
    ) -> tuple[Increment, ...]:
        """Increments at ``temperatures`` of all layers asked for, of a checkpoint whose measurements are ``known``."""
        wanted = (subject.sample.digest, subject.device)
        if wanted not in self._increments:
            device = tally_device(resolve_device(subject.device))
            self._increments = {wanted: increment_estimator(subject.sample, device)}
        estimator = self._increments[wanted]
        seen = self._scorer.see(subject, known, estimator.nbytes, progress)
        assert seen is not None
        return tuple(measure_increments(estimator, seen.model, temperatures, progress))

    def measure_preferences(
        self,
        subject: Subject[PairSample],
        known: CheckpointPreferences | None,
        temperatures: Sequence[Temperature],
        progress: Progress,
        *,
        from_kept: bool = False,
    ) -> FoundPreferences | None:
        """Preference information at ``temperatures`` of all layers asked for; otherwise as :meth:`measure`."""
        weights, device = subject.request.weights, tally_device(resolve_device(subject.device))
        estimator = PreferenceEstimator(subject.sample, weights=weights, device=device)
        seen = self._scorer.see(subject, known, estimator.nbytes, progress, from_kept=from_kept)
        if seen is None:
            return None
        rows = tuple(measure_preferences(estimator, seen.model, temperatures, progress))
        return FoundPreferences(seen.model.depth, seen.model.width, seen.dtype, rows)

    def _estimator(self, subject: Subject[Sample]) -> Estimator:
        request = subject.request
        wanted = (subject.sample.digest, request.weights, request.min_count, subject.device)
        estimator = self._estimators.pop(wanted, None)
        if estimator is None:
            device = tally_device(resolve_device(subject.device))
            estimator = sample_estimator(subject.sample, request.weights, device, request.min_count)
        self._estimators[wanted] = estimator
        while len(self._estimators) > 1 and self._labels() > LABELS_KEPT:
            del self._estimators[next(iter(self._estimators))]
        return estimator

    def _labels(self) -> int:
        return sum(estimator.nbytes for estimator in self._estimators.values())


def known_loss(known: CheckpointMeasurements | None) -> float | None:
    """The loss of a measured checkpoint, if it was ever asked for."""
    return next((row.loss for row in known.rows if row.loss is not None), None) if known else None
