"""Warnings that a cell's times may be unstable: what is flagged, and what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.instruments import stability
from bench.records.schema import UNTRIED, Rate
from bench.report import rows
from tests.helpers.records import latency
from tests.helpers.tiny import run, suite

MS = 1_000_000  # nanoseconds


def rounds_of(*medians_ms: float, n_passes: int = 4) -> list[np.ndarray]:
    """Rounds in which 101 queries take half to one and a half of their median, alike in every pass."""
    queries = np.linspace(0.5, 1.5, 101)
    return [np.tile((median * queries * MS).astype(np.int64), (n_passes, 1)) for median in medians_ms]


class TestRounds:
    def test_alike(self):
        """
        Queries differ by nature: rounds and passes that are alike are no warning, however far apart their queries lie.
        """
        assert [] == stability.warnings(rounds_of(10, 10.5, 9.5))

    def test_rounds_that_differ(self):
        """
        A standard deviation of the rounds' p50 of 10 % of their mean or more is flagged.
        """
        (flag,) = stability.warnings(rounds_of(10, 12, 8))

        assert "unstable: p50 of the rounds differ: standard deviation 20% of their mean" == flag
        assert [] == stability.warnings(rounds_of(100, 109, 91))
        assert 1 == len(stability.warnings(rounds_of(100, 111, 89)))

    def test_one_round_far_off(self):
        """
        One round of three that is 50 % off deviates by more than 10 %, so it needs no rule of its own.
        """
        assert 1 == len(stability.warnings(rounds_of(10, 10, 15)))

    def test_passes_that_differ(self):
        """
        Rounds that are alike and whose passes are not are flagged: the machine was now fast, now slow.
        """
        jumping = np.concatenate([*rounds_of(8, 12, n_passes=2)])

        (flag,) = stability.warnings([jumping, jumping])

        assert "unstable: p50 of 100% of the passes lies 10% or more from that of their round" == flag

    def test_one_bad_pass(self):
        """
        One bad pass among some moves no median, and is no warning, however bad it is.
        """
        disturbed = np.concatenate([*rounds_of(10, n_passes=6), *rounds_of(90, n_passes=1)])

        assert [] == stability.warnings([disturbed] * 3)

    def test_one_delayed_query(self):
        """
        A pass in which one query was delayed for long is the same pass.
        """
        (delayed,) = rounds_of(10)
        delayed[1, 0] = 1000 * MS

        assert [] == stability.warnings([delayed] * 3)

    def test_too_short(self):
        """
        Below 5 µs the clock's own stamp is more than 2 % of a query.
        """
        (flag,) = stability.warnings(rounds_of(0.004, 0.004, 0.004))

        assert "unstable: p50 of 4.0 µs: the clock's own stamp is more than 2 % of it" == flag
        assert [] == stability.warnings(rounds_of(0.006, 0.006, 0.006))

    @pytest.mark.parametrize("rounds", [[], [np.empty((1, 0), np.int64)], rounds_of(10), rounds_of(10, n_passes=1)])
    def test_nothing_to_compare(self, rounds):
        """
        What was not timed, or once, is compared with nothing; too few rounds are told of elsewhere.
        """
        assert [] == stability.warnings(rounds)


TIMES = {"single": latency(1.0, 2.0), "search": latency(0.5, 1.0), "batch_qps": 9.0, "search_batch_qps": None}


class TestDisturbance:
    def test_the_median_of_the_stages_counts(self):
        """
        One stage of three with contention leaves the median over rounds where it was; two do not.
        """
        quiet, loaded = {"waited_share": 0.001}, {"waited_share": 0.4}

        once, twice = (stability.contention(stages) for stages in ([quiet, loaded, quiet], [loaded, quiet, loaded]))

        said = "contention: CPU wait in 40% of the timed loops: other work ran on the machine"
        assert {} == stability.figure_flags(TIMES, once)
        assert {said} == set(stability.figure_flags(TIMES, twice).values())

    def test_tails_and_throughput_are_touched(self):
        """
        Contention is said of the tails and the throughput that were measured, and of nothing else.
        """
        found = stability.figure_flags(TIMES, {"waited_share": 0.4})

        assert ["single_p95_ms", "search_p95_ms", "batch_qps"] == list(found)

    def test_loops_under_load_have_their_own(self):
        """
        What disturbed the loops under load speaks against their figures alone.
        """
        loaded = Rate(
            offered="70%",
            offered_qps=70.0,
            capacity_qps=100.0,
            utilisation=0.7,
            n_arrivals=1_000,
            latency=latency(1.0, 2.0),
            service_p50=1.0,
            saturated=False,
            held_qps=50.0,
        )

        shares = stability.contention([{"rate_waited_share": 0.2, "waited_share": 0.0}], stability.UNDER_LOAD)

        found = stability.figure_flags(TIMES | {"rate": loaded}, shares)
        assert ["rate_p95_ms", "capacity_qps"] == list(found)
        assert "contention: CPU wait in 20% of the loops under load" in found["rate_p95_ms"]

    def test_a_host_that_takes_the_cores(self):
        """
        What the host takes from a virtual machine is told as well, beside the wait where there was one.
        """
        stolen, both = ({"stolen_share": 0.06}, {"stolen_share": 0.06, "waited_share": 0.1})

        said = [stability.figure_flags({"batch_qps": 9.0}, shares)["batch_qps"] for shares in (stolen, both)]

        assert [
            "contention: CPU steal in 6% of the timed loops: other work ran on the machine",
            "contention: CPU wait in 10% and CPU steal in 6% of the timed loops: other work ran on the machine",
        ] == said

    def test_what_the_kernel_does_not_tell(self, monkeypatch):
        """
        Where the kernel tells nothing there is no fact, and no flag.
        """
        monkeypatch.setattr(stability, "Path", lambda path: Path("/nowhere") / path.lstrip("/"))

        assert {} == stability.Disturbance().shares()
        assert {} == stability.contention([{}, {"vocabulary": 7}])

    def test_shares_of_this_process(self, monkeypatch):
        """
        A share is the growth of what the kernel tells, over the time between.
        """
        told = iter([{"waited_share": 10.0, "stolen_share": 3.0}, {"waited_share": 10.5, "stolen_share": 3.0}])
        clock = iter([100.0, 102.0])
        monkeypatch.setattr(stability, "_without_core", lambda: next(told))
        monkeypatch.setattr(stability.time, "perf_counter", lambda: next(clock))

        assert {"waited_share": 0.25, "stolen_share": 0.0} == stability.Disturbance().shares()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("single_p50_ms", ["unstable: it jumps", "remembers: 3 times"]),
        ("single_p95_ms", ["unstable: it jumps", "remembers: 3 times", "contention: 9%"]),
        ("batch_qps", ["unstable: it jumps", "remembers: 3 times"]),
        ("new_p50_ms", ["unstable: it jumps"]),
        ("index_seconds", []),
        ("nDCG@10", []),
    ],
)
def test_what_speaks_against_a_figure(key, expected):
    """
    Flags of a cell's times speak against each time of repeated queries, and a figure's own flag against it alone.
    """
    flags = ("unstable: it jumps", "ledger: too small", "remembers: 3 times")

    assert expected == stability.doubts(flags, {"single_p95_ms": "contention: 9%"}, key)


@pytest.mark.slow
def test_a_cell_keeps_its_flags(cache, tmp_path):
    """
    A cell whose queries are too short for the clock is measured all the same, and its row says that it is unstable.
    """
    found = run(suite("Constant() @ Exact()", modes=("single",), rounds=1), tmp_path / "run")["Constant() @ Exact()"]

    row = rows.row(found)

    assert found.status not in UNTRIED
    assert row["unstable"] == any(flag.startswith("unstable: ") for flag in found.flags)
    assert {"waited_share", "stolen_share"} <= found.facts.keys() or not Path("/proc/self/schedstat").exists()
