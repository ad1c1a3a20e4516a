"""What a new query takes, and whether a cell remembers those it has answered: in memory, on disk, or in batches."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.instruments import latency, stability
from bench.instruments.modes import BATCH, Rounds, text_to_ids
from bench.stage.timing import AGAIN, FRESH, NEW
from bench.statistics import bootstrap
from bench.statistics.bootstrap import Interval

LONGER = 1.10  # times as long as repeated queries new ones may take: caches of the processor make some difference
# The same where there are few such queries, one pass to compare with, or one batch: cold caches of the processor show.
BY_FAR = 2.0
FIRST_BATCH_NS = 5_000_000  # nanoseconds that a first batch may take besides: pages and code are brought in

Samples: TypeAlias = list[NDArray[np.int64]]  # of each round, (n_passes, n_queries) nanoseconds


class NewQueries(NamedTuple):
    """What a cell's rounds tell of them."""

    times: Samples  # as a user's next query finds it, text to ids
    ratio: Interval | None  # how many times as long as repeated ones they take
    flag: str = ""


def new_queries(rounds: Rounds) -> NewQueries:
    """How long new queries take, and whether something remembers those that it has answered."""
    new = text_to_ids(rounds, NEW) or rounds.samples(rounds.whole, NEW)
    again = text_to_ids(rounds, AGAIN) or rounds.samples(rounds.whole, AGAIN)
    repeated = text_to_ids(rounds)
    twice = _part(rounds, FRESH)
    first = [both[:1] for both in twice]  # synthetic queries that no process has seen
    fresh = latency.over_repeated(first, [both[1:] for both in twice])
    beside = latency.over_repeated([every[:, : few.shape[1]] for every, few in zip(new, again, strict=False)], again)
    ratio, batch = latency.over_repeated(new, repeated) if repeated else beside, _batch_ratio(rounds)
    if fresh is not None and fresh[0] > BY_FAR and _outlives(first, rounds):
        where = "others: what they are answered is kept on disk"
        return NewQueries(_to_ids(first, rounds), fresh, _flag("queries that no process has seen take", fresh, where))
    # One round shows nothing of how rounds differ: as where there is one pass to compare with. A machine may be slow
    # as the pass over new queries begins and quick after it, in every round: those asked again within it are slow too.
    surely = repeated and len(new) > 1 and (beside is None or beside[0] > LONGER)
    if ratio is not None and ratio[0] > (LONGER if surely else BY_FAR):
        return NewQueries(new, ratio, _flag("queries that the process has not seen take", ratio, "repeated ones"))
    if batch is not None and batch[0] > BY_FAR:
        return NewQueries(new, ratio, _flag("the first batch takes", batch, "the same batch again"))
    if fresh is not None and fresh[0] > BY_FAR:
        return NewQueries(new, ratio, _flag("queries that no process has seen take", fresh, "the same ones again"))
    return NewQueries(new, ratio)


def _flag(what: str, ratio: Interval, others: str) -> str:
    return f"{stability.REMEMBERS}{what} {ratio[0]:.2f} to {ratio[1]:.2f} times as long as {others}"


def _part(rounds: Rounds, name: str) -> Samples:
    """Samples of what is handed texts: an encoder, or an engine."""
    return rounds.samples("query" if rounds.paired else "search", name)


def _outlives(fresh: Samples, rounds: Rounds) -> bool:
    """Whether they take longer by far than the set's too, which only the first process to see them had not seen."""
    new = _part(rounds, NEW)
    return bool(new) and bootstrap.percentile(fresh, 0.5) > BY_FAR * bootstrap.percentile(new, 0.5)


def _to_ids(fresh: Samples, rounds: Rounds) -> Samples:
    """Their times from text to ids: of a pair with the median search beside."""
    if not rounds.paired:
        return fresh
    return [
        encode + int(np.median(search)) for encode, search in zip(fresh, rounds.samples("search", NEW), strict=False)
    ]


def _batch_ratio(rounds: Rounds) -> Interval | None:
    """
    By what factor the first batch takes longer than those after it, which are the same.

    Of an encoder or its storage, whichever has the larger factor. None where a round has one batch alone, or its first
    takes little more.
    """
    found = []
    for stage in ("query", "search"):
        batches = [times for times in rounds.samples(stage, BATCH.name) if len(times) > 1]
        if all(times[0] - np.median(times[1:]) >= FIRST_BATCH_NS for times in batches):
            first, later = ([times[part, None] for times in batches] for part in (slice(1), slice(1, None)))
            found += [ratio for ratio in [latency.over_repeated(first, later)] if ratio is not None]
    return max(found, default=None)
