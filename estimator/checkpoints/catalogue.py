"""What is known of open models before the hub is asked: sizes, tokens per step, stages, joined repositories.

The project's own catalogue is ``assets/catalogue.toml``; a user's file of the same form is merged into it. A model that
neither lists works all the same, and where the hub answers, its answer wins.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from estimator.errors import InputError

FILE = "catalogue.toml"
"""The name of the catalogue in ``assets/`` and in the user's configuration folder."""
MAINS = ("last", "equal", "mean", "annealed", "empty")
"""What ``main`` can be: the last checkpoint, equal to a listed one, a mean, annealed from a listed one, no model."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the catalogue says of a model; ``id`` may be a glob, such as ``EleutherAI/pythia-*``.

    ``width`` is that of hidden states. ``stage_tokens_per_step`` overrides ``tokens_per_step`` in the stages named.
    ``kinds`` are those of stages and code names, ``kind`` that of other checkpoints. ``first_stage`` is that of names
    without one. ``steps`` is ``restart`` or ``continue``: how steps count in later stages. ``code_names`` are in
    training order. ``main`` is one of :data:`MAINS`, ``main_of`` the checkpoint that it equals or is annealed from.
    ``also`` are repositories with further checkpoints, ``tokenizer_from`` the one with the tokenizer of revisions
    that have none, ``unsupported`` the reason why a model cannot be measured.
    """

    id: str
    family: str = ""
    licence: str = ""
    gated: bool = False
    parameters: int = 0
    layers: int = 0
    width: int = 0
    tokens_per_step: int = 0
    stage_tokens_per_step: Mapping[str, int] = field(default_factory=dict)
    stages: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None
    first_stage: str | None = None
    steps: str = ""
    code_names: tuple[str, ...] = ()
    main: str = ""
    main_of: str = ""
    also: tuple[str, ...] = ()
    repository_per_checkpoint: bool = False
    tokenizer_from: str = ""
    weights: str = ""
    download_bytes: int = 0
    post_trained: tuple[str, ...] = ()
    unsupported: str = ""

    def tokens_each_step(self, stage: str | None) -> int:
        """Tokens of one training step; 0 if unknown, or if it changes within the stage."""
        return self.stage_tokens_per_step.get(stage or "", self.tokens_per_step)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models by id, exact ids and globs."""

    models: Mapping[str, ModelFacts]

    def find(self, model: str) -> ModelFacts | None:
        """The entry of a hub id, in any case; of several globs that match, the longest."""
        wanted = model.lower()
        if (exact := self.models.get(wanted)) is not None:
            return exact
        globs = [entry for name, entry in self.models.items() if "*" in name and fnmatch.fnmatchcase(wanted, name)]
        return max(globs, key=lambda entry: len(entry.id), default=None)

    def whole(self, model: str) -> str:
        """The model that a repository holds checkpoints of: another one if that lists it in ``also``."""
        wanted = model.lower()
        return next((entry.id for entry in self.models.values() if wanted in map(str.lower, entry.also)), model)


_users_file: Path | None = None


def use_file(path: Path) -> None:
    """Merge the user's file ``path``, which need not exist, into the catalogue; it is read when first needed."""
    global _users_file
    if path != _users_file:
        _users_file = path
        catalogue.cache_clear()
        facts.cache_clear()
        whole_model.cache_clear()


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue; raises :class:`InputError` (``"catalogue"``) if the user's file is damaged."""
    own = tomllib.loads(files("assets").joinpath(FILE).read_text(encoding="utf-8"))
    return merged([("the catalogue", own), *_users()])


@lru_cache(maxsize=1024)
def facts(model: str) -> ModelFacts | None:
    """What the catalogue says of a model; None if it does not list it."""
    return catalogue().find(model)


@lru_cache(maxsize=1024)
def whole_model(model: str) -> str:
    """See :meth:`Catalogue.whole`."""
    return catalogue().whole(model)


