"""The ``--cache-dir`` option, which every command takes before or after its name."""

from __future__ import annotations

from pathlib import Path

import click

cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep and find measurements here (IB_EXPLORER_CACHE does the same).",
)


def chosen_cache_dir(ctx: click.Context, given: Path | None) -> Path | None:
    """The folder given after the command's name, or else before it; None: the environment and the platform decide."""
    before = ctx.find_root().obj
    return given or (before if isinstance(before, Path) else None)
