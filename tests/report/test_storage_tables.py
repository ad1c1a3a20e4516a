"""What storages do to an encoder: tables of it."""

from __future__ import annotations

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from bench.errors import InputError
from bench.records.schema import Footprint, Measurement
from bench.report import formula_bytes
from bench.report.charts import storages
from bench.report.model import BEST, Grid
from bench.report.render import markdown, terminal
from bench.report.tables.storages import storage_grids
from bench.report.view import Pivot, View
from tests.helpers.records import failed, latency, measurement, memory, run_of
from tests.helpers.stored import cell, exact
from tests.helpers.tables import drawn

STORAGES = View(pivot=Pivot("storage"))


def only(*cells: Measurement, **suite) -> Grid:
    """The one table of one run, R@10 the primary measure."""
    (grid,) = storage_grids([run_of(*cells, **{"measures": ["R@10", "RR@10"], "primary": "R@10"} | suite)])
    return grid


def column(grid: Grid, head: str) -> list[str]:
    (at,) = (index for index, column in enumerate(grid.columns) if column.head == head)
    return [line[at].text for line in grid.lines]


def best(grid: Grid, head: str) -> list[bool]:
    (at,) = (index for index, column in enumerate(grid.columns) if column.head == head)
    return [line[at].style == BEST for line in grid.lines]


def test_each_encoder_has_its_table():
    """
    One table a passage set and encoder, in the order of the run, its storages down.
    """
    other = {"encoder": "TfIdf()", "retriever": "TfIdf() @ A()"}
    run = run_of(cell("A()"), cell("A()", **other), cell("B()"), cell("A()", passage_set="de", passage_set_sha256="1"))

    grids = storage_grids([run])

    assert ["primer", "primer", "de"] == [grid.title.partition(":")[0] for grid in grids]
    assert ["BM25()", "TfIdf()", "BM25()"] == [grid.title.rpartition(": ")[2] for grid in grids]
    assert [["A()", "B()"], ["A()"], ["A()"]] == [column(grid, "storage") for grid in grids]


def test_one_name_of_two_contents_is_told_apart():
    """
    Passage sets of one name and of two contents have tables of their own, and heads of their own in the picture.
    """
    run = run_of(cell("A()"), cell("A()", passage_set_sha256="11"))

    grids, patches = storage_grids([run]), storages.read([run]).patches

    assert [True, True] == [
        f"(content {sha256})" in grid.title for grid, sha256 in zip(grids, ("00", "11"), strict=True)
    ]
    heads = [("BM25()", "primer (content 00)"), ("BM25()", "primer (content 11)")]
    assert heads == [patch.column for patch in patches]


def test_what_is_lost_is_held_against_exact_search():
    """
    Lost is the exact storage's measure less this one's: of each recall and the primary measure, in four digits.
    """
    grid = only(cell("Small()", 0.78, overlap_with_exact=0.93), exact("Whole()"), cell("Odd()", 0.80004))

    assert ["R@10", "R@10 lost", "overlap@10"] == [column.head for column in grid.columns[1:4]]
    assert [".7800", ".8000", ".8000"] == column(grid, "R@10")
    assert [".0200", ".0000", ".0000"] == column(grid, "R@10 lost")
    assert [".930", "exact", "-"] == column(grid, "overlap@10")
    assert "exact search: R@10 .8000" in grid.notes


def test_best_and_what_reads_like_it_are_marked():
    """
    The best of a column is marked, and all that read alike to the printed digit; a column of equals has no best.
    """
    same = {"values": 5_000}
    grid = only(exact("A()", ledger={"values": 5_001}), exact("B()", ledger=same), cell("C()", 0.7, ledger=same))

    assert ["0.0050", "0.0050", "0.0050"] == column(grid, "index MB")
    assert [False] * 3 == best(grid, "index MB")
    assert [True, True, False] == best(grid, "R@10 lost")


def test_costs_are_compared_at_matched_quality():
    """
    The fastest and the smallest are marked among storages that are exact or lose at most .001 of the primary measure.
    """
    costs = [({"values": nbytes}, latency(ms, ms)) for ms, nbytes in ((1.0, 1_000_000), (2.0, 2_000_000))]
    (few, quick), (more, slow) = costs
    whole = exact("Whole()", ledger={"values": 3_000_000}, search=latency(3.0, 3.0))
    near = cell("Near()", 0.799, ledger=more, search=slow)

    lossy = only(whole, cell("Lossy()", 0.7989, ledger=few, search=quick), near)
    alone = only(whole, cell("Lossy()", 0.7989, ledger=few, search=quick))

    for head in ("index MB", "search p50 ms", "times smaller"):
        assert ([False, False, True], [False, False]) == (best(lossy, head), best(alone, head))
    assert [True, False, False] == best(lossy, "R@10 lost")


