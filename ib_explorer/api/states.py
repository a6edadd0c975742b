"""Information of hidden states that are given as arrays: vision models, own layers, other frameworks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, Information
from estimator.request import MeasurementRequest
from estimator.soft_entropy.accumulator import AnyArray, LabelInformation, StateAccumulator
from estimator.soft_entropy.temperature import parse_temperature
from estimator.values import USUAL, VALUES
from ib_explorer.api.keywords import read_keywords
from ib_explorer.api.table import Table, counted
from ib_explorer.config import request_from, settle

_DEFAULT = MeasurementRequest("states")


@dataclass(frozen=True, repr=False, eq=False)
class Estimate(Table):
    """The information that states hold about label sets: one of ``values`` per label set, weighting and temperature."""

    values: tuple[LabelInformation, ...]

    def __getitem__(self, labels: str) -> Information:
        """The information about a label set, with the first weighting at the first temperature."""
        names = list(dict.fromkeys(value.labels for value in self.values))
        if labels not in names:
            raise InputError("labels", f"There are no labels {labels!r}: choose from {', '.join(names)}.")
        return next(value.information for value in self.values if value.labels == labels)

    def ratio(self, output: str, over: str, preset: str = USUAL) -> float | None:
        """I(output;Z) / I(over;Z), the optimality where these are what follows and what was read.

        ``preset`` names the value; None where it is withheld because I(over;Z) cannot be told from zero.
        """
        return VALUES.find(preset).ratio(self[output], self[over])

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping per value, with the names of the CSV's columns as far as they apply."""
        return [_row(value) for value in self.values]

    @property
    def title(self) -> str:
        """What was measured."""
        one = self.values[0]
        return (
            f"{counted(one.positions, 'state')} of {counted(one.documents, 'document')}: {USUAL} values ± standard "
            f"error, as fractions of log {one.anchors}"
        )

    def _summaries(self) -> Iterator[Mapping[str, str]]:
        usual = VALUES[USUAL]
        for value in self.values:
            low, high = value.information.bracket
            yield {
                "labels": value.labels,
                "weights": value.weights,
                "temperature": value.temperature_rule,
                "H(Z)": f"{value.entropy:.4f}",
                "plug-in": f"{value.information.plugin:.4f}",
                "null": f"{value.information.null:.4f}",
                "I(X;Z)": f"{usual.of(value.information):z.4f} ± {usual.error(value.information):.4f}",
                "bracket": f"{low:z.4f} to {high:z.4f}",
            }


def _row(value: LabelInformation) -> dict[str, Any]:
    fields = {name: field for name, field in asdict(value).items() if name != "information"}
    information = value.information
    return fields | {
        "information": information.plugin,
        "information_null": information.null,
        "information_corrected": information.corrected,
        "information_high": information.high,
        "information_se": information.se,
        "information_within": information.within,
        "information_adjusted": information.adjusted,
        "information_adjusted_se": information.adjusted_se,
        "information_low": information.low,
        "information_spread": information.spread,
        "distinct": information.labels,
        "singletons": information.singletons,
    }


class Accumulator(StateAccumulator):
    """Information of states that come in batches and never fit in memory together; all of them count as one sample.

    ``anchors`` is how many directions each of ``anchor_seeds`` draws, or the directions themselves: unit rows
    [anchors, width], or several draws [draws, anchors, width]; seeds are not used then. ``temperature`` and ``weights``
    are those of :func:`measure`, each one or a list, and labels that occur less than ``min_count`` times have no part
    in uniform weights.

    What is held of a position is its scores, 2 · draws · anchors bytes (float16; 800 with the defaults, however wide
    the states), 8 bytes for its hash, and its labels and document as given. :meth:`compute` needs the same once more.
    """

    def __init__(
        self,
        *,
        anchors: int | AnyArray = _DEFAULT.anchors,
        anchor_seeds: Sequence[int] | int = _DEFAULT.anchor_seeds,
        temperature: str | float | Sequence[str | float] = "exact",
        weights: str | Sequence[str] = "frequency",
        min_count: int = MIN_COUNT,
    ) -> None:
        given = {"anchor_seeds": anchor_seeds, "temperature": temperature, "weights": weights, "min_count": min_count}
        is_number = isinstance(anchors, int | str)
        chosen = read_keywords("Accumulator", given | ({"anchors": anchors} if is_number else {}))
        request = request_from(settle([("keyword", chosen)]), "states", None)
        super().__init__(request.anchors if is_number else anchors, request.anchor_seeds)
        self._temperatures = [parse_temperature(rule) for rule in request.temperatures]
        self._weights, self._min_count = request.weights, request.min_count

    def compute(self) -> Estimate:
        """The information about each label set; more states may follow, and another call then includes them.

        The result is the same for any order and size of batches. Raises :class:`InputError` as
        :meth:`estimator.soft_entropy.accumulator.StateAccumulator.measure` does.
        """
        return Estimate(self.measure(self._temperatures, self._weights, self._min_count))


def estimate(
    z: AnyArray, labels: Mapping[str, AnyArray], documents: AnyArray | None = None, **settings: Any
) -> Estimate:
    """The information that states ``z`` [positions, width] hold about each of ``labels``, a value per position each.

    ``z`` is a numpy array, a torch tensor on any device, or nested lists. ``documents`` [positions] names what
    positions belong together (an image, a text, a subject): the error leaves out whole documents, and the null of
    labels that do not change within a document shuffles whole documents. Without it each position is a document of its
    own. ``settings`` are the keywords of :class:`Accumulator`: anchors, anchor_seeds, temperature, weights, min_count.
    """
    accumulator = Accumulator(**settings)
    accumulator.update(z, labels, documents)
    return accumulator.compute()
