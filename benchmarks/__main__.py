"""Run a benchmark in the environment of the application's workers: ``python -m benchmarks measure 3``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ib_explorer.worker.client import worker_environment

FOLDER = Path(__file__).parent
known = sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if "def main(" in path.read_text("utf-8"))
if len(sys.argv) < 2 or sys.argv[1] not in known:
    raise SystemExit(f"Name a benchmark: {', '.join(known)}.")
os.execve(sys.executable, [sys.executable, "-m", f"benchmarks.{sys.argv[1]}", *sys.argv[2:]], worker_environment())
