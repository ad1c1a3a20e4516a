"""The picture of a history: a measure and p50 run after run, and what changed between runs."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import replace

import msgspec
import pytest

from bench.commands.plot import plot
from bench.errors import InputError
from bench.records.decision import Decision
from bench.records.schema import Latency
from bench.report import rows as flat
from bench.report.charts import history, series
from bench.report.tables.history import written
from bench.report.tables.over_time import CellHistory, History, HistoryBreak, Moment, read
from tests.helpers import command
from tests.helpers.histories import cell, write
from tests.helpers.judged import judged_run
from tests.helpers.pictures import SPACE, axis, moved, of_class, parsed, title, words
from tests.helpers.records import failed, latency, run_of

DATES = ("2026-01-01", "2026-01-02", "2026-01-03")


def on(day: int, *cells, cpu: str = "A CPU", libraries=None, folder=None, **suite):
    """A run that was made on that day."""
    run = run_of(*cells, name=f"v{day}", cpu=cpu, **suite)
    record = msgspec.structs.replace(run.record, made=f"2026-01-{day:02}T03:04:05+00:00")
    environment = msgspec.structs.replace(run.environment, libraries=libraries or run.environment.libraries)
    return replace(run, record=record, environment=environment, folder=folder or run.folder)


def figures(moments) -> list[tuple[int, float]]:
    return [(moment.place, moment.value) for moment in moments]


# What is told of the records


def test_every_figure_is_that_of_a_record():
    """
    Each moment of each cell is the figure of one record, with its interval, by the date of the run; none is left out.
    """
    times = Latency(p50=2.0, p95=None, p99=None, cold=None, p50_interval=(1.5, 2.5))
    runs = [
        on(3, cell(0.7, cell="1", single=times), cell(0.3, retriever="B()", cell="2")),
        on(1, cell(0.5, cell="1"), cell(0.1, retriever="B()", cell="2", single=times)),
        on(2, cell(0.6, cell="1", p50=3.0)),
    ]

    found = read(runs)

    drawn = {
        (one.name, key, found.dates[moment.place]): (moment.value, moment.interval)
        for one in found.cells
        for key, moments in (("nDCG@10", one.values), ("single_p50_ms", one.times))
        for moment in moments
    }
    expected = {}
    for run in runs:
        for m in run.measurements:
            row, date = flat.row(m), run.record.made[:10]
            expected[m.retriever, "nDCG@10", date] = (row["nDCG@10"], None)
            expected[m.retriever, "single_p50_ms", date] = (row["single_p50_ms"], m.single.p50_interval)
    assert expected == drawn
    assert (DATES, ("v1", "v2", "v3"), "nDCG@10", True) == (found.dates, found.names, found.measure, found.is_share)


def test_an_interval_is_that_of_the_queries(tmp_path):
    """
    Where a run keeps the value of every query the measure has its interval; a remark says where one does not.
    """
    kept = judged_run(tmp_path, {"A()": [0.0, 1.0] * 20}, single=latency(1.0))
    lost = on(2, *kept.measurements, folder=tmp_path / "nowhere")

    found = read([on(1, *kept.measurements, folder=tmp_path), lost])

    first, second = found.cells[0].values
    assert 0.5 == first.value == pytest.approx(sum(first.interval) / 2)
    assert second.interval is None
    assert ("no interval where the run does not keep the value of each query",) == found.remarks


BOTH = "other hardware: cpu; numpy 2.3.1 -> none, x none -> 1"


@pytest.mark.parametrize(
    ("second", "values", "times", "told", "parts"),
    [
        (on(2, cell(0.6)), True, True, None, None),
        (on(2, cell(0.6), cpu="B"), True, False, "other hardware: cpu", True),
        (on(2, cell(0.6, passage_set_sha256="11")), False, False, "other passages", True),
        (on(2, cell(0.6, n_distractors=5)), False, False, "other synthetic passages", True),
        (on(2, cell(0.6, k=5)), True, False, "another k", True),
        (on(2, cell(0.6), libraries={"numpy": "3.0"}), True, True, "numpy 2.3.1 -> 3.0", False),
        (on(2, cell(0.6), cpu="B", libraries={"x": "1"}), True, False, BOTH, True),
    ],
)  # fmt: skip
def test_what_is_not_compared_is_not_joined(second, values, times, told, parts):
    """
    Across hardware times are not joined, across passages nothing is; either, and other libraries, is a break.
    """
    found = read([on(1, cell(0.5)), second])

    (one,) = found.cells
    assert [(False, False), (values, times)] == [
        (a.is_joined, b.is_joined) for a, b in zip(one.values, one.times, strict=True)
    ]
    assert ([] if told is None else [HistoryBreak(1, told, parts)]) == list(found.breaks)


def test_a_cell_that_failed_is_named_and_passed_over():
    """
    A version in which a cell failed has no mark of it, and the line goes on to the next one that was measured.
    """
    found = read([on(1, cell(0.5)), on(2, failed(storage_weight=None, single=None)), on(3, cell(0.7))])

    (one,) = found.cells
    assert ([(0, 0.5), (2, 0.7)], True) == (figures(one.values), one.values[1].is_joined)
    assert ("not drawn, failed: BM25() @ CSR() (2026-01-02)",) == found.remarks


def test_what_lacks_a_figure_is_named():
    """
    What was not timed or not judged, what was stopped, what remembers and what is doubtful is said with its date.
    """
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
    better = Decision(**known, verdict="better", n_asked=20, difference=0.4, interval=(0.2, 0.6))
    runs = [
        on(1, cell(p50=None), cell(quality=None, retriever="B()")),
        on(2, cell(quality=None, decision=better), cell(retriever="B()", flags=("unstable: it jumps",))),
        on(3, cell(new=latency(5.0), flags=("remembers: it does",)), cell(retriever="B()")),
    ]

    found = read(runs)

    assert (
        "not drawn, no p50: BM25() @ CSR() (2026-01-01)",
        "not drawn, stopped once decided: BM25() @ CSR() (2026-01-02)",
        "time of new queries, since repeated ones are answered faster: BM25() @ CSR() (2026-01-03)",
        "not drawn, no nDCG@10: B() (2026-01-01)",
        "open marks, a flag speaks against the figure: B() (2026-01-02)",
    ) == found.remarks
    a, b = found.cells
    assert ([(1, 2.0), (2, 5.0)], [False, True, False]) == (figures(a.times), [one.is_doubtful for one in b.times])


def test_times_of_new_queries_are_joined_to_their_like():
    """
    A time of new queries is not joined to one of repeated queries, which is another figure.
    """
    new = {"new": latency(5.0), "flags": ("remembers: it does",)}

    found = read([on(1, cell()), on(2, cell(**new)), on(3, cell(**new))])

    assert [False, False, True] == [moment.is_joined for moment in found.cells[0].times]
    assert [False, True, True] == [moment.is_joined for moment in found.cells[0].values]


def test_cells_are_known_by_name_and_threads():
    """
    A cell keeps its line under another spelling of one name, which a remark tells; threads are another line.
    """
    runs = [
        on(1, cell(cell_name="mine", retriever="X()"), cell(threads=2)),
        on(2, cell(cell_name="mine", retriever="X(k=2)"), cell(threads=2), cell()),
    ]

    found = read(runs)

    names = ["mine: X(k=2), threads 1", "BM25() @ CSR(), threads 2", "BM25() @ CSR(), threads 1"]
    assert names == [one.name for one in found.cells]
    assert ("another spelling under one name: mine: X(k=2), threads 1 (2026-01-02)",) == found.remarks


def test_runs_of_one_day_are_told_by_the_minute():
    """
    Two runs of one day have their minutes beside the day.
    """
    assert ("2026-01-01 03:04", "2026-01-01 03:04") == read([on(1, cell()), on(1, cell())]).dates


def test_another_measure():
    """
    Any figure of the tables may be drawn, by its heading too; p50 itself has no second field.
    """
    runs = [on(1, cell(ledger=1_000)), on(2, cell(ledger=2_000))]

    size, time = read(runs, measure="index MB"), read(runs, measure="p50")

    assert ("ledger_bytes", False, [(0, 1_000), (1, 2_000)]) == (
        size.measure,
        size.is_share,
        figures(size.cells[0].values),
    )
    assert ([(0, 2.0), (1, 2.0)], ()) == (figures(time.cells[0].values), time.cells[0].times)


@pytest.mark.parametrize(
    ("runs", "passages", "measure", "message"),
    [
        ([on(1, cell(), cell(passage_set="x"))], None, None, "found primer, x: name one with --passages"),
        ([on(1, cell())], "prmer", None, r"expected one of primer, found 'prmer'. Did you mean primer\?"),
        ([on(1, cell(), primary=None)], None, None, "expected one primary measure, found None: name one"),
        ([on(1, cell()), on(2, cell(retriever="B()"), primary="R@1")], None, None, "found nDCG@10, R@1: name one"),
        ([on(1, cell())], None, "nDCG@11", "--measure"),
        ([on(1, failed())], None, None, r"expected cells with nDCG@10 or p50, found none: not drawn, failed: BM25\(\)"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(runs, passages, measure, message):
    """
    A set or a measure that has to be named, or is none, and runs without a figure are refused.
    """
    with pytest.raises(InputError, match=message):
        read(runs, passages, measure)


# The picture


def drawn(found: History):
    return parsed(history.svg(found))


FULL = read([
    on(1, cell(0.5, p50=1.0), cell(0.61, retriever="B()", p50=8.0)),
    on(2, cell(0.55, p50=1.5), failed(retriever="B()", storage_weight=None, single=None)),
    on(3, cell(0.6, single=Latency(p50=0.7, p95=None, p99=None, cold=None, p50_interval=(0.5, 0.9))), cpu="B"),
])  # fmt: skip


@pytest.mark.parametrize(("kind", "key"), [("values", "nDCG@10"), ("times", "single_p50_ms")])
def test_the_picture_has_every_figure(kind, key):
    """
    Each moment has a mark that stands at its figure, in the column of its run, and is in the words too.
    """
    root = drawn(FULL)
    (field,) = of_class(root, kind)
    up = axis(field, "y-axis", log=kind == "times")

    groups = of_class(field, "cell")

    about = root.find(f"{SPACE}desc").text
    columns = {}
    for one, group in zip(FULL.cells, groups, strict=True):
        moments = getattr(one, kind)
        for moment, mark in zip(moments, of_class(group, "mark"), strict=True):
            x, y = moved(mark)
            assert moment.value == pytest.approx(up(y), rel=0.005)
            columns.setdefault(moment.place, []).append(x)
            assert title(mark).startswith(f"{one.name}, {FULL.dates[moment.place]}: {written(key, moment.value)}")
            assert f"{FULL.dates[moment.place]} {written(key, moment.value)}" in about
    assert sorted(columns) == [0, 1, 2]
    assert max(columns[0]) < min(columns[1]) <= max(columns[1]) < min(columns[2])
    for remark in (*FULL.remarks, FULL.conditions):
        assert remark in about
        assert remark in " ".join(words(root))


def test_lines_join_what_is_compared_alone():
    """
    The measure has one line over three runs; the times one over the two of one machine.
    """
    root = drawn(FULL)

    points = {
        kind: [path.get("d").count("L") + 1 for path in of_class(of_class(root, kind)[0], "series")]
        for kind in ("values", "times")
    }

    assert {"values": [3], "times": [2]} == points


def test_intervals_are_bars():
    """
    The ends of a bar are those of the interval, at the mark it belongs to.
    """
    (field,) = of_class(drawn(FULL), "times")
    up = axis(field, "y-axis", log=True)

    (bar,) = of_class(field, "interval")

    x, low, high = (float(part) for part in bar.get("d").split("M")[1].replace("V", ",").split(","))
    assert (0.5, 0.9) == (pytest.approx(up(low), rel=0.005), pytest.approx(up(high), rel=0.005))
    assert x in [moved(mark)[0] for mark in of_class(field, "mark")]


def test_breaks_are_lines_and_sentences():
    """
    A change stands between its two runs in both fields, of other dashes where times are not compared, and is told.
    """
    changes = (HistoryBreak(1, "numpy 1 -> 2", False), HistoryBreak(2, "other hardware: cpu", True))
    root = drawn(replace(FULL, breaks=changes))

    first, second = of_class(root, "break")

    assert ["numpy 1 -> 2", "other hardware: cpu"] == [title(first), title(second)]
    lines = [list(group.iter(f"{SPACE}line")) for group in (first, second)]
    assert [2, 2] == [len(found) for found in lines]
    assert 2 == len({found[0].get("stroke-dasharray") for found in lines})
    marks = [moved(mark)[0] for mark in of_class(of_class(root, "values")[0], "mark")]
    at = [float(found[0].get("x1")) for found in lines]
    assert marks[0] < at[0] < marks[1] < at[1] < marks[2]
    assert "1, from 2026-01-02 on (v2): numpy 1 -> 2" in words(root)
    assert "2, from 2026-01-03 on (v3): other hardware: cpu" in words(root)


def test_many_runs_cells_and_changes_stay_readable():
    """
    Of 200 runs, 40 cells and a change at each the picture has as many dates, lines and sentences as there is room for.
    """
    moments = tuple(Moment(place, 0.5, is_joined=True) for place in range(200))
    dates = tuple(f"2026-{1 + day // 28:02}-{1 + day % 28:02}" for day in range(200))
    cells = tuple(CellHistory(f"A{number:02}()", moments, ()) for number in range(40))
    changes = tuple(HistoryBreak(place, f"numpy {place}", False) for place in range(1, 200))

    root = drawn(History("s", "nDCG@10", True, dates, dates, cells, changes))

    assert series.MOST == len(of_class(root, "cell"))
    said = " ".join(words(root))
    assert "not drawn, more than 15 lines: A15(), A16(), A17(), A18() and 21 more" in said
    assert "and 191 older changes" in said
    assert "8, from 2026-08-04 on" in said
    (below,) = of_class(root, "x-axis")
    places = [float(tick.get("x")) for tick in of_class(below, "tick")]
    assert dates[-1] == of_class(below, "tick")[-1].text
    assert all(after - before > 70 for before, after in itertools.pairwise(places))


def test_one_run_and_figures_without_times():
    """
    A single run is a column of marks; runs that were not timed have one field.
    """
    root = drawn(read([on(1, cell(p50=None))]))

    (field,) = of_class(root, "values")
    assert (1, 0, 0) == tuple(
        len(of_class(of, name)) for of, name in ((root, "mark"), (root, "times"), (field, "series"))
    )
    assert 1 == len(of_class(drawn(read([on(1, cell())], measure="p50")), "mark"))


def test_each_line_is_named_with_its_ends():
    """
    The list has each cell with its first and its last figure; a figure that stayed once.
    """
    (listed,) = of_class(drawn(FULL), "legend")

    assert [
        "BM25() @ CSR(): nDCG@10 .5000 to .6000, p50 in ms 1.00 to 0.700",
        "B(): nDCG@10 .6100, p50 in ms 8.00",
    ] == words(listed)


def test_bytes_are_written_as_their_heading_says():
    """
    The axis of a size is in MB as its heading is, and lower is better.
    """
    root = drawn(read([on(1, cell(ledger=2_000_000)), on(2, cell(ledger=4_000_000))], measure="index MB"))

    (field,) = of_class(root, "values")
    assert {"1", "2", "5"} <= {tick.text for tick in of_class(field, "tick")}
    assert "index MB (down is better)" in words(field)


def test_a_hostile_name_is_a_name():
    """
    Markup in the names of retrievers, cells and folders is words.
    """
    name = "<script>]]>&"
    found = History(name, "nDCG@10", True, ("2026-01-01",), (name,), (CellHistory(name, (Moment(0, 0.5),), ()),))

    assert "<script" not in history.svg(replace(found, breaks=(HistoryBreak(0, name, True),)))
    assert any(line.startswith(name) for line in words(drawn(found)))


def test_the_same_values_give_the_same_bytes():
    """
    A picture is made alike each time, and the last bits of a figure do not show.
    """
    one, other = (
        history.svg(replace(FULL, cells=(CellHistory("A()", (Moment(0, value), Moment(1, 0.7)), ()),)))
        for value in (0.6, math.nextafter(0.6, 1))
    )

    assert one == other


# The command


call = functools.partial(command.call, plot, "history")


def test_folders_of_runs_are_drawn(tmp_path):
    """
    `sparring plot history FOLDER` draws the runs in a folder by their dates; what is none is skipped, and said.
    """
    write(tmp_path / "runs" / "b", cell(0.5), made="2026-01-02T00:00:00+00:00")
    write(tmp_path / "runs" / "a", cell(0.6), made="2026-01-03T00:00:00+00:00")
    write(tmp_path / "runs" / "c", cell(0.7), made="no date")

    ended = call(tmp_path / "runs", "-o", tmp_path / "h.svg")

    (values,) = of_class(parsed((tmp_path / "h.svg").read_text("utf-8")), "values")
    said = [title(mark) for mark in of_class(values, "mark")]
    assert ["BM25() @ CSR(), 2026-01-02: .5000", "BM25() @ CSR(), 2026-01-03: .6000"] == said
    assert "skipped: " in ended.output


def test_a_picture_of_a_page_takes_a_folder_of_runs(tmp_path):
    """
    A page may show the history of a folder of runs, and its check finds a run that came later.
    """
    page = tmp_path / "page.md"
    page.write_text("<!-- sparring plot history runs -o h.svg -->\n![History](h.svg)\n", encoding="utf-8")
    write(tmp_path / "runs" / "a", cell(0.5))
    assert 0 == call(tmp_path / "runs", "-o", tmp_path / "h.svg").exit_code

    before = command.call(plot, "--check", page)
    write(tmp_path / "runs" / "b", cell(0.6), made="2026-01-03T00:00:00+00:00")
    after = command.call(plot, "--check", page)

    assert (0, 1) == (before.exit_code, after.exit_code)


def test_other_kinds_take_no_folder_of_runs(tmp_path):
    """
    A folder of runs is refused where one run is drawn, and a folder of none everywhere.
    """
    write(tmp_path / "runs" / "a", cell(0.5))

    with pytest.raises(InputError, match="expected a run folder, found a folder of 1 runs"):
        command.call(plot, "frontier", tmp_path / "runs", "-o", tmp_path / "f.svg")
    with pytest.raises(InputError, match="expected a run folder, or a folder of runs, found neither"):
        call(tmp_path / "nothing", "-o", tmp_path / "h.svg")
    with pytest.raises(InputError, match="plot history: takes no --cost"):
        call(tmp_path / "runs", "--cost", "p50", "-o", tmp_path / "h.svg")
