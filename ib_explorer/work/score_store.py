"""Storage of checkpoints' scores, concurrent with their estimation (this module imports torch).

One entry of the store holds the scores of all layers in one variant, one array per layer, and the geometry of their
states.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.arrays import ArrayStore
from cache.keys import key
from estimator.errors import InputError
from estimator.measurement import Variant
from estimator.progress import Progress
from estimator.soft_entropy.memory import score_bytes
from estimator.soft_entropy.sweep import LayerScores
from estimator.states.geometry import Geometry
from estimator.states.transfer import copy_off

Identities = Mapping[Variant, dict[str, Any]]
Shape = tuple[int, int, int]
_GEOMETRY, _LAYER = "geometry", "layer-"
_REPORT_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Attributes of a model that belong to its scores: number of blocks, size of a hidden state, and dtype."""

    depth: int
    width: int
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class StoredScores:
    """The scores of a model's layers in one variant."""

    model: ModelFacts
    layers: Sequence[LayerScores]


class ScoreStore:
    """The store of scores, including scores that are still being written, which can be loaded already."""

    def __init__(self, store: ArrayStore) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, "store")
        self._last: Future[InputError | None] | None = None
        self._is_own = True
        self._on_the_way: dict[str, StoredScores] = {}

    def begin(self) -> None:
        """Begin a job: writes still in progress belong to an earlier one."""
        self._is_own = False

    def settle(self, progress: Progress) -> None:
        """Wait until all scores are written (phase ``"store"``).

        Raises :class:`InputError` (``"disk"``) if a write failed; a failure of an earlier job is only noted.
        """
        while self._last is not None and not wait([self._last], _REPORT_EVERY).done:
            progress.phase("store", 0, 1, "models")
        last, self._last = self._last, None
        problem = None if last is None else last.result()
        if problem is not None and self._is_own:
            raise problem
        if problem is not None:
            progress.note(str(problem))

    def has(self, identity: Mapping[str, Any]) -> bool:
        """Whether the scores of ``identity`` are available."""
        return key(identity) in self._on_the_way or self._store.get(identity) is not None

    def load(self, identity: Mapping[str, Any], variant: Variant) -> StoredScores | None:
        """The scores of ``identity``, which are of ``variant``; None if they are not available."""
        if (held := self._on_the_way.get(key(identity))) is not None:
            return held
        arrays = self._store.get(identity)
        if arrays is None:
            return None
        names = sorted(name for name in arrays if name != _GEOMETRY)
        scores = [
            LayerScores(_layer(name), _read_only(arrays[name]), variant, _geometry(lies))
            for name, lies in zip(names, arrays[_GEOMETRY].tolist(), strict=True)
        ]
        return StoredScores(ModelFacts(**arrays.about["model"]), scores)

    def admits(self, layers: int, shape: Shape) -> bool:
        """Whether scores of ``layers`` layers fit in the store, each of ``shape`` [draws, positions, anchors]."""
        return self._store.admits(layers * _bytes(shape))

    @contextlib.contextmanager
    def create(self, model: ModelFacts, identities: Identities, layers: Sequence[int], shape: Shape) -> Iterator[Files]:
        """Context manager that yields files for scores; they are finalised in the background on exit.

        Earlier writes must be settled. An exception in the block leaves nothing behind. Raises :class:`InputError`
        (``"disk"``) if they do not fit.
        """
        with contextlib.ExitStack() as stack:
            files = self._files(stack, model, identities, layers, shape)
            yield files
            self._write(stack.pop_all().close, model, files.found, identities)

    def copy(
        self,
        model: ModelFacts,
        found: Sequence[LayerScores],
        identities: Identities,
        layers: Sequence[int],
        shape: Shape,
    ) -> None:
        """Copy scores to disk in the background; earlier writes must be settled."""

        def write() -> None:
            with contextlib.ExitStack() as stack:
                files = self._files(stack, model, identities, layers, shape)
                for one in found:
                    copy_off(one.scores, files.scores(one.layer, one.variant))
                files.finish(found)

        self._write(write, model, found, identities)

    def _write(
        self, write: Callable[[], None], model: ModelFacts, found: Sequence[LayerScores], identities: Identities
    ) -> None:
        def run() -> InputError | None:
            try:
                write()
            except InputError as error:
                return InputError(error.kind, str(error))  # the original's traceback would retain all scores
            finally:
                self._on_the_way = {}
            return None

        self._on_the_way = {
            key(identity): StoredScores(model, [one for one in found if one.variant == variant])
            for variant, identity in identities.items()
        }
        self._last, self._is_own = self._writer.submit(run), True

    def _files(
        self,
        stack: contextlib.ExitStack,
        model: ModelFacts,
        identities: Identities,
        layers: Sequence[int],
        shape: Shape,
    ) -> Files:
        # Space for all variants at once: those being written do not count yet when the next one is created.
        self._store.prune(self._store.budget - len(identities) * len(layers) * _bytes(shape))
        shapes = {_array(layer): (shape, "float16") for layer in layers} | {_GEOMETRY: ((len(layers), 2), "float64")}
        return Files(
            {
                variant: stack.enter_context(self._store.create(identity, shapes, {"model": asdict(model)}))
                for variant, identity in identities.items()
            }
        )


class Files:
    """Files of scores that are being written, by variant."""

    def __init__(self, arrays: Mapping[Variant, Mapping[str, npt.NDArray[Any]]]) -> None:
        self._arrays = arrays
        self.found: Sequence[LayerScores] = ()

    def scores(self, layer: int, variant: Variant) -> Tensor:
        """The tensor to write the scores of a layer to, [draws, positions, anchors]."""
        return torch.from_numpy(self._arrays[variant][_array(layer)])

    def finish(self, found: Sequence[LayerScores]) -> None:
        """Write the geometry of the scores ``found``."""
        self.found = found
        for variant, arrays in self._arrays.items():
            arrays[_GEOMETRY][...] = _geometry_array(one for one in found if one.variant == variant)


def _bytes(shape: Shape) -> int:
    draws, positions, anchors = shape
    return score_bytes(positions, draws, anchors)


def _geometry_array(scores: Iterable[LayerScores]) -> npt.NDArray[np.float64]:
    """Resultant length and participation ratio of each layer, [layers, 2]; NaN if undefined."""
    pairs = [(one.geometry.resultant_length, one.geometry.participation_ratio) for one in scores if one.geometry]
    return np.array([(length, np.nan if ratio is None else ratio) for length, ratio in pairs])


def _geometry(lies: tuple[float, float]) -> Geometry:
    length, ratio = lies
    return Geometry(length, None if np.isnan(ratio) else ratio)


def _read_only(array: npt.NDArray[Any]) -> Tensor:
    """A tensor over a read-only memory map without a copy; stored scores are never written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _array(layer: int) -> str:
    return f"{_LAYER}{layer:05d}"


def _layer(array: str) -> int:
    return int(array.removeprefix(_LAYER))
