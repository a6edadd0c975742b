"""A tokenizer's chat template, rendered in a process of its own with limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from estimator.errors import InputError, first_lines
from estimator.text.pairs import Message

PROCESS = Path(__file__).with_name("template_process.py")

RENDER_WITHIN = 20.0
"""Seconds for the conversations of one pair."""

_TICK = 0.2  # seconds between looks for a cancellation
_BLOCK = 1 << 16


class TemplateError(Exception):
    """The template rejects a conversation; the message is the template's."""


class ChatTemplate:
    """A chat template that is ready to render; made by :func:`chat_template`."""

    def __init__(self, process: subprocess.Popen[bytes], tick: Callable[[], None]) -> None:
        self._process = process
        self._tick = tick

    def render(self, conversations: Sequence[tuple[Sequence[Message], bool]]) -> list[str]:
        """The text of each conversation; one with True is a prompt, whose text ends where the answer begins.

        Raises :class:`TemplateError`, and :class:`InputError` (``"tokenizer"``) if the template does not end within
        :data:`RENDER_WITHIN` seconds or ends its process.
        """
        as_json = [{"messages": list(messages), "is_prompt": is_prompt} for messages, is_prompt in conversations]
        texts: list[str] = self.exchange({"conversations": as_json})["texts"]
        return texts

    def exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """The process's answer to one request."""
        try:
            answer: dict[str, Any] = json.loads(self._line(json.dumps(request).encode() + b"\n"))
        except BrokenPipeError as error:
            code = self._process.wait()
            is_late = code == -signal.SIGALRM
            what = f"did not end within {RENDER_WITHIN:g} seconds" if is_late else f"ended its process ({code})"
            raise InputError(
                "tokenizer",
                f"The tokenizer's chat template {what}: use a tokenizer with another template, or without one.",
            ) from error
        if "error" in answer:
            raise TemplateError(answer["error"])
        return answer

    def _line(self, unsent: bytes) -> bytes:
        """Send one line and receive one, with ticks; raises BrokenPipeError if the process ends before."""
        assert self._process.stdin and self._process.stdout
        received = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdin, selectors.EVENT_WRITE)
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                self._tick()
                for key, _ in ready.select(_TICK):
                    if key.fileobj is self._process.stdout:
                        block = os.read(key.fd, _BLOCK)
                        received += block
                        if not block:
                            raise BrokenPipeError
                    else:
                        unsent = unsent[os.write(key.fd, unsent[:_BLOCK]) :]
                        if not unsent:
                            ready.unregister(self._process.stdin)
        return received


@contextlib.contextmanager
def chat_template(tokenizer: Any, tick: Callable[[], None]) -> Iterator[ChatTemplate]:
    """The chat template of a tokenizer; calls ``tick`` while it waits, which may raise to stop.

    Raises :class:`InputError` (``"tokenizer"``) if it is not a valid template.
    """
    # The path of the file and -P: modules beside it must not hide those of the same name that transformers imports.
    command = [sys.executable, "-P", str(PROCESS), str(RENDER_WITHIN)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin and process.stdout
    os.set_blocking(process.stdin.fileno(), False)
    try:
        ready = ChatTemplate(process, tick)
        try:
            ready.exchange({"template": tokenizer.get_chat_template(), "variables": tokenizer.special_tokens_map})
        except (TemplateError, ValueError) as error:
            raise InputError(
                "tokenizer", f"The tokenizer's chat template cannot be used: {first_lines(error)}"
            ) from error
        yield ready
    finally:
        process.kill()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.wait()
