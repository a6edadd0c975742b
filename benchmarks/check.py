"""Detect slowdowns: compare measured ratios with those stored in ratios.json.

    make bench-check        or        python -m benchmarks check [--keep]

Only ratios of things measured together in one run are compared, never seconds, so that the machine does not matter; a
ratio a quarter above the stored one fails. With ``--keep``, today's ratios are stored as the new reference.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import estimate, measure

KEPT = Path(__file__).with_name("ratios.json")
ALLOWED = 1.25


def ratios(rounds: int) -> dict[str, float]:
    """Every ratio under test: smaller is faster."""
    found: dict[str, float] = {}
    small = measure.compare("1M", rounds)
    large = measure.compare("33M", rounds, documents=32, with_published=True)
    for size, timings in (("1M", small), ("33M", large)):
        for name in (measure.ONE, measure.FOUR):
            found[f"{size}: {name} / forward pass"] = timings[name].wall / timings[measure.FORWARD].wall
    if measure.PUBLISHED in large:
        found["33M: whole measurement / published package"] = large[measure.ONE].wall / large[measure.PUBLISHED].wall
    alone = estimate.compare(30_000, rounds)
    ours = alone[estimate.PROJECT].wall + alone[estimate.ESTIMATE].wall
    if estimate.PUBLISHED in alone:
        found["estimate / published accumulator"] = ours / alone[estimate.PUBLISHED].wall
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="keep today's ratios to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    found = ratios(given.rounds)
    if given.keep:
        KEPT.write_text(json.dumps(found, indent=2) + "\n")
    if not KEPT.exists():
        raise SystemExit(f"There is no {KEPT.name} to compare with: run python -m benchmarks check --keep first.")
    kept = json.loads(KEPT.read_text())
    slower = [name for name, ratio in found.items() if ratio > ALLOWED * kept.get(name, ratio)]
    print(f"\n{'ratio':48} {'now':>8} {'kept':>8}")
    for name, ratio in found.items():
        before = f"{kept[name]:8.3f}" if name in kept else "       –"
        print(f"{name:48} {ratio:8.3f} {before}{'   slower' if name in slower else ''}")
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
