"""
Hold the instruments to known truth: `make calibrate`, a benchmark and not a test.

Adapters of known cost run through the real harness on the primer; what it reports stands beside what is known. Exits
with 1 where a figure lies further from it than its bound: 2 % of a time or of a weight, 0.15 s of a process. Another
load on the machine shows here, so calibrate on a quiet one. Waits under load are held to queueing theory: Lindley's
recursion on the recorded arrivals and service times.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.instruments import load
from bench.instruments.modes import MODES
from bench.passages import loader
from bench.records.schema import Measurement
from bench.run import overrides, runner
from bench.stage import process
from bench.stage.job import Job
from retrievers.registry import Registry, installed
from tests.helpers.places import KNOWN

TIMED, HELD, PEAK = "Constant(ms=2.0) @ Spin(5.0)", "Constant() @ Holds(200000000)", "Constant() @ Peaks(500000000)"
SHARE = 0.02
OVERHEAD_SECONDS = 0.15
WAIT_MS = 0.2  # by which a wait may differ from the recursion's, of 99 in 100 arrivals
LOADED = "BM25() @ CSR()"
PAIRS = 15
BARE = [sys.executable, "-P", "-c", "import numpy, scipy.sparse"]


class Figure(NamedTuple):
    """One figure: what is known, what was reported, and how far apart they may lie."""

    name: str
    unit: str
    known: float
    reported: float | None
    bound: float

    @property
    def holds(self) -> bool:
        return self.reported is not None and abs(self.reported - self.known) <= self.bound


def figures(registry: Registry, scratch: Path) -> Iterator[Figure]:
    """Every figure that is held to a known one."""
    found = measured(registry, scratch)
    timed, held, peak = found[TIMED], found[HELD], found[PEAK]
    for name, latency, known in (
        ("encode p50", timed.encode, 2.0),
        ("search p50", timed.search, 5.0),
        ("single p50", timed.single, 7.0),
        ("joint p50", timed.joint, 7.0),
    ):
        yield Figure(name, "ms", known, latency.p50 if latency else None, SHARE * known)
    for name, qps, known in (("batch", timed.batch_qps, 1000 / 7), ("search batch", timed.search_batch_qps, 1000 / 5)):
        yield Figure(name, "queries/s", known, qps, SHARE * known)
    weight = held.storage_weight
    resident = weight.resident if weight else None
    above = peak.build_memory.peak_above_start if peak.build_memory else None
    yield Figure("200 MB: ledger", "MB", 200, weight.ledger_bytes / 1e6 if weight and weight.ledger_bytes else None, 0)
    yield Figure("200 MB: resident", "MB", 200, resident.resident / 1e6 if resident else None, SHARE * 200)
    yield Figure("500 MB: build peak", "MB", 500, above / 1e6 if above is not None else None, SHARE * 500)
    for name, what in ((TIMED, "7 ms a query"), (LOADED, "BM25")):
        yield Figure(f"wait, {what}", "ms", 0, waits(found[name], scratch / "run"), WAIT_MS)
    yield Figure("process overhead", "s", 0, overhead(registry, scratch), OVERHEAD_SECONDS)


def waits(cell: Measurement, folder: Path) -> float | None:
    """Milliseconds within which 99 of 100 waits lie by the recursion: the median over rounds. None: saturated."""
    if cell.rate is None or cell.rate.saturated:
        return None
    found = []
    for number in range(cell.rounds):
        with np.load(folder / cell.files[f"joint-{number}"]) as arrays:
            intended, start, service = arrays["rate"].T
        found.append(np.quantile(np.abs(start - intended - load.lindley(intended, service)), 0.99) / 1e6)
    return float(np.median(found))


def measured(registry: Registry, scratch: Path) -> dict[str, Measurement]:
    """The measurements of the cells of known cost, by their spelling."""
    chosen = overrides.override(
        overrides.from_retrievers(["primer"], [TIMED, HELD, PEAK, LOADED]),
        {"modes": list(MODES), "queries": 100, "rate": "50%"},
        {},
    )
    outcome = runner.run(chosen, [loader.load("primer")], scratch / "run", registry, plugins=[KNOWN])
    return {measurement.retriever: measurement for measurement in outcome.measurements}


def overhead(registry: Registry, scratch: Path) -> float:
    """Seconds that a trivial serving process takes beyond importing numpy and scipy.sparse: the median of pairs."""
    for folder in ("matrix", "storage"):
        (scratch / folder).mkdir()
    np.save(scratch / "matrix" / "queries.npy", np.ones((20, 1), np.float32))
    (scratch / "storage" / "n").write_text("5")
    job = Job(
        stage="search",
        storage="Spin(0.0)",
        entries=tuple((e.group, e.name, e.target, e.package) for e in registry.entries.values()),
        matrix=str(scratch / "matrix"),
        storage_folder=str(scratch / "storage"),
        result=str(scratch / "job" / "result.json"),
        sample=tuple(range(20)),
        n_passages=5,
    )
    differences = []
    for _ in range(PAIRS):
        start = time.perf_counter()
        subprocess.run(BARE, check=True, env=os.environ | dict.fromkeys(process.THREAD_VARIABLES, "1"))
        bare = time.perf_counter() - start
        result = process.run(job, scratch / "job", threads=1, seconds=60, memory_bytes=10**9)
        if result.status != "ok" or result.process_seconds is None:
            raise RuntimeError(f"the trivial job was expected to go well, found {result.status}: {result.reason}")
        differences.append(result.process_seconds - bare)
    return statistics.median(differences)


def main() -> int:
    registry = installed()
    registry.add_file(KNOWN)
    table = Table("figure", "unit", "known", "reported", "difference", "bound", "")
    holds = True
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SPARRING_CACHE"] = f"{scratch}/cache"
        for figure in figures(registry, Path(scratch)):
            holds &= figure.holds
            reported = "-" if figure.reported is None else f"{figure.reported:.3f}"
            difference = "-" if figure.reported is None else f"{figure.reported - figure.known:+.3f}"
            verdict = "" if figure.holds else "MISSED"
            table.add_row(
                figure.name, figure.unit, f"{figure.known:.3f}", reported, difference, f"{figure.bound:.3f}", verdict
            )
    Console().print(table)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
