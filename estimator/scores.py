"""The forward pass: hidden states of every wanted layer, turned at once into cosines with the anchors and let go.

Scores are what is kept: [layers, draws, positions, anchors] in float16. Everything a user turns afterwards (layer,
granularity, temperature, weights) is computed from them, without the model.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from estimator.batches import BATCH_TOKENS, Batch, batched, make_batch
from estimator.errors import InputError, MeasurementError
from estimator.loading import LoadedModel
from estimator.progress import Progress
from estimator.sample import Sample


class _DeepestLayerReached(Exception):
    """Ends a forward pass whose deeper blocks nobody asked for."""


def compute_scores(
    model: LoadedModel,
    sample: Sample,
    anchors: npt.NDArray[np.float64],
    layers: Sequence[int],
    out: Sequence[Tensor],
    progress: Progress,
    *,
    batch_tokens: int | None = None,
) -> None:
    """Fill ``out[i]`` [draws, positions, anchors] (any device; kept as float16) with the cosines of ``layers[i]``.

    ``anchors`` [draws, anchors, width] have unit length. Documents are sorted by length and batched to about
    ``batch_tokens`` tokens; padding stands right of a document, where a causal model cannot see it. Out of memory, the
    batch is halved and the pass goes on. Raises :class:`InputError` when hidden states are not finite,
    :class:`MeasurementError` when not even one document fits.
    """
    queue = deque(batched(sample, batch_tokens or BATCH_TOKENS[model.device.type]))
    reader = _LayerReader(model, anchors, layers, out)
    done, total = 0, sample.positions
    progress.phase("forward", 0, total, "positions")
    with torch.inference_mode(), reader:
        while queue:
            batch = queue.popleft()
            try:
                reader.read_batch(batch)
            except torch.OutOfMemoryError as error:
                if len(batch.documents) == 1:
                    raise MeasurementError(
                        "memory", f"{model.device} has not enough memory for one document: lower --max-length."
                    ) from error
                torch.cuda.empty_cache()
                half = len(batch.documents) // 2
                queue.extendleft(make_batch(sample, part) for part in (batch.documents[half:], batch.documents[:half]))
                progress.note(f"Out of memory with {len(batch.documents)} documents at once; going on with {half}.")
                continue
            done += len(batch.positions)
            progress.phase("forward", done, total, "positions")
    reader.check_finite(total)


class _LayerReader:
    """Hooks on the wanted blocks that project each hidden state onto the anchors as soon as it exists."""

    def __init__(
        self, model: LoadedModel, anchors: npt.NDArray[np.float64], layers: Sequence[int], out: Sequence[Tensor]
    ) -> None:
        self._model = model
        self._out = dict(zip(layers, out, strict=True))
        self._deepest = max(layers)
        draws, count, width = anchors.shape
        self._shape = (draws, count)
        flat = torch.from_numpy(anchors.reshape(draws * count, width))
        self._directions = flat.to(model.device, torch.float32).T.contiguous()
        self._broken = {layer: torch.zeros((), dtype=torch.int64, device=model.device) for layer in layers}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> None:
        for layer in self._out:
            if layer == 0:
                self._handles.append(self._model.blocks[0].register_forward_pre_hook(self._on_input, with_kwargs=True))
            elif layer < self._model.depth:
                self._handles.append(self._model.blocks[layer - 1].register_forward_hook(self._on_output(layer)))

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _on_input(self, _: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        self._read(0, args[0] if args else kwargs["hidden_states"])

    def _on_output(self, layer: int):  # type: ignore[no-untyped-def]
        def hook(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
            self._read(layer, output if isinstance(output, Tensor) else output[0])

        return hook

    def read_batch(self, batch: Batch) -> None:
        """Run the model on a batch as deep as is needed, and score every wanted layer."""
        self._rows = torch.from_numpy(batch.rows).to(self._model.device)
        self._positions = torch.from_numpy(batch.positions)
        tokens = torch.from_numpy(batch.tokens).to(self._model.device)
        with contextlib.suppress(_DeepestLayerReached):
            output = self._model.model(input_ids=tokens, use_cache=False)
            self._read(self._model.depth, output.last_hidden_state)

    def _read(self, layer: int, hidden: Tensor) -> None:
        """Score the measured rows of ``hidden`` [documents, tokens, width] as ``layer``."""
        if layer not in self._out:
            return
        z = hidden.reshape(-1, hidden.shape[-1]).index_select(0, self._rows)
        norm = torch.linalg.vector_norm(z, dim=-1, keepdim=True, dtype=torch.float32)
        self._broken[layer] += norm.isfinite().logical_not().sum()
        cosines = (z.float() @ self._directions).div_(norm.clamp_min(torch.finfo(torch.float32).tiny))
        out = self._out[layer]
        scores = cosines.view(-1, *self._shape).transpose(0, 1).to(out.device, out.dtype)
        out.index_copy_(1, self._positions.to(out.device), scores)
        if layer == self._deepest and layer < self._model.depth:
            raise _DeepestLayerReached

    def check_finite(self, positions: int) -> None:
        """Raise :class:`InputError` if any hidden state held a NaN or an infinity."""
        broken = {layer: int(count) for layer, count in self._broken.items() if count}
        if broken:
            layer, count = next(iter(broken.items()))
            more = f" (and {len(broken) - 1} deeper layers)" if len(broken) > 1 else ""
            raise InputError(
                "non-finite",
                f"Hidden states of layer {layer}{more} are not finite at {count:,} of {positions:,} positions: "
                "load the model in another --dtype, or check its weights.",
            )
