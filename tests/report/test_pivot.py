"""One measure of many cells as one table."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.records.schema import Footprint, Measurement
from bench.report.render import markdown, terminal
from bench.report.tables.pivot import pivoted
from bench.report.view import Pivot, View
from tests.helpers.records import failed, latency, measurement, memory, run_of, weight


def cell(passage_set: str, encoder: str, storage: str, value: float, **changes) -> Measurement:
    pair = {"encoder": encoder, "storage": storage, "retriever": f"{encoder} @ {storage}"}
    return measurement(passage_set=passage_set, quality={"nDCG@10": value, "R@10": 1.0}, **pair | changes)


def texts(grid):
    return [[field.text for field in line] for line in grid.lines]


def test_sets_stand_down_and_encoders_across():
    """
    One line a passage set, one column an encoder, in the order of the run; the best of each line is marked.
    """
    run = run_of(
        cell("de", "A()", "CSR()", 0.5),
        cell("de", "B()", "CSR()", 0.75),
        cell("ko", "A()", "CSR()", 0.25, language="ko", n_queries=1200),
        cell("ko", "B()", "CSR()", 0.2504, language="ko", n_queries=1200),
    )

    grid = pivoted([run], Pivot("encoder"))

    assert "nDCG@10 by encoder, CSR()" == grid.title
    assert ["passages", "language", "queries", "A()", "B()"] == [column.head for column in grid.columns]
    assert [["de", "en", "495", ".500", ".750"], ["ko", "ko", "1,200", ".250", ".250"]] == texts(grid)
    assert [[False, True], [False, False]] == [[bool(field.style) for field in line[3:]] for line in grid.lines]


def test_what_does_not_stand_across_has_its_line():
    """
    Where cells of a set differ in the other part, each has a line; an engine stands across by its own name.
    """
    run = run_of(
        cell("de", "A()", "CSR()", 0.5),
        cell("de", "A()", "Flat()", 0.25),
        measurement(passage_set="de", retriever="Engine()", encoder=None, storage=None),
    )

    by_encoder, by_storage = pivoted([run], Pivot("encoder")), pivoted([run], Pivot("storage"))
    by_retriever = pivoted([run], Pivot("retriever"))

    assert [["CSR()", ".500", "-"], ["Flat()", ".250", "-"], ["", "-", ".500"]] == [f[3:] for f in texts(by_encoder)]
    assert [["de", "en", "495", ".500", ".250", "-"], ["de", "en", "495", "-", "-", ".500"]] == texts(by_storage)
    assert [["de", "en", "495", ".500", ".250", ".500"]] == texts(by_retriever)


def test_what_failed_or_is_missing_has_no_number():
    """
    A cell that failed reads its status, one that is not there a dash; neither is the best.
    """
    broken = failed(passage_set="ko", retriever="A() @ CSR()", encoder="A()", storage="CSR()")
    run = run_of(broken, cell("de", "B()", "CSR()", 0.5))

    grid = pivoted([run], Pivot("encoder"))

    assert [["failed", "-"], ["-", ".500"]] == [line[3:] for line in texts(grid)]


def test_bytes_are_best_where_they_are_least():
    """
    A column of the tables can be asked for by its key, and is marked and written as it is there.
    """
    weights = [Footprint(ledger={"values": n}, disk_bytes=None, resident=None) for n in (3_000_000, 1_000_000)]
    run = run_of(*(cell("de", f"{n}()", "CSR()", 0.5, storage_weight=w) for n, w in zip("AB", weights, strict=True)))

    grid = pivoted([run], Pivot("encoder", "ledger_bytes"))

    assert [["3.00", "1.00"]] == [line[3:] for line in texts(grid)]
    assert ["", "bold green"] == [field.style for field in grid.lines[0][3:]]


def test_what_cannot_be_told_from_noise_reads_as_in_the_plain_table():
    """
    A growth below what page accounts resolve is <1 across as it is down, however small its number.
    """
    small = cell("a", "A()", "CSR()", 0.5, storage_weight=weight(400_000, -8_192, small=True))
    large = cell("a", "A()", "Flat()", 0.5, storage_weight=weight(400_000, 5_000_000))

    grid = pivoted([run_of(small, large)], Pivot("storage", "resident_bytes"))

    assert ["<1", "5.00"] == texts(grid)[0][-2:]


def test_a_ceiling_stands_beside_its_measure():
    """
    A measure that has a ceiling is shown with the ceiling of each set.
    """
    known = {"quality": {"Answer@10": 0.5}, "ceilings": {"Answer@10": 0.999}}
    run = run_of(measurement(**known), measurement(passage_set="other"))

    grid = pivoted([run], Pivot("retriever", "Answer@10"))

    assert [[".999", ".500"], ["-", "-"]] == [line[3:] for line in texts(grid)]


def test_runs_are_told_apart():
    """
    Several runs share the table, each line with the name of its run.
    """
    runs = [run_of(cell("de", "A()", "CSR()", 0.5), name=name) for name in ("before", "after")]

    grid = pivoted(runs, Pivot("encoder"))

    assert ["before", "after"] == [line[0].text for line in grid.lines]
    assert "run" == grid.columns[0].head


def test_runs_meet_on_the_set():
    """
    Cells of several runs that have none alike share the line of their set, which names its runs; others do not.
    """
    ours = run_of(cell("de", "A()", "CSR()", 0.5), cell("ko", "A()", "CSR()", 0.5), name="ours")
    theirs = run_of(
        measurement(passage_set="de", retriever="theirs", quality={"nDCG@10": 0.25}),
        cell("ko", "A()", "CSR()", 0.75),
        name="theirs",
    )

    grid = pivoted([ours, theirs], Pivot("retriever"))

    assert [
        ["ours, theirs", "de", "en", "495", ".500", ".250"],
        ["ours", "ko", "en", "495", ".500", "-"],
        ["theirs", "ko", "en", "495", ".750", "-"],
    ] == texts(grid)


def test_one_name_with_two_contents_does_not_meet():
    """
    Sets of one name and other contents have a line each.
    """
    ours = run_of(cell("de", "A()", "CSR()", 0.5), name="ours")
    theirs = run_of(cell("de", "B()", "CSR()", 0.5, passage_set_sha256="11"), name="theirs")

    grid = pivoted([ours, theirs], Pivot("retriever"))

    assert ["ours", "theirs"] == [line[0].text for line in grid.lines]


def test_times_of_different_hardware_do_not_meet():
    """
    Times of two machines are never on one line, where the best of them would be marked; other figures are.
    """
    runs = [
        run_of(cell("de", f"{n}()", "CSR()", 0.5, single=latency(1.0)), name=n, cpu=cpu)
        for n, cpu in (("A", "this"), ("B", "that"))
    ]

    times, quality = (pivoted(runs, Pivot("encoder", name)) for name in ("single_p50_ms", "nDCG@10"))

    assert [["A", "1.00", "-"], ["B", "-", "1.00"]] == [[line[0], *line[4:]] for line in texts(times)]
    assert ["A, B"] == [line[0] for line in texts(quality)]


def test_a_set_without_judgments_says_so():
    """
    A line of dashes is explained where nobody has judged the set; bytes need no judgments.
    """
    unknown = {"quality": None, "n_judged": None, "n_unanswered": None}
    run = run_of(measurement(**unknown), measurement(passage_set="judged", passage_set_sha256="11"), failed())

    notes = [pivoted([run], Pivot("retriever", name)).notes for name in ("nDCG@10", "ledger_bytes")]

    assert [("primer: no judgments, so no quality",), ()] == notes


def test_an_unknown_measure_is_refused():
    """
    A measure that the runs do not have is an error that tells those that they have.
    """
    run = run_of(measurement())

    with pytest.raises(
        InputError, match=r"--measure: expected .*, found 'nDCG@5'\. There are:\n  quality: R@1, R@10, "
    ):
        pivoted([run], Pivot("encoder", "nDCG@5"))


@pytest.mark.parametrize("name", ["ledger_bytes", "index MB", "LEDGER"])
def test_a_figure_says_its_unit(name):
    """
    The title has the figure's heading with its unit, however it was asked for, and the legend what it is.
    """
    cells = (cell("de", n, s, 0.5, storage_weight=weight(10**6)) for n in ("A()", "B()") for s in ("CSR()", "Flat()"))
    run = run_of(*cells)

    text = markdown.table([run], View(pivot=Pivot("storage", name)))

    assert "**index MB by storage**\n" in text
    assert "index MB: index size (exact). MB: 10^6 bytes." in text


@pytest.mark.parametrize(
    ("key", "title", "text"),
    [
        ("encode_seconds", "encode s by encoder, CSR()", "1.50"),
        ("peak_build_process_bytes", "peak build process MB by encoder, CSR()", "9.00"),
        ("n_unanswered", "n unanswered by encoder, CSR()", "3"),
        ("flags", "flags by encoder, CSR()", "one; two"),
        ("run", "run by encoder, CSR()", "run"),
        ("exact", "exact by encoder, CSR()", "yes"),
    ],
)
def test_any_key_can_be_shown(key, title, text):
    """
    What is shown is any key of --json, in the unit of its name.
    """
    known = {
        "encode_seconds": 1.5,
        "build_memory": memory(0),
        "n_unanswered": 3,
        "flags": ("one", "two"),
        "exact": True,
    }

    grid = pivoted([run_of(cell("de", "A()", "CSR()", 0.5, **known))], Pivot("encoder", key))

    assert (title, text) == (grid.title, grid.lines[0][-1].text)


def test_it_is_drawn_as_the_other_tables_are(capsys):
    """
    Markdown and a narrow terminal show every column, the legend says where the best is marked.
    """
    run = run_of(*(cell("de", f"Encoder{n}()", "CSR()", n / 10) for n in range(9)))
    pivot = Pivot("encoder")

    terminal.table([run], Console(width=60), View(pivot=pivot))
    drawn = markdown.table([run], View(pivot=pivot))

    shown = capsys.readouterr().out
    assert all(f"Encoder{n}()" in text for n in range(9) for text in (shown, drawn))
    assert "Bold: best of its line." in drawn
    assert "**.800**" in drawn


def test_any_axis_stands_across():
    """
    Sets, measures and threads stand across too, the retriever then down; the best is that of each column but for
    threads, which are compared line by line.
    """
    run = run_of(
        cell("de", "A()", "CSR()", 0.5, single=latency(2.0)),
        cell("de", "B()", "CSR()", 0.75),
        cell("ko", "A()", "CSR()", 0.25, passage_set_sha256="11"),
        cell("de", "A()", "CSR()", 0.5, threads=2, single=latency(1.0)),
        measures=["nDCG@10", "R@10"],
    )

    sets = pivoted([run], Pivot("passages"))
    measures = pivoted([run], Pivot("measure"))
    threads = pivoted([run], Pivot("threads", "single_p50_ms"))

    assert ["nDCG@10 by passages", "quality by measure", "p50 ms by threads"] == [
        grid.title for grid in (sets, measures, threads)
    ]
    assert [
        ["A() @ CSR()", "1", ".500", ".250", ".375"],
        ["B() @ CSR()", "1", ".750", "-", "-"],
        ["A() @ CSR()", "2", ".500", "-", "-"],
    ] == (texts(sets))
    assert ["passages", "language", "queries", "retriever", "threads", "nDCG@10", "R@10"] == [
        column.head for column in measures.columns
    ]
    assert [
        ["de", "1", ".500"],
        ["de", "1", ".750"],
        ["ko", "1", ".250"],
        ["de", "2", ".500"],
        ["mean of 2 sets", "1", ".375"],
    ] == [[line[0], line[4], line[5]] for line in texts(measures)]
    assert [False, True, False, False, False] == [line[5].style == "bold green" for line in measures.lines]
    assert [["2.00", "1.00"], ["-", "-"], ["-", "-"]] == [line[-2:] for line in texts(threads)]
    assert "bold green" == threads.lines[0][-1].style
    assert ["column", "column", "line"] == [grid.best_of for grid in (sets, measures, threads)]


def test_a_name_stands_for_its_cell():
    """
    Cells stand across by their names, one without by its retriever.
    """
    run = run_of(cell("de", "A()", "CSR()", 0.5, cell_name="sparse"), cell("de", "B()", "CSR()", 0.25))

    grid = pivoted([run], Pivot("name"))

    assert ["sparse", "B() @ CSR()"] == [column.head for column in grid.columns[3:]]
    assert [[".500", ".250"]] == [line[3:] for line in texts(grid)]


def test_the_same_cell_of_two_runs_side_by_side():
    """
    With runs across a line is one cell, found in each run by its name, or else its spelling; a dash where it is not.
    """
    old = run_of(cell("de", "A(1)", "CSR()", 0.5, cell_name="a"), cell("de", "B()", "CSR()", 0.25), name="old")
    new = run_of(cell("de", "A(2)", "CSR()", 0.75, cell_name="a"), cell("de", "C()", "CSR()", 0.25), name="new")

    grid = pivoted([old, new], Pivot("run"))

    assert ["passages", "language", "queries", "retriever", "old", "new"] == [column.head for column in grid.columns]
    assert [["a", ".500", ".750"], ["B() @ CSR()", ".250", "-"], ["C() @ CSR()", "-", ".250"]] == [
        line[3:] for line in texts(grid)
    ]
    assert "bold green" == grid.lines[0][-1].style


def test_times_of_runs_on_other_hardware_are_not_compared():
    """
    Side by side, times of two machines are shown, the field that differs is named, and none is the best.
    """
    runs = [
        run_of(cell("de", "A()", "CSR()", 0.5, single=latency(n)), name=f"r{n}", cpu=f"cpu {n}") for n in (1.0, 2.0)
    ]

    times, quality = (pivoted(runs, Pivot("run", name)) for name in ("single_p50_ms", "nDCG@10"))

    assert [["1.00", "2.00"]] == [line[4:] for line in texts(times)]
    assert ["", ""] == [field.style for field in times.lines[0][4:]]
    assert ("hardware differs (cpu: cpu 1.0 / cpu 2.0): times are not compared across runs",) == times.notes
    assert () == quality.notes


def test_contents_of_one_name_stand_apart():
    """
    Two contents of one set's name have a column each.
    """
    run = run_of(cell("de", "A()", "CSR()", 0.5, passage_set_sha256="a" * 64), cell("de", "A()", "CSR()", 0.25))

    grid = pivoted([run], Pivot("passages"))

    assert ["de (content aaaaaaaaaaaa)", "de"] == [column.head for column in grid.columns[1:]]


def test_measures_across_are_all_measures():
    """
    One measure cannot be asked for where all of them stand across.
    """
    with pytest.raises(InputError, match="--pivot measure shows every measure: leave out --measure R@1"):
        pivoted([run_of(measurement())], Pivot("measure", "R@1"))
