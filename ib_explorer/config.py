"""The value of each option, from the command line, else the environment, the configuration file or the default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estimator.errors import InputError
from estimator.request import MeasurementRequest
from estimator.values import VALUES
from ib_explorer.options import OPTIONS, THEME, Option

KEYS = "keys"
"""The table of the configuration file that gives commands of the screen other keys."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An option's value and its source, as ``doctor`` reports it."""

    value: Any
    source: str


Settings = Mapping[str, Setting]


def read_settings(
    given: Mapping[str, str | None],
    environment: Mapping[str, str],
    config: Path,
    options: Sequence[Option] = OPTIONS,
) -> Settings:
    """The settings of all ``options`` by name; ``given`` are the values from the command line (None: not given).

    A preset sets other options with the precedence of its own source. Raises :class:`InputError` naming the file, the
    variable or the option at fault.
    """
    written = _read_config(config)
    layers: list[tuple[str, dict[str, Any]]] = [
        (f"{config}", written),
        ("environment", _read_environment(environment)),
        ("command line", {name: value for name, value in given.items() if value is not None}),
    ]
    return settle(layers, options)


def settle(layers: Iterable[tuple[str, Mapping[str, Any]]], options: Sequence[Option] = OPTIONS) -> Settings:
    """The settings of all ``options`` by name, from values that override those before them, each under its source."""
    settings = {option.name: Setting(option.default, "default") for option in options}
    for source, values in layers:
        found = {option.name: option.read(values[option.name]) for option in options if option.name in values}
        if "preset" in found:
            implied = VALUES.find(found["preset"]).options
            settings |= {name: Setting(value, f"preset {found['preset']}") for name, value in implied.items()}
        settings |= {name: Setting(value, source) for name, value in found.items()}
    return settings


def request_from(settings: Settings, model: str, revision: str | None) -> MeasurementRequest:
    """The request for a model with these settings; raises :class:`InputError` when a value is out of range."""
    values = {option.field: settings[option.name].value for option in OPTIONS if option.field is not None}
    return MeasurementRequest(model=model, revision=revision, **values)


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """How the screen is set: its theme, and the keys of commands as the configuration file has them."""

    theme: Setting
    keys: Mapping[str, object]


def read_screen_settings(environment: Mapping[str, str], config: Path) -> ScreenSettings:
    """The settings of the screen; raises :class:`InputError` as :func:`read_settings` does."""
    written = _read_config(config)
    layers = [(f"{config}", written), ("environment", _read_environment(environment, (THEME,)))]
    return ScreenSettings(settle(layers, (THEME,))["theme"], written.get(KEYS, {}))


def _read_environment(environment: Mapping[str, str], options: Sequence[Option] = OPTIONS) -> dict[str, Any]:
    """The options set by environment variables, as written and validated; empty variables are ignored."""
    written = {option: environment[option.variable] for option in options if environment.get(option.variable)}
    for option, value in written.items():
        try:
            option.read(value)
        except InputError as error:
            raise InputError(error.kind, f"In the environment variable {option.variable}: {error}") from error
    return {option.name: value for option, value in written.items()}


def _read_config(path: Path) -> dict[str, Any]:
    """The configuration file's keys, each an option's name, or the table of keys; empty if there is no file."""
    try:
        with path.open("rb") as file:
            written = tomllib.load(file)
    except OSError as error:
        if not os.path.exists(path):  # nor can be seen, as with a HOME that does not exist or is someone else's
            return {}
        raise InputError(
            "config", f"The configuration file {path} cannot be read ({error.strerror}): check its permissions."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("config", f"The configuration file {path} is not TOML: {error}.") from error
    known = {option.name: option for option in (*OPTIONS, THEME)}
    for key, value in written.items():
        if key == KEYS and isinstance(value, dict):  # the screen checks its entries
            continue
        if key not in known:
            names = ", ".join((*known, f"[{KEYS}]"))
            raise InputError(
                "config", f"The configuration file {path} has an unknown key {key!r}: choose from {names}."
            )
        try:
            known[key].read(value)
        except InputError as error:
            raise InputError("config", f"In the configuration file {path}: {error}") from error
    return written
