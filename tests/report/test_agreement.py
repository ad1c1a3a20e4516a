"""What is printed of a run that nobody has judged."""

from __future__ import annotations

import io
from dataclasses import replace

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from bench.analysis.disagreement import rankers
from bench.passages.loader import load
from bench.records import run_folder
from bench.report.console.agreement import disagreements, letter, name_of
from tests.helpers.pooled import pooled_run

FLAT, CSR, HNSW = "MiniLM() @ Flat()", "MiniLM() @ CSR()", 'MiniLM() @ Faiss("HNSW32")'
BM25 = "BM25() @ CSR()"


def said(run, width: int = 120, *, texts: bool = True) -> list[str]:
    """The lines about its set, with the texts of the collection or as the run kept it."""
    kept = run_folder.read_set(run.folder, "zoo")
    out = io.StringIO()
    disagreements(run, [load(str(run.folder.parent / "zoo")) if texts else kept], Console(file=out, width=width))
    return out.getvalue().splitlines()[1:]


def test_the_whole_of_it(tmp_path):
    """
    How far rankers agree and who they are, where they differ with the passages that show it, and what to do next.
    """
    found = {
        FLAT: [[0, 1], [1], [2, 3]],
        HNSW: [[0, 3], [1], [2, 3]],
        BM25: [[0, 2], [0], [3, 2]],
        "Engine()": [[0, 2], [0], [3, 2]],
    }
    run = pooled_run(tmp_path, found, _1={"exact": False})

    assert [
        "zoo: nobody has judged its 3 queries, so which retriever is better is not known",
        "agreement .500 (share of the shorter top 10 that the other has too, mean of all pairs and queries) of",
        '  A  MiniLM() @ Flat(), Faiss("HNSW32") (overlap .833)',
        "  B  BM25() @ CSR(); Engine()",
        "queries most disagreed on, and what not all have among their first 10 (A 2: A has it at rank 2)",
        "  0.00  q2: barking dogs",
        "        A 1  p2  a dog barks at the cat",
        "        B 1  p1  the cat sat on the mat",
        "  0.50  q1: cat on a mat",
        "        A 2  p2  a dog barks at the cat",
        "        B 2  p3  birds sing in the morning",
        f"next: sparring judge-sheet {run.folder} -o sheet.csv",
        "grade the pairs in it, then the same run again with --qrels sheet.csv",
    ] == said(run)


def test_an_approximate_twin_does_not_dilute_agreement(tmp_path):
    """
    The agreement that is told is that of different rankers, however many indexes one of them has.
    """
    two = {FLAT: [[0], [1], [2]], BM25: [[3], [1], [3]]}
    many = {FLAT: two[FLAT], CSR: two[FLAT], HNSW: two[FLAT], BM25: two[BM25]}

    (one, other) = (said(pooled_run(tmp_path / str(len(found)), found))[1] for found in (two, many))

    assert one == other
    assert one.startswith("agreement .333 ")


def test_who_has_a_passage_stands_beside_it(tmp_path):
    """
    A passage that several have is one line with all their ranks; one that finds nothing has none.
    """
    run = pooled_run(tmp_path, {"A()": [[0, 1], [0], [0]], "B()": [[1, 0], [0], [0]], "C()": [[], [0], [0]]})

    lines = said(run)

    assert ["        A 1, B 2  p1  the cat sat on the mat", "        A 2, B 1  p2  a dog barks at the cat"] == [
        line for line in lines if line.startswith("        ")
    ]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("text", ["word " * 100, "가나다 " * 100])
def test_texts_take_the_room_there_is(tmp_path, width, text):
    """
    A query and a passage are one line each, as wide as the console, wide letters too.
    """
    passages = {f"p{number}": f"{number} {text}" for number in range(4)}
    queries = {f"q{number}": f"{number} {text}" for number in range(3)}
    found = {"A()": [[0], [1], [2]], "B()": [[3], [3], [3]]}

    lines = said(pooled_run(tmp_path, found, passages=passages, queries=queries), width)

    cut = [line for line in lines if line.startswith("  ") and text[:2] in line]
    assert 9 == len(cut)
    assert {width, width - 1} >= {cell_len(line) for line in cut}  # before the ellipsis a wide letter may leave a cell


