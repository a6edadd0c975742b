"""Preference information as rows of the CSV: I(pref;Z) stands under complexity, and nothing under expressivity."""

from __future__ import annotations

from collections.abc import Collection

from cache.preferences import preference_key
from estimator.preference import PREFERENCE, CheckpointPreferences, Preference
from ib_explorer.tables.measurements import COLUMNS, shown_layers

_OF_THE_CHECKPOINT = (
    *("model", "revision", "commit", "stage", "step", "tokens"),
    *("anchors", "documents", "positions", "corpus", "estimator_version"),
)
_OF_THE_ROW = ("layer", "site", "weights", "variant", "temperature_rule", "temperature", "entropy", "ceiling")


def preference_values(
    found: CheckpointPreferences,
    layers: str | None = None,
    temperatures: Collection[str] | None = None,
    weights: Collection[str] | None = None,
) -> list[list[object]]:
    """The rows of a checkpoint that fit, None being any, as values of :data:`ib_explorer.tables.measurements.COLUMNS`.

    ``layers`` is as in a request: ``all`` is 1 to the depth and their mean.
    """
    return [
        preference_row_values(found, row)
        for row in found.select(shown_layers(layers, found.depth))
        if (temperatures is None or row.temperature_rule in temperatures)
        and (weights is None or row.weights in weights)
    ]


def preference_row_values(found: CheckpointPreferences, row: Preference) -> list[object]:
    """The values of a row under :data:`ib_explorer.tables.measurements.COLUMNS`."""
    side = row.information
    values: dict[str, object] = {
        "granularity": PREFERENCE,
        "anchor_seeds": ",".join(map(str, found.anchor_seeds)),
        "complexity": side.plugin,
        "complexity_null": side.null,
        "complexity_corrected": side.corrected,
        "complexity_high": side.high,
        "complexity_se": side.se,
        "input_labels": side.labels,
        "input_singletons": side.singletons,
        "key": preference_key(found, row),
    }
    values |= {name: getattr(found, name) for name in _OF_THE_CHECKPOINT}
    values |= {name: getattr(row, name) for name in _OF_THE_ROW}
    return [values.get(column) for column in COLUMNS]
