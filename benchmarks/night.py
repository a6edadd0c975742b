"""A night with OLMo2 in minutes: a sweep over a hub with a slow line and a damaged checkpoint, and the morning after.

    make demo-sweep

The hub serves 60 small models under the names of OLMo2 7B's revisions, in a process of its own. The ordinary command
line measures 16 of them with room for three. The first run meets a damaged checkpoint and a moment without an answer;
the second one, once the hub has been repaired, measures what is left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.loopback_hub import environment, hub_process
from benchmarks.published import MODEL, publish
from cache.files import contents, in_words
from estimator.checkpoints.folders import WEIGHTS
from estimator.progress import Phase, Progress

RATE = 8e6
"""Bytes per second of the line."""
CHECKPOINTS = 16
SETTINGS = ("--corpus", "docstrings", "--documents", "48", "--max-length", "128")


class Training(Progress):
    """Prints how far the training of the small model is."""

    def __init__(self) -> None:
        self._said = -50

    def phase(self, phase: Phase, done: int, total: int | None, unit: str) -> None:
        if phase == "train" and done >= self._said + 50:
            self._said = done
            print(f"  training the small model: step {done} of {total}", flush=True)


class PeakDisk:
    """The most that the weights in a hub cache took, unfinished downloads included; small files do not count."""

    def __init__(self, hub_cache: Path, small: int) -> None:
        self._folder, self._small = hub_cache, small
        self._over = threading.Event()
        self.bytes = 0

    @contextmanager
    def watched(self) -> Iterator[PeakDisk]:
        """Watch until the block ends."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            blobs = [state.st_size for blobs in self._folder.glob("models--*/blobs") for _, state in contents(blobs)]
            self.bytes = max(self.bytes, sum(size for size in blobs if size > self._small))


def measure(url: str, folder: Path, budget: int, selection: str) -> tuple[int, float, int]:
    """Run the command line over a hub; returns its exit code, the seconds and the peak of the disk."""
    command = ["measure", f"{MODEL}@{selection}", *SETTINGS, "--checkpoint-budget", f"{budget / 1e6:.3f}MB"]
    print(f"\n$ ib-explorer {' '.join(command)} --csv night.csv", flush=True)
    peak = PeakDisk(folder / "hub" / "hub", small=budget // 30)
    begun = time.monotonic()
    with peak.watched():
        code = explorer(url, folder, *command, "--csv", str(folder / "night.csv"))
    return code, time.monotonic() - begun, peak.bytes


def explorer(url: str, folder: Path, *arguments: str) -> int:
    """Run the command line with caches of its own."""
    variables = {**environment(url, folder / "hub"), "IB_EXPLORER_CACHE": str(folder / "cache")}
    return subprocess.run([sys.executable, "-m", "ib_explorer", *arguments], env=os.environ | variables).returncode


def main() -> None:
    """Run the night and the morning."""
    with tempfile.TemporaryDirectory(prefix="ib-explorer-night-") as temporary:
        folder = Path(temporary)
        names = publish(folder / "published", Training())
        size = (folder / "published" / "main" / WEIGHTS).stat().st_size
        budget = 3 * size + size // 2
        print(f"A hub with {len(names)} revisions of {MODEL}, {in_words(size)} each, at {in_words(int(RATE))}/s.")
        damaged = damage(folder, names)
        busy = [("main/", 503)]
        for title, faults in (("The night", busy), ("The morning: the hub has been repaired", [])):
            print(f"\n{title}")
            with hub_process(MODEL, folder / "published", RATE, faults) as url:
                code, seconds, peak = measure(url, folder, budget, f"log:{CHECKPOINTS}")
                print(f"exit code {code}, {seconds:.0f} s; at most {in_words(peak)} of {in_words(budget)} on disk")
                explorer(url, folder, "cache", "info")
            shutil.copy(folder / "sound", folder / "published" / damaged / WEIGHTS)
        with hub_process(MODEL, folder / "published") as url:
            explorer(url, folder, "plot", "--model", MODEL)


def damage(folder: Path, names: list[str]) -> str:
    """Cut the weights of one of the revisions that a sweep selects; returns its name."""
    from estimator.checkpoints.names import parse_checkpoint
    from estimator.checkpoints.selectors import select
    from estimator.checkpoints.tree import in_training_order

    # Distinct commits: revisions of one commit are identical, and a selection has one of them.
    ordered = in_training_order(parse_checkpoint(MODEL, name, f"{number:040x}") for number, name in enumerate(names))
    chosen = select(ordered, f"log:{CHECKPOINTS}", lambda _: None)
    damaged = chosen[len(chosen) // 2].name
    path = folder / "published" / damaged / WEIGHTS
    shutil.copy(path, folder / "sound")
    path.write_bytes(path.read_bytes()[:-1000])
    return damaged


if __name__ == "__main__":
    main()
