"""Rows streamed from a dataset of the Hugging Face Hub, pinned to one of its commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from huggingface_hub.errors import GatedRepoError, HFValidationError, HTTPError, RepositoryNotFoundError

from estimator.checkpoints import hub
from estimator.checkpoints.patience import Unavailable
from estimator.errors import InputError, MeasurementError, first_lines
from estimator.progress import Progress
from estimator.quiet import quiet_libraries
from estimator.text.corpus import Corpus
from estimator.text.records import Record
from estimator.text.tables import Records

_PREFERRED_SPLITS = ("validation", "test", "train")


def open_dataset(spec: str, progress: Progress) -> Corpus:
    """One split of a dataset, ``name``, ``name:config``, ``name:config:split`` or ``name::split``, at its last commit.

    Raises :class:`InputError`: ``"corpus"`` (no such dataset, configuration or split, or unreachable), ``"access"``
    (gated). Reports phase ``"text"``.
    """
    name, *rest = spec.split(":")
    if len(rest) > 2 or not name:
        raise InputError("corpus", f"{spec!r} is not a hub dataset: write it as name:config:split.")
    config, split = [*(part or None for part in rest), None, None][:2]
    progress.phase("text", 0, None, "documents")
    commit = _commit(name, progress)
    split, rows = _open(name, config, split, commit)
    table = Records(name, lambda: _guarded(name, rows))
    identity = {"source": "hub", "dataset": name, "config": config, "split": split, "commit": commit}
    return Corpus(spec, identity, [table], lambda column: {"column": table.text_column(column)})


def _guarded(name: str, rows: Iterable[Record]) -> Iterator[Record]:
    """The rows; raises :class:`MeasurementError` (``"corpus"``) when the stream is interrupted."""
    from datasets.exceptions import DatasetsError
    from pyarrow import ArrowException

    try:
        yield from rows
    except (HTTPError, OSError) as error:
        raise MeasurementError("corpus", f"Reading {name} from the hub was interrupted: try again.") from error
    except (DatasetsError, ArrowException, ValueError) as error:
        raise InputError("corpus", f"The files of {name} cannot be read: {first_lines(error, 2)}") from error


def _commit(name: str, progress: Progress) -> str:
    def asked() -> str | None:
        return hub.api().dataset_info(name).sha

    try:
        commit = hub.asked(asked, progress, lambda error: not error.has_answered)
    except HFValidationError as error:
        raise InputError(
            "corpus", f"{name!r} is neither a local file or folder nor the name of a hub dataset."
        ) from error
    except GatedRepoError as error:
        raise InputError(
            "access", f"{name} is gated: accept its terms on the hub and sign in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(
            "corpus", f"There is no local file {name} and no such dataset on the hub: check the name."
        ) from error
    except (Unavailable, HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "corpus",
            f"There is no local file {name}, and the hub cannot be reached ({first_lines(error)[:-1]}): name a file, "
            "or use docstrings.",
        ) from error
    if not hub.is_commit(commit):
        raise InputError(
            "corpus", f"The hub names {commit!r} as the commit of {name}, which is no commit's hash: check HF_ENDPOINT."
        )
    return str(commit)


def _open(name: str, config: str | None, split: str | None, commit: str) -> tuple[str, Any]:
    """The name of the split, and its stream of rows."""
    from datasets import config as datasets_config
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    datasets_config.HF_ENDPOINT = hub.endpoint()  # its own still has a password in it

    try:
        with quiet_libraries():
            splits = load_dataset(name, config, streaming=True, revision=commit)
    except DatasetNotFoundError as error:
        gated = "gated" in str(error)
        what = (
            "is gated: accept its terms on the hub and sign in with `hf auth login`"
            if gated
            else "is not a dataset that can be opened"
        )
        raise InputError("access" if gated else "corpus", f"{name} {what}.") from error
    except (DatasetsError, ValueError, FileNotFoundError, RuntimeError) as error:  # the last one: it is a script
        raise InputError("corpus", f"{name} cannot be opened: {first_lines(error, 2)}") from error
    except (HTTPError, OSError) as error:
        raise MeasurementError("corpus", f"Reading {name} from the hub was interrupted: try again.") from error
    if split is None:
        split = next((usual for usual in _PREFERRED_SPLITS if usual in splits), next(iter(splits)))
    if split not in splits:
        raise InputError("corpus", f"{name} has no split {split!r}: it has {', '.join(splits)}.")
    return split, splits[split]
