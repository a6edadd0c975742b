"""The ``--cache-dir`` option, which every command takes before or after its name."""

from __future__ import annotations

from pathlib import Path

import click


def _innermost(ctx: click.Context, _: click.Parameter, given: Path | None) -> Path | None:
    """The folder given to this command, else to the one around it, from which a context inherits its object."""
    folder: Path | None = given or ctx.obj
    ctx.obj = folder
    return folder


cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_innermost,
    help="Cache folder (default: IB_EXPLORER_CACHE, else the platform's cache folder).",
)
"""Gives a command ``cache_dir``: the folder named after its name, or else before it (None: see ``cache.locations``)."""
