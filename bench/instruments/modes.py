"""
The latency modes, one value each: what is timed, where, what a round of it takes, and what of a record it fills.

Whoever checks, times, records, estimates or shows modes iterates over MODES and names none. `sparring --help` and every
child import this module: what takes memory is imported inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.records.schema import RecordFields, Stage

    Samples: TypeAlias = dict[str, NDArray[np.int64]]  # name -> nanoseconds, shaped as the loop says

# How much of a retriever one process holds: its encoder or its storage; an engine, or the storage of vectors made
# elsewhere, which are all that goes from text to ids; encoder and storage together.
Scope: TypeAlias = Literal["part", "engine", "pair"]


class Settings(NamedTuple):
    """What a suite sets of its modes beside naming them."""

    rate: str = "70%"  # offered in mode `rate`: a share of the cell's own capacity, or queries a second ("200/s")
    rate_seconds: float = 5.0  # a round of it takes at least so long
    p99: str | None = None  # of mode `rate` ("10ms"): the highest rate that keeps it is searched for


class Target(NamedTuple):
    """What the loops of one round are run on."""

    scope: Scope
    one: Callable[[int], object]  # answers the query of a position in the sample
    every: Callable[[], object]  # answers the whole sample
    n_queries: int  # of the sample
    warm_one: Callable[[int], object]  # the same for synthetic queries, which the sample has not
    warm_every: Callable[[], object]  # of as many as the sample has
    n_warm: int
    seconds: float  # how long each loop goes on
    settings: Settings = Settings()
    seed: tuple[int, ...] = ()  # of this round
    parts: Sequence[Callable[[Any], object]] = ()  # of a pair what `one` is made of. Any: what one part gives the next
    fresh_one: Callable[[int], object] | None = None  # the same for synthetic queries that no process has seen
    n_fresh: int = 0
    keep: Callable[[int, object], None] | None = None  # of the mode whose loop is run: is handed each answer
    between: Callable[[str], None] = lambda _: None  # called after each query, or batch, with its loop's name; untimed


class Rounds(NamedTuple):
    """What the rounds of one cell left, to be summarised."""

    samples: Callable[[Stage, str], list[NDArray[np.int64]]]  # the arrays of a name, of each round of a stage
    cold_ms: Mapping[Stage, Sequence[float | None]]  # the first query of each round
    paired: bool  # encoder and storage were timed apart
    whole: Stage  # the one in which a single process went from text to ids
    n_queries: int  # that were timed
    settings: Settings


class Pace(NamedTuple):
    """How fast a process answers, as far as a rehearsal tells."""

    n_queries: int  # of the sample
    one: float  # seconds of the sample, one query at a time
    every: float  # of the whole sample at once
    settings: Settings


class Mode(NamedTuple):
    """One way of timing queries."""

    name: str  # as a suite and `--mode` spell it
    help: str
    loop: Callable[[Target], Samples]
    summary: Callable[[Rounds], RecordFields]  # None of all that was not measured
    fields: tuple[str, ...]  # of the record; the first one is its own figure
    keys: Mapping[str, str]  # key of JSON -> where its value is in a record: names of fields, joined by points
    scopes: tuple[Scope, ...] = ("part", "engine")  # of the processes in which its loop is run
    seconds: Callable[[Pace], float] = lambda pace: passes(pace.one)  # estimated, of one round of the loop
    whole_sample: bool = False  # asks for all queries at once, so that is warmed up too, in every process of the run
    closed: bool = True  # asks when the last one is answered; an open loop comes last, outside of the peak memory
    unmeasured: str = ""  # the flag of a cell that has no figure though the mode was asked for

    @property
    def one_process(self) -> bool:
        """Whether encoder and storage have to be loaded into one process."""
        return "pair" in self.scopes


def chosen(names: Iterable[str]) -> list[Mode]:
    """The modes of some names, in the order of MODES."""
    wanted = set(names)
    return [mode for mode in MODES.values() if mode.name in wanted]


def text_to_ids(rounds: Rounds, name: str = "single") -> list[NDArray[np.int64]]:
    """Each round's times of single queries from text to ids: (n_passes, n_queries); a pair's parts are added up."""
    from bench.instruments import latency

    searches = rounds.samples("search", name)
    if not rounds.paired:
        return searches
    pairs = zip(rounds.samples("query", name), searches, strict=False)
    return [latency.end_to_end(encode, search) for encode, search in pairs]


def passes(seconds: float) -> float:
    """Seconds of whole passes, each of so many, until a round's time has gone by."""
    from bench.instruments.latency import SECONDS_A_ROUND

    return seconds * max(1, ceil(SECONDS_A_ROUND / seconds)) if seconds else 0.0


# single


def _single(target: Target) -> Samples:
    from bench.instruments import latency

    return {"single": latency.single(target.one, target.n_queries, target.seconds, target.keep)}


def _single_summary(rounds: Rounds) -> RecordFields:
    from bench.instruments import latency

    cold = rounds.cold_ms
    search = latency.summary(rounds.samples("search", "single"), cold["search"])
    encode = latency.summary(rounds.samples("query", "single"), cold["query"])
    if not rounds.paired:
        return {"single": search, "encode": encode, "search": search}
    pairs = zip(cold["query"], cold["search"], strict=False)
    whole_cold = [first + second for first, second in pairs if first is not None and second is not None]
    return {"single": latency.summary(text_to_ids(rounds), whole_cold), "encode": encode, "search": search}


