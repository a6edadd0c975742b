"""The decoder blocks of a model, found and proven on six tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from estimator.errors import InputError, first_lines
from estimator.states.configuration import encoder, several_streams


@dataclass(frozen=True, slots=True)
class Blocks:
    """Decoder blocks in order, the ``width`` of their states, and whether the final state is narrower than these."""

    modules: tuple[nn.Module, ...]
    width: int
    is_narrowed: bool


def hidden_input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """The hidden states among the arguments of a block."""
    return cast(Tensor, args[0] if args else kwargs["hidden_states"])


def hidden_output(output: Any) -> Tensor:
    """The hidden states in what a block returns: itself, or the first of a tuple or list."""
    return cast(Tensor, output[0] if isinstance(output, tuple | list) else output)


def find_blocks(model: Any, where: str) -> Blocks:
    """The blocks whose outputs are the hidden states that the model reports; raises :class:`InputError`.

    Refused are models in which a token sees later ones, that have several residual streams, or that run their blocks
    more than once.
    """
    family = model.config.model_type
    tokens = _six_tokens(model)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    changed = tokens.clone()
    changed[0, -1] = (tokens[0, -1] + vocabulary // 2) % vocabulary
    runs: list[tuple[nn.Module, Tensor, Tensor]] = []

    def keep(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        runs.append((block, hidden_input(args, kwargs), hidden_output(output)))

    try:
        with torch.inference_mode():
            states = _states(model, tokens)
            others = _states(model, changed)
            blocks = _listed(model, len(states) - 1)
            handles = [block.register_forward_hook(keep, with_kwargs=True) for block in blocks]
            try:
                last = model(tokens, use_cache=False).last_hidden_state
            finally:
                for handle in handles:
                    handle.remove()
    except (TypeError, AttributeError, ValueError, IndexError, KeyError, AssertionError, RuntimeError) as error:
        raise InputError(
            "architecture", f"{where} ({family}) cannot be run on token ids alone: {first_lines(error)}"
        ) from error
    if any(state.dim() != 3 or state.shape[:2] != tokens.shape for state in states):
        raise several_streams(where, family)
    if not all(_same(state[:, :-1], other[:, :-1]) for state, other in zip(states, others, strict=True)):
        raise encoder(where, family)
    if not blocks or [block for block, _, _ in runs] != list(blocks):
        raise InputError(
            "architecture",
            f"{where} ({family}) does not pass its hidden states once through each of {len(states) - 1} blocks.",
        )
    outputs = [output for _, _, output in runs]
    if any(output.shape[:-1] != tokens.shape for output in outputs):
        raise several_streams(where, family)
    # Some state-space models do not report the embedding, but the last block before the final norm.
    usual = [_alike(*pair) for pair in zip([runs[0][1], *outputs[:-1]], states[:-1], strict=True)]
    shifted = [_alike(*pair) for pair in zip(outputs, states[:-1], strict=True)]
    if not (all(usual) or all(shifted)):
        raise InputError(
            "architecture", f"The blocks of {where} ({type(model).__name__}) do not return its hidden states."
        )
    width = outputs[0].shape[-1]
    return Blocks(blocks, width, last.shape[-1] != width)


def base_of(whole: Any) -> Any:
    """The base model of a model with a head; decoders cut out of an encoder-decoder are wrapped once more."""
    base = whole.base_model
    return base.decoder if type(base).__name__.endswith("DecoderWrapper") else base


def proven_head(whole: Any, base: Any, where: str) -> nn.Module:
    """The output embedding, verified on six tokens: some models scale or cap its output to obtain logits."""
    head = whole.get_output_embeddings()
    tokens = _six_tokens(base)
    if head is not None and base is not whole:
        with torch.inference_mode():
            states = base(tokens, use_cache=False).last_hidden_state
            if _same(head(states), whole(tokens, use_cache=False).logits):
                return cast(nn.Module, head)
    raise InputError(
        "architecture", f"The logits of {where} are not its output embedding of the final states: leave out --loss."
    )


def _six_tokens(model: Any) -> Tensor:
    vocabulary = model.get_input_embeddings().weight.shape[0]
    return torch.arange(6, device=model.device)[None].remainder(vocabulary)


def _states(model: Any, tokens: Tensor) -> Sequence[Tensor]:
    return cast(Sequence[Tensor], model(tokens, use_cache=False, output_hidden_states=True).hidden_states)


def _listed(model: Any, depth: int) -> tuple[nn.Module, ...]:
    """The first list of ``depth`` modules, outermost first, in the language model: a vision tower may be as deep."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    for part in (decoder, model):
        for module in part.modules() if isinstance(part, nn.Module) else ():
            if isinstance(module, nn.ModuleList) and len(module) == depth:
                return tuple(module)
    return ()


def _alike(first: Tensor, second: Tensor) -> bool:
    """Whether two states are the same up to a factor: RWKV halves its states every few blocks, outside of these."""
    return first.shape == second.shape and _same(_scaled(first), _scaled(second))


def _scaled(state: Tensor) -> Tensor:
    size: Tensor = state.float().square().mean().sqrt()
    return state.float().div(size)


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-2, atol=1e-3, equal_nan=True)
