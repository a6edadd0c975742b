"""Checkpoints as a table: their place in training, their size, and whether they are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.files import in_words
from estimator.checkpoints.catalogue import ModelFacts
from estimator.checkpoints.revision import CATALOGUE, Revision, Sizes
from estimator.measurement import CheckpointMeasurements
from ib_explorer.drawing.records import sample_size

PLACE = ("model", "revision", "commit", "stage", "ingredient", "step", "tokens", "branch", "kind")
"""Columns that a checkpoint's name and commit determine."""
COLUMNS = (*PLACE, "bytes", "bytes_of", "state", "samples", "failure")
MEASURED, FAILED, DOWNLOADED, ON_DISK, ON_HUB, UNTRAINED = (
    *("measured", "failed", "downloaded", "on disk"),
    *("on the hub", "not trained"),
)
"""States of a checkpoint; the first that applies is shown."""
_SHOWN = ("stage", "branch", "step", "tokens", "size", "state", "revision", "sample")
_RIGHT = ("step", "tokens", "size")


@dataclass(frozen=True, slots=True)
class Listed:
    """A checkpoint with its size (0: unknown), the checkpoint whose size that is (empty: its own), and its state."""

    revision: Revision
    bytes: int
    bytes_of: str
    state: str
    samples: tuple[str, ...]
    failure: str

    @property
    def row(self) -> tuple[object, ...]:
        """A row of :data:`COLUMNS`."""
        samples, failure = "; ".join(self.samples) or None, self.failure or None
        return *place_row(self.revision), self.bytes or None, self.bytes_of or None, self.state, samples, failure


def place_row(revision: Revision) -> tuple[object, ...]:
    """A revision as a row of :data:`PLACE`."""
    return tuple(getattr(revision, "name" if column == "revision" else column) for column in PLACE)


def listed(
    revisions: Iterable[Revision],
    sizes: Sizes,
    records: Iterable[CheckpointMeasurements],
    failures: Mapping[tuple[str, str], str],
) -> list[Listed]:
    """The checkpoints with their sizes, the samples they are measured on in ``records``, and why they failed."""
    samples: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        sample = f"{record.corpus}, {sample_size(record)}"
        samples.setdefault((record.model, record.revision), {})[sample] = None
    return [
        _listed(revision, sizes, tuple(samples.get(named, ())), failures.get(named, ""))
        for revision in revisions
        for named in [(revision.model, revision.name)]
    ]


def _listed(revision: Revision, sizes: Sizes, samples: tuple[str, ...], failure: str) -> Listed:
    size = sizes.local.get(revision.name, 0)
    state = MEASURED if samples else FAILED if failure else _place(revision, size)
    is_shared = not size and revision.commit is not None and revision.kind != "none"
    if is_shared:
        return Listed(revision, sizes.typical, _unless(sizes.typical_of, revision.name), state, samples, failure)
    return Listed(revision, size, "", state, samples, failure)


def _unless(text: str, other: str) -> str:
    return "" if text == other else text


def _place(revision: Revision, size: int) -> str:
    if revision.commit is not None:
        return DOWNLOADED if size else ON_HUB
    return ON_DISK if revision.folder is not None and Path(revision.folder).is_dir() else UNTRAINED


def shown(found: Sequence[Listed], known: ModelFacts | None) -> list[str]:
    """The table for people: what the catalogue says of the model, a line per checkpoint, and counts of states."""
    cells = [_SHOWN, *map(_cells, found)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_SHOWN))]
    used = [column for column in range(len(_SHOWN)) if any(row[column] for row in cells[1:])]
    lines = [
        "  ".join(
            row[column].rjust(widths[column]) if _SHOWN[column] in _RIGHT else row[column].ljust(widths[column])
            for column in used
        ).rstrip()
        for row in cells
    ]
    return [*_about(known), *lines, *_summary(found)]


def _cells(one: Listed) -> tuple[str, ...]:
    revision = one.revision
    size = f"{'~' if one.bytes_of else ''}{in_words(one.bytes)}" if one.bytes else ""
    step = "" if revision.step is None else f"{revision.step:,}"
    tokens = "" if revision.tokens is None else _tokens(revision.tokens)
    stage = revision.stage or (revision.kind if revision.kind not in (None, "none") else "") or ""
    return (
        *(stage, revision.branch or "", step, tokens, size, one.state),
        revision.name,
        "; ".join(one.samples) or one.failure,
    )


def _about(known: ModelFacts | None) -> list[str]:
    if known is None:
        return []
    shape = (
        f"{known.parameters:,} parameters" if known.parameters else "",
        f"{known.layers} layers" if known.layers else "",
        f"width {known.width:,}" if known.width else "",
        f"{known.tokens_per_step:,} tokens per step" if known.tokens_per_step else "",
        f"licence {known.licence}" if known.licence else "",
        "gated" if known.gated else "",
    )
    mains = {
        "last": "main is the last checkpoint",
        "equal": f"main equals {known.main_of}",
        "mean": "main is the mean of the last checkpoints of its branches",
        "annealed": f"main is annealed from {known.main_of}",
        "empty": "main holds no model",
    }
    sentences = [
        f"{known.family or known.id}: {', '.join(filter(None, shape)) or 'listed in the catalogue'}",
        f"training: {known.stages}" if known.stages else "",
        mains.get(known.main, ""),
        f"cannot be measured: {known.unsupported}" if known.unsupported else "",
        f"post-trained: {', '.join(known.post_trained)}" if known.post_trained else "",
    ]
    return [*filter(None, sentences), ""]


def _summary(found: Sequence[Listed]) -> list[str]:
    counts = Counter(one.state for one in found)
    states = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    shared = next((one.bytes_of for one in found if one.bytes_of), "")
    source = "from the catalogue" if shared == CATALOGUE else f"that of {shared}"
    sizes = f" Sizes with ~ are {source}." if shared else ""
    return ["", f"{len(found)} checkpoint{'' if len(found) == 1 else 's'}: {states}.{sizes}"]


def _tokens(count: int) -> str:
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count:,}"
