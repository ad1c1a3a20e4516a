"""What the picture of single queries is made of: how their times are spread, percentiles with intervals, stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis import raw_times
from bench.analysis.raw_times import Rounds
from bench.errors import InputError
from bench.instruments import stability
from bench.instruments.latency import QUERIES_PER_TAIL
from bench.records.run_folder import Run
from bench.records.schema import Latency, Measurement
from bench.report import doubts
from bench.report.tables.marks import kind
from bench.report.tables.picture_cells import cells_of, refuse_other_hardware, remarks_of

NAME = "latency"
P50, P95 = "single_p50_ms", "single_p95_ms"
SHARES = tuple(percent / 100 for percent in range(1, 100))  # of the queries, at which a curve is told
SAME = 1e-9  # relative: a percentile made again from raw times is the record's, but for the last bits
NEW = "time of new queries, since repeated ones are answered faster; stages not drawn"
NO_TIMES = "no curve, raw times not on disk (folder samples of the run)"
OTHER_TIMES = "no curve, the raw times on disk are not those of the record"
FEW = "no p95, fewer than 200 queries timed"

Bounds = tuple[float, float]


@dataclass(frozen=True)
class QueryTimes:
    """What one query of a cell takes, text to ids, in milliseconds above 0."""

    name: str
    p50: float
    p95: float | None = None
    p50_interval: Bounds | None = None  # 95 %
    p95_interval: Bounds | None = None
    encode: float | None = None  # p50 of each stage; None of an engine, and where the times are of new queries
    search: float | None = None
    curve: tuple[tuple[float, float], ...] = ()  # share of the queries and ms within which they end, ascending
    is_new: bool = False  # of queries that the process had not seen: it answers repeated ones faster


@dataclass(frozen=True)
class Latencies:
    """What is drawn of one passage set."""

    passage_set: str
    cells: tuple[QueryTimes, ...]  # the fastest p50 first
    remarks: tuple[str, ...] = ()
    conditions: str = ""


def read(runs: Sequence[Run], passage_set: str | None = None) -> Latencies:
    """
    The times of single queries of the cells of one passage set.

    InputError where the set has to be named, where no cell has a p50, for runs that do not go together, of other
    passages or timed on other hardware, and for raw times that are damaged.
    """
    found = cells_of(runs, passage_set, NAME)
    refuse_other_hardware(found, NAME)
    cells: list[QueryTimes] = []
    lacking: dict[str, list[str]] = {}
    for name, (_, run, m) in zip(found.names, found.cells, strict=True):
        times, said = times_of(name, run, m)
        cells += [] if times is None else [times]
        for why in said:
            lacking.setdefault(why, []).append(name)
    remarks = remarks_of(lacking)
    if not cells:
        raise InputError(f"{NAME} of {found.passage_set}: expected cells with a p50, found none: {'; '.join(remarks)}")
    ordered = sorted(cells, key=lambda times: (times.p50, times.name))
    return Latencies(found.passage_set, tuple(ordered), remarks, found.conditions)


def times_of(name: str, run: Run, m: Measurement) -> tuple[QueryTimes | None, list[str]]:
    """What a cell's queries take, None where it is not drawn; and what it lacks, or a reader must know, a kind each."""
    if m.status != "ok":
        return None, [f"not drawn, {m.status}"]
    is_new = stability.remembers(m.flags)
    latency = m.new if is_new else m.single
    p50 = None if latency is None else _positive(latency.p50)
    if latency is None or p50 is None:
        return None, ["not drawn, no p50"]
    curve, said = _curve(run, m, "new" if is_new else "single", latency)
    p95 = _positive(latency.p95)
    paired = m.encoder is not None and not is_new
    times = QueryTimes(
        name,
        p50,
        p95,
        _bounds(latency.p50_interval),
        _bounds(latency.p95_interval) if p95 is not None else None,
        _positive(m.encode.p50) if paired and m.encode is not None else None,
        _positive(m.search.p50) if paired and m.search is not None else None,
        curve,
        is_new,
    )
    return times, [*([NEW] if is_new else []), *([FEW] if p95 is None else []), *_doubts(m), *said]


def curve_of(rounds: Rounds) -> tuple[tuple[float, float], ...]:
    """
    The share of the queries that end within a time: pairs of a share and milliseconds, both ascending.

    At each share stands what the harness calls its percentile: the median over rounds of each round's, so that the
    curve goes through the p50 and the p95 of the record, and rises, since each round's percentiles do. It is told at
    hundredths, as far as a percentile is: with 10 distinct queries on either side.

    rounds: each (n_passes, n_queries) nanoseconds, text to ids; a pass counts as often as another.
    """
    if not rounds or any(times.size == 0 for times in rounds):
        return ()
    n_queries = min(times.shape[1] for times in rounds)
    shares = [share for share in SHARES if n_queries * min(share, 1 - share) >= QUERIES_PER_TAIL - 1e-9]
    if not shares:
        return ()
    of_rounds = [np.quantile(times, shares) for times in rounds]
    middle = (np.median(of_rounds, axis=0) / 1e6).tolist()
    return tuple((share, ms) for share, ms in zip(shares, middle, strict=True) if ms > 0)


def _curve(run: Run, m: Measurement, name: str, latency: Latency) -> tuple[tuple[tuple[float, float], ...], list[str]]:
    """The curve of a cell whose raw times are on disk, and those of its record; or why there is none."""
    if not raw_times.are_on_disk(run, m):
        return (), [NO_TIMES]
    curve = curve_of(raw_times.text_to_ids(run, m, name))
    at = dict(curve)
    known = {0.5: latency.p50, 0.95: latency.p95}
    if not curve or any(
        ms is not None and not math.isclose(ms, at.get(share, 0.0), rel_tol=SAME) for share, ms in known.items()
    ):
        return (), [OTHER_TIMES]
    return curve, []


def _doubts(m: Measurement) -> list[str]:
    """What speaks against the times that are drawn, in the words of the tables' footnotes."""
    keys = {doubts.key_shown(m.flags, key): tail for key, tail in ((P50, ""), (P95, ", p95 alone"))}
    whole = [flag for flag in m.flags if flag.startswith((stability.UNSTABLE, stability.THREADS))]
    alone = [kind(m.figure_flags[key]) + tail for key, tail in keys.items() if key in m.figure_flags]
    return list(dict.fromkeys([*map(kind, whole), *alone]))


def _positive(value: float | None) -> float | None:
    """A time that a logarithmic axis has a place for."""
    return value if value is not None and value > 0 else None


def _bounds(interval: Bounds | None) -> Bounds | None:
    return interval if interval is not None and 0 < interval[0] <= interval[1] else None