SINGLE = Mode(
    name="single",
    help="one query after the other",
    loop=_single,
    summary=_single_summary,
    fields=("single", "encode", "search"),
    keys={
        "single_p50_ms": "single.p50",
        "single_p95_ms": "single.p95",
        "encode_p50_ms": "encode.p50",
        "search_p50_ms": "search.p50",
        "single_p99_ms": "single.p99",
        "search_p95_ms": "search.p95",
        "single_cold_ms": "single.cold",
        "encode_cold_ms": "encode.cold",
        "search_cold_ms": "search.cold",
        "single_p50_low_ms": "single.p50_interval.0",
        "single_p50_high_ms": "single.p50_interval.1",
        "single_p95_low_ms": "single.p95_interval.0",
        "single_p95_high_ms": "single.p95_interval.1",
    },
)


# batch


def _batch(target: Target) -> Samples:
    from bench.instruments import latency

    return {"batch": latency.batch(target.every, target.seconds, target.keep)}


def _batch_summary(rounds: Rounds) -> RecordFields:
    from bench.instruments import latency

    search = latency.throughput(rounds.samples("search", "batch"), rounds.n_queries)
    encode = latency.throughput(rounds.samples("query", "batch"), rounds.n_queries)
    if not rounds.paired:
        return {"batch_qps": search, "search_batch_qps": search}
    return {"batch_qps": 1 / (1 / encode + 1 / search) if encode and search else None, "search_batch_qps": search}


BATCH = Mode(
    name="batch",
    help="all queries at once",
    loop=_batch,
    summary=_batch_summary,
    seconds=lambda pace: passes(pace.every),
    fields=("batch_qps", "search_batch_qps"),
    keys={"batch_qps": "batch_qps", "search_batch_qps": "search_batch_qps"},
    whole_sample=True,
)


# joint


def _joint(target: Target) -> Samples:
    from bench.instruments import latency

    return {"joint": latency.staged(target.parts, target.n_queries, target.seconds, target.keep)}


def _joint_summary(rounds: Rounds) -> RecordFields:
    from bench.instruments import latency

    return {"joint": latency.summary([times.sum(axis=2) for times in rounds.samples("joint", "joint")])}


JOINT = Mode(
    name="joint",
    help="one after the other, encoder and storage in one process",
    scopes=("pair",),
    loop=_joint,
    summary=_joint_summary,
    fields=("joint",),
    keys={"joint_p50_ms": "joint.p50", "joint_gap": "joint_gap"},
)


# rate


def _rate(target: Target) -> Samples:
    from bench.instruments.load import Offer, sampled

    offer = Offer(target.settings.rate, target.settings.rate_seconds, target.seed, target.settings.p99)
    return sampled(target.one, target.n_queries, offer, target.seconds, target.keep)


def _rate_summary(rounds: Rounds) -> RecordFields:
    from bench.instruments import load

    served, closed, held = (rounds.samples(rounds.whole, name) for name in ("rate", "closed", "held"))
    return {"rate": load.under_load(served, closed, rounds.settings.rate, rounds.n_queries, held)}


def _rate_seconds(pace: Pace) -> float:
    from bench.instruments import load

    if not pace.one:
        return 0.0
    capacity, seconds = pace.n_queries / pace.one, pace.settings.rate_seconds
    tries = load.tries_seconds(capacity, seconds) if pace.settings.p99 is not None else 0.0
    return passes(pace.one) + load.span(load.offered_qps(pace.settings.rate, capacity), seconds) + tries


RATE = Mode(
    name="rate",
    help="at random times, whether or not the last one is answered",
    scopes=("engine", "pair"),
    loop=_rate,
    summary=_rate_summary,
    seconds=_rate_seconds,
    fields=("rate",),
    keys={
        "rate": "rate.offered",
        "rate_offered_qps": "rate.offered_qps",
        "rate_capacity_qps": "rate.capacity_qps",
        "rate_utilisation": "rate.utilisation",
        "rate_saturated": "rate.saturated",
        "rate_service_p50_ms": "rate.service_p50",
        "rate_p50_ms": "rate.latency.p50",
        "rate_p95_ms": "rate.latency.p95",
        "rate_p99_ms": "rate.latency.p99",
        "rate_p50_low_ms": "rate.latency.p50_interval.0",
        "rate_p50_high_ms": "rate.latency.p50_interval.1",
        "rate_p95_low_ms": "rate.latency.p95_interval.0",
        "rate_p95_high_ms": "rate.latency.p95_interval.1",
        "capacity_qps": "rate.held_qps",
    },
    closed=False,
    unmeasured="under load: not measured, since what cannot be saved is not loaded into one process",
)

MODES: dict[str, Mode] = {mode.name: mode for mode in (SINGLE, BATCH, JOINT, RATE)}
DEFAULT = (SINGLE.name, BATCH.name)  # of a suite that names none
