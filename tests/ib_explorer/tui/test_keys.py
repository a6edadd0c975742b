from __future__ import annotations

import subprocess
import sys

from ib_explorer.tui.app import ExplorerApp
from ib_explorer.tui.keymap import keys
from ib_explorer.tui.screens.help_screen import help_text
from ib_explorer.tui.screens.main_screen import MainScreen

TAKEN = {
    "ctrl+b": "tmux",
    "ctrl+a": "screen",
    "ctrl+s": "flow control",
    "ctrl+q": "flow control",
    "ctrl+z": "job control",
    "ctrl+backslash": "quit signal",
    "f11": "full screen",
    "alt+f4": "window manager",
}


def test_no_key_is_one_that_the_terminal_takes() -> None:
    bound = {key for command in keys() for key in command.keys}
    assert not bound & set(TAKEN)
    assert not set(ExplorerApp(None, None)._bindings.key_to_bindings) & set(TAKEN)


def test_no_key_means_two_things() -> None:
    bound = [key for command in keys() for key in command.keys]
    assert len(bound) == len(set(bound))


def test_every_command_has_an_action() -> None:
    for command in keys():
        name = command.action.partition("(")[0]
        owner, name = (MainScreen, name.removeprefix("screen.")) if name.startswith("screen.") else (ExplorerApp, name)
        assert hasattr(owner, f"action_{name}"), command.action


def test_help_tells_every_command() -> None:
    text = help_text(keys()).plain
    for command in keys():
        assert command.text in text
        assert command.group in text


def test_the_screen_loads_no_science() -> None:
    """The terminal process stays small and quick: torch and its friends live in the worker."""
    code = (
        "import sys, ib_explorer.tui.app, ib_explorer.drawing.picture;"
        "print([m for m in ('torch', 'transformers', 'datasets', 'huggingface_hub', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"
