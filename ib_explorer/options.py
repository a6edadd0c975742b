"""Every option once: what the command line, the configuration file, the environment and the screen all show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from estimator.errors import InputError
from estimator.measurement import VARIANTS, WEIGHTS
from estimator.registry import Registry
from estimator.request import MeasurementRequest
from estimator.text.kinds import LABELS
from estimator.values import VALUES

FLAG_ON = "yes"
"""What a flag is on the command line's behalf when it is named there."""
Kind = Literal["text", "number", "texts", "numbers", "flag"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a measurement.

    ``name`` is its spelling on the command line and in the configuration file, ``field`` the field of
    :class:`MeasurementRequest` that it sets (None for the preset, which sets others). ``kind`` says whether it takes a
    text, a whole number, a list of either, written with commas, or is on when it is named. ``description`` is its
    :attr:`help`, or makes it. ``choices`` are all that it can be, if few, or ``entries`` has them.
    """

    name: str
    field: str | None
    kind: Kind
    metavar: str
    description: str | Callable[[], str]
    choices: tuple[str, ...] = ()
    entries: Registry[Any] | None = None

    @property
    def help(self) -> str:
        """What it sets, as a clause."""
        return self.description if isinstance(self.description, str) else self.description()

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "IB_EXPLORER_" + self.name.replace("-", "_").upper()

    @property
    def default(self) -> Any:
        """Its value when nobody sets it."""
        return next(iter(VALUES)) if self.field is None else _DEFAULTS[self.field]

    def read(self, value: object) -> Any:
        """A value as written on the command line, in a form or in TOML; raises :class:`InputError` if it is none."""
        if self.kind == "flag":
            return self._read_flag(value)
        if self.kind in ("text", "number"):
            return self._read_one(value)
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            parts = [parts]
        return tuple(self._read_one(part) for part in parts)

    def write(self, value: object) -> str:
        """A value as a user would write it; the inverse of :meth:`read` (None, where nothing is chosen, is empty)."""
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
        raise InputError(self.name, f"{self.name} is yes or no, not {value!r}.")

    def _read_one(self, value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(self.name, f"{self.name} cannot be {value!r}.")
        text = str(value).strip()
        if not text:
            raise InputError(self.name, f"{self.name} is empty: give {self.metavar}.")
        if self.entries is not None:
            self.entries.find(text)
        if self.choices and text not in self.choices:
            raise InputError(self.name, f"There is no {self.name} {text!r}: choose from {', '.join(self.choices)}.")
        if self.kind in ("text", "texts"):
            return text
        try:
            return int(text)
        except ValueError:
            raise InputError(self.name, f"{self.name} takes whole numbers, not {text!r}.") from None


def _corpus_help() -> str:
    from estimator.text.sources import SOURCES  # loads other packages' sources, for which nothing else need wait

    return (
        f"text to measure on: {'; '.join(source.help for source in SOURCES.values())}; "
        "by default C4's validation split where the hub answers, docstrings where it does not"
    )


_DEFAULTS = {field.name: field.default for field in fields(MeasurementRequest)}

OPTIONS = (
    Option("corpus", "corpus", "text", "TEXT", _corpus_help),
    Option("text-column", "text_column", "text", "COLUMN", "the column that holds the text, if it is not found"),
    Option("documents", "documents", "number", "N", "documents in the sample"),
    Option("max-length", "max_length", "number", "T", "tokens after which a document is cut"),
    Option("layers", "layers", "text", "LAYERS", "all (1 to the depth, and their mean), mean, or a list: 0,3,5-8"),
    Option(
        "granularity",
        "granularities",
        "texts",
        "LIST",
        f"kinds of labels, of {', '.join(LABELS.choices)}; preference: on --documents pairs of the preference "
        "set that --corpus names (by default Tulu 3's)",
        entries=LABELS,
    ),
    Option(
        "temperature",
        "temperatures",
        "texts",
        "LIST",
        "exact, leading-order, a number such as 0.01, or a multiple of the exact rule such as x0.5",
    ),
    Option("weights", "weights", "texts", "LIST", f"weights of the labels, of {', '.join(WEIGHTS)}", WEIGHTS),
    Option("min-count", "min_count", "number", "N", "uniform weights leave out labels that occur less often"),
    Option(
        "variant",
        "variants",
        "texts",
        "LIST",
        f"hidden states as they are, or first centred or standardised: of {', '.join(VARIANTS)}; all but raw take a "
        "second forward pass",
        VARIANTS,
    ),
    Option(
        "preset",
        None,
        "text",
        "|".join(VALUES),
        "value to draw and the options that belong to it; "
        + "; ".join(f"{value.name}: {value.help}" for value in VALUES.values()),
        entries=VALUES,
    ),
    Option("anchors", "anchors", "number", "N", "anchors of the soft assignment"),
    Option("anchor-seeds", "anchor_seeds", "numbers", "LIST", "seeds of the anchor draws to average over"),
    Option("device", "device", "text", "DEVICE", "auto, cpu, cuda, cuda:1, mps"),
    Option("dtype", "dtype", "text", "DTYPE", "auto (as the checkpoint has it), float32, bfloat16, float16"),
    Option("loss", "loss", "flag", "", "the model's loss on the same text beside, in nats per token"),
)


NOT_OF_PAIRS = ("text-column",)
"""Options that samples of pairs have no use for."""
PREFERENCE_SET = (
    "preference set: a hub dataset, a .jsonl, .csv or .parquet file, or a folder of them, with the columns chosen and "
    "rejected; by default Tulu 3's"
)
"""What ``corpus`` takes where pairs are measured."""


def option(name: str) -> Option:
    """The option of that name; raises KeyError when there is none."""
    return {option.name: option for option in OPTIONS}[name]


def demo_request(device: str = "auto") -> MeasurementRequest:
    """The built-in demo: every checkpoint of a tiny model trained here, on a sample that two cores manage."""
    return MeasurementRequest(
        model="demo",
        revision="all",
        corpus="docstrings",
        documents=64,
        max_length=256,
        weights=WEIGHTS,
        device=device,
    )
