"""Tables as a terminal shows them."""

from __future__ import annotations

import io

from rich.console import Console

from bench.records.run_folder import Run
from bench.report.render import terminal
from bench.report.view import View

WIDE = View(wide=True)


def drawn(*runs: Run, width: int = 100, view: View = WIDE) -> str:
    """What a terminal of that width shows; by default every column."""
    file = io.StringIO()
    terminal.table(runs, Console(width=width, file=file), view)
    return file.getvalue()