def merged(documents: Iterable[tuple[str, Mapping[str, Any]]]) -> Catalogue:
    """The catalogue of several documents, each with its source; later entries replace single fields of earlier ones.

    A document has ``[families.NAME]``, whose fields hold for all models of the family, and ``[[models]]``. Raises
    :class:`InputError` (``"catalogue"``) naming the source and the entry at fault.
    """
    families: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    for source, document in documents:
        for name, values in _families(source, document).items():
            families.setdefault(name, {}).update(values)
        for values in _models(source, document):
            models.setdefault(values["id"].lower(), {}).update(values)
    for values in models.values():
        values["family"] = values.get("family", "")
    return Catalogue(
        {name: ModelFacts(**{**families.get(values["family"], {}), **values}) for name, values in models.items()}
    )


def _users() -> list[tuple[str, Mapping[str, Any]]]:
    if _users_file is None:
        return []
    try:
        written = _users_file.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(
            "catalogue", f"Your catalogue {_users_file} cannot be read ({error.strerror}): check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("catalogue", f"Your catalogue {_users_file} is not UTF-8 text: save it as such.") from error
    try:
        return [(f"your catalogue {_users_file}", tomllib.loads(written))]
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "catalogue", f"Your catalogue {_users_file} is not TOML: {error}. Correct or remove it."
        ) from error


def _families(source: str, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if unknown := document.keys() - {"families", "models"}:
        raise _wrong(source, f"has an unknown table {min(unknown)!r}: use [families.NAME] and [[models]]")
    tables = document.get("families", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise _wrong(source, "has families that are not tables: write [families.NAME]")
    return {name: _checked(source, f"the family {name!r}", table) for name, table in tables.items()}


def _models(source: str, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    tables = document.get("models", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _wrong(source, "has models that are not a list of tables: write [[models]]")
    if any(not isinstance(table.get("id"), str) or not table["id"] for table in tables):
        raise _wrong(source, 'has a model without an id: write id = "owner/name"')
    return [_checked(source, f"the model {table['id']!r}", table) for table in tables]


def _checked(source: str, entry: str, table: Mapping[str, Any]) -> dict[str, Any]:
    known = get_type_hints(ModelFacts)
    checked: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise _wrong(source, f"has an unknown key {name!r} in {entry}: choose from {', '.join(_NAMES)}")
        made = _read(str(known[name]), value)
        if made is None or (name == "main" and made not in MAINS):
            wanted = f"one of {', '.join(MAINS)}" if name == "main" else _WANTED[_form(str(known[name]))]
            raise _wrong(source, f"has {name} = {value!r:.40} in {entry}, which must be {wanted}")
        checked[name] = made
    return checked


_NAMES = tuple(one.name for one in fields(ModelFacts))
_WANTED = {
    "text": "a text",
    "truth": "true or false",
    "count": "a whole number of 0 or more",
    "texts": "a list of texts",
    "counts": "a table of whole numbers of 0 or more",
    "named": "a table of texts",
}


def _form(annotation: str) -> str:
    forms = (("Mapping[str, int]", "counts"), ("Mapping[str, str]", "named"), ("tuple", "texts"), ("bool", "truth"))
    return next((form for word, form in (*forms, ("int", "count")) if word in annotation), "text")


def _read(annotation: str, value: Any) -> Any:
    """The value of a field with this annotation; None if it has another form."""
    match _form(annotation):
        case "text":
            return value if isinstance(value, str) else None
        case "truth":
            return value if isinstance(value, bool) else None
        case "count":
            return value if _is_count(value) else None
        case "texts":
            is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
            return tuple(value) if is_list else None
        case "counts":
            return value if isinstance(value, dict) and all(map(_is_count, value.values())) else None
        case _:
            is_table = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
            return value if is_table else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _wrong(source: str, problem: str) -> InputError:
    return InputError("catalogue", f"{source[0].upper()}{source[1:]} {problem}.")
