"""What listing 1,500 revisions takes from memory: the kept list of a hub model, with sizes, states and the table.

    python -m benchmarks listing

Names are those of a model with three stages; a tenth of the revisions is measured. Budget: 1 s.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from huggingface_hub import constants

from benchmarks import made_up
from cache import Cache
from cache.keys import key
from estimator.checkpoints import names
from estimator.checkpoints.catalogue import facts
from estimator.checkpoints.hub_client import endpoint
from estimator.checkpoints.resolve import resolve
from estimator.checkpoints.sizes import sizes
from estimator.progress import Progress
from ib_explorer.tables.checkpoints import COLUMNS, listed, shown
from ib_explorer.tables.csv import table_text

MODEL = "allenai/Olmo-3-1025-7B"
REVISIONS, MEASURED, REPEATS = 1500, 150, 5


def references() -> list[tuple[str, str]]:
    """As many names as the model has, and made-up commits."""
    listed = [f"stage1-step{1000 * step}" for step in range(REVISIONS - 66)]
    listed += [f"stage2-step{1000 * step}" for step in range(1, 53)] + [
        f"stage3-step{1000 * step}" for step in range(1, 14)
    ]
    return [(name, f"{number:040x}") for number, name in enumerate([*listed, "main"])]


def fill(cache: Cache) -> None:
    """Keep the listing, and measurements of a tenth of it."""
    cache.listings.keep(endpoint(), MODEL, tuple(references()))
    for name, commit in references()[:MEASURED]:
        identity = {"kind": "measurements", "commit": commit}
        rows = made_up.rows(lambda *_: (made_up.information(0.1, 0.02), made_up.information(0.1, 0.02)), 1, first=1)
        record = made_up.checkpoint(rows, key=key(identity), model=MODEL, revision=name, commit=commit)
        cache.measurements.merge(identity, record)


def list_all(folder: Path, selection: str) -> None:
    """List a selection as ``ib-explorer checkpoints`` does, both ways, from the cache in ``folder``."""
    cache = Cache(folder)
    chosen = resolve(MODEL, selection, Progress(), cache.listings)
    found = listed(chosen, sizes(chosen, Progress()), cache.measurements.all(), {})
    shown(found, facts(MODEL))
    table_text(COLUMNS, (one.row for one in found))


def seconds(work: Callable[[], object]) -> str:
    """Median and worst of the repeats."""
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return f"median {statistics.median(taken):.3f} s, worst {max(taken):.3f} s"


def main() -> None:
    """Print what each part takes."""
    constants.HF_HUB_OFFLINE = True
    with tempfile.TemporaryDirectory() as folder:
        fill(Cache(Path(folder)))
        read = references()
        print(f"reading {len(read):,} names: ", seconds(lambda: [names.parse_checkpoint(MODEL, *ref) for ref in read]))
        for selection in ("all", "log:16", "stage1:log:64,main", "1B..1T"):
            print(f"{selection}: ", seconds(partial(list_all, Path(folder), selection)))


if __name__ == "__main__":
    main()
