"""Two runs side by side."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from bench.analysis.changed_queries import changes
from bench.analysis.compare import compare, differing, of_one_run
from bench.commands.compare import compare as command
from bench.errors import InputError
from bench.passages import loader
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.report.render import comparison as report
from bench.report.tables import comparison as pairs
from tests.helpers.records import failed, weight
from tests.helpers.run_folders import Folders, N, cell, flat, found, timed
from tests.helpers.tiny import tiny_set
from tests.helpers.zoo import write_set


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


# Which cells


def test_cells_match_by_label_before_spelling(folders):
    """
    A cell is compared with the one of its label, however that is spelled; then with the one of its spelling; a cell
    that the other run has not is named.
    """
    old = folders.run("old", cell(cell="1", label="lexical"), cell(cell="2", retriever="A()"))
    changed = cell(cell="3", label="lexical", retriever="BM25(k1=1.2) @ CSR()")
    new = folders.run("new", changed, cell(cell="4", retriever="BM25() @ CSR()"))

    both = compare(old, new)

    assert [("1", "3")] == [(pair.old.cell, pair.new.cell) for pair in both.pairs]
    assert (["2"], ["4"]) == ([m.cell for m in both.only_old], [m.cell for m in both.only_new])


def test_cells_under_several_threads_match_each_its_own(folders):
    """
    One spelling under two numbers of threads is two cells; where only the other number was run, that is compared.
    """
    one, two = cell(cell="1", threads=1), cell(cell="2", threads=2)
    old, new, four = folders.run("old", one, two), folders.run("new", two, one), cell(cell="4", threads=4)

    assert [("2", "2"), ("1", "1")] == [(pair.old.cell, pair.new.cell) for pair in compare(old, new).pairs]
    assert [("1", "4")] == [(p.old.cell, p.new.cell) for p in compare(old, folders.run("four", four)).pairs]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"passage_set_sha256": "11"}, "other passages, queries or judgments under the same name"),
        ({"n_distractors": 1_000}, "made-up passages differ: 0 / 1,000"),
        ({"status": "failed", "reason": "it broke"}, "new: failed: it broke"),
    ],
)
def test_what_can_not_be_compared_says_why(folders, changes, problem):
    """
    Of other content, of a cell that failed and of a set grown otherwise nothing is compared; the other cells are.
    """
    fine = cell(cell="2", retriever="A()")
    old = folders.run("old", cell(cell="1"), fine)
    new = folders.run("new", failed(**msgspec.structs.asdict(cell(cell="1")) | changes), fine)

    bad, good = compare(old, new).pairs

    assert (problem, ()) == (bad.problem, bad.differences)
    assert ("", True) == (good.problem, bool(good.differences))


def test_two_retrievers_of_one_run(folders):
    """
    Two retrievers of one run are compared on each set that both ran on, and no environment differs.
    """
    run = folders.run("run", cell(cell="1"), cell(cell="2", retriever="TfIdf() @ CSR()"))

    both = of_one_run(run, "BM25()@CSR()", "TfIdf() @ CSR()")

    assert [("tiny", "1", "2")] == [(p.passage_set, p.old.cell, p.new.cell) for p in both.pairs]
    assert () == both.environment


def test_a_retriever_that_is_none_of_the_runs_names_the_nearest(folders):
    """
    A retriever that was not run is an error that says which were, and which was meant.
    """
    run = folders.run("run", cell())

    with pytest.raises(InputError, match=r"BM25\(\) @ CSR\(\).*found 'BM25\(\) @ CSC\(\)'.*Did you mean"):
        of_one_run(run, "BM25() @ CSR()", "BM25() @ CSC()")


# Environments


def test_what_differs_is_named_with_both_values(folders):
    """
    The machine's fields come first, then the suite's keys, plug-ins and adapters; what is the same is not named.
    """
    old = folders.run("old", cell(), k=10)
    new = folders.run("new", cell(), k=20, cpu="B CPU")
    plugged = msgspec.structs.replace(new.record, plugins=("/p.py sha256:1",), identities={"tiny: A()": "2"})
    known = msgspec.structs.replace(old.record, identities={"tiny: A()": "1", "tiny: B()": "1"})

    named = list(differing(replace(old, record=known), replace(new, record=plugged)))

    assert [
        ("cpu", "A CPU", "B CPU"),
        ("suite.k", 10, 20),
        ("plugins", (), ("/p.py sha256:1",)),
        ("adapters.tiny: A()", "1", "2"),
    ] == named


def test_a_key_that_an_old_record_lacks_is_no_difference(folders):
    """
    A suite of an older record says nothing of a newer key: its default is what held.
    """
    old, new = folders.run("old", cell()), folders.run("new", cell(), rounds=3, seed=7)

    assert [] == list(differing(old, new))


# Quality


def test_quality_is_paired_by_query(folders):
    """
    Every query .1 better is better by .1, whatever the queries' own spread; nobody loses.
    """
    before = np.linspace(0.1, 0.8, N)
    after = before + 0.1 + np.where(np.arange(N) % 2, 0.01, -0.01)
    old = folders.run("old", cell(), values={"nDCG@10": before})
    new = folders.run("new", cell(), values={"nDCG@10": after})

    quality = found(compare(old, new), "nDCG@10")

    assert ("better", True) == (quality.verdict, quality.primary)
    assert 0.1 == pytest.approx(quality.paired.difference)
    assert 0.09 < quality.interval[0] < 0.1 < quality.interval[1] < 0.11
    assert (N, 0, 0) == (quality.paired.wins, quality.paired.ties, quality.paired.losses)


def test_only_judged_queries_and_their_clusters_count(folders):
    """
    Queries without judgments have no value, and of the clusters only those of judged queries are read.
    """
    judged = {query: grades for query, grades in folders.passage_set.qrels.items() if query not in ("q0", "q1")}
    clusters = tuple(f"paragraph {index // 2}" for index in range(N))
    folders.passage_set = msgspec.structs.replace(folders.passage_set, qrels=judged, clusters=clusters)
    old = folders.run("old", cell(), values={"nDCG@10": np.zeros(N - 2)})
    new = folders.run("new", cell(), values={"nDCG@10": np.ones(N - 2)})

    quality = found(compare(old, new), "nDCG@10")

    assert (N - 2, N // 2 - 1) == (quality.paired.n_queries, quality.paired.n_clusters)
    assert ("undecided", "19 of the 30 differing clusters that are needed") == (quality.verdict, quality.why)


def test_holm_is_over_the_pairs_of_a_set_and_the_primary_measure(folders):
    """
    p of the primary measure is adjusted for all pairs of the set; other measures are exploratory and keep theirs.
    """
    values = np.linspace(0.0, 1.0, N)
    cells = [cell(cell=name, retriever=f"{name}()", quality={"nDCG@10": 0.5, "R@1": 0.5}) for name in "AB"]
    old = folders.run("old", *cells, values={"nDCG@10": values, "R@1": values})
    new = folders.run("new", *cells, values={"nDCG@10": values[::-1] + 0.1, "R@1": values})

    both = compare(old, new)

    (primary, other), _ = ([d for d in pair.differences if d.kind == "quality"] for pair in both.pairs)
    assert min(1.0, 2 * primary.p) == primary.p_holm
    assert (False, None, "identical") == (other.primary, other.p_holm, other.verdict)


def test_holm_counts_a_retriever_once_however_many_threads(folders):
    """
    One retriever under two numbers of threads is one question: its p is not adjusted as if it were two.
    """
    values = np.linspace(0.0, 1.0, N)
    cells = [cell(cell=str(threads), threads=threads) for threads in (1, 2)] + [cell(cell="3", retriever="A()")]
    old = folders.run("old", *cells, values={"nDCG@10": values})
    new = folders.run("new", *cells, values={"nDCG@10": values[::-1] + 0.1})

    both = compare(old, new)

    primaries = [pair.differences[0] for pair in both.pairs]
    assert [min(1.0, 2 * d.p) for d in primaries] == [d.p_holm for d in primaries]
    assert 2 * primaries[0].p < 1


def test_quality_without_its_values_is_named_and_the_rest_is_compared(folders):
    """
    Where the file of values is gone the means are shown and not compared; bytes still are.
    """
    weighed = cell(storage_weight=weight(100))
    old = folders.run("old", weighed, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", weighed, values={"nDCG@10": np.zeros(N)})
    (new.folder / "quality" / "0.npz").unlink()

    both = compare(old, new)

    quality = found(both, "nDCG@10")
    assert (0.5, 0.5, "not compared") == (quality.old, quality.new, quality.verdict)
    assert "no values of each query" in quality.why
    assert "identical" == found(both, "ledger_bytes").verdict


def test_measures_of_other_cuts_are_not_compared(folders):
    """
    A measure that only one has, and one that looks at all hits where they were kept to another depth, are named.
    """
    values = {"nDCG@10": np.zeros(N), "AP": np.zeros(N)}
    old = folders.run("old", cell(quality={"nDCG@10": 0.0, "AP": 0.0}, depth=100), values=values)
    new = folders.run("new", cell(quality={"nDCG@10": 0.0, "AP": 0.0, "R@1": 0.0}, depth=50), values=values)

    both = compare(old, new)

    assert "identical" == found(both, "nDCG@10").verdict
    assert "it looks at all hits, and depth differs: 100 / 50" == found(both, "AP").why
    assert "not measured in the old run" == found(both, "R@1").why


def test_agreement_of_hits(folders):
    """
    The share of queries with the same passages in the same order, and how many of ten both have.
    """
    same, swapped = np.tile(np.arange(10), (N, 1)), np.tile(np.arange(10), (N, 1))
    swapped[0, :2] = [1, 0]
    swapped[1, 0] = 20
    old, new = folders.run("old", cell(), rows=same), folders.run("new", cell(), rows=swapped)

    (pair,) = compare(old, new).pairs

    assert 1 - 2 / N == pair.same_top
    assert 1 - 0.1 / N == pytest.approx(pair.overlap)


# Queries that changed most


@pytest.fixture
def moved(folders):
    """Two runs on a BEIR folder of three queries: of the second the first hit goes, the third is not judged alike."""
    collection = write_set(folders.root / "zoo")
    folders.passage_set = loader.load(str(collection))
    zoo = {"passages": [str(collection)]}
    known = cell(passage_set="zoo", n_queries=3, passage_set_sha256=folders.passage_set.sha256)
    old = folders.run("old", known, values={"nDCG@10": np.array([1.0, 1.0, 0.5])}, rows=[[0], [1], [3]], **zoo)
    new = folders.run("new", known, values={"nDCG@10": np.array([1.0, 0.0, 1.0])}, rows=[[0], [0], [2]], **zoo)
    return old, new


def test_queries_that_changed_most_come_first_with_their_texts(moved):
    """
    The query that lost most stands first, with what was found before and after; one that did not change is left out.
    """
    (pair,) = compare(*moved).pairs

    told = changes(*moved, pair, 5)

    assert (["q2", "q3"], 2, "") == ([change.query for change in told.queries], told.n_changed, told.said)
    lost = told.queries[0]
    assert ("barking dogs", 1.0, 0.0, 0.0) == (lost.text, lost.old.value, lost.new.value, lost.overlap)
    assert ("p2", "a dog barks at the cat", 1) == (lost.old.first, lost.old.text, lost.old.rank)
    assert ("p1", "the cat sat on the mat", None) == (lost.new.first, lost.new.text, lost.new.rank)


def test_without_the_collection_ids_are_told_and_why(moved):
    """
    Where the collection is no longer what was searched there are ids, and the reason why there are no texts.
    """
    old, new = moved
    write_set(Path(old.record.suite["passages"][0]), passages={"p1": "another"}, queries={"q1": "one"}, qrels=None)
    (pair,) = compare(old, new).pairs

    told = changes(old, new, pair, 1)

    assert [("q2", "", "p2", "")] == [(c.query, c.text, c.old.first, c.old.text) for c in told.queries]
    assert told.said.startswith("no texts: ")


def test_without_judgments_the_least_agreement_comes_first(folders):
    """
    Queries of a set without judgments stand by how little of their top ten both have.
    """
    folders.passage_set = tiny_set(N, 2, judged=False)
    known = cell(n_queries=2, n_judged=None, quality=None)
    old = folders.run("old", known, rows=[[0, 1], [2, 3]])
    new = folders.run("new", known, rows=[[0, 1], [4, 5]])
    (pair,) = compare(old, new).pairs

    told = changes(old, new, pair, 5)

    assert [("q1", 0.0, None)] == [(change.query, change.overlap, change.old.value) for change in told.queries]
    assert (0.5, 0.5) == (pair.same_top, pair.overlap)


def test_a_pair_that_is_not_compared_has_no_queries(moved):
    """
    Nothing is said of the queries of a cell that failed.
    """
    old, new = moved
    broken = replace(new, measurements=(failed(**msgspec.structs.asdict(new.measurements[0]) | {"status": "failed"}),))
    (pair,) = compare(old, broken).pairs

    assert ([], 0, "") == tuple(changes(old, broken, pair, 5))


# For a reader, and for machines


def drawn(old: Run, new: Run, width: int = 120) -> str:
    """What a terminal of that width shows."""
    file = io.StringIO()
    both = compare(old, new)
    changed = [changes(old, new, pair, 5) for pair in both.pairs]
    report.terminal(both, changed, Console(width=width, file=file), margin=0.01, together=False)
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
    more = [{"encoders": ["E()"], "storages": ["S()"], "retrievers": ["A()"], "label": "x"}]
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
    old = folders.run("old", timed(label="x"), times=[flat(1e6)], values={"nDCG@10": values}, rows=rows)
    new = folders.run(
        "new", timed(label="x", retriever=long), times=[flat(2e6)], values={"nDCG@10": values / 2}, rows=rows
    )

    text = drawn(old, new, width)

    tables = [line for line in text.splitlines() if "queries that" not in line and "no texts" not in line]
    assert width >= max(map(cell_len, tables))
    assert "worse" in text


def test_texts_can_not_steer_the_terminal(moved):
    """
    What a terminal would obey is taken out of ids and texts.
    """
    old, new = moved
    steering = cell(**msgspec.structs.asdict(new.measurements[0]) | {"retriever": "A\x1b[2J()", "label": "x"})
    labelled = msgspec.structs.replace(old.measurements[0], label="x")

    text = drawn(replace(old, measurements=(labelled,)), replace(new, measurements=(steering,)))

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
        run_folder.write_whole(run.folder / run_folder.RUN, run_folder.pretty(run.record))
        run_folder.write_whole(run.folder / run_folder.ENVIRONMENT, run_folder.pretty(run.environment))
        lines = b"".join(msgspec.json.encode(m) + b"\n" for m in run.measurements)
        run_folder.write_whole(run.folder / run_folder.MEASUREMENTS, lines)
    return [run.folder for run in moved]


def test_json_is_one_object(written):
    """
    `--json` prints one object: environments, pairs with every figure and their queries, and cells without another.
    """
    code, printed = call(*written, "--json")

    told = json.loads(printed)
    assert 0 == code
    assert ["environment", "pairs", "only_old", "only_new"] == list(told)
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
