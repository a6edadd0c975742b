"""The process in which a tokenizer's chat template is rendered, see :mod:`estimator.text.chat_template`.

A template is a program of someone else: it can loop without end, fill the memory, or exhaust the stack. Here that ends
nothing but this process. Each line of the input is a JSON object, and so is each line of the output: first the template
and its variables, answered with ``{}``, then conversations, answered with their texts or with the template's error.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import signal
import sys
from datetime import datetime, tzinfo
from typing import Any

MEMORY = 2 << 30
"""Bytes of memory beyond those of the bare process."""
LONGEST = 1 << 24
"""Characters of a rendered conversation."""


class TemplateTime(datetime):
    """The clock of all templates, so that texts do not depend on the day: 26 July 2024, as Llama 3.1 has by default."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> TemplateTime:
        """The same moment always."""
        return cls(2024, 7, 26, tzinfo=tz)


def main(seconds: float) -> None:
    """Answer lines of the standard input until it ends; ends by SIGALRM if one takes longer than ``seconds``."""
    from transformers.utils import chat_template_utils

    chat_template_utils.datetime = TemplateTime  # type: ignore[misc]
    _limit_memory()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    template, variables = "", {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal template, variables
        if "template" in request:
            template, variables = request["template"], request["variables"]
            chat_template_utils._compile_jinja_template(template)
            return {}
        return {"texts": [render(**conversation) for conversation in request["conversations"]]}

    def render(messages: list[dict[str, str]], is_prompt: bool) -> str:
        random.seed(0)  # of the filter `random`
        rendered: Any = chat_template_utils.render_jinja_template(
            [messages], chat_template=template, add_generation_prompt=is_prompt, **variables
        )
        text = str(rendered[0][0])  # the texts come with the places of answers
        if len(text) > LONGEST:
            raise ValueError(f"it writes more than {LONGEST} characters")
        return text

    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            answered = answer(json.loads(line))
        except Exception as error:  # templates may raise anything
            answered = {"error": str(error).strip() or type(error).__name__}
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(answered), flush=True)


def _limit_memory() -> None:
    import psutil

    with contextlib.suppress(ValueError, OSError):  # not every system limits memory
        limit = psutil.Process().memory_info().vms + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main(float(sys.argv[1]))
