"""The clock's loops on a clock that only moves when told, and the percentiles on numbers worked by hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench.instruments import latency
from tests.helpers.tiny import noisy

MS = 1_000_000  # nanoseconds


class Clock:
    """Time passes when something takes time, and no other way."""

    def __init__(self) -> None:
        self.now = 10**9

    def takes(self, nanoseconds: int) -> None:
        self.now += nanoseconds

    def perf_counter_ns(self) -> int:
        return self.now

    def perf_counter(self) -> float:
        return self.now / 1e9


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(latency, "time", made)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    return made


@pytest.fixture
def gpu(monkeypatch, clock):
    """A GPU on which every piece of work goes on for 7 ms after its launch has come back."""
    cuda = SimpleNamespace(is_initialized=lambda: True, synchronize=lambda: clock.takes(7 * MS))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    return cuda


class TestLoops:
    def test_every_sample_is_the_time_of_its_query(self, clock):
        """
        One query at a time: the sample of a query is what that query took.
        """
        times = [3 * MS, 1 * MS, 2 * MS]

        samples = latency.single(lambda query: clock.takes(times[query]), 3, seconds=0.0)

        assert [times] == samples.tolist()
        assert np.int64 == samples.dtype

    def test_passes_are_whole(self, clock):
        """
        Queries are repeated in whole passes, until the round has lasted its time: none is asked more often.
        """
        samples = latency.single(lambda query: clock.takes(100 * MS), 3, seconds=1.0)

        assert (4, 3) == samples.shape
        assert {100 * MS} == set(samples.ravel().tolist())

    def test_no_query_is_no_sample(self, clock):
        """
        Nothing to ask is one pass without samples, not an endless loop.
        """
        assert (1, 0) == latency.single(lambda query: None, 0).shape
        assert (1, 0, 2) == latency.staged((lambda query: None, lambda given: None), 0).shape

    def test_stages_are_stamped_apart(self, clock):
        """
        In one process the two stages of a query are two samples, and the second gets what the first gave.
        """
        given = []

        def first(query):
            clock.takes((query + 1) * MS)
            return f"vector {query}"

        def second(vector):
            given.append(vector)
            clock.takes(5 * MS)

        samples = latency.staged((first, second), 2, seconds=0.0)

        assert [[[1 * MS, 5 * MS], [2 * MS, 5 * MS]]] == samples.tolist()
        assert ["vector 0", "vector 1"] == given

    def test_a_batch_is_one_sample(self, clock):
        """
        A batch is timed as it was asked, again and again until the round has lasted its time.
        """
        assert [400 * MS] * 3 == latency.batch(lambda: clock.takes(400 * MS), seconds=1.0).tolist()
        assert [2000 * MS] == latency.batch(lambda: clock.takes(2000 * MS), seconds=1.0).tolist()

    def test_a_call_is_timed(self, clock):
        """
        One call: its seconds, and what it gave.
        """

        def call():
            clock.takes(1500 * MS)
            return "given"

        assert (1.5, "given") == latency.timed(call)

    def test_a_gpu_is_waited_for(self, clock, gpu):
        """
        Work on a GPU is finished before each stamp: launching it is not doing it.
        """
        assert [[8 * MS] * 2] == latency.single(lambda query: clock.takes(MS), 2, seconds=0.0).tolist()
        assert [8 * MS] == latency.batch(lambda: clock.takes(MS), seconds=0.0).tolist()
        assert pytest.approx(0.008) == latency.timed(lambda: clock.takes(MS))[0]
        staged = latency.staged((lambda query: clock.takes(MS), lambda given: clock.takes(2 * MS)), 1, seconds=0.0)
        assert [[[8 * MS, 9 * MS]]] == staged.tolist()

    def test_a_gpu_not_in_use_is_let_be(self, clock, gpu):
        """
        Where nothing has used the GPU yet its barrier is not called: that would set the GPU up, for a CPU encoder too.
        """
        gpu.is_initialized = lambda: False

        assert 0.001 == pytest.approx(latency.timed(lambda: clock.takes(MS))[0])
        assert [[MS]] == latency.single(lambda query: clock.takes(MS), 1, seconds=0.0).tolist()

    def test_a_call_that_first_uses_a_gpu_is_waited_for(self, clock, gpu):
        """
        A call that begins to use the GPU, as loading a model does, is timed to the end of its work there.
        """
        gpu.is_initialized = lambda: False

        def load():
            gpu.is_initialized = lambda: True
            clock.takes(MS)

        assert pytest.approx(0.008) == latency.timed(load)[0]


def round_of(n_queries: int, slowest: int = 0) -> np.ndarray:
    """One pass whose queries took 1, 2, 3 ... ms, all of them so many ms longer."""
    return (np.arange(1, n_queries + 1, dtype=np.int64)[None, :] + slowest) * MS


class TestPercentiles:
    def test_the_median_over_rounds(self):
        """
        A percentile is the median over rounds of each round's percentile, in milliseconds.
        """
        rounds = [round_of(21), round_of(21, 100), round_of(21, 10)]

        assert 21.0 == latency.percentile(rounds, 0.5)  # 11, 111 and 21 ms

    @pytest.mark.parametrize(("p", "enough"), [(0.50, 20), (0.95, 200), (0.99, 1000)])
    def test_too_few_queries_have_no_percentile(self, p, enough):
        """
        A percentile p needs 10 / (1 - p) distinct queries: p50 20, p95 200, p99 1,000; repeats do not count.
        """
        assert latency.percentile([round_of(enough)], p) is not None
        assert latency.percentile([np.repeat(round_of(enough - 1), 5, axis=0)], p) is None

    def test_the_value_is_interpolated_as_numpy_does(self):
        """
        Of 200 queries that took 1 to 200 ms, the 95th percentile is 190.05 ms.
        """
        assert pytest.approx(190.05) == latency.percentile([round_of(200)], 0.95)

    def test_nothing_measured_is_none(self):
        """
        Without rounds, or without samples, there is no figure, and no 0.
        """
        assert latency.percentile([], 0.5) is None
        assert latency.percentile([np.empty((1, 0), np.int64)], 0.5) is None
        assert latency.summary([]) is None
        assert latency.throughput([], 20) is None
        assert latency.throughput([np.array([MS])], 0) is None

    def test_a_summary_keeps_the_cold_query_apart(self):
        """
        The first query after loading is the median over the rounds that have one, and in no percentile.
        """
        found = latency.summary([round_of(20)], [30.0, None, 10.0, 80.0])

        assert found is not None
        assert (10.5, None, None, 30.0) == (found.p50, found.p95, found.p99, found.cold)

    def test_end_to_end_adds_query_by_query(self):
        """
        Text to ids is encode + search of the same query and pass: never a sum of two percentiles.
        """
        encode = np.array([[1, 9], [2, 8], [3, 7]], np.int64)
        search = np.array([[5, 1], [6, 2]], np.int64)

        assert [[6, 10], [8, 10]] == latency.end_to_end(encode, search).tolist()

    def test_throughput_is_of_whole_batches(self):
        """
        Queries a second: the number of queries over the round's median batch time, and the median over rounds.
        """
        rounds = [np.array([100, 200, 900]) * MS, np.array([50]) * MS, np.array([400]) * MS]

        assert 100.0 == latency.throughput(rounds, 20)  # 100, 400 and 50


class TestSummary:
    def test_a_percentile_has_its_interval(self):
        """
        A percentile that is told has its interval about it; one that is not has none.
        """
        found = latency.summary(noisy(2, 200))

        assert found is not None
        for value, interval in ((found.p50, found.p50_interval), (found.p95, found.p95_interval)):
            assert interval[0] < value < interval[1]
        assert (None, None) == (found.p99, found.p99_interval)

    def test_the_same_samples_have_the_same_interval(self):
        """
        The bootstrap is seeded: a record made again from its samples is the same record.
        """
        assert latency.summary(noisy(2, 50)) == latency.summary(noisy(2, 50))


class TestWarmUp:
    def test_it_ends_when_times_are_steady(self, clock):
        """
        Three blocks of 20 whose medians are within 5 % end it: here the first is slow, and the next three are alike.
        """
        asked = []

        def ask(query):
            asked.append(query)
            clock.takes(5 * MS if len(asked) <= 20 else MS)

        done = latency.warm_up(ask, 3)

        assert 80 == done == len(asked)
        assert [0, 1, 2, 0] == asked[:4]

    def test_it_ends_in_time(self, clock):
        """
        What never is steady, and what is slow, ends when its time is over.
        """
        asked = []

        def ask(query):
            asked.append(query)
            clock.takes(len(asked) * 100 * MS)

        assert 10 == latency.warm_up(ask, 2, most_seconds=5.0)

    def test_no_query(self, clock):
        """
        Without a query there is nothing to warm up with.
        """
        assert 0 == latency.warm_up(lambda _: clock.takes(MS), 0)


class TestOverRepeated:
    def test_what_remembers(self):
        """
        New queries of 2 ms that take .5 ms again are at 4 in every draw.
        """
        new, again = np.full((1, 30), 2 * MS), np.full((7, 30), MS // 2)

        assert pytest.approx((4.0, 4.0)) == latency.over_repeated([new, new], [again, again])

    def test_what_does_not(self):
        """
        Rounds and queries that differ by some percent have an interval around 1.
        """
        low, high = latency.over_repeated(noisy(1, 300), noisy(5, 300))

        assert 0.5 < low < 1.0 < high < 2.0

    def test_a_pass_that_is_slow_as_others_are(self):
        """
        Where one pass in five takes half as long again, a first pass that does is no sign of memory.
        """
        new, again = np.full((1, 30), 3 * MS), np.full((50, 30), 2 * MS)
        again[::5] = 3 * MS

        low, high = latency.over_repeated([new], [again])

        assert (1.0, 1.5) == pytest.approx((low, high))

    @pytest.mark.parametrize("empty", [[], [np.empty((1, 0), np.int64)]])
    def test_nothing_to_compare(self, empty):
        """
        Without rounds, or without queries, nothing is known.
        """
        assert latency.over_repeated(empty, empty) is None
