"""What two cells cost side by side: times, memory and bytes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import stats

from bench.analysis import costs
from bench.analysis.compare import compare, of_retrievers
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import StageResult
from bench.report.tables.comparison_costs import time_grid
from tests.helpers.records import latency, memory, weight
from tests.helpers.run_folders import N, cell, flat, found, timed

# Time


def test_a_ratio_of_times_has_its_interval(folders):
    """
    Everything twice as slow is a ratio of 2 without doubt, and half the queries a second.
    """
    old = folders.run("old", timed(), times=[flat(1e6)])
    new = folders.run("new", timed(single=latency(2.0), batch_qps=500.0), times=[flat(2e6)])

    both = compare(old, new)

    assert ((2.0, 2.0), "worse") == (found(both, "single_p50_ms").interval, found(both, "single_p50_ms").verdict)
    assert (0.5, 0.5) == pytest.approx(found(both, "batch_qps").interval)
    assert "worse" == found(both, "batch_qps").verdict


def test_a_p50_and_its_interval_are_one_percentile(folders):
    """
    A p50 between two samples (numpy's "linear") is what its interval is about too: 1 and 3 ms, then 1 and 5 ms.
    """
    before, after = (np.tile(np.array([[1], [other]]) * 1_000_000, (1, N)) for other in (3, 5))
    old = folders.run("old", timed(single=latency(2.0)), times=[[before] * 3])
    new = folders.run("new", timed(single=latency(3.0)), times=[[after] * 3])
    run = folders.run(
        "run", timed(single=latency(2.0)), timed(cell="1", retriever="A()"), times=[[before] * 3, [after] * 3]
    )

    both, within = compare(old, new), of_retrievers(run, run, "BM25() @ CSR()", "A()")

    p50 = found(both, "single_p50_ms")
    assert (1.5, 1.5) == (p50.new / p50.old, pytest.approx(p50.interval[0]))
    assert [(1.5, 1.5)] * 2 == [pytest.approx(found(each, "single_p50_ms").interval) for each in (both, within)]


def test_rounds_of_more_and_of_fewer_batches(folders):
    """
    A round repeats its batch for so long, so that each has a number of its own: the ratio has its interval.
    """
    old, new = (
        folders.run(name, timed(batch_qps=qps), times=[[np.full((n, N), nanoseconds) for n in passes]])
        for name, qps, nanoseconds, passes in (("old", 1_000.0, 10**6, (2, 3, 4)), ("new", 500.0, 2 * 10**6, (5, 2, 2)))
    )

    assert (0.5, 0.5) == pytest.approx(found(compare(old, new), "batch_qps").interval)


def test_what_is_due_to_the_queries_leaves_the_ratio(folders):
    """
    Queries that take from 1 to 40 ms, each 3 % longer: the ratio is known well where both were asked the same ones.
    """
    own = np.tile(np.arange(1, N + 1) * 1_000_000, (2, 1))
    longer = own * 103 // 100
    old = folders.run("old", timed(), times=[[own] * 3])
    same, other = (
        folders.run(name, timed(seed=seed), times=[[longer] * 3]) for name, seed in (("same", 7), ("other", 8))
    )

    assert (1.03, 1.03) == pytest.approx(found(compare(old, same), "single_p50_ms").interval)
    low, high = found(compare(old, other), "single_p50_ms").interval
    assert low < 0.8 < 1.2 < high


def test_runs_at_different_times_allow_for_the_machines_drift(folders):
    """
    A tenth longer is worse within one run, whose rounds both shared, and undecided between two; half as long again is
    worse there too, and what is nearly alike is equivalent only where it was measured together.
    """
    cells = timed(5), timed(5, cell="1", retriever="A()"), timed(5, cell="2", retriever="B()")
    run = folders.run("run", *cells, times=[flat(time, 5) for time in (1e6, 1.1e6, 1.01e6)])
    slower, much = (
        folders.run(name, timed(), times=[flat(time)]) for name, time in (("slower", 1.1e6), ("much", 1.5e6))
    )

    together = [of_retrievers(run, run, "BM25() @ CSR()", name) for name in ("A()", "B()")]

    assert ["worse", "equivalent"] == [found(both, "single_p50_ms").verdict for both in together]
    apart = [found(compare(first_of(run), other), "single_p50_ms").verdict for other in (slower, much)]
    assert ["undecided", "worse"] == apart


def test_a_run_that_went_on_shares_no_rounds_with_what_was_there(folders):
    """
    Cells of one run that were timed as it began and as it went on are compared as those of two runs, and that is said.
    """
    cells = timed(5, timed_at="9"), timed(5, cell="1", retriever="A()", timed_at="10")
    later = folders.run("later", *cells, times=[flat(time, 5) for time in (1e6, 1.1e6)])
    at_once = folders.run(
        "once", *(msgspec.structs.replace(m, timed_at="9") for m in cells), times=[flat(1e6, 5), flat(1.1e6, 5)]
    )

    comparisons = [of_retrievers(run, run, "BM25() @ CSR()", "A()") for run in (later, at_once)]

    assert ["undecided", "worse"] == [found(both, "single_p50_ms").verdict for both in comparisons]
    notes = ["".join(time_grid("tiny", both.pairs, together=True).notes) for both in comparisons]
    assert [
        "Timed at another time than what it is compared with, as the run went on: A()." in note for note in notes
    ] == [
        True,
        False,
    ]


def first_of(run: Run) -> Run:
    return replace(run, measurements=run.measurements[:1])


@pytest.mark.parametrize(
    ("changes", "suite", "why"),
    [
        ({}, {"cpu": "B CPU"}, "cpu differs: A CPU / B CPU"),
        ({"threads": 2}, {}, "threads differs: 1 / 2"),
        ({"k": 5}, {}, "k differs: 10 / 5"),
    ],
)
def test_times_of_other_conditions_are_not_compared(folders, changes, suite, why):
    """
    On other hardware, with other threads or another k times are not compared, and what differs is named; bytes are.
    """
    old = folders.run("old", timed(storage_weight=weight(100)), times=[flat(1e6)])
    new = folders.run("new", timed(storage_weight=weight(99), **changes), times=[flat(1e6)], **suite)

    both = compare(old, new)

    assert ("not compared", why) == (found(both, "single_p50_ms").verdict, found(both, "single_p50_ms").why)
    assert "better" == found(both, "ledger_bytes").verdict


def test_times_without_samples_are_not_compared(folders):
    """
    A run that kept no raw times says so, and so does one whose file is gone.
    """
    old, new = folders.run("old", timed(files={})), folders.run("new", timed())

    assert "no raw times: " in found(compare(old, old), "single_p50_ms").why
    assert "0-0.npz" in found(compare(new, new), "single_p50_ms").why


def test_speed_says_what_speaks_against_it(folders):
    """
    Beside a speed stands that quality is worse; where a cell was unstable or had too few rounds it is undecided.
    """
    spread = np.linspace(0.5, 0.9, N)
    old = folders.run("old", timed(), times=[flat(2e6)], values={"nDCG@10": spread})
    new = folders.run("new", timed(), times=[flat(1e6)], values={"nDCG@10": spread / 2})
    wavering = timed(flags=("unstable: it wavered", "another flag"))
    unstable = folders.run("unstable", wavering, times=[flat(1e6)], values={"nDCG@10": spread})
    hasty = folders.run("hasty", timed(2), times=[flat(1e6)[:2]])

    speeds = [found(compare(old, run), "single_p50_ms") for run in (new, unstable, hasty)]

    assert [
        ("better", "nDCG@10 is worse"),
        ("undecided", "new: unstable: it wavered"),
        ("undecided", "2 of the 3 rounds that a latency needs"),
    ] == [(speed.verdict, speed.why) for speed in speeds]
    assert [pytest.approx((0.5, 0.5))] * 3 == [speed.interval for speed in speeds]


def test_a_flag_of_one_figure_leaves_that_one_undecided(folders):
    """
    CPU contention speaks against the throughput that it touched, and not against the p50 beside it.
    """
    disturbed = timed(figure_flags={"batch_qps": "contention: CPU wait in 9% of the timed loops"})
    old = folders.run("old", timed(), times=[flat(2e6)])
    new = folders.run("new", disturbed, times=[flat(1e6)])

    both = compare(old, new)

    assert ["better", "undecided"] == [found(both, name).verdict for name in ("single_p50_ms", "batch_qps")]
    assert "new: contention: CPU wait in 9% of the timed loops" == found(both, "batch_qps").why


def test_what_remembers_is_compared_by_new_queries(folders):
    """
    Where a cell remembers, its repeated queries decide nothing, and new ones are compared beside them.
    """
    quick = [np.vstack([round_[:1] * 3, round_]) for round_ in flat(1e6)]  # the first pass takes three times as long
    liar = timed(flags=("remembers: it does",), new=latency(3.0))
    old = folders.run("old", timed(new=latency(2.0)), times=[flat(2e6)])
    new = folders.run("new", liar, times=[quick])

    honest, lying = compare(old, old), compare(old, new)

    assert ("undecided", "new: remembers: it does") == tuple(
        getattr(found(lying, "single_p50_ms"), name) for name in ("verdict", "why")
    )
    told = found(lying, "new_p50_ms")
    assert ("worse", 2.0, 3.0) == (told.verdict, told.old, told.new)
    assert (1.5, 1.5) == pytest.approx(told.interval)
    assert "new_p50_ms" not in {d.name for pair in honest.pairs for d in pair.differences}


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.97, 1.04), "equivalent"), ((1.01, 1.2), "worse"), ((0.5, 0.9), "better"), ((0.9, 1.1), "undecided")],
)
def test_verdict_of_a_ratio(interval, verdict):
    """
    Equivalent within 5 %, then better or worse where 1 lies outside; None where it cannot be told.
    """
    assert verdict == costs.verdict_of(interval, costs.SAME_TIME)
    assert "undecided" == costs.verdict_of(None, costs.SAME_TIME)


def test_few_rounds_of_one_run_decide_nothing(folders):
    """
    Within one run too fewer than three rounds show their interval and leave it undecided, a difference and equivalence
    alike; three decide.
    """
    names = ("1", "2")
    few, enough = (
        folders.run(
            name,
            timed(n_rounds),
            *(timed(n_rounds, cell=name, retriever=f"A{name}()") for name in names),
            times=[flat(time, n_rounds) for time in (1e6, 2e6, 1.01e6)],
        )
        for name, n_rounds in (("few", 2), ("enough", 3))
    )

    told = [
        [found(of_retrievers(run, run, "BM25() @ CSR()", f"A{name}()"), "single_p50_ms") for name in names]
        for run in (few, enough)
    ]

    assert [["undecided", "undecided"], ["worse", "equivalent"]] == [[d.verdict for d in run] for run in told]
    assert "2 of the 3 rounds that a latency needs" == told[0][0].why
    assert (2.0, 2.0) == pytest.approx(told[0][0].interval)


def wavering(factor: float = 1) -> list[np.ndarray]:
    """Rounds that take the one longer than the other."""
    return [flat(factor * time, 1)[0] for time in (1e6, 2e6, 3e6, 4e6, 5e6)]


def test_rounds_are_drawn_alike_only_where_they_were_shared(folders):
    """
    What a round did to both sides leaves their ratio within one run; two runs had each its own rounds.
    """
    run = folders.run("run", timed(5), timed(5, cell="1", retriever="A()"), times=[wavering(), wavering()])
    other = folders.run("other", timed(5), times=[wavering()])

    shared, apart = of_retrievers(run, run, "BM25() @ CSR()", "A()"), compare(first_of(run), other)

    for name in ("single_p50_ms", "batch_qps"):
        assert (1.0, 1.0) == pytest.approx(found(shared, name).interval)
        low, high = found(apart, name).interval
        assert low < 0.5 < 2 < high


def test_few_rounds_are_told_by_students_t_where_that_is_wider(folders):
    """
    The interval within one run reaches as far as Student's t on the logarithms of the rounds' ratios.
    """
    changes = np.array([0.97, 0.99, 1.0, 1.02, 1.03])
    slower = [flat(1e6 * change, 1)[0] for change in changes]
    run = folders.run("run", timed(5), timed(5, cell="1", retriever="A()"), times=[flat(1e6, 5), slower])

    low, high = found(of_retrievers(run, run, "BM25() @ CSR()", "A()"), "single_p50_ms").interval

    expected = np.exp(stats.ttest_1samp(np.log(changes), 0).confidence_interval(0.95))
    assert (min(0.97, expected[0]), max(1.03, expected[1])) == pytest.approx((low, high), rel=1e-9)
    assert high > 1.03


# Memory and bytes


def test_bytes_are_exact(folders):
    """
    One byte fewer is better, one more is worse, as many are identical; zero is a number.
    """
    old = folders.run("old", cell(storage_weight=weight(100, disk=7), encoder_weight=weight(0)))
    new = folders.run("new", cell(storage_weight=weight(99, disk=8), encoder_weight=weight(0)))

    both = compare(old, new)

    names = ("ledger_bytes", "disk_bytes", "encoder_ledger_bytes")
    assert ["better", "worse", "identical"] == [found(both, name).verdict for name in names]


def journal(run: Run, *resident: int) -> None:
    """The rounds' resident growth, as the journal has it."""
    for number, size in enumerate(resident):
        result = StageResult(stage="search", status="ok", samples=f"samples/0-{number}.npz", load_memory=memory(size))
        with (run.folder / run_folder.STAGES).open("ab") as file:
            file.write(msgspec.json.encode(run_folder.FinishedStage(f"search-{number}", result)) + b"\n")


def test_memory_is_compared_by_its_rounds(folders):
    """
    Growth beyond all rounds' spread is worse; below the resolution of page accounts there is no difference; what was
    measured once is undecided.
    """
    mib = 2**20
    old = folders.run("old", timed(5, storage_weight=weight(1, 10 * mib), build_memory=memory(0)))
    new = folders.run("new", timed(5, storage_weight=weight(1, 20 * mib), build_memory=memory(0)))
    once = folders.run("once", timed(storage_weight=weight(1, 20 * mib)), times=[flat(1e6)])
    journal(old, 10 * mib, 10 * mib + 5, *[10 * mib] * 3)
    journal(new, *[20 * mib] * 5)

    grown, single = found(compare(old, new), "resident_bytes"), found(compare(old, once), "resident_bytes")

    assert ("worse", 2.0) == (grown.verdict, round(grown.interval[0], 3))
    assert ("undecided", "measured once") == (single.verdict, single.why)
    built = found(compare(old, new), "peak_build_bytes")
    assert ("equivalent", costs.UNDER_RESOLUTION) == (built.verdict, built.why)


def test_a_deployment_is_measured_once(folders):
    """
    What a deployment takes is compared as other memory is that was measured once.
    """
    mib = 2**20
    sizes = (58 * mib, 58 * mib + 9, 70 * mib)
    old, same, more = (folders.run(str(size), timed(deployment_bytes=size)) for size in sizes)

    told = [found(compare(old, other), "deployment_bytes") for other in (same, more)]

    assert [("equivalent", costs.UNDER_RESOLUTION), ("undecided", "measured once")] == [
        (d.verdict, d.why) for d in told
    ]


def test_memory_of_few_rounds_is_undecided(folders):
    """
    Fewer than three rounds show the interval of memory, and say how many more a verdict needs.
    """
    mib = 2**20
    old, new = (
        folders.run(name, timed(2, storage_weight=weight(1, size * mib))) for name, size in (("old", 10), ("new", 20))
    )
    journal(old, *[10 * mib] * 2)
    journal(new, *[20 * mib] * 2)

    told = found(compare(old, new), "resident_bytes")

    assert ("undecided", "2 of the 3 rounds that a verdict of memory needs") == (told.verdict, told.why)
    assert (2.0, 2.0) == pytest.approx(told.interval)


def test_rounds_of_memory_are_drawn_apart_between_two_runs(folders):
    """
    One round of five that is a hundred times as large may be in the median of one run and not of the other.
    """
    mib = 2**20
    old, new = (
        folders.run(name, timed(5, storage_weight=weight(1, size * mib))) for name, size in (("old", 10), ("new", 15))
    )
    for run in (old, new):
        journal(run, *[10 * mib] * 4, 1_000 * mib)

    low, high = found(compare(old, new), "resident_bytes").interval

    assert (0.01, 100.0) == pytest.approx((low, high))
