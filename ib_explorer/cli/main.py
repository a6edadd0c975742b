"""The commands by name; each is imported when called, so that ``--help`` and ``--version`` respond at once."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from estimator.errors import InputError, MeasurementError
from ib_explorer import __version__
from ib_explorer.cli import DONE, FAILED, WRONG
from ib_explorer.cli.folders import cache_dir_option
from ib_explorer.cli.fresh import fresh_option
from ib_explorer.cli.outlet import complain, prepare_streams
from ib_explorer.cli.signals import interruptible

_COMMANDS = {
    "demo": ("ib_explorer.cli.demo", "Train a tiny model and draw its trajectory live."),
    "measure": ("ib_explorer.cli.measure", "Measure checkpoints of models and write CSV."),
    "fetch": ("ib_explorer.cli.fetch", "Download checkpoints, to measure them without a network."),
    "checkpoints": ("ib_explorer.cli.checkpoints", "List the checkpoints of a model with size and state."),
    "bound": ("ib_explorer.cli.bound", "Compute the Information Bottleneck curve of a text, as CSV."),
    "plot": ("ib_explorer.cli.plot", "Draw cached measurements as text: the plane, layers or training."),
    "export": ("ib_explorer.cli.export", "Export cached measurements as CSV."),
    "reproduce": ("ib_explorer.cli.reproduce", "Check the estimator against published values and on pure noise."),
    "cache": ("ib_explorer.cli.cache", "Inspect, verify and prune the cache."),
    "doctor": ("ib_explorer.cli.doctor", "Report versions, folders, hub, device and the origin of each setting."),
}


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a closed stdout (such as ``head``) is success, for which click itself would exit with 1."""
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()
        except OSError as error:
            _forget_stdout()
            if isinstance(error, BrokenPipeError):
                return DONE
            raise
        return outcome

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ib-explorer")
@fresh_option
@cache_dir_option
@click.pass_context
def cli(ctx: click.Context, cache_dir: Path | None, fresh: bool) -> None:
    """Place language models on the information plane. Without a command, opens the full-screen explorer."""
    from cache.locations import locations  # not needed for --help
    from estimator.checkpoints.catalogue import FILE, use_file

    use_file(locations(cache_dir).config / FILE)
    if ctx.invoked_subcommand is None:
        from ib_explorer.cli.screen import open_screen
        from ib_explorer.cli.settings import chosen_settings

        open_screen(cache_dir, chosen_settings({}), None, fresh=fresh)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; every error is one sentence on stderr."""
    prepare_streams()
    with interruptible() as interruption:
        try:
            outcome = cli.main(args=arguments, prog_name="ib-explorer", standalone_mode=False)
        except click.UsageError as error:
            hint = f" Try '{error.ctx.command_path} --help'." if error.ctx is not None else ""
            return _complain(error.format_message() + hint, WRONG)
        except (KeyboardInterrupt, click.Abort):
            return _complain("interrupted; finished measurements are cached.", interruption.exit_code)
        except Exception as error:
            if interruption.number is not None:  # the screen may have been in the middle of something
                return interruption.exit_code
            failure = _reported(error)
            return _complain(str(failure), WRONG if isinstance(failure, InputError) else FAILED)
        if interruption.number is not None:  # the screen has ended by itself
            return interruption.exit_code
        return outcome if isinstance(outcome, int) else DONE


def _reported(error: Exception) -> InputError | MeasurementError:
    if isinstance(error, InputError | MeasurementError):
        return error
    from cache.locations import locations
    from ib_explorer.cli.crash import reported  # not needed for the start

    return reported(error, locations())


def _complain(sentence: str, code: int) -> int:
    complain(sentence)
    return code


def _forget_stdout() -> None:
    """Redirect a stdout that cannot be written to the null device, or the interpreter's final flush would fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