def test_hostile_texts_are_plain(tmp_path):
    """
    Nothing that a terminal obeys, and no markup, comes through from a query, a passage or an id.
    """
    run = pooled_run(tmp_path, {"A()": [[0], [1], [2]], "B()": [[3], [1], [2]]})
    hostile = msgspec.structs.replace(
        load(str(tmp_path / "zoo")),
        queries=("\x1b[31mred\u202e", "", ""),
        passages=("\x1b]0;title\x07 [b]", "", "", ""),
        passage_ids=("p\x1b1", "p2", "p3", ":smile:"),
    )
    out = io.StringIO()

    disagreements(run, [hostile], Console(file=out, width=80, force_terminal=True, color_system=None))

    (query, one, other) = out.getvalue().splitlines()[6:9]
    assert "  0.00  q1: \ufffd[31mred\ufffd" == query
    assert "        A 1  p\ufffd1  \ufffd]0;title\ufffd [b]" == one
    assert "        B 1  :smile:" == other.rstrip()


def test_a_set_that_a_run_kept_has_ids(tmp_path):
    """
    Without texts queries and passages are named by id.
    """
    lines = said(pooled_run(tmp_path, {"A()": [[0], [1], [2]], "B()": [[3], [1], [2]]}), texts=False)

    assert ["  0.00  q1:", "        A 1  p1", "        B 1  p4"] == [
        line.rstrip() for line in lines if line.startswith("  ") and line[2] not in "AB"
    ]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([1, 0], "all find the same passages in every top 10, in another order"),
        ([1, 0, 2], "no top 10 goes against another: where one is shorter, the other has all of it"),
    ],
)
def test_where_none_disagrees_what_is_said_is_true(tmp_path, other, expected):
    """
    Lists of the same passages are told from those of which one holds all of the other and more.
    """
    run = pooled_run(tmp_path, {"A()": [[0, 1], [0], [0]], "B()": [other, [0], [0]]})

    assert expected in said(run)


def test_one_ranker(tmp_path):
    """
    One retriever alone agrees with nobody: there is the next step. Several that find the same are named.
    """
    alone = said(pooled_run(tmp_path / "a", {BM25: [[0], [1], [2]]}))
    twins = said(pooled_run(tmp_path / "b", {FLAT: [[0], [1], [2]], CSR: [[0], [1], [2]]}))

    assert [False, True, True] == ["agree" in alone[0], alone[1].startswith("next: "), len(alone) == 3]
    assert "all find the same: MiniLM() @ Flat(), CSR()" == twins[1]


def test_nothing_is_said_where_it_would_be_wrong(tmp_path):
    """
    Synthetic passages cannot be judged: there is no next step. A set with judgments, or without hits, is let be.
    """
    run = pooled_run(tmp_path / "a", {"A()": [[0, 7], [1], [2]]}, _0={"n_distractors": 9})
    failed = pooled_run(tmp_path / "b", {"A()": [[0], [1], [2]]}, _0={"status": "failed"})
    judged = pooled_run(tmp_path / "c", {"A()": [[0], [1], [2]]}, qrels={"q1": "p1"})

    assert [1, 0, 0] == [len(said(run)), len(said(failed)), len(said(judged))]


def test_one_of_several_sets_is_named_in_the_command(tmp_path):
    """
    A sheet is of one set: where the run has several, the command says which; what a shell minds is quoted.
    """
    run = pooled_run(tmp_path / "my runs", {"A()": [[0], [1], [2]]})
    record = msgspec.structs.replace(run.record, passage_sets={"zoo": "00", "other": "00"})

    out = io.StringIO()
    kept = run_folder.read_set(run.folder, "zoo")
    disagreements(replace(run, record=record), [kept], Console(file=out, width=80))

    assert f"next: sparring judge-sheet '{run.folder}' --passages zoo -o sheet.csv" in out.getvalue().splitlines()


def test_a_suite_takes_no_judgments(tmp_path):
    """
    After the run of a suite the next step is another, since --qrels goes with --passages alone.
    """
    run = pooled_run(tmp_path, {"A()": [[0], [1], [2]]})

    lines = said(replace(run, record=msgspec.structs.replace(run.record, command=("sparring", "run", "suite.toml"))))

    assert "grade the pairs in it, then run its retrievers with --passages and --qrels sheet.csv" == lines[-1]


@pytest.mark.parametrize(("position", "expected"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "ZZ"), (52, "AAA")])
def test_letters(position, expected):
    """
    There is a letter for each ranker, however many there are.
    """
    assert expected == letter(position)


def test_threads_are_one_name(tmp_path):
    """
    A cell under several numbers of threads is named once.
    """
    run = pooled_run(tmp_path, {BM25: [[0], [1], [2]], f"{BM25} ": [[0], [1], [2]]}, _1={"storage": "CSR()"})

    assert [BM25] == [name_of(ranker) for ranker in rankers(run, "zoo")]
