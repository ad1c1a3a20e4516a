"""What two cells cost: times as ratios, memory by what its rounds show, bytes exactly."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from bench.analysis.difference import ComparedRun, Difference, Interval, Kind, Rounds, together
from bench.errors import InputError
from bench.instruments import latency, stability
from bench.instruments.latency import ROUNDS
from bench.instruments.memory import RESOLUTION
from bench.records.comparability import hardware_differences
from bench.records.schema import Footprint, Measurement, StageResult
from bench.statistics import bootstrap
from bench.statistics.bootstrap import SEED
from bench.statistics.paired import Verdict

SAME_TIME = 0.05  # share by which times may differ and still be equivalent
SAME_MEMORY = 0.02  # the same of resident bytes
# Between two runs of one suite on one machine, hours apart, p50 moved by up to 13 % (ten pairs of cells on a virtual
# machine of two cores). No run knows of it from its own rounds.
DRIFT = 0.15
UNDER_RESOLUTION = f"the difference is under resolution: {RESOLUTION // 2**20} MiB"
PERCENTILES = {"single_p50_ms": 0.50, "single_p95_ms": 0.95}
SPEEDS = (*PERCENTILES, "batch_qps")
GROWTH = {  # figures of memory, and the stage whose every round has them
    "resident_bytes": "search",
    "encoder_resident_bytes": "query",
    "peak_search_bytes": "search",
    "peak_query_bytes": "query",
    "peak_encode_bytes": None,  # once
    "peak_build_bytes": None,
}


def cost(m: Measurement, name: str) -> float | None:
    """A figure by its key in `sparring table --json`; None where it was not measured."""
    if name == "batch_qps":
        return m.batch_qps
    if name in PERCENTILES:
        found: float | None = getattr(m.single, name.split("_")[1]) if m.single is not None else None
        return found
    if name.startswith("peak_"):
        memory = getattr(m, f"{name.split('_')[1]}_memory")
        return None if memory is None else memory.peak_above_start
    weight = m.encoder_weight if name.startswith("encoder_") else m.storage_weight
    return None if weight is None else _weighed(weight, name.removeprefix("encoder_"))


def _weighed(weight: Footprint, name: str) -> float | None:
    if name == "resident_bytes":
        return None if weight.resident is None else weight.resident.resident
    return weight.ledger_bytes if name == "ledger_bytes" else weight.disk_bytes


def _told(name: str, kind: Kind, was: Measurement, now: Measurement) -> Difference | None:
    """A figure that is not compared yet; None where neither has it."""
    old, new = cost(was, name), cost(now, name)
    if old is None and new is None:
        return None
    missing = "old" if old is None else "new"
    why = f"not measured in the {missing} run" if old is None or new is None else ""
    return Difference(name=name, kind=kind, old=old, new=new, verdict="not compared", why=why)


# Bytes


def exact(was: Measurement, now: Measurement) -> Iterator[Difference]:
    """Ledger and disk, to the byte."""
    for name in ("ledger_bytes", "disk_bytes", "encoder_ledger_bytes", "encoder_disk_bytes"):
        told = _told(name, "bytes", was, now)
        if told is None:
            continue
        if told.old is None or told.new is None:
            yield told
        else:
            verdict: Verdict = "identical" if told.new == told.old else "better" if told.new < told.old else "worse"
            yield msgspec.structs.replace(told, verdict=verdict)


# Memory


def memory(old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement) -> Iterator[Difference]:
    """Resident growth and peaks; a difference below what page accounts resolve is none."""
    for name, stage in GROWTH.items():
        told = _told(name, "memory", was, now)
        if told is None:
            continue
        if told.old is None or told.new is None:
            yield told
            continue
        if abs(told.new - told.old) < RESOLUTION:
            yield msgspec.structs.replace(told, verdict="equivalent", why=UNDER_RESOLUTION)
            continue
        rounds = [_growth(side.rounds(m, stage), name) if stage else [] for side, m in ((old, was), (new, now))]
        if min(map(len, rounds)) < 2:
            yield msgspec.structs.replace(told, verdict="undecided", why="measured once")
            continue
        within = _interval(rounds, alike=together(old.run, new.run))
        few = _too_few(min(map(len, rounds)), "a verdict of memory")
        verdict = "undecided" if few else verdict_of(within, SAME_MEMORY)
        yield msgspec.structs.replace(told, interval=within, verdict=verdict, why=few)


def _too_few(found: int, what: str) -> str:
    """Why rounds do not decide; empty where they do."""
    return f"{found} of the {ROUNDS} rounds that {what} needs" if found < ROUNDS else ""


def _growth(rounds: list[StageResult], name: str) -> list[int]:
    """The figure of each round that has it."""
    if name.startswith("peak_"):
        peaks = (result.timed_memory.peak_above_start for result in rounds if result.timed_memory is not None)
        return [peak for peak in peaks if peak is not None]
    return [result.load_memory.resident for result in rounds if result.load_memory is not None]


def _interval(rounds: list[list[int]], *, alike: bool) -> Interval | None:
    """The interval of new / old of one number a round. alike: both were measured in the same rounds."""
    old, new = (
        bootstrap.draws(
            [np.array([[value]], np.int64) for value in one],
            [0.5],
            rounds_seed=SEED + (0 if alike else side),
        )[0]
        for side, one in enumerate(rounds)
    )
    by_round = [np.array(one, np.float64) for one in rounds]
    return bootstrap.wider(bootstrap.ratio_interval(old, new), bootstrap.student(*by_round, alike=alike))


def verdict_of(within: Interval | None, margin: float, *, high: bool = False) -> Verdict:
    """
    Of an interval of new / old: wholly nearer 1 than the margin, beside 1, or neither. high: more is better.
    """
    if within is None:
        return "undecided"
    low, top = within
    if 1 / (1 + margin) < low and top < 1 + margin:
        return "equivalent"
    if low <= 1 <= top:
        return "undecided"
    return "better" if (low > 1) == high else "worse"


# Time


def speeds(
    old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement, unmatched: str
) -> Iterator[Difference]:
    """
    p50 and p95 of one query, and queries a second in batch, as ratios with their intervals.

    An interval tells what the rounds of both runs show; between two runs the verdict allows for DRIFT beside it. It is
    undecided where a cell was unstable, or had too few rounds, whatever its interval.
    unmatched: what is to be said where the two do not find the same well; a speed is read at matched quality.
    """
    problem, alike = _unlike(old, new, was, now), together(old.run, new.run)
    drift = 1.0 if alike else 1 + DRIFT
    for name in SPEEDS:
        told = _told(name, "latency", was, now)
        if told is None:
            continue
        why = told.why or problem
        if not why and name == "batch_qps" and _timed(old, was) != _timed(new, now):
            why = f"batches of {_timed(old, was):,} / {_timed(new, now):,} queries"
        try:
            within = None if why else _ratio(name, old, new, was, now)
        except InputError as error:
            why = f"no raw times: {error}"
        if why:
            yield msgspec.structs.replace(told, why=why)
            continue
        doubts = [*filter(None, [_too_few(min(was.rounds, now.rounds), "a latency")])]
        doubts += [f"{side.name}: {flag}" for side, m in ((old, was), (new, now)) for flag in _unstable(m)]
        allowed = None if doubts or within is None else (within[0] / drift, within[1] * drift)
        verdict = verdict_of(allowed, SAME_TIME, high=name == "batch_qps")
        told = msgspec.structs.replace(told, interval=within, verdict=verdict)
        yield msgspec.structs.replace(told, why="; ".join([*filter(None, [unmatched]), *doubts]))


def _unstable(m: Measurement) -> list[str]:
    return [flag for flag in m.flags if flag.startswith(stability.UNSTABLE)]


def _unlike(old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement) -> str:
    """Why no two times of these cells are compared: other hardware, threads or k; empty where they are."""
    found = hardware_differences(old.run.environment, new.run.environment)
    found |= {
        name: (getattr(was, name), getattr(now, name))
        for name in ("threads", "k")
        if getattr(was, name) != getattr(now, name)
    }
    return "; ".join(f"{name} differs: {one} / {other}" for name, (one, other) in found.items())


def _timed(side: ComparedRun, m: Measurement) -> int:
    """How many queries were timed."""
    most = side.run.record.suite.get("queries")
    return min(most, m.n_queries) if isinstance(most, int) else m.n_queries


def _ratio(name: str, old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement) -> Interval | None:
    """
    The interval of new / old of one speed. Raises InputError where raw times are not available.

    Queries are drawn alike for both sides where they are the same sample, rounds where both were measured in them; what
    the two do not share is drawn from another seed for the new side.
    """
    alike = together(old.run, new.run)
    rounds_seeds = (SEED, SEED) if alike else (SEED, SEED + 1)
    same = was.seed == now.seed and _timed(old, was) == _timed(new, now)
    columns_seeds = (SEED, SEED) if same else (SEED, SEED + 1)
    drawn, by_round = [], []
    for side, m, first, second in zip((old, new), (was, now), rounds_seeds, columns_seeds, strict=True):
        if name in PERCENTILES:
            parts = [_singles(side, m)]
        else:  # one batch after the other: what is drawn are the repeats of each round
            parts = [[times.reshape(1, -1) for times in side.times(m, stage, "batch")] for stage in _stages(m)]
        if not all(parts):
            raise InputError(f"{side.run.folder}: expected samples of {m.retriever}, found none in its record")
        p = PERCENTILES.get(name, 0.5)
        of_parts = [
            bootstrap.draws(part, [p], rounds_seed=first, columns_seed=second, crossed=name in PERCENTILES)[0]
            for part in parts
        ]
        drawn.append(np.sum(of_parts, axis=0))
        n_rounds = min(map(len, parts))
        by_round.append(np.sum([bootstrap.by_round(part[:n_rounds], p) for part in parts], axis=0))
    within = bootstrap.ratio_interval(*drawn)
    if alike:  # between two runs DRIFT is allowed for, which is more than what a bootstrap of few rounds lacks
        within = bootstrap.wider(within, bootstrap.student(*by_round, alike=True))
    return (1 / within[1], 1 / within[0]) if within is not None and name == "batch_qps" else within


def _stages(m: Measurement) -> tuple[str, ...]:
    return ("query", "search") if m.encoder is not None else ("search",)


def _singles(side: ComparedRun, m: Measurement) -> Rounds:
    """Each round's times of one query, text to ids, as `bench.run.measurement` adds them up."""
    parts = [side.times(m, stage, "single") for stage in _stages(m)]
    return parts[0] if len(parts) == 1 else [latency.end_to_end(*pair) for pair in zip(*parts, strict=False)]
