"""Two runs side by side, as a reader and a machine get them."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import typer
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from bench.analysis.changed_queries import changes
from bench.analysis.compare import compare
from bench.commands.compare import compare as command
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.report.render import comparison as report
from bench.report.tables import comparison as pairs
from bench.statistics.paired import Margins
from tests.helpers.run_folders import N, cell, flat, timed


def drawn(old: Run, new: Run, width: int = 120) -> str:
    """What a terminal of that width shows."""
    file = io.StringIO()
    both = compare(old, new)
    changed = [changes(old, new, pair, 5) for pair in both.pairs]
    report.terminal(both, changed, Console(width=width, file=file), margins=Margins(), together=False)
    return file.getvalue()


def test_environments_come_first(folders):
    """
    What differs in the environments stands before any figure, hashes in words.
    """
    old = folders.run("old", cell(), values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", cell(), values={"nDCG@10": np.zeros(N)}, cpu="B CPU", k=20)
    changed = msgspec.structs.replace(new.environment, code_sha256="f" * 64)

    text = drawn(old, replace(new, environment=changed))

    lines = text.splitlines()
    assert "What differs in the environments" == lines[0]
    assert "Sparring's own code" in text
    assert "f" * 8 not in text
    assert "hardware differs (cpu): times are not compared" in lines


def test_what_differs_is_told_in_words(folders):
    """
    Of lists each side shows what the other lacks, of cells their spellings; adapters are counted; a key that one suite
    has not is a dash.
    """
    cells = [{"retrievers": ["A()", "B()"]}]
    more = [{"encoders": ["E()"], "storages": ["S()"], "retrievers": ["A()"], "name": "x"}]
    old, new = folders.run("old", cell(), cells=cells), folders.run("new", cell(), cells=more, encode_threads=2)
    known = [
        replace(run, record=msgspec.structs.replace(run.record, identities={"tiny: A()": name, "tiny: B()": name}))
        for run, name in ((old, "1"), (new, "2"))
    ]

    (grid, *_) = pairs.grids(compare(*known), together=False)

    assert [
        ("suite.encode_threads", "-", "2"),
        ("suite.cells", "B()", "E() @ S()"),
        ("models or code of 2 cells", "-", "changed"),
    ] == [tuple(field.text for field in line) for line in grid.lines]


def test_threads_are_named_where_they_are_not_one(folders):
    """
    A line says how many threads it is of, and when their number has changed.
    """
    old = folders.run("old", cell(cell="1", threads=1), cell(cell="2", threads=2))
    new = folders.run("new", cell(cell="2", threads=2), cell(cell="4", threads=4))

    (_, grid, *_) = pairs.grids(compare(old, new), together=False)

    assert ["2 threads", "1 -> 4 threads"] == [line[0].below for line in grid.lines]


def test_the_same_run_twice_differs_nowhere(moved):
    """
    A run against itself: no difference of environments, all identical, no queries.
    """
    old, _ = moved

    text = drawn(old, old)

    assert text.startswith("Environments: no difference")
    assert "identical" in text
    assert "queries that changed" not in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(folders, width):
    """
    A narrow terminal drops columns, says which, and keeps the verdict.
    """
    values, rows = np.linspace(0.1, 0.8, N), np.tile(np.arange(10), (N, 1))
    long = 'BiEncoder("all-MiniLM-L6-v2", dims=128) @ Faiss("IVF64,SQ8", nprobe=16, rescore=100)'
    old = folders.run("old", timed(cell_name="x"), times=[flat(1e6)], values={"nDCG@10": values}, rows=rows)
    new = folders.run(
        "new", timed(cell_name="x", retriever=long), times=[flat(2e6)], values={"nDCG@10": values / 2}, rows=rows
    )

    text = drawn(old, new, width)

    tables = [line for line in text.splitlines() if "queries that" not in line and "no texts" not in line]
    assert width >= max(map(cell_len, tables))
    assert "worse" in text


def test_texts_cannot_steer_the_terminal(moved):
    """
    What a terminal would obey is taken out of ids and texts.
    """
    old, new = moved
    steering = cell(**msgspec.structs.asdict(new.measurements[0]) | {"retriever": "A\x1b[2J()", "cell_name": "x"})
    named = msgspec.structs.replace(old.measurements[0], cell_name="x")

    text = drawn(replace(old, measurements=(named,)), replace(new, measurements=(steering,)))

    assert "\x1b" not in text


def call(*arguments: object) -> tuple[int, str]:
    """The command's exit code and what it prints."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def written(moved):
    """The two runs' folders, as they lie on disk."""
    for run in moved:
        write_whole(run.folder / run_folder.RUN, run_folder.pretty(run.record))
        write_whole(run.folder / run_folder.ENVIRONMENT, run_folder.pretty(run.environment))
        lines = b"".join(msgspec.json.encode(m) + b"\n" for m in run.measurements)
        write_whole(run.folder / run_folder.MEASUREMENTS, lines)
    return [run.folder for run in moved]


