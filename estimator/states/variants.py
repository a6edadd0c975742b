"""Mean and variance of each dimension of a layer's hidden states, and the variants of z derived from them.

A few dimensions with a large mean or spread can account for nearly all of ‖z‖, so that directions hardly differ and the
raw information is small regardless of what the states encode. ``centred`` is z − μ, ``standardised`` is (z − μ) / σ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estimator.measurement import Variant
from estimator.progress import Progress
from estimator.states.batches import Batch
from estimator.states.forward import run_forward
from estimator.states.loading import LoadedModel
from estimator.text.sample import Sample

_RESOLUTION = 4 * torch.finfo(torch.float32).eps
"""A standard deviation below this share of the mean is rounding, not signal."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance [width] (float64) of each dimension over ``count`` positions."""

    count: int
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, z: Tensor) -> Moments:
        """The moments of hidden states z [positions, width]."""
        variance, mean = torch.var_mean(z.float(), dim=0, correction=0)
        return cls(len(z), mean.cpu().double(), variance.cpu().double())

    def merged(self, other: Moments) -> Moments:
        """The moments of both sets of positions together, without cancellation (Chan, Golub & LeVeque 1979)."""
        count = self.count + other.count
        share = other.count / count
        step = other.mean - self.mean
        variance = self.variance * (1 - share) + other.variance * share + step.square() * share * (1 - share)
        return Moments(count, self.mean + step * share, variance)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """z becomes (z − ``shift``) · ``scale``, each [width] in float32."""

    shift: Tensor
    scale: Tensor

    def apply(self, z: Tensor) -> Tensor:
        """The variant of z [positions, width]."""
        return z.float().sub(self.shift.to(z.device)).mul_(self.scale.to(z.device))


def normalisation(variant: Variant, moments: Moments) -> Normalisation | None:
    """The normalisation for ``variant`` of hidden states with these moments; None for ``raw``.

    Standardising drops constant dimensions: they carry no information, and 1/σ would amplify their rounding errors.
    """
    if variant == "raw":
        return None
    shift = moments.mean.float()
    if variant == "centred":
        return Normalisation(shift, torch.ones_like(shift))
    spread = moments.variance.sqrt()
    varies = spread > _RESOLUTION * moments.mean.abs()
    return Normalisation(shift, torch.where(varies, 1 / spread.where(varies, 1.0), 0.0).float())


def compute_moments(
    model: LoadedModel,
    sample: Sample,
    layers: Sequence[int],
    progress: Progress,
    *,
    batch_tokens: int | None = None,
) -> dict[int, Moments]:
    """Moments of each layer over the sample's measured positions, by a separate forward pass (phase ``"moments"``).

    Raises as :func:`estimator.states.forward.run_forward` does.
    """
    sums = _MomentSums()
    run_forward(model, sample, layers, sums, progress, phase="moments", batch_tokens=batch_tokens)
    return sums.found


class _MomentSums:
    def __init__(self) -> None:
        self.found: dict[int, Moments] = {}
        self._pending: dict[int, Moments] = {}

    def begin(self, batch: Batch) -> None:
        self._pending = {}

    def read(self, layer: int, z: Tensor) -> None:
        self._pending[layer] = Moments.of(z)

    def end(self, batch: Batch, last: Tensor | None) -> None:
        for layer, moments in self._pending.items():
            known = self.found.get(layer)
            self.found[layer] = moments if known is None else known.merged(moments)
