"""The options of a measurement on the command line, made from their one declaration."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cache.locations import locations
from ib_explorer.config import Settings, read_settings
from ib_explorer.options import FLAG_ON, OPTIONS, Option

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_FILE = "config.toml"


def measurement_options(*names: str) -> Callable[[Command], Command]:
    """Give a command the options named, or all; they arrive as text, None where not given."""

    def decorate(command: Command) -> Command:
        for option in reversed(OPTIONS):
            if not names or option.name in names:
                command = _click_option(option)(command)
        return command

    return decorate


def chosen_settings(given: dict[str, str | None]) -> Settings:
    """The settings of all options; ``given`` are a command's keyword arguments."""
    return read_settings({name.replace("_", "-"): value for name, value in given.items()}, os.environ, config_file())


def config_file() -> Path:
    """The configuration file's path, whether or not it exists."""
    return locations(None).config / CONFIG_FILE


def _click_option(option: Option) -> Callable[[Command], Command]:
    text = option.help[0].upper() + option.help[1:]
    if option.kind == "flag":
        return click.option(f"--{option.name}", is_flag=True, flag_value=FLAG_ON, default=None, help=text)
    default = option.write(option.default)
    return click.option(f"--{option.name}", metavar=option.metavar, help=f"{text}  [{default}]" if default else text)
