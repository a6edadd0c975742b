"""The ``--cache-dir`` option, which every command accepts before or after its name."""

from __future__ import annotations

from pathlib import Path

import click


def _innermost(ctx: click.Context, _: click.Parameter, given: Path | None) -> Path | None:
    """The folder given to this command, else to its parent, whose object a context inherits."""
    folder: Path | None = given or ctx.obj
    ctx.obj = folder
    return folder


cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_innermost,
    help="Cache folder (default: IB_EXPLORER_CACHE, else the platform's cache folder).",
)
"""Passes ``cache_dir`` to a command: the option after its name has priority (None: see ``cache.locations``)."""
