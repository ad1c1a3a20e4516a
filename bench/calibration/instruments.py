"""
The instruments held to known truth: what they report of cells and processes of known cost.

Bounds: 2 % of a time, a rate or a weight; 0.2 ms of a wait, of 99 in 100 arrivals; 0.15 s of a process. A ledger is
exact, and a limit of memory holds or does not.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.calibration import waits
from bench.calibration.cells import MeasuredCell, adapters, measured
from bench.calibration.figures import FigureCheck, KnownFigure, decided
from bench.calibration.processes import MB, limited, overhead
from bench.instruments.stability import UNDER_LOAD
from bench.progress import Progress
from bench.records.run_folder import samples
from bench.records.schema import Latency, Stage

SHARE = 0.02
REPEATING_SECONDS = 150.0  # from the start: later than that nothing is measured again, since a busy machine is slow too
WAIT_MS = 0.2
# Without a core for more than this share of the loops, a missed bound is the machine's. A median moves late; of waits
# one in a hundred is too many, and whoever is interrupted waits for some milliseconds.
MEDIAN_CONTENTION, WAIT_CONTENTION = 0.02, 0.005

ENCODE_MS, SEARCH_MS, LOADED_MS = 2.0, 5.0, 1.0
TIMED = f"Constant(ms={ENCODE_MS}) @ Spin({SEARCH_MS})"
LOADED = f"Constant(ms={LOADED_MS}) @ Spin({LOADED_MS})"
LEXICAL = "BM25() @ CSR()"
HELD_BYTES, PEAK_BYTES = 200 * MB, 500 * MB


def figures(progress: Progress, scratch: Path) -> list[KnownFigure]:
    """Every figure that the instruments are held to. scratch: a folder with room for one gigabyte."""
    found = []
    end = time.monotonic() + REPEATING_SECONDS
    for check in checks(progress):
        progress.says(f"instruments: {check.name}")
        folder = scratch / check.name.replace(" ", "-")
        found += decided(check, folder, progress.says, lambda: time.monotonic() < end)
    return found


def checks(progress: Progress) -> list[FigureCheck]:
    """What is measured, in this order."""
    registry = adapters()
    run = functools.partial(measured, registry=registry, progress=progress)

    def waiting(name: str, spelling: str) -> Callable[[Path], list[KnownFigure]]:
        return lambda folder: [wait(name, run(folder / "run", spelling, modes=("rate",)))]

    def weighing(folder: Path) -> list[KnownFigure]:
        held = run(folder / "held", f"Constant() @ Holds({HELD_BYTES})")
        peaked = run(folder / "peak", f"Constant() @ Peaks({PEAK_BYTES})", rounds=1)
        return [*weight(held), peak(peaked)]

    return [
        FigureCheck(
            "times", lambda folder: list(times(run(folder / "run", TIMED, modes=("single", "batch", "joint"))))
        ),
        FigureCheck("waits of known times", waiting("wait at 2 ms a query", LOADED)),
        FigureCheck("waits of BM25", waiting("wait of BM25", LEXICAL)),
        FigureCheck("bytes", weighing),
        FigureCheck("memory limit", lambda folder: limited(registry, folder)),
        FigureCheck("process", lambda folder: overhead(registry, folder)),
    ]


def times(cell: MeasuredCell) -> Iterator[KnownFigure]:
    """Times and rates of queries whose every stage takes a known time."""
    record, whole = cell.record, ENCODE_MS + SEARCH_MS

    def timed(name: str, unit: str, known: float, reported: float | None, *stages: Stage) -> KnownFigure:
        return KnownFigure(
            name=name,
            unit=unit,
            known=known,
            reported=reported,
            bound=SHARE * known,
            contention=cell.contention(*stages),
            contention_limit=MEDIAN_CONTENTION,
            reason=cell.failure,
        )

    yield timed("encode p50", "ms", ENCODE_MS, _p50(record.encode), "query")
    yield timed("search p50", "ms", SEARCH_MS, _p50(record.search), "search")
    yield timed("single p50", "ms", whole, _p50(record.single), "query", "search")
    yield timed("joint p50", "ms", whole, _p50(record.joint), "joint")
    yield timed("batch", "queries/s", 1000 / whole, record.batch_qps, "query", "search")
    yield timed("search batch", "queries/s", 1000 / SEARCH_MS, record.search_batch_qps, "search")


def _p50(latency: Latency | None) -> float | None:
    return None if latency is None else latency.p50


def wait(name: str, cell: MeasuredCell) -> KnownFigure:
    """How far real waits lie from Lindley's recursion on the recorded arrivals and service times."""
    rate = cell.record.rate
    saturated = rate is not None and rate.saturated
    return KnownFigure(
        name=name,
        unit="ms",
        known=0.0,
        reported=None if saturated else waits.error_ms(samples(cell.folder, cell.rounds("joint"), "rate")),
        bound=WAIT_MS,
        contention=cell.contention("joint", prefix=UNDER_LOAD),
        contention_limit=WAIT_CONTENTION,
        reason="saturated at half its capacity" if saturated else cell.failure,
    )


def weight(cell: MeasuredCell) -> list[KnownFigure]:
    """The ledger and the resident growth of a storage that holds known bytes."""
    known = HELD_BYTES / MB
    footprint = cell.record.storage_weight
    ledger = footprint.ledger_bytes if footprint else None
    resident = footprint.resident.resident if footprint and footprint.resident else None
    return [
        _weighed(f"{known:.0f} MB: ledger", known, ledger, 0.0, cell),
        _weighed(f"{known:.0f} MB: resident", known, resident, SHARE * known, cell),
    ]


def peak(cell: MeasuredCell) -> KnownFigure:
    """The peak of a build that takes known bytes and keeps none; Linux alone tells it."""
    known, memory = PEAK_BYTES / MB, cell.record.build_memory
    above = memory.peak_above_start if memory else None
    name = f"{known:.0f} MB: build peak"
    return _weighed(name, known, above, SHARE * known, cell, measurable=sys.platform == "linux")


def _weighed(
    name: str, known: float, nbytes: int | None, bound: float, cell: MeasuredCell, *, measurable: bool = True
) -> KnownFigure:
    return KnownFigure(
        name=name,
        unit="MB",
        known=known,
        reported=None if nbytes is None else nbytes / MB,
        bound=bound,
        reason=cell.failure,
        measurable=measurable,
    )
