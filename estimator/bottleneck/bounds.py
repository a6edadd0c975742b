"""The bounds of the information plane, by name: each is a line, drawn from a curve that is computed once per sample.

Commands, keys, panels and legends read :data:`BOUNDS`. Another package adds a bound by declaring a :class:`Bound` as an
entry point of the group ``ib_explorer.bounds``, from an existing curve::

    HALF = Bound("half", "half the IB curve", "half of what the IB curve allows", lambda curve: ..., RAW)

or from a :class:`Curve` of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from estimator.curve import BoundCurve, Corners
from estimator.registry import Registry

if TYPE_CHECKING:
    from estimator.arrays import IntArray
    from estimator.progress import Progress
    from estimator.text.labels import LabelSet


@dataclass(frozen=True, slots=True)
class JointLabels:
    """Labels of both sides at the same positions, for every width up to the bounded one, which is last.

    The last sets are X and Y. ``document`` [positions] is the number of each position's document, or of the
    unit of copies that the document belongs to.
    """

    inputs: tuple[LabelSet, ...]
    outputs: tuple[LabelSet, ...]
    document: IntArray


@dataclass(frozen=True, slots=True)
class Curve:
    """A way to compute a :class:`.BoundCurve`; bounds that share a curve compute it once.

    ``name`` identifies the values in the cache and in the column ``conditionals``: a computation whose values change
    needs a new name. ``title`` is the curve's name in the readout, up to 9 characters. ``solve`` calls
    ``progress.phase`` as it proceeds, which may raise :class:`.Cancelled`. ``low`` is an estimate of the same curve
    that is too low where this one is too high: the true curve of the text lies between the two.
    """

    name: str
    title: str
    solve: Callable[[JointLabels, Progress], BoundCurve]
    low: Curve | None = None

    def compute(self, labels: JointLabels, progress: Progress) -> BoundCurve:
        """The curve of ``labels``, with their counts and the name of this computation filled in."""
        x, y = labels.inputs[-1], labels.outputs[-1]
        return replace(
            self.solve(labels, progress),
            granularity=x.granularity,
            positions=len(x.ids),
            input_labels=x.labels,
            output_labels=y.labels,
            conditionals=self.name,
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound: ``title`` is its name in legends, and ``help`` describes it.

    ``line`` returns its corners in bits, from (0, 0) to rate H(X), given the ``curve`` of the sample.
    """

    name: str
    title: str
    help: str
    line: Callable[[BoundCurve], Corners]
    curve: Curve


def _raw(labels: JointLabels, progress: Progress) -> BoundCurve:
    from estimator.bottleneck.joint import joint_counts
    from estimator.bottleneck.solver import information_bottleneck

    x, y = labels.inputs[-1], labels.outputs[-1]
    return information_bottleneck(joint_counts(x.ids, y.ids), x.granularity, progress=progress)


def _held_out(labels: JointLabels, progress: Progress) -> BoundCurve:
    from estimator.bottleneck.held_out import held_out_joint
    from estimator.bottleneck.solver import information_bottleneck

    joint = held_out_joint([x.ids for x in labels.inputs], labels.outputs[-1].ids, labels.document)
    return information_bottleneck(joint, labels.inputs[-1].granularity, progress=progress)


def _diagonal(curve: BoundCurve) -> Corners:
    return (0.0, 0.0), (curve.input_entropy, curve.input_entropy)


def _data_processing(curve: BoundCurve) -> Corners:
    most = curve.mutual_information
    return (0.0, 0.0), (most, most), (curve.input_entropy, most)


ESTIMATE = Curve("held-out", "held-out", _held_out)
"""The IB curve of p(y|x) by held-out interpolation: on average too low, so it bounds nothing."""
RAW = Curve("raw", "IB curve", _raw, low=ESTIMATE)
"""The IB curve of p(y|x) as counted in the sample: a bound, but too high where contexts are rare."""

DIAGONAL = Bound("diagonal", "diagonal", "I(X;T), which I(Y;T) never exceeds", _diagonal, RAW)
DPI = Bound("dpi", "data processing", "the smaller of I(X;T) and I(X;Y)", _data_processing, RAW)
IB = Bound(
    "ib",
    "IB curve",
    "the largest I(Y;T) of any encoder of X alone; deeper layers see the whole context and may exceed it",
    BoundCurve.corners,
    RAW,
)
HELD_OUT = Bound(
    "held-out",
    "held-out estimate",
    "a low estimate of the IB curve instead of a bound, with p(y|x) from held-out (Jelinek–Mercer) interpolation "
    "with shorter contexts",
    BoundCurve.corners,
    ESTIMATE,
)

BOUNDS: Registry[Bound] = Registry("bound", "ib_explorer.bounds", [DIAGONAL, DPI, IB, HELD_OUT])


def bound_of(curve: Curve) -> Bound | None:
    """A bound that is drawn from ``curve``; None if no bound is."""
    return next((bound for bound in BOUNDS.values() if bound.curve == curve), None)
