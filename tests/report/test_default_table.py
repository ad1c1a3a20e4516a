"""The default table: what most readers look for, and one footnote of each kind."""

from __future__ import annotations

import json

import pytest

from bench.records.schema import Measurement
from bench.records.upgrades import decode
from bench.report import rows
from bench.report.render import markdown
from bench.report.tables import marks
from bench.report.tables.cells import grids
from bench.report.view import DEFAULT, Pivot, View
from tests.helpers.judged import judged_run
from tests.helpers.places import RECORDS
from tests.helpers.records import failed, latency, measurement, run_of, weight

UNSTABLE = "unstable: p50 of the rounds differ: standard deviation {}% of their mean"


def timed(**changes):
    """A cell that was timed and weighed."""
    known = {"single": latency(1.0, 2.0), "encode": latency(0.5), "search": latency(0.5), "batch_qps": 9.0}
    known |= {"storage_weight": weight(2_000_000, 3_000_000, disk=1), "encode_seconds": 1.5, "build_seconds": 0.5}
    return measurement(**known | changes)


def heads(*cells, view: View = DEFAULT, **suite) -> list[str]:
    (grid,) = grids([run_of(*cells, **suite)], view)
    return [column.head for column in grid.columns]


# The columns


def test_the_default_table_has_few_columns():
    """
    By default a cell has the primary measure, R@10, the median time, the size of its index, the time to make it, and
    what a deployment takes; an old record, which knows of no deployment, has no such column.
    """
    told = ["retriever", "nDCG@10", "R@10", "p50 ms", "index MB", "index s"]

    assert [*told, "deployment MB"] == heads(timed(deployment_bytes=58_000_000))
    assert told == heads(timed())


def test_a_primary_measure_stands_once():
    """
    Where R@10 is the primary measure it has one column; a suite that has it not has none.
    """
    assert ["retriever", "R@10", "p50 ms", "index MB", "index s"] == heads(timed(), primary="R@10")
    assert "R@10" not in heads(timed(quality={"nDCG@10": 0.5}), measures=["nDCG@10"])


def test_a_few_measures_are_all_shown():
    """
    Where somebody chose a few measures, each has its column.
    """
    chosen = {"R(rel=2)@10": 0.5, "Judged@10": 1.0, "nDCG@10": 0.5}

    assert {*chosen} <= {*heads(timed(quality=chosen), measures=[*chosen])}
    assert "Judged@10" not in heads(timed(quality=chosen | {"R@1": 1.0}))


def test_the_primary_measure_has_its_interval(tmp_path):
    """
    The primary measure has its 95 % interval without being asked for, and no other figure has.
    """
    run = judged_run(tmp_path, {"A()": [0.0, 1.0] * 50}, single=latency(1.0))

    (grid,) = grids([run])

    intervals = {column.head: cell.interval for column, cell in zip(grid.columns, grid.lines[0], strict=True)}
    assert {"retriever": "", "nDCG@10": "[.398, .602]", "p50 ms": ""} == intervals


def test_wide_has_everything():
    """
    `--wide` shows every column that has a value.
    """
    measures = ["R@1", "R@10", "R@100", "nDCG@10", "RR@10"]
    times = ["p50 ms", "p95 ms", "encode ms", "search ms", "batch q/s"]

    assert ["retriever", *measures, *times, "index MB", "index s", "resident MB", "disk MB"] == heads(
        timed(), view=View(wide=True)
    )


def test_agreement_with_exact_is_told_of_what_is_approximate():
    """
    Where a cell is approximate its overlap with exact search is shown; the exact cells beside it read so.
    """
    (grid,) = grids([run_of(timed(exact=True), timed(retriever="B()", exact=False, overlap_with_exact=0.9))])

    assert "overlap exact" not in heads(timed(exact=True))
    assert ("overlap exact", ["exact", ".900"]) == (grid.columns[-1].head, [line[-1].text for line in grid.lines])


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"encode_seconds": 1.5, "build_seconds": 0.5}, 2.0),
        ({"encode_seconds": None, "build_seconds": 0.5}, None),  # vectors made elsewhere
        ({"encoder": None, "storage": None, "encode_seconds": None, "build_seconds": 0.5}, 0.5),
        ({"encode_seconds": 1.5, "build_seconds": None}, None),
        ({"encode_seconds": 1.5, "build_seconds": 0.5, "facts": {"synthetic": "texts"}}, 2.0),
        (
            {"encode_seconds": 1.5, "build_seconds": 0.5, "facts": {"synthetic": "vectors"}},
            None,
        ),  # of the real ones alone
    ],
)
def test_index_time_is_encoding_and_building(changes, seconds):
    """
    The index time is that of both stages, of an engine its own; where one was not measured, or encoding took the real
    passages alone, it is unknown.
    """
    assert seconds == rows.row(measurement(**changes))["index_seconds"]


