"""The command-line options of a measurement, generated from :data:`ib_explorer.options.OPTIONS`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cache.locations import locations
from estimator.checkpoints.catalogue import catalogue
from ib_explorer.config import Settings, read_settings
from ib_explorer.options import FLAG_ON, OPTIONS, Option

Command = Callable[..., Any]

CONFIG_FILE = "config.toml"


def measurement_options(*names: str, own: Sequence[Option] = ()) -> Callable[[Command], Command]:
    """Decorator that adds the named options, or all, and passes the values of all options as ``settings``.

    ``own`` contains options whose help or default differs for the command.
    """
    replaced = {option.name: option for option in own}
    options = [replaced.get(option.name, option) for option in OPTIONS]
    shown = [option for option in options if not names or option.name in names]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(*args: Any, **kwargs: Any) -> Any:
            given = {option.name: kwargs.pop(option.name.replace("-", "_")) for option in shown}
            return command(*args, settings=chosen_settings(given, options), **kwargs)

        decorated: Command = with_settings
        for option in reversed(shown):
            decorated = _click_option(option)(decorated)
        return decorated

    return decorate


def chosen_settings(given: Mapping[str, str | None], options: Sequence[Option] = OPTIONS) -> Settings:
    """The settings of all ``options``; ``given`` are the command line's values by name (None: not given).

    Raises :class:`InputError` naming what is wrong in the configuration file, the environment or the user's catalogue.
    """
    catalogue()  # reported before anything starts
    return read_settings(given, os.environ, config_file(), options)


def config_file() -> Path:
    """The configuration file's path, whether or not it exists."""
    return locations(None).config / CONFIG_FILE


def _click_option(option: Option) -> Callable[[Command], Command]:
    if option.kind == "flag":
        return click.option(f"--{option.name}", is_flag=True, flag_value=FLAG_ON, default=None, help=option.help)
    default = option.write(option.default)
    text = f"{option.help}  [default: {default}]" if default else option.help
    return click.option(f"--{option.name}", metavar=option.metavar, help=text)
