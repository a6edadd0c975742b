"""The line of the picker that is typed into, some of whose letters are commands."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import Input

COMMANDS = {"space": "toggled", "A": "toggled_group", "R": "ranged", "L": "spaced"}
"""Keys that select while checkpoints are chosen, and are text while a model is."""


class PickerInput(Input):
    """The line typed into; digits after the key for log-spaced checkpoints belong to that key."""

    class Digit(Message):
        """A digit, or none for backspace, was typed for the key for log-spaced checkpoints."""

        def __init__(self, digit: str) -> None:
            super().__init__()
            self.digit = digit

    takes_digits = False
    takes_commands = False

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is text: those of commands are not, while there are commands."""
        is_command = self.takes_commands and key in (*COMMANDS, "O")
        return not is_command and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        if self.takes_digits and ((event.character or "").isdecimal() or event.key == "backspace"):
            event.stop()
            event.prevent_default()
            self.post_message(self.Digit(event.character or "" if event.key != "backspace" else ""))
            return
        await super()._on_key(event)
