"""What tables make of the values of every query: ties with the best, daggers, intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.records.decision import Decision
from bench.report import model, numbers, significance
from bench.report.render import markdown
from bench.report.tables.cells import grids
from bench.report.tables.pivot import pivoted
from bench.report.view import Pivot, View
from bench.statistics import paired
from tests.helpers.judged import judged_run
from tests.helpers.records import latency, measurement, run_of

INTERVALS = View(wide=True, intervals=True)
BASELINE = [0.0, 1.0] * 50
ABOVE = [1.0, 0.0] * 49 + [1.0, 1.0]  # one more is won than lost
WORSE = [0.0] * 60 + [0.0, 1.0] * 20  # 30 queries lost
NEARLY = [1.0, 0.0] * 49 + [0.0, 1.0]  # as many won as lost
BEST = [1.0] * 60 + [0.0, 1.0] * 20  # 30 queries won


def cells(run):
    """The figures of the only table, by retriever."""
    (drawn,) = grids([run], INTERVALS)
    return {line[0].text: line[1] for line in drawn.lines}


def test_ties_with_the_best_are_told(tmp_path):
    """
    The best figure is bold, one whose paired difference to it has an interval around 0 italic, one apart from it plain.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": ABOVE, "C()": WORSE})

    found = cells(run)

    assert {"A()": model.TIED, "B()": model.BEST, "C()": ""} == {name: cell.style for name, cell in found.items()}


def test_few_differing_clusters_tell_where_they_can(tmp_path):
    """
    Twelve queries that are all won tell two apart; four do not, and no dagger stands beside what ties.
    """
    clear = judged_run(tmp_path / "clear", {"A()": [0.0] * 100, "B()": [1.0] * 12 + [0.0] * 88})
    little = judged_run(tmp_path / "little", {"A()": [0.0] * 100, "B()": [1.0] * 4 + [0.0] * 96})

    assert [("", ""), (model.BEST, "†")] == [(cell.style, cell.mark) for cell in cells(clear).values()]
    assert [(model.TIED, ""), (model.BEST, "")] == [(cell.style, cell.mark) for cell in cells(little).values()]


def test_the_best_of_many_alike_is_not_told_apart(tmp_path):
    """
    A retriever that one query in ten favours ties with the best where many are compared, and not where two are.
    """
    rng = np.random.default_rng(4)
    values = {f"R{number}()": rng.integers(0, 2, 100).astype(np.float64).tolist() for number in range(20)}

    styles = [cell.style for cell in cells(judged_run(tmp_path, values)).values()]

    assert {model.BEST: 1, model.TIED: 19} == dict(Counter(styles))


def test_clusters_are_what_was_drawn(tmp_path):
    """
    A difference that queries drawn one by one would tell is none where they lie in few clusters.
    """
    values = {"A()": [0.0] * 400, "B()": [1.0] * 40 + [0.0] * 360}

    alone = cells(judged_run(tmp_path / "alone", values))
    together = cells(judged_run(tmp_path / "together", values, [f"c{number // 20}" for number in range(400)]))

    assert ("", model.TIED) == (alone["A()"].style, together["A()"].style)


