"""The request that every measurement starts from: what to measure, of which model, on which text."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from estimator.amounts import parse_bytes
from estimator.errors import InputError
from estimator.measurement import MIN_COUNT, VARIANTS, WEIGHTS, Granularity, Variant, Weights
from estimator.text.kinds import LABELS, NGRAMS
from estimator.text.labels import LabelKind, SampleKind

AUTO = "auto"
DTYPES = ("auto", "float32", "bfloat16", "float16")
"""Data types a model can run in; ``auto`` is the checkpoint's own, but float32 on the CPU."""


@dataclass(frozen=True, slots=True)
class MeasurementRequest:
    """All parameters of a measurement; the command line, the screen and scripts all build one.

    ``model`` is a hub id, a local folder or ``"demo"``; ``revision`` a name, commit or selection (``"all"``,
    ``"log:16"``, ``"stage1"``, a glob). ``corpus`` is a hub dataset ``name:config:split``, a file, a folder or
    ``"docstrings"``; None selects the default of this machine. ``documents`` texts are truncated to ``max_length``
    tokens. ``layers`` is ``"all"`` (1 to the depth), ``"mean"`` or a list such as ``"0,3,5-8"``. ``temperatures`` are
    rules or numbers as the user wrote them. Labels that occur less than ``min_count`` times are excluded from uniform
    weights. ``variants`` are transformations applied to hidden states before their directions are taken; ``loss``
    requests the model's cross-entropy on the same text. ``match_length`` cuts the longer completion of each preference
    pair to the length of the shorter one. ``granularities`` are kinds of labels
    (:data:`estimator.text.kinds.LABELS`), all for the same kind of sample: for kinds measured on pairs, such as
    ``"preference"``, ``corpus`` is a preference set and ``documents`` counts pairs. ``safetensors_only`` refuses
    weights in ``.bin`` files; ``checkpoint_budget`` is the disk space for downloaded checkpoints, such as ``"60GB"``,
    or ``"auto"``. Raises :class:`InputError` when a value is out of range.
    """

    model: str
    revision: str | None = None
    corpus: str | None = None
    text_column: str | None = None
    documents: int = 256
    max_length: int = 512
    layers: str = "all"
    granularities: tuple[Granularity, ...] = NGRAMS
    temperatures: tuple[str, ...] = ("exact",)
    weights: tuple[Weights, ...] = ("frequency",)
    min_count: int = MIN_COUNT
    variants: tuple[Variant, ...] = ("raw",)
    anchors: int = 100
    anchor_seeds: tuple[int, ...] = (0, 1, 2, 3)
    device: str = "auto"
    dtype: str = "auto"
    loss: bool = False
    match_length: bool = False
    safetensors_only: bool = False
    checkpoint_budget: str = AUTO

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise InputError("model", "No model was named: give a hub id, a folder, or demo.")
        if self.documents < 2:
            raise InputError("documents", f"--documents must be at least 2, not {self.documents}.")
        if self.max_length < 8:
            raise InputError(
                "max-length",
                f"--max-length must be at least 8, the tokens that one measured position needs, not {self.max_length}.",
            )
        if self.anchors < 2:
            raise InputError("anchors", f"--anchors must be at least 2, not {self.anchors}.")
        if not self.anchor_seeds or len(set(self.anchor_seeds)) != len(self.anchor_seeds) or min(self.anchor_seeds) < 0:
            raise InputError("anchor-seeds", "--anchor-seeds must be one or more distinct numbers, each at least 0.")
        _check_labels(self.granularities)
        if self.match_length and self.sample_kind != "pairs":
            raise InputError(
                "match-length",
                f"--match-length applies to pairs, and {self.granularities[0]} is measured on texts: leave it out.",
            )
        _check_choices("weights", self.weights, WEIGHTS)
        _check_choices("variant", self.variants, VARIANTS)
        if self.checkpoint_budget != AUTO and parse_bytes(self.checkpoint_budget) is None:
            raise InputError(
                "checkpoint-budget",
                f"--checkpoint-budget must be an amount such as 60GB, or auto, not {self.checkpoint_budget!r}.",
            )
        _check_choices("dtype", (self.dtype,), DTYPES)
        if self.min_count < 1:
            raise InputError("min-count", f"--min-count must be at least 1, not {self.min_count}.")
        if not self.temperatures:
            raise InputError("temperature", "Give a temperature: exact, leading-order, a number such as 0.01, or x0.5.")

    @property
    def kinds(self) -> list[LabelKind]:
        """The kinds of labels to measure: those requested, and those that are measured together with them."""
        return LABELS.family(self.granularities)

    @property
    def sample_kind(self) -> SampleKind:
        """The kind of sample: texts or pairs."""
        return LABELS.find(self.granularities[0]).sample

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the corpus that the labels need."""
        return tuple(dict.fromkeys(column for kind in self.kinds for column in kind.columns))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> MeasurementRequest:
        """The request whose fields came as JSON, lists for tuples; raises TypeError on unknown fields."""
        known = {field.name for field in fields(cls)}
        if unknown := set(data) - known:
            raise TypeError(f"unknown request fields: {', '.join(sorted(unknown))}")
        fields_given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**fields_given)


def _check_labels(names: tuple[str, ...]) -> None:
    if not names:
        raise InputError("granularity", f"Choose at least one granularity from {', '.join(LABELS.choices)}.")
    samples = {LABELS.find(name).sample: name for name in names}
    if len(samples) > 1:
        raise InputError(
            "granularity",
            f"{' and '.join(samples.values())} are measured on different samples, {' and '.join(samples)}: "
            "measure them in separate runs.",
        )


def _check_choices(name: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise InputError(name, f"There is no {name} {value!r}: choose from {', '.join(allowed)}.")
    if not values:
        raise InputError(name, f"Choose at least one {name} from {', '.join(allowed)}.")
