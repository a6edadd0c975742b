"""Values: the quantities that are plotted and ranked, each computed from the parts of an information estimate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from estimator.measurement import RESOLUTION, Information, Measurement
from estimator.registry import Registry


def _nothing(_: Information) -> float:
    return 0.0


def _known(value: float | None) -> float:
    return math.nan if value is None else value


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a measurement, and the preset that selects it.

    ``of`` computes it from the parts of an :class:`Information`, ``error`` its standard error (NaN where they are
    unknown); ``null`` is its expected value for labels that are independent of Z. ``title`` heads its column on the
    screen, and ``suffix`` ends the names of its CSV columns, as in ``complexity_corrected``. ``may_divide`` says
    whether I(X;Z) may be the denominator of a ratio; if not, the ratio is withheld. ``ratio_error`` is the standard
    error of the optimality of a row, None where it is unknown. ``options`` are the measurement
    options that its preset sets, by name, and ``bound`` the only bound that it may be compared with (None: any).
    """

    name: str
    title: str
    help: str
    of: Callable[[Information], float]
    suffix: str
    error: Callable[[Information], float] = lambda information: information.se
    null: Callable[[Information], float] = _nothing
    may_divide: Callable[[Information], bool] = lambda information: not information.is_zero
    ratio_error: Callable[[Measurement], float | None] = lambda row: None
    options: Mapping[str, Any] = field(default_factory=dict)
    bound: str | None = None

    def optimality(self, row: Measurement) -> float | None:
        """I(Y;Z) / I(X;Z) of this value; None for labels with one side, or if withheld."""
        return None if row.expressivity is None else self.ratio(row.expressivity, row.complexity)

    def ratio(self, information: Information, over: Information) -> float | None:
        """The ratio of two informations; withheld (None) where one is unknown, or ``over`` cannot be told from zero."""
        if not self.may_divide(over) or math.isnan(self.of(information)):
            return None
        return self.of(information) / self.of(over)

    def column(self, quantity: str) -> str:
        """The CSV column with this value of ``quantity``, such as ``complexity``."""
        return f"{quantity}_{self.suffix}" if self.suffix else quantity


VALUES = Registry(
    "preset",
    "ib_explorer.values",
    [
        Value(
            "adjusted",
            "adjusted",
            "what is known beyond documents and chance, as a share of what could be",
            of=lambda information: _known(information.adjusted),
            suffix="adjusted",
            error=lambda information: _known(information.adjusted_se),
            may_divide=lambda information: not information.is_adjusted_zero,
            ratio_error=lambda row: row.optimality_se,
        ),
        Value(
            "corrected",
            "corrected",
            "the plug-in estimate minus its null",
            of=lambda information: information.corrected,
            suffix="corrected",
        ),
        Value(
            "paper",
            "plug-in",
            "reproduce the published estimate",
            of=lambda information: information.plugin,
            suffix="",
            null=lambda information: information.null,
            may_divide=lambda information: information.plugin > RESOLUTION,
            options={"temperature": ("leading-order",), "weights": ("frequency",), "variant": ("raw",)},
            bound="diagonal",
        ),
    ],
)
"""All values, in the order in which the screen cycles through them; the first is the default."""

USUAL = next(iter(VALUES))
"""The name of the default value."""


def added_values() -> list[Value]:
    """The values that are not built in; their columns follow the standard columns of a CSV."""
    return [value for name, value in VALUES.items() if not VALUES.is_builtin(name)]
