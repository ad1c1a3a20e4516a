"""What two cells cost: times as ratios, memory by what its rounds show, bytes exactly."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.analysis.difference import ComparedRun, Difference, Interval, Kind, timed_together
from bench.analysis.raw_times import of_stage, stages_of, text_to_ids
from bench.errors import InputError
from bench.instruments import stability
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
PERCENTILES = {"single_p50_ms": 0.50, "single_p95_ms": 0.95, "new_p50_ms": 0.50, "new_p95_ms": 0.95}
SPEEDS = ("single_p50_ms", "single_p95_ms", "batch_qps")
NEW = ("new_p50_ms", "new_p95_ms")  # compared too where a cell remembers: no time of repeated queries decides then
GROWTH = {  # figures of memory, and the stage whose every round has them
    "resident_bytes": "search",
    "encoder_resident_bytes": "query",
    "peak_search_bytes": "search",
    "peak_query_bytes": "query",
    "peak_encode_bytes": None,  # once
    "peak_build_bytes": None,
    "deployment_bytes": None,
}


def cost(m: Measurement, name: str) -> float | None:
    """A figure by its key in `sparring table --json`; None where it was not measured."""
    if name == "batch_qps":
        return m.batch_qps
    if name == "deployment_bytes":
        return m.deployment_bytes
    if name in PERCENTILES:
        mode, percent, _ = name.split("_")
        found: float | None = getattr(getattr(m, mode), percent, None)
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
        within = _interval(rounds, alike=timed_together(old.run, new.run, was, now))
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
    old, new = (bootstrap.fixed(one) for one in rounds)
    return bootstrap.ratio_interval(old, new, alike=alike)


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

    An interval tells what the rounds of both show; where these were not the same the verdict allows for DRIFT. It is
    undecided where something speaks against the figure of a cell, or it had too few rounds, whatever its interval.
    unmatched: what is to be said where the two do not find the same well; a speed is read at matched quality.
    """
    problem, alike = _unlike(old, new, was, now), timed_together(old.run, new.run, was, now)
    drift = 1.0 if alike else 1 + DRIFT
    for name in (*SPEEDS, *(NEW if any(stability.remembers(m.flags) for m in (was, now)) else ())):
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
        doubts += [f"{side.name}: {flag}" for side, m in ((old, was), (new, now)) for flag in _doubts(m, name)]
        allowed = None if doubts or within is None else (within[0] / drift, within[1] * drift)
        verdict = verdict_of(allowed, SAME_TIME, high=name == "batch_qps")
        told = msgspec.structs.replace(told, interval=within, verdict=verdict)
        yield msgspec.structs.replace(told, why="; ".join([*filter(None, [unmatched]), *doubts]))


def _doubts(m: Measurement, name: str) -> list[str]:
    return stability.doubts(m.flags, m.figure_flags, name)


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
    """How many queries were timed; a record of before leaves it to its suite."""
    if m.n_timed is not None:
        return m.n_timed
    most = side.run.record.suite.get("queries")
    return min(most, m.n_queries) if isinstance(most, int) else m.n_queries


def _sample(side: ComparedRun, m: Measurement) -> tuple[object, ...]:
    """What decides which queries of a set were timed; a suite that stops times those of the first look."""
    return m.seed, _timed(side, m), side.run.record.suite.get("stop")


def _ratio(name: str, old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement) -> Interval | None:
    """
    The interval of new / old of one speed. Raises InputError where raw times are not available.

    Queries are drawn alike for both sides where they are the same sample; batches, and other queries, from another seed
    for the new side.
    """
    single = name in PERCENTILES
    same = single and _sample(old, was) == _sample(new, now)
    sides = []
    for side, m, seed in ((old, was, SEED), (new, now, SEED if same else SEED + 1)):
        if single:
            parts = [text_to_ids(side.run, m, name.split("_")[0])]
        else:  # one batch after the other: what is drawn are the repeats of each round
            parts = [
                [times.reshape(1, -1) for times in of_stage(side.run, m, stage, "batch")] for stage in stages_of(m)
            ]
        if not all(parts):
            raise InputError(f"{side.run.folder}: expected samples of {m.retriever}, found none in its record")
        p = PERCENTILES.get(name, 0.5)
        figures = [bootstrap.figures(part, [p], seed=seed, crossed=single)[0] for part in parts]
        sides.append(bootstrap.total(figures))
    within = bootstrap.ratio_interval(*sides, alike=timed_together(old.run, new.run, was, now))
    return (1 / within[1], 1 / within[0]) if within is not None and name == "batch_qps" else within
