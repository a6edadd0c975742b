"""Where text leaves the command line: sentences and tables for people, made safe, and data exactly as it is."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import TextIO

from estimator.safe_text import safe
from ib_explorer.cli.plain import FALLBACK, fallback


def prepare_streams() -> None:
    """Let stdout and stderr replace characters that their encoding lacks; both exist afterwards, even if closed."""
    codecs.register_error(FALLBACK, fallback)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=FALLBACK)


def is_interactive() -> bool:
    """Whether both stdin and stdout are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def say(*lines: str, stream: TextIO | None = None) -> None:
    """Print lines to stderr, or to ``stream``, made safe; a stream that is closed is ignored."""
    with contextlib.suppress(OSError):
        print(*map(safe, lines), sep="\n", file=stream or sys.stderr, flush=True)


def complain(sentence: str) -> None:
    """Print an error or warning to stderr, under the application's name."""
    say(f"ib-explorer: {sentence}")


def show(*lines: str) -> None:
    """Print lines to stdout, made safe."""
    print(*map(safe, lines), sep="\n")


def show_picture(text: str) -> None:
    """Print a picture to stdout: lines with colours, whose names are safe already (``charts.narrow``)."""
    print(text)


def write_data(text: str) -> None:
    """Write a table to stdout, as UTF-8 whatever the encoding of stdout: it will become a file."""
    from ib_explorer.tables.csv import encoded  # not needed for the start

    sys.stdout.flush()
    sys.stdout.buffer.write(encoded(text))
    sys.stdout.buffer.flush()
