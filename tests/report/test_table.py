"""The tables of a run."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace as replaced
from rich.cells import cell_len
from rich.console import Console

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import model, rows
from bench.report.render import markdown, terminal
from bench.report.tables import cells as grid
from bench.report.view import View
from tests.helpers.records import failed, latency, measurement, run_of, weight
from tests.helpers.tables import WIDE, drawn, full

LABELS = View(labels=True)


# In Markdown


def test_markdown_to_the_letter():
    """
    Markdown: a table a passage set with the best of each column in bold, what failed and why, and the conditions.
    """
    run = run_of(
        measurement(
            quality={"R@1": 0.25, "nDCG@10": 0.5},
            single=latency(0.25, 1.5),
            storage_weight=weight(2_500_000, 100, small=True),
            n_unanswered=2,
        ),
        measurement(
            cell="1", retriever="TfIdf() @ CSR()", quality={"R@1": 0.125, "nDCG@10": 1.0}, single=latency(12.0)
        ),
        failed(cell="2", retriever="RankBM25()", status="timeout", reason="longer than\n600 s"),
        measures=["R@1", "nDCG@10"],
    )

    text = markdown.table([run], WIDE)

    assert (
        r"""**primer: 150 passages, 495 queries, en**

| retriever | R@1 | nDCG@10 | p50 ms | p95 ms | index MB | resident MB |  |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| `BM25() @ CSR()` | **.250** | .500 | **0.250** | 1.50 | 2.50 | \<1 | a |
| `TfIdf() @ CSR()` | .125 | **1.000** | 12.0 | - | - | - |  |
| `RankBM25()` (timeout) | - | - | - | - | - | - |  |

- a: judged queries with no hits (scored 0): 2 of 495
- RankBM25(): timeout: longer than 600 s

**Verdict on primer** (nDCG@10, 495 judged queries)
- TfIdf() @ CSR() finds most: nDCG@10 1.000; beside it BM25() @ CSR() .500, and how sure that is cannot be told: the """
        """values of each query are not on disk.
- BM25() @ CSR(): p50 0.250 ms, index 2.50 MB; TfIdf() @ CSR(): p50 12.0 ms (about x48).
- Not in this: RankBM25() (timeout).