def test_numbers_of_clusters_need_no_set(tmp_path):
    """
    Clusters kept as numbers beside the values say what the set's clusters say, and the set need not be there.
    """
    values = {"A()": [0.0] * 400, "B()": [1.0] * 40 + [0.0] * 360}
    numbered = [number // 20 for number in range(400)]
    named = judged_run(tmp_path / "named", values, [f"c{number}" for number in numbered])
    alone = judged_run(tmp_path / "alone", values)
    for number, of in enumerate(values.values()):
        np.savez(tmp_path / "alone" / "quality" / f"{number}.npz", **{"nDCG@10": of, "clusters": numbered})
    (tmp_path / "alone" / "sets" / "primer.json").unlink()

    assert grids([named], INTERVALS)[0].lines == grids([alone], INTERVALS)[0].lines


def test_a_dagger_differs_from_the_baseline(tmp_path):
    """
    A dagger marks the primary measure of what differs from the baseline after Holm, better or worse, and is explained.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": NEARLY, "C()": WORSE, "D()": BEST})

    found = cells(run)

    assert {"A()": "", "B()": "", "C()": "†", "D()": "†"} == {name: cell.mark for name, cell in found.items()}
    assert "†: differs from nDCG@10 of A(), p < .05" in markdown.table([run], View(wide=True)).replace("\\", "")


def test_a_cell_that_was_asked_in_looks_has_no_mark(tmp_path):
    """
    What could have been stopped is tested by its looks alone: no dagger, no tie and no interval, though all is there.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": NEARLY, "C()": WORSE})
    decision = Decision(
        baseline="A()",
        measure="nDCG@10",
        verdict="worse",
        n_asked=len(BASELINE),
        n_looks=2,
        planned_looks=2,
        difference=-0.1,
        interval=(-0.2, -0.05),
        level=0.975,
    )
    first, *others = run.measurements
    told = (msgspec.structs.replace(m, n_judged=len(BASELINE), decision=decision) for m in others)
    in_looks = replace(run, measurements=(first, *told))

    found = cells(in_looks)

    assert [("", ""), ("", "")] == [(found[name].mark, found[name].interval) for name in ("B()", "C()")]
    assert model.TIED not in {cell.style for cell in found.values()}
    text = markdown.table([in_looks], View(wide=True))
    assert "worse after all" in text
    assert "nDCG@10 -.1000" in text
    assert "95 % interval that excludes 0" not in text


def test_holm_is_over_the_retrievers_of_a_run(tmp_path):
    """
    The p of each retriever is adjusted by the number of retrievers, each counted once whatever its threads.
    """
    little = np.array(BASELINE)
    little[:36] += np.where(np.arange(36) < 25, 0.5, -0.5)  # 25 queries won and 11 lost
    values = {"A()": BASELINE, "B()": little.tolist(), "C()": NEARLY, "D()": NEARLY, "E()": NEARLY}
    two = judged_run(tmp_path / "two", dict(list(values.items())[:2]))
    many = judged_run(tmp_path / "many", values)
    threads = replace(two, measurements=(*two.measurements, *(replaced(two.measurements[1], threads=2),) * 4))

    marks = [
        significance.daggers(significance.Evidence(), [(run, m) for m in run.measurements])[1]
        for run in (two, many, threads)
    ]

    p = paired.sign_flip(little - BASELINE)
    assert p < 0.05 < 4 * p
    assert [True, False, True] == marks


def replaced(m, **changes):
    return msgspec.structs.replace(m, **changes)


def test_the_interval_is_that_of_the_statistics(tmp_path):
    """
    The interval beside a measure is the clustered 95 % interval of its mean; without the option there is none.
    """
    clusters = [f"c{number // 5}" for number in range(100)]
    run = judged_run(tmp_path, {"A()": WORSE}, clusters)
    low, high = paired.interval_of_mean(WORSE, clusters, 0.95)

    shown = cells(run)["A()"].interval

    assert f"[{numbers.share(low)}, {numbers.share(high)}]" == shown
    assert shown.replace("[", "\\[").replace("\\", "") in markdown.table([run], INTERVALS)
    assert "[." not in markdown.table([run], View(wide=True))


def test_the_interval_of_a_time_is_the_records():
    """
    The interval beside a percentile is the one that was recorded; where none was, there is none.
    """
    known = msgspec.structs.replace(latency(1.0, 2.0), p50_interval=(0.5, 1.5))
    run = run_of(measurement(single=known, encode=latency(0.25)))

    (drawn,) = grids([run], INTERVALS)

    intervals = {
        c.head: f.interval for c, f in zip(drawn.columns, drawn.lines[0], strict=True) if c.head.endswith("ms")
    }
    assert {"p50 ms": "[0.500, 1.50]", "p95 ms": "", "encode ms": ""} == intervals


@pytest.mark.parametrize("lost", ["quality/1.npz", "sets/primer.json"])
def test_values_that_are_not_on_disk_are_missed(tmp_path, lost):
    """
    Where a file of a query's values, or of the clusters, was not kept, only the best is marked, and a note says why.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": BEST})
    (tmp_path / lost).unlink()

    (drawn,) = grids([run], INTERVALS)

    assert [("", ""), (model.BEST, "")] == [(line[1].style, line[1].mark) for line in drawn.lines]
    assert significance.NOT_ON_DISK in drawn.notes


def test_a_record_without_values_needs_no_note():
    """
    A record that names no file of values, as an old or an imported one, is drawn as it is.
    """
    (drawn,) = grids([run_of(measurement(), measurement(retriever="B()", quality={"nDCG@10": 0.75}))], INTERVALS)

    assert () == drawn.notes


def test_damaged_values_are_an_error(tmp_path):
    """
    A file of values that cannot be read is named.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": BEST})
    (tmp_path / "quality" / "1.npz").write_bytes(b"PK\x03\x04 torn")

    with pytest.raises(InputError, match=r"1\.npz: expected the values of every judged query, found none"):
        grids([run])


def test_a_pivot_is_marked_as_a_table_is(tmp_path):
    """
    Put across, retrievers have the marks and intervals that they have one below the other.
    """
    run = judged_run(tmp_path, {"A()": BASELINE, "B()": NEARLY, "C()": WORSE, "D()": BEST})

    across = pivoted([run], Pivot("retriever"), intervals=True)
    measures = pivoted([run], Pivot("measure"), intervals=True)

    down = [cell._replace(text="") for cell in cells(run).values()]
    assert down == [cell._replace(text="") for cell in across.lines[0][3:]]
    assert down == [line[-1]._replace(text="") for line in measures.lines]
    assert across.legend == measures.legend == grids([run], INTERVALS)[0].legend


def test_runs_side_by_side_tie(tmp_path):
    """
    The same cell of two runs stands on one line, and the worse of them ties where their queries cannot tell.
    """
    old = judged_run(tmp_path / "old", {"A()": BASELINE, "B()": WORSE})
    new = judged_run(tmp_path / "new", {"A()": ABOVE, "B()": BEST})

    drawn = pivoted([old, new], Pivot("run"))

    assert ["passages", "language", "queries", "retriever", "old", "new"] == [column.head for column in drawn.columns]
    assert [[model.TIED, model.BEST], ["", model.BEST]] == [[cell.style for cell in line[4:]] for line in drawn.lines]
