"""The ``--fresh`` option of the commands that open the screen, accepted before or after the command's name."""

from __future__ import annotations

import click

_KEY = "ib_explorer.fresh"


def _remembered(ctx: click.Context, _: click.Parameter, given: bool) -> bool:
    fresh: bool = given or ctx.meta.get(_KEY, False)
    ctx.meta[_KEY] = fresh
    return fresh


fresh_option = click.option(
    "--fresh",
    is_flag=True,
    callback=_remembered,
    help="Open the explorer without the last session: its place, view, theme and unfinished orders.",
)
"""Passes ``fresh`` to a command."""