"""
        "p50 ms, p95 ms: service time of one query, text to ids. index MB: index size (exact). resident MB: growth of "
        "a clean process that loads the index. MB: 10^6 bytes. Bold: best of its column. "
        "-: not measured. \\<1: growth below 1 MiB, which page accounts cannot resolve.\n\n"
        "A CPU, 2 cores, 16.0 GB; threads: 1 for queries; primary nDCG@10, baseline BM25() @ CSR(); 2026-01-02; "
        "Python 3.11.9, numpy 2.3.1; commit 0123456789\n"
    ) == text


def test_markdown_escapes_pipes():
    """
    A | in a spelling, a flag or a reason does not end a field.
    """
    cell = measurement(retriever='BiEncoder("a|b") @ CSR()', flags=("x | y",))

    lines = markdown.table([run_of(cell)]).splitlines()

    assert any(line.startswith(r'| `BiEncoder("a\|b") @ CSR()` |') for line in lines)
    assert r"- a: x \| y" in lines


# In a terminal


def test_each_passage_set_has_a_table():
    """
    Passage sets have a table each, with their counts, and merged and unjudged ones told.
    """
    other = measurement(
        passage_set="scifact", passage_set_sha256="11", n_passages=5183, n_queries=300, n_judged=290, n_merged=4
    )

    text = drawn(run_of(measurement(), other))

    assert "primer: 150 passages, 495 queries, en" in text
    assert "scifact: 5,183 passages (4 equal ones merged), 300 queries (290 judged), en" in text


def test_counts_of_a_failed_cell_do_not_name_the_table():
    """
    A set whose first cell failed is not said to have no judgments: the failed cell does not know.
    """
    text = drawn(run_of(failed(), measurement(retriever="TfIdf() @ CSR()")))

    assert "no judgments" not in text


def test_one_name_with_two_contents_is_two_tables():
    """
    Runs whose passage set of one name has different contents do not share a table.
    """
    one = run_of(measurement(passage_set_sha256="a" * 64), name="one")
    other = run_of(measurement(passage_set_sha256="b" * 64), name="other")

    text = drawn(one, other)

    assert "content aaaaaaaaaaaa" in text
    assert "content bbbbbbbbbbbb" in text


def marked(*runs: Run) -> list[tuple[str, str, str]]:
    """(retriever, column, text) of every number that is marked as the best."""
    return [
        (
            next(cell.text for column, cell in zip(drawn.columns, line, strict=True) if column.code),
            column.head,
            cell.text,
        )
        for drawn in grid.grids(runs, WIDE)
        for line in drawn.lines
        for column, cell in zip(drawn.columns, line, strict=True)
        if cell.style == model.BEST
    ]


def test_best_is_highest_quality_and_lowest_cost():
    """
    The best of a column is marked: the most quality and throughput, the least time and bytes; equal readings share it.
    """
    cells = [
        measurement(
            retriever="A()", quality={"R@1": 0.5001}, single=latency(1.0), batch_qps=9.0, storage_weight=weight(5)
        ),
        measurement(
            retriever="B()", quality={"R@1": 0.5002}, single=latency(2.0), batch_qps=10.0, storage_weight=weight(9)
        ),
        measurement(
            retriever="C()", quality={"R@1": 0.1}, single=latency(3.0), batch_qps=1.0, storage_weight=weight(10**6)
        ),
    ]

    found = marked(run_of(*cells, measures=["R@1"]))

    assert [
        ("A()", "R@1", ".500"),
        ("A()", "p50 ms", "1.00"),
        ("A()", "index MB", "<0.0001"),
        ("B()", "R@1", ".500"),
        ("B()", "batch q/s", "10.0"),
        ("B()", "index MB", "<0.0001"),
    ] == found


def test_a_failed_cell_is_never_the_best():
    """
    What a cell measured before it failed is shown, and marked in no column.
    """
    quick = failed(retriever="A()", single=latency(0.1))
    cells = (
        quick,
        measurement(retriever="B()", single=latency(1.0)),
        measurement(retriever="C()", single=latency(2.0)),
    )

    found = marked(run_of(*cells))

    assert [("B()", "p50 ms", "1.00")] == found


def test_a_lone_number_is_not_the_best_of_anything():
    """
    Where there is nothing to be better than, nothing is marked.
    """
    assert [] == marked(run_of(measurement(single=latency(1.0))))


def test_failed_cells_say_why_under_the_table():
    """
    A cell that failed keeps its line, with its status, and its reason stands on one line under the table.
    """
    run = run_of(measurement(), failed(retriever="RankBM25()", status="out-of-memory", reason="needs 9 GB,\n  has 8"))

    lines = [line.strip() for line in drawn(run).splitlines()]

    assert "out-of-memory" in lines
    assert "RankBM25(): out-of-memory: needs 9 GB, has 8" in lines


def test_growth_under_resolution_is_not_a_number():
    """
    A resident growth that the page accounts cannot resolve reads <1 and says so.
    """
    text = drawn(run_of(measurement(storage_weight=weight(400_000, -8_192, small=True))))

    assert "<1" in text
    assert "growth below 1 MiB" in text
    assert "-0.0" not in text


def test_flags_are_spelled_out_once():
    """
    A flag stands once under the table, and its letter on the line of each cell that has it.
    """
    flag = "17.2% of passages are cut at the model's length"

    text = drawn(run_of(measurement(retriever="A()", flags=(flag,)), measurement(retriever="B()", flags=(flag,))))

    assert 1 == text.count(f"a: {flag}")
    assert ["A()", "B()"] == [line.split()[0] for line in text.splitlines() if line.rstrip().endswith(" a")]


def test_letters_of_flags_stand_in_order():
    """
    The letters of a cell's flags stand in alphabetical order, aa after z.
    """
    flags = tuple(map(str, range(27)))
    run = run_of(measurement(flags=flags[::-1][:1]), measurement(flags=flags))

    (found,) = grid.grids([run])

    letters = [line[-1].text.split() for line in found.lines]
    assert [["a"], ["a", "b", "c"], ["y", "z", "aa"]] == [letters[0], letters[1][:3], letters[1][-3:]]


# Under the tables


def test_only_what_is_shown_is_explained():
    """
    The legend explains the columns and marks that are there, and is left out where there are none.
    """
    sizes = run_of(measurement(storage_weight=weight(1_000_000)))

    text = drawn(sizes)

    assert "index MB: index size (exact). MB: 10^6 bytes" in " ".join(text.split())
    assert [] == [word for word in ("p50", "p95", "resident", "encoder MB", "Bold", "not measured") if word in text]
    assert "MB" not in drawn(run_of(measurement()))


def test_bold_is_explained_where_it_shows(monkeypatch):
    """
    What is bold is explained in a terminal that has bold type, not in text that is piped.
    """
    monkeypatch.delenv("NO_COLOR", raising=False)
    run = run_of(measurement(), measurement(retriever="TfIdf() @ CSR()", quality={"nDCG@10": 0.75}))
    file = io.StringIO()
    console = Console(width=100, file=file, force_terminal=True, color_system="standard", legacy_windows=False)

    terminal.table([run], console)

    assert "Bold: best of its column." in file.getvalue()
    assert "Bold" not in drawn(run)


def test_a_narrow_terminal_explains_what_it_shows():
    """
    Columns that a terminal has no room for are named, and not explained.
    """
    text = " ".join(drawn(run_of(full()), width=80).split())

    assert (
        "p50 ms: service time of one query, text to ids. index MB: index size (exact). overlap exact: share of" in text
    )
    assert "p95 ms:" not in text


@pytest.mark.parametrize(
    ("n_queries", "most", "notes"),
    [
        (12, 500, ("no p50: 12 queries are timed, 20 are needed", "no p95: 12 queries are timed, 200 are needed")),
        (495, 25, ("no p95: 25 queries are timed, 200 are needed",)),
        (199, 500, ("no p95: 199 queries are timed, 200 are needed",)),
        (495, 500, ()),
    ],
)
def test_too_few_queries_for_a_percentile(n_queries, most, notes):
    """
    A percentile that no cell has, for want of queries, has its reason under the table.
    """
    p50 = 1.0 if min(n_queries, most) >= 20 else None
    cells = [measurement(n_queries=n_queries, n_judged=n_queries, single=latency(p50)), failed()]

    (found,) = grid.grids([run_of(*cells, queries=most)], WIDE)

    assert notes == found.notes[: len(found.notes) - 1]  # the last is why the other failed


def test_no_reason_for_a_percentile_that_was_not_asked_for():
    """
    Where nothing was timed, or one cell has the percentile, none is said to be missing.
    """
    untimed, timed = measurement(n_queries=3), measurement(n_queries=495, single=latency(1.0, 2.0))

    assert [(), ()] == [
        found.notes for cell in (untimed, timed) for found in grid.grids([run_of(cell, queries=500)], WIDE)
    ]


# Without judgments, by label, several runs


def test_without_judgments_agreement_stands_for_nothing_else():
    """
    Without judgments the agreement with the baseline takes the measures' place, named as no quality, best unmarked.
    """
    cells = [
        measurement(retriever=name, quality=None, n_judged=None, n_unanswered=None, overlap_with_baseline=overlap)
        for name, overlap in (("BM25() @ CSR()", 1.0), ("TfIdf() @ CSR()", 0.75))
    ]

    text = markdown.table([run_of(*cells)])

    assert "**primer: 150 passages, 495 queries (no judgments), en**" in text
    assert "| retriever | agreement with BM25() @ CSR() (overlap@10), not quality |" in text
    assert "| `TfIdf() @ CSR()` | .750 |" in text
    assert "nDCG@10 |" not in text
    assert [] == marked(run_of(*cells))


def labelled(retriever: str, **means: float) -> Measurement:
    return measurement(
        retriever=retriever,
        label_counts=dict.fromkeys(means, 33),
        quality_by_label={label: {"R@1": 0.0, "nDCG@10": mean} for label, mean in means.items()},
    )


def test_labels_are_columns():
    """
    By label, the primary measure has a column a label with its number of queries, the best of each marked.
    """
    run = run_of(labelled("A()", negation=0.25, status=0.5), labelled("B()", negation=0.75, status=0.5), failed())

    text = markdown.table([run], LABELS)

    assert (
        "**primer: 150 passages, 495 queries, en: nDCG@10 by label (queries)**\n\n"
        "| retriever | negation (33) | status (33) |\n"
        "| --- | ---: | ---: |\n"
        "| `A()` | .250 | .500 |\n"
        "| `B()` | **.750** | .500 |\n"
        "| `BM25() @ CSR()` (failed) | - | - |\n\n"
        "Bold: best of its column. -: not measured.\n"
    ) == text[: text.index("\n\nA CPU")] + "\n"


def test_labels_without_room_go_on_below():
    """
    More labels than the terminal has room for follow in a table below; none is lost.
    """
    means = {f"a-long-label-{number}": 0.5 for number in range(12)}

    lines = drawn(run_of(labelled("A()", **means)), width=60, view=LABELS).splitlines()

    assert 60 >= max(cell_len(line) for line in lines)
    assert sorted(means) == sorted(word for line in lines for word in line.split() if word.startswith("a-long-label"))


def test_a_set_without_labels_says_so():
    """
    By label, a passage set whose queries have none is named, without a table.
    """
    assert "primer: 150 passages, 495 queries, en: its queries have no labels" in drawn(
        run_of(measurement()), view=LABELS
    )


def test_several_runs_stand_side_by_side():
    """
    Cells of several runs share a table, each line led by the name of its run; each run's conditions are told.
    """
    before, after = run_of(measurement(), name="before"), run_of(failed(), name="after")

    lines = drawn(before, after).splitlines()

    assert ["before BM25() @ CSR()", "after  BM25() @ CSR()"] == [line[:21] for line in lines[4:6]]
    assert "after: BM25() @ CSR(): failed: it broke" in [line.strip() for line in lines]
    assert ["before: A CPU", "after: A CPU"] == [line.split(",")[0] for line in lines if ": A CPU," in line]


def test_runs_named_alike_go_by_their_paths():
    """
    Two folders of one name are told apart by their paths.
    """
    one = run_of(measurement(), name="a/run")
    other = run_of(measurement(), name="b/run")

    assert [str(one.folder), str(other.folder)] == rows.names([one, other])


def test_times_of_different_hardware_are_not_compared():
    """
    Where the machines differ the field is named, and the best time is marked within each run; bytes are compared.
    """
    one = run_of(
        measurement(retriever="A()", single=latency(1.0), storage_weight=weight(10**6)),
        measurement(retriever="B()", single=latency(2.0), storage_weight=weight(2 * 10**6)),
        name="one",
    )
    other = run_of(
        measurement(retriever="A()", single=latency(3.0), storage_weight=weight(3 * 10**6)),
        measurement(retriever="B()", single=latency(4.0), storage_weight=weight(4 * 10**6)),
        name="other",
        cpu="Another",
    )

    text = markdown.table([one, other])
    found = marked(one, other)

    assert "hardware differs (cpu: A CPU / Another)" in text
    assert [("A()", "p50 ms", "1.00"), ("A()", "index MB", "1.00"), ("A()", "p50 ms", "3.00")] == found


def test_a_run_without_cells_says_so():
    """
    A run that has not finished a cell yet has no table, and says why.
    """
    assert drawn(run_of()).startswith("no cell measured yet; A CPU")


# What of it is shown


def test_columns_can_be_chosen():
    """
    The columns asked for, by the keys of --json or their headings, stand in that order.
    """
    (found,) = grid.grids([run_of(full())], View(columns=("p95 ms", "nDCG@10")))

    assert ["retriever", "p95 ms", "nDCG@10"] == [column.head for column in found.columns]


def test_an_unknown_column_is_refused():
    """
    A column that there is none of is an error, whichever set of the runs has cells.
    """
    with pytest.raises(
        InputError, match=r"--columns: expected a key of --json or a heading .*, found 'R@7'\. There are"
    ):
        grid.grids([run_of(full()), run_of(measurement(passage_set="other"))], View(columns=("R@10", "R@7")))


def test_cells_that_were_timed_apart():
    """
    Of a run that went on the table says that its cells were not all timed at one time; several runs say so anyway.
    """
    one = measurement(single=latency(0.25), timed_at="2026-01-01T09:00:00+00:00")
    other = measurement(retriever="TfIdf() @ CSR()", single=latency(0.5), timed_at="2026-01-01T10:00:00+00:00")

    apart, at_once = (
        markdown.table([run_of(*cells)], WIDE)
        for cells in ((one, other), (one, replaced(other, timed_at=one.timed_at)))
    )

    assert "timed at different times" in apart
    assert "timed at different times" not in at_once
