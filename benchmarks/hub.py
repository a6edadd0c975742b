"""A hub with OLMo2 7B's revisions on this machine, to try the program with: serves until Enter or Ctrl-C.

    python -m benchmarks hub [FOLDER] [RATE]

FOLDER keeps the published models and the hub cache (default: a temporary one); RATE is bytes per second (default: 8e6).
The weights of one revision that ``log:16`` selects are damaged.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from benchmarks.loopback_hub import environment, hub_process
from benchmarks.night import RATE, Training, damage
from benchmarks.published import MODEL, publish


def main() -> None:
    """Publish the models unless FOLDER has them, and serve them."""
    with tempfile.TemporaryDirectory(prefix="ib-explorer-hub-") as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).absolute()
        rate = float(sys.argv[2]) if len(sys.argv) > 2 else RATE
        if not (folder / "sound").exists():
            print(f"Damaged: {damage(folder, publish(folder / 'published', Training()))}", flush=True)
        with hub_process(MODEL, folder / "published", rate) as url:
            print(f"Serving {MODEL}; in another terminal:\n")
            for name, value in environment(url, folder / "hub").items():
                print(f"export {name}={value}")
            print(f"export IB_EXPLORER_CACHE={folder / 'cache'}\nib-explorer\n\nEnter ends the hub.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                sys.stdin.readline()


if __name__ == "__main__":
    main()
