"""Values: what is drawn and ranked of measured information, each made from its parts and called by one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from estimator.measurement import Information, Measurement
from estimator.registry import Registry


def _nothing(_: Information) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a measurement, and the preset by which it is asked for.

    ``of`` makes it from the parts of an :class:`Information`; ``null`` is what it would be if the labels had nothing to
    do with Z. ``title`` heads its column on the screen, and ``suffix`` ends the names of its columns in the CSV, as in
    ``complexity_corrected``. ``may_divide`` says whether I(X;Z) may be the denominator of a ratio: where not, the ratio
    is withheld. ``options`` are what its preset sets among the options of a measurement, by their names, and ``bound``
    the only bound that it may be compared with (None: any).
    """

    name: str
    title: str
    help: str
    of: Callable[[Information], float]
    suffix: str
    null: Callable[[Information], float] = _nothing
    may_divide: Callable[[Information], bool] = lambda information: not information.is_zero
    options: Mapping[str, Any] = field(default_factory=dict)
    bound: str | None = None

    def optimality(self, row: Measurement) -> float | None:
        """I(Y;Z) / I(X;Z) of this value; None for labels with one side, and where it is withheld."""
        return None if row.expressivity is None else self.ratio(row.expressivity, row.complexity)

    def ratio(self, information: Information, over: Information) -> float | None:
        """One information by another; None where ``over`` cannot be told from zero, so that the ratio is withheld."""
        return self.of(information) / self.of(over) if self.may_divide(over) else None

    def column(self, quantity: str) -> str:
        """The column of the CSV that has this value of ``quantity``, such as ``complexity``."""
        return f"{quantity}_{self.suffix}" if self.suffix else quantity


VALUES = Registry(
    "preset",
    "ib_explorer.values",
    [
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
            may_divide=lambda information: information.plugin > 0,
            options={"temperature": ("leading-order",), "weights": ("frequency",), "variant": ("raw",)},
            bound="diagonal",
        ),
    ],
)
"""All values, in the order in which the screen steps through them; the first is the default."""


def added_values() -> list[Value]:
    """The values that are not built in, whose columns follow those that every CSV has."""
    return [value for name, value in VALUES.items() if not VALUES.is_builtin(name)]
