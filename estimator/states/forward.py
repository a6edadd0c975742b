"""One forward pass over a sample that passes the hidden states of the requested layers to a visitor."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from estimator.errors import InputError, MeasurementError
from estimator.progress import Phase, Progress
from estimator.states.batches import BATCH_TOKENS, Batch, batched, make_batch
from estimator.states.blocks import hidden_input, hidden_output
from estimator.states.loading import LoadedModel
from estimator.states.reach import PositionCheck, check_tokens, forget_lengths
from estimator.text.sample import Sample


class _DeepestLayerReached(Exception):
    """Ends a forward pass when deeper blocks are not needed."""


class Visitor(Protocol):
    """A consumer of hidden states.

    On out-of-memory the batch is halved and retried, so sums count only once a batch has ended.
    """

    def begin(self, batch: Batch) -> None:
        """Called when a batch begins; discard the state of an earlier batch that did not end."""

    def read(self, layer: int, z: Tensor) -> None:
        """Called with ``z`` [positions, width] of ``layer`` at the measured positions of the batch."""

    def end(self, batch: Batch, last: Tensor | None) -> None:
        """Called when a batch has ended; ``last`` [documents, tokens, width] is the final state, if it was computed."""


def run_forward(
    model: LoadedModel,
    sample: Sample,
    layers: Iterable[int],
    visitor: Visitor,
    progress: Progress,
    *,
    phase: Phase = "forward",
    to_the_end: bool = False,
    batch_tokens: int | None = None,
) -> None:
    """Pass every measured position of the sample at each of ``layers`` to ``visitor``, batch by batch.

    Documents are sorted by length and batched to about ``batch_tokens`` tokens, padded on the right, where a causal
    model cannot see the padding. Blocks beyond the deepest layer are not run unless ``to_the_end``. On out-of-memory
    the batch is halved and retried. Raises :class:`InputError` when hidden states are not finite (``"non-finite"``),
    and when the model has no embedding of a token (``"tokenizer"``) or position (``"max-length"``);
    :class:`MeasurementError` when not even one document fits.
    """
    check_tokens(model.model, sample)
    queue = deque(batched(sample, batch_tokens or BATCH_TOKENS[model.device.type], model.alike_above))
    check: contextlib.AbstractContextManager[object] = PositionCheck(model.model, queue[0].tokens.shape[1])
    hooks = _Hooks(model, frozenset(layers), visitor, to_the_end)
    done, total = 0, sample.positions
    progress.phase(phase, 0, total, "positions")
    with torch.inference_mode(), hooks:
        while queue:
            batch = queue.popleft()
            try:
                with check:  # of the longest documents, which come first
                    hooks.read_batch(batch)
            except torch.OutOfMemoryError as error:
                if len(batch.documents) == 1:
                    raise MeasurementError(
                        "memory", f"{model.device} has too little memory for a single document: lower --max-length."
                    ) from error
                torch.cuda.empty_cache()
                half = len(batch.documents) // 2
                queue.extendleft(make_batch(sample, part) for part in (batch.documents[half:], batch.documents[:half]))
                progress.note(f"Out of memory with a batch of {len(batch.documents)} documents; retrying with {half}.")
                continue
            check = contextlib.nullcontext()
            done += len(batch.positions)
            progress.phase(phase, done, total, "positions")
    hooks.check_finite(total)


class _Hooks:
    """Hooks on the requested blocks that pass each hidden state to the visitor as soon as it is computed."""

    def __init__(self, model: LoadedModel, layers: frozenset[int], visitor: Visitor, to_the_end: bool) -> None:
        self._model = model
        self._layers = layers
        self._visitor = visitor
        self._deepest = model.depth if to_the_end else max(layers)
        self._broken = {layer: torch.zeros((), dtype=torch.int64, device=model.device) for layer in sorted(layers)}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> None:
        last_of_blocks = self._model.depth - (not self._model.is_narrowed)
        for layer in self._layers:
            if layer == 0:
                self._handles.append(self._model.blocks[0].register_forward_pre_hook(self._on_input, with_kwargs=True))
            elif layer <= last_of_blocks:
                self._handles.append(self._model.blocks[layer - 1].register_forward_hook(self._on_output(layer)))

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _on_input(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._read(0, hidden_input(args, kwargs))

    def _on_output(self, layer: int) -> Callable[[nn.Module, object, Any], None]:
        def hook(_: nn.Module, __: object, output: Any) -> None:
            self._read(layer, hidden_output(output))

        return hook

    def read_batch(self, batch: Batch) -> None:
        """Run the model on a batch, as deep as needed."""
        self._rows = torch.from_numpy(batch.rows).to(self._model.device)
        tokens = torch.from_numpy(batch.tokens).to(self._model.device)
        last: Tensor | None = None
        self._visitor.begin(batch)
        forget_lengths(self._model)
        with contextlib.suppress(_DeepestLayerReached):
            last = self._model.model(input_ids=tokens, use_cache=False).last_hidden_state
            if not self._model.is_narrowed:
                self._read(self._model.depth, last)
        self._visitor.end(batch, last)

    def _read(self, layer: int, hidden: Tensor) -> None:
        """Pass the measured rows of ``hidden`` [documents, tokens, width] to the visitor as ``layer``."""
        if layer in self._layers:
            z = hidden.reshape(-1, hidden.shape[-1]).index_select(0, self._rows)
            norm = torch.linalg.vector_norm(z, dim=-1, dtype=torch.float32)
            self._broken[layer] += norm.isfinite().logical_not().sum()
            self._visitor.read(layer, z)
        if layer == self._deepest and layer < self._model.depth:
            raise _DeepestLayerReached

    def check_finite(self, positions: int) -> None:
        """Raise :class:`InputError` if any hidden state contained a NaN or an infinity."""
        broken = {layer: int(count) for layer, count in self._broken.items() if count}
        if broken:
            layer, count = next(iter(broken.items()))
            more = f" (and {len(broken) - 1} deeper layers)" if len(broken) > 1 else ""
            raise InputError(
                "non-finite",
                f"Hidden states of layer {layer}{more} are not finite at {count:,} of {positions:,} positions: "
                "load the model in another --dtype, or check its weights.",
            )