def test_without_quality_costs_are_compared_among_exact_storages():
    """
    Of synthetic passages, where nothing tells what is lost, the smallest is marked among storages that are exact.
    """
    sizes = [{"values": nbytes} for nbytes in (3_000_000, 2_000_000, 1_000_000)]
    synthetic = {"n_distractors": 50, "quality": None}

    grid = only(
        exact("A()", ledger=sizes[0], **synthetic),
        exact("B()", ledger=sizes[1], **synthetic),
        cell("C()", ledger=sizes[2], **synthetic),
    )

    assert [False, True, False] == best(grid, "index MB")


def test_times_are_those_of_the_search():
    """
    The times are of the search alone: its p50 and p95, and queries a second of all at once.
    """
    grid = only(exact("A()", search=latency(1.5, 2.5), single=latency(9.0, 9.5), search_batch_qps=300.0, batch_qps=1.0))

    heads = ("search p50 ms", "search p95 ms", "search q/s")
    assert [["1.50"], ["2.50"], ["300"]] == [column(grid, head) for head in heads]


def test_bytes_stand_beside_float32_by_formula():
    """
    Times smaller is the formula over the ledger: of CSR where the vectors are sparse, of the array where they are not.
    """
    csr, array = formula_bytes.csr_bytes(150, 1_000, 3_000), formula_bytes.dense_bytes(150, 1_000)

    sparse = only(exact("A()", ledger={"values": csr // 2}), cell("B()", ledger={"values": csr * 2}))
    dense = only(cell("A()", ledger={"codes": array // 4}, nonzeros=None))

    assert ["2.00", "0.500"] == column(sparse, "times smaller")
    assert (["4.00"], ["8.00"]) == (column(dense, "times smaller"), column(dense, "bits per dimension"))


def test_what_a_file_backs_is_told_of_mapped_storages():
    """
    The part of resident that a file backs is shown of a storage that says it maps its files, and of no other.
    """
    resident = msgspec.structs.replace(memory(9_000_000), private_file=8_000_000)
    weight = Footprint(ledger={"values": 8_000_000}, disk_bytes=8_000_000, resident=resident)

    grid = only(cell("A()", storage_weight=weight, facts={"memory_mapped": 1}), cell("B()", storage_weight=weight))

    assert (["8.00", "-"], ["9.00", "9.00"]) == (column(grid, "mapped MB"), column(grid, "resident MB"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"status": "over-budget", "predicted_ledger": {"vectors": 12_300_000_000}, "reason": "?"},
            "over-budget: would take 12.3 GB, the limit is 8.00 GB",
        ),
        ({"status": "over-budget", "reason": "would take a year"}, "over-budget: would take a year"),
        ({"status": "unsupported", "reason": "needs 256\nvectors"}, "unsupported: needs 256 vectors"),
        (
            {"status": "timeout", "reason": "600 s", "predicted_ledger": {"vectors": 1_500}},
            "timeout (would take 1.50 kB): 600 s",
        ),
        ({"status": "failed", "reason": ""}, "failed"),
    ],
)
def test_a_cell_that_did_not_run_says_why_in_its_line(changes, said):
    """
    A cell that did not run keeps its line: status, predicted size and limit, reason; no number, and never the best.
    """
    text = markdown.table([run_of(exact("A()"), cell("B()", quality=None, **changes))], STORAGES)

    line = next(line for line in text.splitlines() if line.startswith("| `B()`"))
    assert f"| `B()` ({said}) | - " in line
    assert "**" not in line


def test_a_reason_takes_no_room_from_the_numbers():
    """
    In a terminal a long reason is broken below its storage, and no line is wider than the terminal.
    """
    run = run_of(exact("A()"), failed(encoder="BM25()", storage="B()", reason="it broke in many words " * 6))
    console = Console(width=60)

    with console.capture() as shown:
        terminal.table([run], console, STORAGES)

    lines = shown.get().splitlines()
    assert 60 >= max(cell_len(line) for line in lines)
    assert 3 <= sum("broke" in line for line in lines)
    assert any("R@10 .8000" in line for line in lines)


def test_density_and_theory_stand_beside_what_was_measured():
    """
    Under the table: density, break-even, float32 by formula, and the ratio of the ledgers that hold float32 so.
    """
    array = {"anything": 600_000}
    as_rows = {"values": 12_000, "indices": 6_000, "offsets": 302}
    by_columns = {"values": 12_000, "indices": 3_000, "offsets": 2_002}
    codes = {"values": 3_000, "indices": 6_000, "offsets": 302}

    grid = only(
        cell("Coded()", ledger=codes),
        exact("Lists()", ledger=by_columns),
        exact("Rows()", ledger=as_rows),
        exact("Whole()", ledger=array),
    )

    assert (
        "density 0.02: 3,000 numbers stored of 150 x 1,000; "
        "at a density of 0.666 CSR and a dense array weigh the same" in grid.notes
    )
    assert (
        "float32 by formula: dense n * dims * 4 = 600 kB, CSR 18.3 kB; "
        "dense to CSR 32.78 in theory, 32.78 by the index sizes of Whole() and Rows()" in grid.notes
    )


def test_a_ratio_that_was_not_measured_is_not_told():
    """
    Where no cell holds float32 dense, or none as rows, the theory stands alone.
    """
    grid = only(exact("Whole()", ledger={"vectors": 600_000}))

    assert any(note.endswith("dense to CSR 32.78 in theory, not measured on both") for note in grid.notes)


def test_bounds_stand_beside_the_bits_reached():
    """
    The least bits of a posting, position and value, stand beside its bits where the storage tells both.
    """
    bounds = {"position_bound_bits": 4.0, "value_bound_bits": 2.5}

    grid = only(cell("A()", ledger={"values": 3_000}, facts=bounds), cell("B()", ledger={"values": 6_000}))

    assert (["8.00", "16.0"], ["6.50", "-"]) == (column(grid, "bits per posting"), column(grid, "least bits"))
    assert any(note.startswith("least bits: 4.00 for where a posting stands") for note in grid.notes)


def test_synthetic_passages_have_no_quality():
    """
    Cells grown by synthetic passages have a table of their own, of bytes and time only, and its title counts them.
    """
    ledger = {"values": 3_000}
    grown = exact("A()", ledger=ledger, n_distractors=1_000_000, n_passages=1_000_150)

    plain, large = storage_grids([run_of(exact("A()", ledger=ledger), grown, primary="R@10")])

    heads = [column.head for column in large.columns]
    assert ("R@10" in [c.head for c in plain.columns], "R@10" in heads, "R@10 lost" in heads) == (True, False, False)
    assert "1,000,150 passages (1,000,000 of them synthetic)" in large.title
    assert not any("exact search" in note for note in large.notes)


def test_without_exact_search_nothing_is_said_to_be_lost():
    """
    Where no exact storage ran, the measures stand as they are, and a note says so.
    """
    grid = only(cell("A()", 0.5), cell("B()", 0.6))

    assert [".5000", ".6000"] == column(grid, "R@10")
    assert not any("lost" in column.head for column in grid.columns)
    assert any(note.startswith("no exact search") for note in grid.notes)


def test_runs_are_held_each_against_its_own_exact_search():
    """
    Each cell of several runs loses against exact search in its own; across hardware the best time is within a run.
    """
    one = run_of(exact("A()", 0.8), cell("B()", 0.7, search=latency(1.0)), name="one", primary="R@10")
    other = run_of(exact("A()", 0.9), cell("B()", 0.7, search=latency(9.0)), name="other", primary="R@10", cpu="Other")

    (grid,) = storage_grids([one, other])

    assert ["one", "one", "other", "other"] == column(grid, "run")
    assert [".0000", ".1000", ".0000", ".2000"] == column(grid, "R@10 lost")
    assert [False] * 4 == best(grid, "search p50 ms")
    assert any(note.startswith("hardware differs") for note in grid.notes)
    assert "one: exact search: R@10 .8000" in grid.notes


def test_flags_stand_under_these_tables_too():
    """
    What a reader must know of a cell stands under its table, as in the others.
    """
    grid = only(cell("A()", flags=("withheld",)))

    assert ("a: withheld", "a") == (grid.notes[-1], grid.lines[0][-1].text)


def test_engines_alone_have_no_such_table():
    """
    A run of engines, which hold an index of their own, is refused with their names.
    """
    run = run_of(measurement(retriever="Engine()", encoder=None, storage=None))

    with pytest.raises(InputError, match=r"--pivot storage: expected cells of an encoder with a storage, .*Engine\(\)"):
        storage_grids([run])


def test_a_measure_asks_for_the_other_table():
    """
    With a measure, storages stand across as before; the tables of storages explain their columns once.
    """
    run = run_of(exact("A()", ledger={"values": 1}), cell("B()", 0.7), primary="R@10")

    tables, one = (markdown.table([run], view) for view in (STORAGES, View(pivot=Pivot("storage", "R@10"))))

    assert "R@10 by storage" in one
    assert (1, 0) == (tables.count("lost: what exact search"), one.count("lost: what exact search"))
    assert "lost: what" not in drawn(run)
