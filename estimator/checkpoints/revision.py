"""A checkpoint of a model, before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SOUP: Literal["soup"] = "soup"
"""The ingredient of a checkpoint that is the mean of others."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One checkpoint: its location and its place in training.

    ``model`` is the displayed name (hub id, folder or ``"demo"``), ``name`` the branch, tag or checkpoint folder,
    unless ``reference`` is the branch (where each checkpoint is a repository, whose branches are all ``main``).
    ``commit`` is the hub's; None for a local ``folder``, which is identified by its content digest instead. ``step``
    and ``tokens`` count from the start of ``stage``, or from that of training if steps continue over stages; ``tokens``
    are exact if the catalogue has the model's tokens per step, else as published (rounded to 1e9 on most hubs).

    ``ingredient`` and ``fork`` (a seed, a learning rate, or ``main`` where it is not the last checkpoint) are branches
    of training. ``kind`` is pretrain, midtrain, longctx, soup, anneal, sft, dpo, rlvr or encoder, ``"none"`` if the
    revision has no model, None if unknown. ``ordinal`` is the place of a name without steps among
    the model's code names.
    """

    model: str
    name: str
    commit: str | None = None
    folder: str | None = None
    stage: str | None = None
    ingredient: int | Literal["soup"] | None = None
    step: int | None = None
    tokens: int | None = None
    kind: str | None = None
    fork: str | None = None
    ordinal: int | None = None
    reference: str | None = None

    @property
    def branch(self) -> str | None:
        """The branch of training: ``ingredient 3``, ``soup``, a seed or a learning rate; None on the trunk."""
        if self.ingredient is None:
            return self.fork
        return SOUP if self.ingredient == SOUP else f"ingredient {self.ingredient}"

    @property
    def is_placed(self) -> bool:
        """Whether the name tells a place in training."""
        has_kind = self.kind not in (None, "none") and self.name != "main"
        return has_kind or any(part is not None for part in (self.stage, self.step, self.tokens, self.ordinal))


CATALOGUE = "catalogue"
"""The source of a size that no checkpoint told."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """``local``: bytes of the checkpoints on this machine, by name; ``typical``: bytes of ``typical_of`` (0: unknown).

    A model's checkpoints have equal shapes, so one stands for all: a question for each of 1,500 would take minutes.
    ``typical_of`` is the name of a checkpoint, or :data:`CATALOGUE`.
    """

    local: dict[str, int]
    typical: int = 0
    typical_of: str = ""
