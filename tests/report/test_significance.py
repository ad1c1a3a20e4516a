"""What tables make of the values of every query: ties with the best, daggers, intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.analysis.evidence import Evidence
from bench.errors import InputError
from bench.records.decision import Decision
from bench.report import model, numbers, significance
from bench.report import rows as flat
from bench.report.render import markdown
from bench.report.tables import marks
from bench.report.tables.cells import grids
from bench.report.tables.pivot import pivoted
from bench.report.tables.storages import storage_grids
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
    assert "which were asked in looks that decided: B() worse than A(), C() worse than A()" in text
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

    differing = [
        significance.daggers(Evidence(), [(run, m) for m in run.measurements])[1] for run in (two, many, threads)
    ]

    p = paired.sign_flip(little - BASELINE)
    assert p < 0.05 < 4 * p
    assert [True, False, True] == differing


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
    assert "[." not in "\n".join(markdown.blocks(*grids([run], View(wide=True))))


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


def in_looks(run, **of_cells):
    """The run, each cell of those names decided after so many of its queries; those that were stopped have no mean."""
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 2, "planned_looks": 2, "level": 0.975}
    cells = []
    for m in run.measurements:
        n_asked = of_cells.get(m.retriever.removesuffix("()"))
        if n_asked is None:
            cells.append(m)
            continue
        verdict = Decision(
            **known, verdict="better", n_asked=n_asked, difference=0.4, interval=(0.2, 0.6), means={"nDCG@10": 0.9}
        )
        stopped = {"quality": None} if n_asked < m.n_queries else {}
        cells.append(replaced(m, n_judged=m.n_queries, decision=verdict, **stopped))
    return replace(run, measurements=tuple(cells))


def test_none_is_best_beside_one_that_was_stopped(tmp_path):
    """
    Beside a cell that was stopped before its last query none is bold or italic, and a note says why.
    """
    run = in_looks(judged_run(tmp_path, {"A()": BASELINE, "B()": ABOVE, "C()": BEST}), C=20)

    (drawn,) = grids([run], INTERVALS)
    across = pivoted([run], Pivot("retriever"))

    assert ["", "", "dim"] == [line[1].style for line in drawn.lines]
    assert marks.NO_BEST in drawn.notes
    assert ["", ""] == [cell.style for cell in across.lines[0][3:5]]
    assert marks.NO_BEST in across.notes


def test_none_is_best_of_labels_and_storages(tmp_path):
    """
    Nor is one in the tables of labels and of storages; times and bytes are compared as ever.
    """
    labels = {"label_counts": {"x": 100}, "quality_by_label": {"x": {"nDCG@10": 0.5}}, "single": latency(1.0)}
    first, second, third = judged_run(tmp_path, {"A()": BASELINE, "B()": BEST, "C()": BEST}, **labels).measurements
    whole = run_of(first, replaced(second, quality_by_label={"x": {"nDCG@10": 0.8}}, single=latency(2.0)), third)
    run = in_looks(whole, C=20)
    pairs = [replaced(m, encoder="E()", storage=m.retriever) for m in run.measurements]

    (by_label,) = grids([run], View(labels=True))
    (storages,) = storage_grids([replace(run, measurements=tuple(pairs))])
    (columns,) = grids([run], View(columns=("nDCG@10", "single_p50_ms")))

    for drawn in (by_label, storages):
        assert model.BEST not in {cell.style for line in drawn.lines for cell in line}
        assert marks.NO_BEST in drawn.notes
    assert [("", model.BEST), ("", "")] == [(line[1].style, line[2].style) for line in columns.lines[:2]]


@pytest.mark.parametrize("n_asked", [20, 100])
def test_a_note_says_why_nothing_ties(tmp_path, n_asked):
    """
    Where a cell was asked in looks, all its queries or a part, a note says that it has no tie, dagger and interval.
    """
    run = in_looks(judged_run(tmp_path, {"A()": BASELINE, "B()": ABOVE}), B=n_asked)

    notes = [pivoted([run], Pivot("retriever")).notes, grids([run], INTERVALS)[0].notes]

    assert [True, True] == [significance.IN_LOOKS in found for found in notes]
    assert significance.IN_LOOKS not in grids([run], View(columns=("n_queries",)))[0].notes


def test_a_pivot_says_what_was_stopped(tmp_path):
    """
    In a pivot a cell that was stopped reads so, and a note says what was decided of it; a time stands as it is.
    """
    values = {"A()": BASELINE, "B()": BEST, "C()": BEST}
    run = in_looks(judged_run(tmp_path, values, single=latency(1.0)), B=20, C=40)

    grid = pivoted([run], Pivot("retriever"))
    times = pivoted([run], Pivot("retriever", "single_p50_ms"))

    assert [".500", "stopped", "stopped"] == [cell.text for cell in grid.lines[0][3:]]
    (said,) = [note for note in grid.notes if note.startswith("stopped: ")]
    assert "B() better after 20 of 100 judged queries, nDCG@10 +.4000 [+.2000, +.6000]; C() better after 40" in said
    assert ["1.00"] * 3 == [cell.text for cell in times.lines[0][3:]]
    assert not any("stopped" in note for note in times.notes)


def test_labels_say_what_was_stopped(tmp_path):
    """
    In the table by label a cell that was stopped has a letter, and the footnote of the default table.
    """
    labels = {"label_counts": {"x": 100}, "quality_by_label": {"x": {"nDCG@10": 0.5}}}
    run = in_looks(judged_run(tmp_path, {"A()": BASELINE, "B()": BEST}, **labels), B=20)

    (drawn,) = grids([run], View(labels=True))

    assert ["", "a"] == [line[-1].text for line in drawn.lines]
    assert f"a: {marks.remarks(run.measurements[1])[0]}" in drawn.notes


def test_footnotes_of_looks_are_one_line(tmp_path):
    """
    Cells that were decided stand in one footnote with verdict, count, difference and bounds; of many the first few.
    """
    values = {"A()": BASELINE} | dict.fromkeys([f"{name}()" for name in "BCDEFG"], BEST)
    run = judged_run(tmp_path, values)

    (few,) = grids([in_looks(run, B=20, C=40, D=100)], INTERVALS)
    (many,) = grids([in_looks(run, B=20, C=20, D=40, E=40, F=100, G=100)], INTERVALS)

    beside = "nDCG@10 +.4000 [+.2000, +.6000]"
    head = "a: asked in looks beside A(), bounds of all looks"
    asked = {"B()": "20 of 100", "C()": "40 of 100", "D()": "all 100"}
    each = [f"{name} better after {share} judged queries, {beside}" for name, share in asked.items()]
    assert [f"{head}: {'; '.join(each)}"] == [note for note in few.notes if " after " in note]
    (said,) = [note for note in many.notes if " after " in note]
    assert 4 == said.count(beside)
    assert said.endswith("; and 2 more: --json has each")


@pytest.mark.parametrize(("n_asked", "mean"), [(20, 0.9), (100, 0.8)])
def test_rows_have_the_means_of_what_was_asked(tmp_path, n_asked, mean):
    """
    JSON has the level of the bounds, and both means over the queries that were asked: their difference is the one told.
    """
    run = in_looks(judged_run(tmp_path, {"A()": BASELINE, "B()": BEST}), B=n_asked)

    first, second = flat.rows([run])

    keys = ("decision_level", "decision_mean", "decision_baseline_mean", "stopped")
    assert [None, None, None, False] == [first[key] for key in keys]
    assert [0.975, pytest.approx(mean), pytest.approx(mean - 0.4), n_asked < 100] == [second[key] for key in keys]
