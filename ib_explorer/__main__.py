"""``python -m ib_explorer`` and the ``ib-explorer`` command."""

from __future__ import annotations

import sys

from ib_explorer.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
