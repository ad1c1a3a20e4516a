"""Tables as a terminal shows them, and a cell that fills one."""

from __future__ import annotations

import io

from rich.console import Console

from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.render import terminal
from bench.report.view import View
from tests.helpers.records import latency, measurement, weight

WIDE = View(wide=True)
LONG = 'BiEncoder("all-MiniLM-L6-v2") @ Faiss("HNSW32", efSearch=64)'


def drawn(*runs: Run, width: int = 100, view: View = WIDE) -> str:
    """What a terminal of that width shows; by default every column."""
    file = io.StringIO()
    terminal.table(runs, Console(width=width, file=file), view)
    return file.getvalue()


def full(**changes) -> Measurement:
    """A cell with a number in every column."""
    return measurement(
        retriever=LONG,
        single=latency(12.34, 23.45),
        encode=latency(11.1),
        search=latency(1.24),
        batch_qps=12_345.0,
        storage_weight=weight(7_960_000, 8_000_000, disk=7_970_000),
        encoder_weight=weight(90_900_000, 91_400_000, disk=90_900_000),
        overlap_with_exact=0.981,
        **changes,
    )
