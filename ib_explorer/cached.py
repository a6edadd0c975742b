"""Queries of the cache by model, for commands and for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cache import Cache
from estimator.bottleneck.bounds import Curve
from estimator.checkpoints.catalogue import whole_model
from estimator.checkpoints.folders import model_name
from estimator.checkpoints.tree import training_key
from estimator.curve import BoundCurve
from estimator.errors import InputError, MeasurementError
from estimator.increments import CheckpointIncrements
from estimator.measurement import CheckpointMeasurements, Granularity, Measurement
from estimator.soft_entropy.temperature import parse_temperature
from ib_explorer.drawing.trajectories import revision_of
from ib_explorer.drawing.view import View
from ib_explorer.worker.messages import Measured


@contextmanager
def reading(cache: Cache) -> Iterator[None]:
    """Context manager for reading: raises an InputError of the block as a MeasurementError if records are missing.

    What was asked for may have been among the damaged records (:meth:`Cache.missing`), so the input may be sound.
    """
    try:
        yield
    except InputError as error:
        if missing := cache.missing():
            raise MeasurementError(error.kind, f"{error} {missing}") from error
        raise


def as_asked(load: Callable[[str], CheckpointMeasurements | None], answer: Measured) -> CheckpointMeasurements | None:
    """The record that a job answers with, under the name it was asked by; None if ``load`` finds none."""
    record = load(answer.key)
    return None if record is None else record.named(answer.name)


def cached_measurements(cache: Cache, models: Iterable[str]) -> list[CheckpointMeasurements]:
    """All cached measurements, or those of the named models: by model, and each model's in training order.

    Checkpoints of equal content are listed under each name they were asked by. A folder may be written in any way.
    Raises :class:`InputError` if the cache holds no such measurement.
    """
    found = cache.measurements.all()
    if not found:
        raise InputError("cache", f"The cache in {cache.root} has no measurements: run ib-explorer measure first.")
    known = {model for one in found for model in (one.model, whole_model(one.model))}
    wanted = {model if model in known else model_name(model) for model in models}
    if unknown := wanted - known:
        raise InputError(
            "model",
            f"The cache has no measurements of {', '.join(sorted(unknown))}: choose from {', '.join(sorted(known))}.",
        )
    chosen = [one for one in found if not wanted or wanted & {one.model, whole_model(one.model)}]
    return sorted(chosen, key=lambda one: (one.model, training_key(revision_of(one)), one.sample, one.key))


def _version(identity: Mapping[str, Any]) -> tuple[int, str]:
    """A sort key for the version of the estimator that computed a curve."""
    version = str(identity.get("estimator", ""))
    return len(version), version


class CachedCurves:
    """The cached curves, by sample, labels and the :class:`.Curve` that computed them; read once."""

    def __init__(self, cache: Cache) -> None:
        found = cache.curves.all()
        found.sort(key=lambda one: _version(one[0]))  # of several versions, the newest is the last
        self._curves = {
            (
                identity.get("sample"),
                curve.conditionals,
                (curve.granularity, curve.input_labels, curve.output_labels),
            ): curve
            for identity, curve in found
        }

    def of_row(self, record: CheckpointMeasurements, row: Measurement, curve: Curve) -> BoundCurve | None:
        """The ``curve`` of a row's sample and labels; None if it is not cached, or if the labels have one side."""
        if row.expressivity is None:
            return None
        labels = row.granularity, row.complexity.labels, row.expressivity.labels
        return self._curves.get((record.sample, curve.name, labels))

    def shared(
        self, measured: Sequence[CheckpointMeasurements], granularity: Granularity, curve: Curve
    ) -> BoundCurve | None:
        """The ``curve`` of the sample that all of ``measured`` share; None if they differ or it is not cached."""
        if len({measurements.sample for measurements in measured}) != 1:
            return None
        rows = (row for row in measured[0].rows if row.granularity == granularity)
        return next((found for row in rows if (found := self.of_row(measured[0], row, curve))), None)

    def drawn(
        self, measured: Sequence[CheckpointMeasurements], view: View
    ) -> tuple[BoundCurve | None, BoundCurve | None]:
        """The curve that the bound in ``view`` is drawn from and its low estimate, each if it is cached."""
        curve = view.drawn_bound.curve
        low = None if curve.low is None else self.shared(measured, view.granularity, curve.low)
        return self.shared(measured, view.granularity, curve), low


def cached_increments(
    cache: Cache, measured: Iterable[CheckpointMeasurements]
) -> list[tuple[CheckpointMeasurements, CheckpointIncrements]]:
    """Those of ``measured`` with increments in the cache, paired with them."""
    from cache.keys import key
    from ib_explorer.work.identities import increments_identity

    found = [
        (measurements, cache.increments.load(key(increments_identity(measurements.key)))) for measurements in measured
    ]
    return [(measurements, increments) for measurements, increments in found if increments is not None]


def canonical_temperature(text: str) -> str:
    """The canonical form of a temperature rule; raises :class:`InputError` if it is invalid."""
    return parse_temperature(text).rule
