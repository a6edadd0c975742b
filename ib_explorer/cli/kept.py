"""The filters that ``plot`` and ``export`` share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cache import Cache
from cache.locations import locations
from estimator.errors import InputError
from estimator.measurement import CheckpointMeasurements


def kept_measurements(cache_dir: Path | None, models: Iterable[str]) -> list[CheckpointMeasurements]:
    """All cached measurements, or those of the models named; raises :class:`InputError` when there are none."""
    places = locations(cache_dir)
    found = list(Cache(places.cache).measurements.all())
    wanted = set(models)
    if not found:
        raise InputError("cache", f"Nothing has been measured yet (looked in {places.cache}): see ib-explorer measure.")
    if unknown := wanted - {measurements.model for measurements in found}:
        raise InputError(
            "model",
            f"Nothing is kept of {', '.join(sorted(unknown))}: "
            f"there are measurements of {', '.join(sorted({measurements.model for measurements in found}))}.",
        )
    return [measurements for measurements in found if not wanted or measurements.model in wanted]


def canonical_temperature(text: str) -> str:
    """A temperature rule as measurements spell it; raises :class:`InputError` for what is none."""
    from estimator.temperature import parse_temperature

    return parse_temperature(text).rule
