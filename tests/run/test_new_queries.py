"""Whether a cell remembers queries, from the times of its rounds: what is said, and which time is that of new ones."""

from __future__ import annotations

import numpy as np
import pytest

from bench.instruments import latency
from bench.instruments.modes import Rounds, Settings
from bench.run.new_queries import new_queries

MS = 1_000_000  # nanoseconds
QUERIES, FRESH = 40, 30


def rounds(paired: bool = False, **samples: list[tuple[float, ...]]) -> Rounds:
    """
    Three rounds of an engine, or of a pair whose search takes .1 ms.

    samples: name -> milliseconds of each pass of each round, alike for all queries; of `batch` those of each batch.
    """

    def read(stage: str, name: str) -> list[np.ndarray]:
        passes = samples.get(name, [])
        if paired and stage == "search":
            return [np.full((len(each), QUERIES), MS // 10) for each in passes] if name in ("new", "single") else []
        if stage != ("query" if paired else "search"):
            return []
        times = [np.array(each) * MS for each in passes]
        if name == "batch":
            return [each.astype(np.int64) for each in times]
        n = FRESH if name == "fresh" else QUERIES
        return [np.repeat(each[:, None], n, axis=1).astype(np.int64) for each in times]

    return Rounds(read, {"query": (), "search": ()}, paired, "search", QUERIES, Settings())


def p50(found: list[np.ndarray]) -> float | None:
    return latency.percentile(found, 0.5)


class TestNewQueries:
    def test_nothing_was_timed(self):
        """
        Without a round nothing is known, and nothing is said.
        """
        assert ([], None, "") == new_queries(rounds())

    @pytest.mark.parametrize("paired", [False, True])
    def test_honest(self, paired):
        """
        What takes as long again has no flag, however few queries there are to compare.
        """
        found = new_queries(
            rounds(paired, new=[(2,)] * 3, single=[(2, 2, 2)] * 3, fresh=[(2, 1.9)] * 3, batch=[(9, 8)] * 3)
        )

        assert ("", 2.1 if paired else 2.0) == (found.flag, p50(found.times))

    @pytest.mark.parametrize(("n_rounds", "ms", "flagged"), [(3, 1.3, True), (1, 1.3, False), (1, 3, True)])
    def test_one_round_needs_more(self, n_rounds, ms, flagged):
        """
        One round shows nothing of how rounds differ: new queries have to take twice as long before it is said.
        """
        found = new_queries(rounds(new=[(ms,)] * n_rounds, single=[(1, 1)] * n_rounds))

        assert flagged == bool(found.flag)

    @pytest.mark.parametrize(
        ("new", "again", "flagged"), [(1.3, 1, True), (1.7, 1.7, False), (1.7, 1.6, False), (3, 3, True)]
    )
    def test_slow_as_the_pass_begins(self, new, again, flagged):
        """
        Where queries that are asked again within the same pass are as slow, it is the machine, unless by far.
        """
        found = new_queries(rounds(new=[(new,)] * 3, again=[(again,)] * 3, single=[(1, 1)] * 3))

        assert flagged == bool(found.flag)

    @pytest.mark.parametrize("paired", [False, True])
    def test_in_memory(self, paired):
        """
        A cache in the process shows in the pass over the set's queries, whose time is that of new ones.
        """
        found = new_queries(rounds(paired, new=[(2,)] * 3, single=[(0.01, 0.01)] * 3, fresh=[(2, 0.01)] * 3))

        assert found.flag.startswith("remembers: queries that the process has not seen take")
        assert (2.1 if paired else 2.0) == p50(found.times)
        assert QUERIES == found.times[0].shape[1]

    @pytest.mark.parametrize("paired", [False, True])
    def test_on_disk(self, paired):
        """
        Where every stage finds what another has kept, the time of new ones is that of queries that none has seen.
        """
        found = new_queries(rounds(paired, new=[(0.1,)] * 3, single=[(0.1, 0.1)] * 3, fresh=[(2, 0.1)] * 3))

        assert found.flag.startswith("remembers: queries that no process has seen take")
        assert found.flag.endswith("is kept on disk")
        assert (2.1 if paired else 2.0) == p50(found.times)

    def test_on_disk_from_the_first_round_on(self):
        """
        An engine's queries are new in the first round, whose search for all of them is what fills a cache on disk.
        """
        found = new_queries(rounds(new=[(2,), (0.1,), (0.1,)], single=[(0.1, 0.1)] * 3, fresh=[(2, 0.1)] * 3))

        assert found.flag.endswith("is kept on disk")
        assert 2.0 == p50(found.times)

    def test_the_same_batch_again(self):
        """
        Who answers one batch again at once shows in the batches after the first; a first one some ms longer does not.
        """
        times = {"new": [(2,)] * 3, "single": [(2, 2)] * 3}

        flags = [new_queries(rounds(**times, batch=batches)).flag for batches in ([(80, 1, 1)] * 3, [(4, 1, 1)] * 3)]

        assert flags[0].startswith("remembers: the first batch takes 80.00 to 80.00 times")
        assert "" == flags[1]

    def test_one_pass_to_compare_with(self):
        """
        Where no loop repeats queries one at a time, new ones have to be slower by far.
        """
        flags = [new_queries(rounds(new=[(ms,)] * 3, again=[(2,)] * 3)).flag for ms in (3, 5)]

        assert [False, True] == [flag.startswith("remembers: ") for flag in flags]