@pytest.mark.parametrize("path", sorted(RECORDS.glob("measurement-*.jsonl")), ids=lambda path: path.stem)
def test_old_records_have_an_index_time(path):
    """
    The index time is of what every version of the records holds: an encoder's time and its storage's, or an engine's.
    """
    for line in path.read_bytes().splitlines():
        old, m = json.loads(line), decode(line, Measurement)

        parts = [old["build_seconds"]] + ([old["encode_seconds"]] if old["encoder"] else [])
        expected = None if None in parts else sum(parts)
        assert expected == pytest.approx(rows.row(m)["index_seconds"])


@pytest.mark.parametrize("reused", [(False, False), (False, True)])
def test_a_reused_matrix_is_told(reused):
    """
    Where vectors of a run came from the cache, the legend says that their time is that of when they were made.
    """
    cells = [timed(retriever=name, reused_matrix=one) for name, one in zip(("A()", "B()"), reused, strict=True)]
    views = (DEFAULT, View(columns=("encode s",)), View(pivot=Pivot("retriever", "index s")), View(columns=("R@10",)))

    told = [
        "of vectors from the cache as measured when they were made." in markdown.table([run_of(*cells)], view)
        for view in views
    ]

    assert [*[any(reused)] * 3, False] == told


# The footnotes


def notes(*cells) -> list[str]:
    (grid,) = grids([run_of(*cells)])
    return list(grid.notes)


def test_footnotes_of_one_kind_are_one_line():
    """
    Flags that begin alike and say different things are counted on one line, and each cell has its mark.
    """
    cells = [timed(retriever=f"{name}()", flags=(UNSTABLE.format(10 + at),)) for at, name in enumerate("ABC")]

    (grid,) = grids([run_of(*cells, timed(retriever="D()"))])

    assert ("a: unstable times: 3 of 4 cells; --json has each",) == grid.notes
    assert ["a", "a", "a", ""] == [line[-1].text for line in grid.lines]


def test_a_kind_with_one_cell_keeps_its_sentence():
    """
    A flag of one cell stands as it is, and what another of its kind adds behind it.
    """
    flags = (UNSTABLE.format(10), "unstable: CPU contention (wait): 40% of the timed loops")

    assert [f"a: {flags[0]}; CPU contention (wait): 40% of the timed loops"] == notes(timed(flags=flags), timed())


def test_what_all_cells_share_stands_as_it_is():
    """
    One sentence of several cells is one line, uncounted.
    """
    cells = [timed(retriever=name, n_unanswered=2) for name in ("A()", "B()")]

    assert ["a: judged queries with no hits (scored 0): 2 of 495"] == notes(*cells)


def test_kinds_have_letters_of_their_own():
    """
    A cell with remarks of several kinds has a letter of each.
    """
    both = timed(flags=(UNSTABLE.format(10), "71.0% of passages are cut at the model's length"))

    (grid,) = grids([run_of(both, timed(retriever="B()", n_unanswered=1))])

    assert ["a b", "c"] == [line[-1].text for line in grid.lines]


@pytest.mark.parametrize(
    ("remark", "kind"),
    [
        (UNSTABLE.format(10), "unstable times"),
        ("built and searched in one process: resident memory includes what building left", None),
        ("71.0% of passages are cut at the model's length", "passages are cut at the model's length"),
        ("2 of the 3 rounds that a latency needs", "2 of the 3 rounds that a latency needs"),
    ],
)
def test_a_kind_is_what_stands_before_the_colon(remark, kind):
    """
    A remark is of the kind that its words before the colon name; a share at its beginning is no part of that.
    """
    assert (kind or remark.partition(":")[0]) == marks.kind(remark)


def test_cells_that_failed_alike_share_a_line():
    """
    The reason that several cells failed for is one line that names them all.
    """
    cells = [failed(retriever=f"{name}()", status="timeout", reason="longer than 600 s") for name in "ABA"]

    assert "A() (2), B(): timeout: longer than 600 s" in notes(timed(), *cells)


def test_the_legend_explains_what_stands_there():
    """
    The legend of the default table has a sentence on each column that is there, and on no other.
    """
    text = markdown.table([run_of(timed())])

    told = "index s: time to encode and index all passages, in full where cells share it."
    assert f"index MB: index size (exact). {told}" in text
    assert [] == [word for word in ("p95", "resident", "encoder MB", "overlap", "joint") if word in text]
