"""The single declaration of every option, for the command line, configuration file, environment and screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal

from estimator.errors import InputError
from estimator.measurement import VARIANTS, WEIGHTS
from estimator.registry import Registry
from estimator.request import DTYPES, MeasurementRequest
from estimator.text.kinds import LABELS
from estimator.values import VALUES

FLAG_ON = "yes"
"""The value of a flag that is present on the command line."""
Kind = Literal["text", "number", "texts", "numbers", "ranges", "flag"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a measurement.

    ``name`` is its spelling on the command line and in the configuration file, ``field`` the field of
    :class:`MeasurementRequest` that it sets (None for the preset, which sets others). ``kind`` says whether it takes a
    text, a whole number, a comma-separated list of either, a list of numbers and ranges that stays one text, or is a
    flag. ``description`` is its :attr:`help`, or a function that returns it; it starts with a verb or a noun and shows
    literals as they are typed. ``choices`` are all valid values, if few, or ``entries`` provides them. ``own_default``
    replaces the request's default for one command.
    """

    name: str
    field: str | None
    kind: Kind
    metavar: str
    description: str | Callable[[], str]
    choices: tuple[str, ...] = ()
    entries: Registry[Any] | None = None
    own_default: Any = None

    @property
    def help(self) -> str:
        """The help text, as a sentence."""
        return self.description if isinstance(self.description, str) else self.description()

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "IB_EXPLORER_" + self.name.replace("-", "_").upper()

    @property
    def default(self) -> Any:
        """Its value if it is not set."""
        if self.own_default is not None:
            return self.own_default
        return next(iter(VALUES)) if self.field is None else _DEFAULTS[self.field]

    def read(self, value: object) -> Any:
        """A value as written on the command line, in a form, in TOML or in Python.

        Raises :class:`InputError` if it is invalid.
        """
        if self.kind == "flag":
            return self._read_flag(value)
        if self.kind in ("text", "number"):
            return self._read_one(value)
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else [value]
        read = tuple(self._read_one(part) for part in parts)
        return ",".join(read) if self.kind == "ranges" else read

    def write(self, value: object) -> str:
        """A value as a user would write it; the inverse of :meth:`read` (None, if nothing is selected, is empty)."""
        if value is None:
            return ""
        if self.kind == "flag":
            return FLAG_ON if value else "no"
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    def _read_flag(self, value: object) -> bool:
        word = str(value).strip().lower()
        if word in (FLAG_ON, "true", "1"):
            return True
        if word in ("no", "false", "0"):
            return False
        raise InputError(self.name, f"{self.name} must be yes or no, not {value!r}.")

    def _read_one(self, value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | Real | os.PathLike):  # numpy's numbers are Real
            raise InputError(self.name, f"{self.name} cannot be {value!r}.")
        text = str(value).strip()
        if not text:
            raise InputError(self.name, f"{self.name} is empty: give {self.metavar}.")
        if self.entries is not None:
            self.entries.find(text)
        if self.choices and text not in self.choices:
            raise InputError(self.name, f"{self.name} cannot be {text!r}: choose from {', '.join(self.choices)}.")
        if self.kind not in ("number", "numbers"):
            return text
        try:
            return int(text)
        except ValueError:
            raise InputError(self.name, f"{self.name} takes whole numbers, not {text!r}.") from None


def _corpus_help() -> str:
    from estimator.text.sources import SOURCES  # loads other packages' sources, which only this help text needs

    return (
        f"Text to measure on: {'; '.join(source.help for source in SOURCES.values())}; default: C4's validation split "
        "if the hub can be reached, else docstrings."
    )


def _labels_help() -> str:
    return (
        f"Labels, from {', '.join(LABELS.choices)}: n-grams; a column of the corpus, one label per document; or, "
        "on its own, preference, on --documents pairs of the preference set that --corpus names (default: Tulu 3's)."
    )


def _preset_help() -> str:
    values = "; ".join(f"{value.name}: {value.help}" for value in VALUES.values())
    return f"Value to report; sets the options that belong to it. {values}."


_DEFAULTS = {field.name: field.default for field in fields(MeasurementRequest)}

