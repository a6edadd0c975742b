"""Texts streamed from a dataset of the Hugging Face Hub, fixed to one of its commits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HFValidationError, HTTPError, RepositoryNotFoundError

from estimator.checkpoints import hub
from estimator.errors import InputError, MeasurementError
from estimator.quiet import quiet_libraries
from estimator.text.columns import choose_column, text_of, textual

_PREFERRED_SPLITS = ("validation", "test", "train")
_DECIDING = 8


class HubRows:
    """One split of a hub dataset: ``commit`` is its current one, ``split`` the one named or else found.

    Opening it asks the hub and raises :class:`InputError`: ``"corpus"`` (no such dataset, configuration or split,
    or out of reach), ``"access"`` (gated).
    """

    def __init__(self, name: str, config: str | None, split: str | None) -> None:
        self.name = name
        self.commit = _commit(name)
        self.split, self._rows = _open(name, config, split, self.commit)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The split's rows, in its order; raises :class:`MeasurementError` (``"network"``) when it breaks off."""
        return self._guarded(self._rows)

    def _guarded(self, rows: Any) -> Iterator[dict[str, Any]]:
        from datasets.exceptions import DatasetsError
        from pyarrow import ArrowException

        try:
            yield from rows
        except (HTTPError, OSError) as error:
            raise MeasurementError("network", f"Reading {self.name} from the hub broke off: try again.") from error
        except (DatasetsError, ArrowException, ValueError) as error:
            raise InputError("corpus", f"The files of {self.name} cannot be read: {_first_line(error)}") from error


class HubText(HubRows):
    """The texts of one column of a split; raises also :class:`InputError` ``"column"``."""

    def __init__(self, name: str, config: str | None, split: str | None, text_column: str | None) -> None:
        super().__init__(name, config, split)
        first = self._some_rows(_DECIDING)
        if not first:
            raise InputError("corpus", f"The split {self.split} of {name} is empty.")
        columns = list(first[0])
        filled = {column for row in first for column in textual(row)}
        self.column = choose_column(columns, [column for column in columns if column in filled], text_column, name)

    def texts(self) -> Iterator[str]:
        """The split's texts, in its order; raises :class:`MeasurementError` (``"network"``) when it breaks off."""
        for row in self.rows():
            if text := text_of(row.get(self.column), self.column, self.name):
                yield text

    def _some_rows(self, count: int) -> list[dict[str, Any]]:
        return list(itertools.islice(self.rows(), count))


def _commit(name: str) -> str:
    try:
        if not hub.answers():
            raise InputError(
                "corpus",
                f"{name} is no file here, and the hub's datasets are out of reach: name a file, or docstrings.",
            )
        commit = HfApi().dataset_info(name, timeout=hub.ANSWER_WITHIN).sha
    except HFValidationError as error:
        raise InputError("corpus", f"{name!r} is neither a file or folder here nor a hub dataset's name.") from error
    except GatedRepoError as error:
        raise InputError(
            "access", f"{name} is gated: accept its terms on the hub and sign in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError("corpus", f"There is no file {name} here and no such dataset on the hub.") from error
    except (HTTPError, OSError) as error:
        raise InputError("corpus", f"The hub does not tell about the dataset {name}: try again later.") from error
    return str(commit)


def _open(name: str, config: str | None, split: str | None, commit: str) -> tuple[str, Any]:
    """The name of the split, and its stream of rows."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    try:
        with quiet_libraries():
            splits = load_dataset(name, config, streaming=True, revision=commit)
    except DatasetNotFoundError as error:
        gated = "gated" in str(error)
        what = "is gated: accept its terms on the hub and sign in" if gated else "is not a dataset that can be opened"
        raise InputError("access" if gated else "corpus", f"{name} {what}.") from error
    except (DatasetsError, ValueError, FileNotFoundError) as error:
        raise InputError("corpus", f"{name} cannot be opened: {_first_line(error)}") from error
    except (HTTPError, OSError) as error:
        raise MeasurementError("network", f"Reading {name} from the hub broke off: try again.") from error
    if split is None:
        split = next((usual for usual in _PREFERRED_SPLITS if usual in splits), next(iter(splits)))
    if split not in splits:
        raise InputError("corpus", f"{name} has no split {split!r}: it has {', '.join(splits)}.")
    return split, splits[split]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = " ".join(lines[:2]) or type(error).__name__
    return message[:300].rstrip(".") + "."
