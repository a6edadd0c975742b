"""From values with and without each document group to information with its bracket and its error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from estimator.measurement import Information

FloatArray = npt.NDArray[np.float64]


def bracketed(plugin: FloatArray, null: FloatArray, shuffling: float, *, labels: int, singletons: float) -> Information:
    """Information from plug-in and null values [draws, groups + 1]: in full, then without each document group.

    The upper end of the bracket is the jackknife estimate, never below the corrected value. The error is that of the
    draws' mean: the larger of the scatter between groups and that of shuffled labels (variance ``shuffling``).
    """
    by_draw = (plugin - null)[:, 0]
    plugin, null = plugin.mean(0), null.mean(0)
    groups, corrected = len(plugin) - 1, plugin - null
    high = groups * plugin[0] - (groups - 1) * plugin[1:].mean()
    scatter = (groups - 1) / groups * np.square(corrected[1:] - corrected[1:].mean()).sum()
    return Information(
        plugin=float(plugin[0]),
        null=float(null[0]),
        high=float(max(high, corrected[0])),
        se=float(np.sqrt(max(scatter, shuffling))),
        spread=spread(by_draw),
        labels=labels,
        singletons=singletons,
    )


def spread(by_draw: FloatArray) -> float:
    """The standard deviation over anchor draws [draws], 0 for a single one."""
    return float(by_draw.std(ddof=1)) if len(by_draw) > 1 else 0.0
