"""The worker's log: harmless lines, one for a record, and no work that depends on it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from estimator.request import MeasurementRequest
from ib_explorer.worker.__main__ import OneLine
from ib_explorer.worker.client import WorkerClient
from ib_explorer.worker.messages import Finished, Measure
from tests.hostile import NAMES, is_harmless

FAKE = str(Path(__file__).parents[1] / "fake_worker.py")
ROOT = Path(__file__).parents[3]
WRITING = """
import io, logging, os, sys
from pathlib import Path
from ib_explorer.worker.__main__ import take_pipes
take_pipes(Path(sys.argv[1]))
print("printed", os.environ["NAME"])
logging.warning("warned %s", os.environ["NAME"])
os.write(2, b"from C\\n")
"""


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_record_is_one_line_and_its_traceback_is_indented(name):
    try:
        raise ValueError(name)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "model %s", (name,), (ValueError, error, None))
    first, *rest = OneLine().format(record).splitlines()
    assert first.startswith("model ") and is_harmless("\n".join([first, *rest]))
    assert rest and all(line.startswith("    ") for line in rest)
    assert len(OneLine().format(logging.makeLogRecord({"msg": name})).splitlines()) == 1


def test_what_libraries_print_is_harmless_in_the_log(tmp_path):
    log = tmp_path / "worker.log"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NAME": NAMES["title"]}
    subprocess.run([sys.executable, "-c", WRITING, str(log)], env=environment, check=True, timeout=100)
    lines = log.read_text().splitlines()
    assert "printed \\x1b]0;owned\\x07evil" in lines and "from C" in lines
    assert any("warned \\x1b]0;owned" in line for line in lines) and is_harmless("\n".join(lines))


@pytest.mark.parametrize("cache", ["cache", "nowhere"])
async def test_work_goes_on_where_no_log_can_be_written(tmp_path, cache):
    (tmp_path / "nowhere").write_text("a file, below which there are no folders")
    client = WorkerClient(tmp_path / cache, log_dir=tmp_path / "nowhere" / "logs", command=(sys.executable, FAKE))
    await client.submit(Measure(client.next_job(), MeasurementRequest("quick")))
    async for event in client.events():
        if isinstance(event, Finished):
            break
    await client.close()
    assert bool(list(tmp_path.glob("cache/logs/*.log"))) == (cache == "cache")
