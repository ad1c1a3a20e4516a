"""What one round of a cell tells of speed and memory: the figures that an A/B holds, beside quality and bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.instruments import latency
from bench.instruments.modes import BATCH, SINGLE
from bench.records.run_folder import samples
from bench.records.schema import StageResult
from bench.stage.timing import NEW


class HeldFigure(NamedTuple):
    """One of them."""

    name: str  # as the verdict's line calls it
    unit: str
    more_is_worse: bool = True
    repeated: bool = True  # of queries that were asked before: what remembers them answers no user's
    resolution: float = 0.0  # what is smaller is not told from this


P50, P95, NEW_P50, QPS = "single_p50_ms", "single_p95_ms", "new_p50_ms", "batch_qps"
RESIDENT = "resident_bytes"


class Matched(NamedTuple):
    """Of a figure that is told call by call."""

    samples: str  # whose calls
    share: float = 1.0  # of them, the slowest ones


TAIL = 0.1  # whose middle is the 95th percentile
MATCHED = {
    P50: Matched(SINGLE.name),
    P95: Matched(SINGLE.name, TAIL),
    NEW_P50: Matched(NEW),
    QPS: Matched(BATCH.name),
}
# By their key of JSON. The first decides how long rounds go on.
FIGURES = {
    P50: HeldFigure("p50", "ms"),
    P95: HeldFigure("p95", "ms"),
    NEW_P50: HeldFigure("new queries", "ms", repeated=False),
    QPS: HeldFigure("batch", "q/s", more_is_worse=False),
    RESIDENT: HeldFigure("memory", "bytes", repeated=False, resolution=2.0**20),
}


def of_round(folder: Path, parts: Sequence[StageResult]) -> dict[str, float]:
    """
    The figures of one round by key, of those that it has.

    folder: of the run. parts: encoder and storage, whose times are added query by query; or what goes from text to ids.
    A p95 is told of no fewer queries than in a table.
    """
    single, new = (_end_to_end(folder, parts, name) for name in (SINGLE.name, NEW))
    found = {
        P50: _median_ms(single),
        P95: None if single is None else latency.percentile([single], 0.95),
        NEW_P50: _median_ms(new),
        QPS: None if new is None else _throughput(folder, parts, n_queries=new.shape[1]),
        RESIDENT: _resident(parts),
    }
    return {key: value for key, value in found.items() if value is not None}


def times_of_round(folder: Path, parts: Sequence[StageResult]) -> dict[str, tuple[int, ...]]:
    """Samples -> the nanoseconds of each call, as they were asked one after the other."""
    found = {name: _end_to_end(folder, parts, name) for name in dict.fromkeys(how.samples for how in MATCHED.values())}
    return {name: tuple(times.ravel().tolist()) for name, times in found.items() if times is not None}


def matched(name: str, old: Mapping[str, Sequence[int]], new: Mapping[str, Sequence[int]]) -> float | None:
    """
    How much longer a call takes by a figure, new / old: the median over calls that both sides answered in step.

    A core has states, and a percentile of either side lies now in one and now in another: what is held to the same call
    of nearly the same moment does not. None where no call is known. old, new: samples -> nanoseconds, as asked.
    """
    how = MATCHED.get(name)
    if how is None:
        return None
    sides = [np.maximum(np.asarray(side.get(how.samples, ()), np.float64), 1.0) for side in (old, new)]
    n = min(map(len, sides))
    was, now = (side[:n] for side in sides)
    # The slowest by both sides together: whose own are chosen looks slower than it is.
    slowest = np.argsort(was + now, kind="stable")[n - ceil(how.share * n) :]
    return float(np.exp(np.median(np.log(now[slowest] / was[slowest])))) if n else None


def _end_to_end(folder: Path, parts: Sequence[StageResult], name: str) -> NDArray[np.int64] | None:
    """Nanoseconds from text to ids, (n_passes, n_queries); None where a part has not been timed so."""
    times = samples(folder, parts, name)
    if len(times) < len(parts) or not all(part.size for part in times):
        return None
    return times[0] if len(times) == 1 else latency.end_to_end(times[0], times[1])


def _median_ms(times: NDArray[np.int64] | None) -> float | None:
    """Of however few queries: it is held to that of the other side, which has the same."""
    return None if times is None else float(np.median(times)) / 1e6


def _throughput(folder: Path, parts: Sequence[StageResult], n_queries: int) -> float | None:
    """Queries a second, of all parts one after the other."""
    batches = samples(folder, parts, BATCH.name)
    if len(batches) < len(parts) or not all(times.size for times in batches):
        return None
    seconds = sum(float(np.median(times)) for times in batches) / 1e9
    return n_queries / seconds if seconds else None


def _resident(parts: Sequence[StageResult]) -> float | None:
    """What all parts hold: once they are loaded and warmed up, and what they take later and keep."""
    weights = [part.load_memory for part in parts]
    if not all(weights):
        return None
    later = [part.timed_memory for part in parts]
    return float(sum(max(memory.resident, 0) for memory in (*weights, *later) if memory is not None))