OPTIONS = (
    Option(
        "corpus",
        "corpus",
        "text",
        "TEXT",
        _corpus_help,
    ),
    Option("text-column", "text_column", "text", "COLUMN", "Name of the text column (default: detected)."),
    Option("documents", "documents", "number", "N", "Number of documents in the sample."),
    Option("max-length", "max_length", "number", "T", "Maximum number of tokens per document."),
    Option(
        "layers",
        "layers",
        "ranges",
        "LAYERS",
        "Layers to measure: all (1 to the depth, and their mean), mean, or a list such as 0,3,5-8.",
    ),
    Option(
        "granularity",
        "granularities",
        "texts",
        "LIST",
        _labels_help,
        entries=LABELS,
    ),
    Option(
        "temperature",
        "temperatures",
        "texts",
        "LIST",
        "Temperature rules: exact, leading-order, a number such as 0.01, or a multiple of the exact rule such as x0.5.",
    ),
    Option("weights", "weights", "texts", "LIST", f"Label weights, from {', '.join(WEIGHTS)}.", WEIGHTS),
    Option("min-count", "min_count", "number", "N", "Minimum label count for uniform weights."),
    Option(
        "variant",
        "variants",
        "texts",
        "LIST",
        f"Variants of the hidden states, from {', '.join(VARIANTS)}; all but raw need a second forward pass.",
        VARIANTS,
    ),
    Option(
        "preset",
        None,
        "text",
        "NAME",
        _preset_help,
        entries=VALUES,
    ),
    Option("anchors", "anchors", "number", "N", "Number of anchors of the soft assignment."),
    Option("anchor-seeds", "anchor_seeds", "numbers", "LIST", "Seeds of the anchor draws to average over."),
    Option("device", "device", "text", "DEVICE", "Device to compute on: auto, cpu, cuda, cuda:1 or mps."),
    Option(
        "dtype",
        "dtype",
        "text",
        "DTYPE",
        "Data type of the model: auto (float32 on the CPU, else the checkpoint's), float32, bfloat16 or float16.",
        DTYPES,
    ),
    Option("loss", "loss", "flag", "", "Also report the model's loss on the same text, in nats per token."),
    Option(
        "match-length",
        "match_length",
        "flag",
        "",
        "Cut the longer completion of each preference pair to the length of the shorter one.",
    ),
    Option(
        "checkpoint-budget",
        "checkpoint_budget",
        "text",
        "SIZE",
        "Disk space for downloaded checkpoints, such as 60GB: measured ones are released when the next one needs room; "
        "auto: 100 GB or a quarter of the free space, whichever is smaller.",
    ),
    Option(
        "safetensors-only",
        "safetensors_only",
        "flag",
        "",
        "Refuse weights in .bin files, which are otherwise read without running code where there are no safetensors.",
    ),
)


THEME = Option(
    "theme",
    None,
    "text",
    "NAME",
    "Colours and characters of the explorer; auto: dark, or what the terminal's colours and encoding allow.",
    ("auto", "dark", "light", "high-contrast", "16-colours", "ascii"),
    own_default="auto",
)
"""The theme of the screen: in the configuration file and as IB_EXPLORER_THEME, no part of a measurement."""

NOT_OF_PAIRS = ("text-column",)
"""Options that do not apply to samples of pairs."""
ONLY_OF_PAIRS = ("match-length",)
"""Options that apply to samples of pairs only."""
PREFERENCE_SET = (
    "Pairs of a preference set: a hub dataset, a .jsonl, .csv or .parquet file, or a folder of them, with the columns "
    "chosen and rejected; default: Tulu 3's."
)
"""Help text of ``corpus`` for measurements of pairs."""


def option(name: str) -> Option:
    """The option of that name; raises KeyError if it does not exist."""
    return {option.name: option for option in OPTIONS}[name]


def demo_request(device: str = "auto") -> MeasurementRequest:
    """The request of the built-in demo: all checkpoints of a tiny model, on a sample small enough for two cores."""
    return MeasurementRequest(
        model="demo",
        revision="all",
        corpus="docstrings",
        documents=64,
        max_length=256,
        weights=WEIGHTS,
        device=device,
    )
