"""Tables as a terminal shows them."""

from __future__ import annotations

import io

from rich.console import Console

from bench.records.run_folder import Run
from bench.report.render import table


def drawn(*runs: Run, width: int = 100, by_label: bool = False) -> str:
    """What a terminal of that width shows."""
    file = io.StringIO()
    table.terminal(runs, Console(width=width, file=file), by_label=by_label)
    return file.getvalue()