def test_json_is_one_object(written):
    """
    `--json` prints one object: environments, pairs with every figure and their queries, and cells without another.
    """
    code, printed = call(*written, "--json")

    told = json.loads(printed)
    assert 0 == code
    assert ["environment", "pairs", "over_sets", "only_old", "only_new"] == list(told)
    (pair,) = told["pairs"]
    assert "BM25() @ CSR()" == pair["new"]["retriever"]
    assert ["nDCG@10"] == [difference["name"] for difference in pair["differences"]]
    assert (3, "undecided") == (pair["differences"][0]["paired"]["n_queries"], pair["differences"][0]["verdict"])
    assert ["barking dogs", "morning songs of birds"] == [query["text"] for query in pair["queries"]]


def test_markdown_has_no_text_of_the_collection(written):
    """
    `--markdown` goes into files: it names queries and passages by id alone.
    """
    code, printed = call(*written, "--markdown")

    assert 0 == code
    assert "| `BM25() @ CSR()` |" in printed
    assert "- q2: 1.000 -\\> .000; old p2 (relevant at 1), new p1 (none relevant)" in printed
    assert "barking" not in printed
    assert "dog" not in printed


def test_the_number_of_queries_is_asked_for(written):
    """
    `--queries 1` shows the query that changed most, `--queries 0` none.
    """
    assert "q2" in call(*written, "--queries", 1)[1]
    assert "q3" not in call(*written, "--queries", 1)[1]
    assert "changed most" not in call(*written, "--queries", 0)[1]


def test_where_queries_could_have_been_left_off(written):
    """
    `--sequential` says it of each pair, in a table and as an object; without it nothing is said.
    """
    assert "would have been decided" not in call(*written)[1]
    assert "3 of 3" in call(*written, "--sequential")[1].split("when nDCG@10 would have been decided")[1]
    (pair,) = json.loads(call(*written, "--sequential", "--json")[1])["pairs"]
    assert ("undecided", 3, 1.0) == tuple(pair["stopping"]["stop"][name] for name in ("verdict", "n_queries", "share"))
    (pair,) = json.loads(call(*written, "--json")[1])["pairs"]
    assert pair["stopping"] is None


def test_the_margin_decides_what_is_equivalent(written):
    """
    `--margin` is the smallest difference of a measure that matters, and is told under the tables.
    """
    assert "within ±.050" in call(*written, "--margin", 0.05)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one"], "expected two runs, or one with --retrievers OLD NEW, found 1"),
        (["one", "two", "three"], "found 3"),
        (["one", "two", "--json", "--markdown"], "exclude each other"),
        (["one", "two", "--margin", "nan"], "greater than or equal to 0"),
    ],
)
def test_what_is_asked_for_must_be_two(arguments, said):
    """
    One run alone, three runs, two forms of output, or a margin that is none are a mistake of usage.
    """
    code, printed = call(*arguments)

    assert 2 == code
    assert said in " ".join(printed.replace("│", " ").split())


def test_a_folder_that_is_no_run_is_an_input_error(tmp_path):
    """
    A folder without a run is an error that names it.
    """
    with pytest.raises(InputError, match="expected a run folder"):
        call(tmp_path, tmp_path)
