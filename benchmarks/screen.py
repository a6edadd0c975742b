"""Responsiveness of the screen with a large cache: key latency, longest pause of the event loop, start and memory.

    python -m benchmarks screen [DEMO]       (DEMO: the cache folder of an ``ib-explorer demo`` that has run)

Everything runs as for a user: a separate process on a pseudo-terminal of 120 x 40 cells, with 500 checkpoints of 33
layers and 4 granularities at two temperatures in a cache on disk. A key is timed from its sending to the last byte of
the picture that follows. The heartbeat is a task on the event loop that sleeps for 5 ms and records how late it wakes.
With DEMO, the demo runs with the large cache, and is stepped to temperatures at which it was never measured. Budgets:
50 ms of heartbeat, 1 s to open the cache, 0.2 s per key, 0.7 s to the first frame.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.large_cache import ARRIVING, CHECKPOINTS, REQUEST, Delivery, fill
from benchmarks.terminal import Terminal, terminal
from cache import Cache
from ib_explorer.options import demo_request
from ib_explorer.tui.app import ExplorerApp
from ib_explorer.tui.news import Client
from ib_explorer.worker.client import WorkerClient

BEAT = 0.005
KEYS = {
    "step k, j": ("k", "k", "j", "j"),
    "layer l, mean to each": ("l", "L"),
    "granularity g": ("g", "G"),
    "temperature t, measured": ("t", "T"),
    "temperature T, not measured": ("T", "t"),
    "weights w, not measured": ("w", "w"),
    "preset p": ("p", "p"),
    "bound b": ("b", "B"),
    "zoom +": ("+", "-"),
    "pan >": (">", "<"),
    "overlay o": ("o", "o"),
    "layers tab, plane tab": ("Y", "P"),
    "training tab, plane tab": ("R", "P"),
    "table tab, plane tab": ("D", "P"),
    "compare tab, plane tab": ("C", "P"),
    "rule e, in the comparison": ("Ce", "eP"),
}
KEYS_OF_EACH_LAYER = {"step j, each layer": ("k", "j"), "granularity g, each layer": ("g", "G")}
KEYS_OF_THE_DEMO = {
    "layer l, then": "ll",
    "granularity g, then": "gg",
    "temperature T, then": "TTTT",
    "weights w, then": "ww",
}
KEYS_OF_THE_TABLE = {
    "step j, each layer, in the table": ("k", "j"),
    "column, sort S": ("\x1b[C", "S", "S", "S"),
    "filter F, each letter": ("F", "l", "a", "y", "e", "r", ">", "9", "\x1b"),
}


# The application on the pseudo-terminal


class Watched(ExplorerApp):
    """The application with a heartbeat."""

    beats: list[tuple[float, float]]
    processes: dict[int, float]

    def on_mount(self) -> None:
        """Start the heartbeat."""
        self.beats, self.processes = [], {}
        self.run_worker(self._beat(), group="heartbeat")
        self.set_interval(1, self._weigh)

    async def _beat(self) -> None:
        while True:
            start = time.monotonic()
            await asyncio.sleep(BEAT)
            self.beats.append((start, time.monotonic() - start - BEAT))

    def _weigh(self) -> None:
        for process in psutil.Process().children():
            self.processes[process.pid] = max(self.processes.get(process.pid, 0), process.memory_info().rss / 2**20)


def serve(kind: str, folder: Path, report: Path) -> None:
    """Run the application in this terminal until it quits, then write the report."""
    client: Client
    request = None
    if kind == "demo":
        client, request = WorkerClient(folder), demo_request("auto")
    else:
        client = Delivery(folder.parent / "arriving", folder)
        request = REQUEST if kind == "job" else None
    app = Watched(Cache(folder), client, request)
    app.run()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.write_text(json.dumps({"beats": app.beats, "memory": memory, "workers": list(app.processes.values())}))


# Reports


@dataclass
class Span:
    """Part of a run: its name, start and end."""

    name: str
    start: float
    end: float


def row(name: str, *cells: str) -> None:
    """Print a row of a table."""
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def head(title: str, *columns: str) -> None:
    """Print a title and the header of a table."""
    print(f"\n{title}\n")
    row(columns[0], *columns[1:])
    row("---", *("--:" for _ in columns[1:]))


def heartbeats(report: Path, spans: Sequence[Span]) -> None:
    """Print the delay of the heartbeat in each span, and the memory."""
    seen = json.loads(report.read_text())
    head("Event loop", "while", "latest", "over 50 ms")
    for span in spans:
        late = [late for start, late in seen["beats"] if span.start <= start + late + BEAT and start < span.end]
        row(span.name, f"{1000 * max(late, default=0):.0f} ms", str(sum(one > 0.05 for one in late)))
    head("Memory at most", "process", "MiB")
    row("terminal", f"{seen['memory']:.0f}")
    for megabytes in seen["workers"]:
        row("worker", f"{megabytes:.0f}")


def timed_keys(shown: Terminal, kinds: Mapping[str, tuple[str, ...]], spans: list[Span], repeats: int = 5) -> None:
    """Press keys of each kind and print the time to the new picture."""
    for name, keys in kinds.items():
        start = time.monotonic()
        taken = [shown.press(pressed) for _ in range(repeats) for pressed in keys]
        spans.append(Span(name, start, time.monotonic()))
        row(name, f"{1000 * statistics.median(taken):.0f} ms", f"{1000 * max(taken):.0f} ms")


def command(kind: str, folder: Path, report: Path) -> list[str]:
    """The command that runs :func:`serve`."""
    return [sys.executable, "-m", "benchmarks.screen", "--serve", kind, str(folder), str(report)]


def large_cache(folder: Path, report: Path) -> None:
    """Time keys and the heartbeat with the large cache."""
    spans: list[Span] = []
    with terminal(command("keys", folder, report)) as shown:
        frame = shown.until(b"models & checkpoints")
        opened = shown.until(b"plug-in")
        spans.append(Span("opening", frame, opened))
        shown.settle(1.0)
        print(f"From the first frame to the picture of {CHECKPOINTS} checkpoints: {opened - frame:.2f} s")
        head("Keys", "key", "median", "worst")
        shown.press("b" * 2)
        timed_keys(shown, KEYS, spans)
        shown.press("l")
        timed_keys(shown, KEYS_OF_EACH_LAYER, spans)
        shown.press("D")
        timed_keys(shown, KEYS_OF_THE_TABLE, spans, repeats=2)
        shown.press("PL")
        start = time.monotonic()
        shown.press("j" * 60)
        spans.append(Span("60 steps in one go", start, time.monotonic()))
        start = time.monotonic()
        shown.press(" ", quiet=0.01)
        shown.run(6)
        shown.press(" ", quiet=0.01)
        spans.append(Span("playing", start, time.monotonic()))
    heartbeats(report, spans)


def delivering(folder: Path, report: Path) -> None:
    """Time the heartbeat while a job delivers checkpoints."""
    with terminal(command("job", folder, report)) as shown:
        shown.until(b"plug-in")
        start = time.monotonic()
        shown.run(0.15 * ARRIVING)
        end = time.monotonic()
    heartbeats(report, [Span(f"{ARRIVING} checkpoints arrive", start, end)])


def the_demo(folder: Path, report: Path) -> None:
    """Time the demo with the large cache, at temperatures never measured."""
    spans: list[Span] = []
    with terminal(command("demo", folder, report)) as shown:
        shown.until(b"plug-in")
        head("The demo", "key", "numbers of the point after")

        def press(name: str, key: str) -> None:
            shown.settle()
            start = time.monotonic()
            os.write(shown.master, key.encode())
            row(name, f"{1000 * (shown.until(b'plug-in', 60) - start):.0f} ms")
            shown.run(1)
            spans.append(Span(name, start, time.monotonic()))

        start = time.monotonic()
        shown.run(15)
        spans.append(Span("the demo starts, all in the cache", start, time.monotonic()))
        press("temperature T, 15 s after the start", "T")
        start = time.monotonic()
        shown.run(40)  # enough to measure every temperature ahead
        spans.append(Span("measuring ahead", start, time.monotonic()))
        for name, key in KEYS_OF_THE_DEMO.items():
            for pressed in key:
                press(name, pressed)
    heartbeats(report, spans)


def starts(empty: Path, folder: Path) -> None:
    """Time the start of cold processes."""
    head("Start", "command", "median of 5", "worst")
    for name in ("--version", "--help"):
        taken = []
        for _ in range(5):
            start = time.monotonic()
            subprocess.run([sys.executable, "-m", "ib_explorer", name], check=True, stdout=subprocess.DEVNULL)
            taken.append(time.monotonic() - start)
        row(name, f"{statistics.median(taken):.2f} s", f"{max(taken):.2f} s")
    for name, cache in (("first frame, empty cache", empty), ("first frame, large cache", folder)):
        taken = []
        for _ in range(5):
            with terminal([sys.executable, "-m", "ib_explorer", "--cache-dir", str(cache)]) as shown:
                taken.append(shown.until(b"models & checkpoints") - shown.started)
                shown.settle()
        row(name, f"{statistics.median(taken):.2f} s", f"{max(taken):.2f} s")


def imports() -> None:
    """Print the number of imported modules, and the slowest packages."""
    for name, statement in (
        ("--help", "from ib_explorer.cli import main; main.main(['--help'])"),
        ("the screen", "import ib_explorer.cli.screen, ib_explorer.tui.app"),
    ):
        script = f"import sys\n{statement}\nprint(*sys.modules, file=sys.stderr)"
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", script], check=True, capture_output=True, text=True
        )
        *lines, last = done.stderr.strip().splitlines()
        modules = {module.split(".")[0] for module in last.split()}
        assert not modules & {"torch", "transformers", "datasets"}, "the terminal process imports what is the worker's"
        own: dict[str, int] = {}
        for line in lines:
            if line.startswith("import time:") and "self [us]" not in line:
                self_us, _, module = line.removeprefix("import time:").split("|")
                package = module.strip().split(".")[0]
                own[package] = own.get(package, 0) + int(self_us)
        heaviest = sorted(own.items(), key=lambda pair: -pair[1])[:8]
        head(f"Imports of {name}: {len(last.split())} modules, {sum(own.values()) / 1000:.0f} ms", "package", "ms")
        for package, microseconds in heaviest:
            row(package, f"{microseconds / 1000:.0f}")


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder, arriving, report = root / "cache", root / "arriving", root / "report.json"
        every = [100 * index for index in range(CHECKPOINTS + ARRIVING)]
        fill(folder, every[:CHECKPOINTS])
        fill(arriving, every[CHECKPOINTS:])
        starts(root / "empty", folder)
        imports()
        large_cache(folder, report)
        if len(sys.argv) > 1:
            both = root / "both"
            shutil.copytree(sys.argv[1], both, copy_function=os.link)
            shutil.copytree(folder, both, dirs_exist_ok=True)
            the_demo(both, report)
        delivering(folder, report)


if __name__ == "__main__":
    main()
