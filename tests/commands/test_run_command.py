"""`sparring run`: how it ends, and what of its run other commands print."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.helpers.command import said
from tests.helpers.places import KNOWN
from tests.helpers.zoo import PASSAGES, write_set

# Other programs rely on these keys.
KEYS = [
    "passage_set",
    "retriever",
    "encoder",
    "storage",
    "status",
    "n_passages",
    "n_queries",
    "n_unanswered",
    "single_p50_ms",
    "single_p95_ms",
    "encode_p50_ms",
    "search_p50_ms",
    "batch_qps",
    "search_batch_qps",
    "encode_seconds",
    "build_seconds",
    "ledger_bytes",
    "disk_bytes",
    "resident_bytes",
    "encoder_ledger_bytes",
    "encoder_resident_bytes",
    "text_bytes",
    "peak_build_bytes",
    "peak_search_bytes",
    "index_seconds",
]
MEASURES = ("R@1", "R@10", "R@100", "nDCG@10", "RR@10")


def table_of(sparring, *arguments, cwd) -> list[dict[str, object]]:
    ended = sparring("table", *arguments, "--json", cwd=cwd)
    assert (0, "") == (ended.returncode, ended.stderr)
    return json.loads(ended.stdout)


def test_a_run_ends_well(ring):
    """
    A run of cells that go well ends with 0; the table is on stdout, all else on stderr.
    """
    assert 0 == ring.finished.returncode
    assert "Constant() @ Spin(0.01)" in ring.finished.stdout
    assert "records in out" in ring.finished.stderr
    assert "records in out" not in ring.finished.stdout


def test_table_json(ring, sparring):
    """
    `table --json` prints one array with one object a cell, that has every key other programs rely on.
    """
    rows = table_of(sparring, "out", cwd=ring.folder)

    assert ["Constant() @ Spin(0.01)", "BM25() @ Unsaved()"] == [row["retriever"] for row in rows]
    for row in rows:
        assert [] == [key for key in (*KEYS, *MEASURES) if key not in row]
        assert ("zoo", "ok", 4, 3, 0) == tuple(
            row[key] for key in ("passage_set", "status", "n_passages", "n_queries", "n_unanswered")
        )
        assert sum(len(text) for text in PASSAGES.values()) == row["text_bytes"]
        assert row["single_p95_ms"] is None  # three queries are too few
        assert row["batch_qps"] > 0


def test_table_for_people(ring, sparring):
    """
    A table is also Markdown and CSV, one line a cell; two formats at once are refused.
    """
    markdown = sparring("table", "out", "--markdown", cwd=ring.folder)
    rows = list(csv.DictReader(io.StringIO(sparring("table", "out", "--csv", cwd=ring.folder).stdout)))

    assert "`Constant() @ Spin(0.01)`" in markdown.stdout
    assert ["Constant() @ Spin(0.01)", "BM25() @ Unsaved()"] == [row["retriever"] for row in rows]
    assert set(KEYS) <= set(rows[0])
    assert "exclude each other" in said(sparring("table", "out", "--csv", "--json", cwd=ring.folder))
    for machine in ("csv", "json"):
        assert f"--labels: expected --format terminal or markdown or latex or html, found {machine}" in said(
            sparring("table", "out", "--labels", "--format", machine, cwd=ring.folder)
        )


def test_the_same_suite_resumes(ring, sparring, tmp_path):
    """
    The same command into the same folder finds everything done and adds nothing.
    """
    folder = tmp_path / "again"
    shutil.copytree(ring.folder, folder)
    before = (folder / "out" / "measurements.jsonl").read_bytes()

    ended = sparring(*ring.arguments, cwd=folder)

    assert 0 == ended.returncode
    assert before == (folder / "out" / "measurements.jsonl").read_bytes()
    assert ring.finished.stdout == ended.stdout


def test_another_suite_is_refused(ring, sparring, tmp_path):
    """
    Another suite into the folder of a run is refused, naming what differs, and the folder stays as it was.
    """
    folder = tmp_path / "again"
    shutil.copytree(ring.folder, folder)
    before = (folder / "out" / "run.json").read_bytes()

    message = said(sparring(*ring.arguments, "--seed", 8, cwd=folder))

    assert "run folder" in message
    assert "expected seed = 7, as it was begun, found 8" in message
    assert before == (folder / "out" / "run.json").read_bytes()


def test_export(ring, sparring, tmp_path):
    """
    Another tool that reads an exported run and its qrels comes to the table's measures.
    """
    pytrec_eval = pytest.importorskip("pytrec_eval")
    rows = table_of(sparring, "out", cwd=ring.folder)

    ended = sparring("export", ring.out, "-o", "trec", cwd=tmp_path)

    paths = [Path(line) for line in ended.stdout.splitlines() if not line.endswith(".k10.run")]
    assert [Path("trec/zoo/qrels.txt"), *sorted(paths[1:], key=paths.index)] == paths
    with (tmp_path / paths[0]).open() as file:
        qrels = pytrec_eval.parse_qrel(file)
    names = {"R@1": "recall_1", "R@10": "recall_10", "R@100": "recall_100", "nDCG@10": "ndcg_cut_10"}
    for row, path in zip(rows, paths[1:], strict=True):
        means = {}
        for name, theirs in names.items():  # those up to the timed k are of the search for that
            timed = tmp_path / path.with_suffix(".k10.run")
            of_it = timed if timed.exists() and not name.endswith("100") else tmp_path / path
            with of_it.open() as file:
                scores = pytrec_eval.RelevanceEvaluator(qrels, {theirs}).evaluate(pytrec_eval.parse_run(file))
            means[name] = sum(each[theirs] for each in scores.values()) / len(qrels)
        assert {name: pytest.approx(row[name], abs=1e-9) for name in names} == means


def test_a_failed_cell(sparring, zoo, tmp_path):
    """
    A cell that failed makes the command end with 3; its reason is on stderr, in the table and in the record.
    """
    ended = sparring("run", "Constant() @ Raises()", "--passages", zoo, "--plugin", KNOWN, "-o", "out", cwd=tmp_path)

    (row,) = table_of(sparring, "out", cwd=tmp_path)
    assert 3 == ended.returncode
    assert "failed: RuntimeError: broken on purpose (known.py:" in ended.stderr
    assert "why it failed: sparring explain out 'Constant() @ Raises()'" == ended.stderr.splitlines()[-1]
    assert "failed" == row["status"]
    assert re.fullmatch(r"RuntimeError: broken on purpose \(known\.py:\d+ in build\)", row["reason"])
    assert [None] * len(MEASURES) == [row[measure] for measure in MEASURES]


def test_what_is_refused_by_design_is_no_failure(sparring, engines, zoo, tmp_path):
    """
    `unsupported` and `over-budget` are states of a cell: the command ends with 0.
    """
    retrievers = ("Dense() @ Refuses()", "Dense() @ Huge()")

    ended = sparring("run", *retrievers, "--passages", zoo, "--plugin", engines, "-o", "out", cwd=tmp_path)

    rows = table_of(sparring, "out", cwd=tmp_path)
    assert 0 == ended.returncode
    assert ["unsupported", "over-budget"] == [row["status"] for row in rows]
    assert "holds no dense vectors" == rows[0]["reason"]
    assert "1,000,000,000,000,000,000 bytes" in rows[1]["reason"]


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory, sparring, engines):
    """A run of two engines on a table without judgments: where, and how it ended."""
    folder = tmp_path_factory.mktemp("unjudged")
    (folder / "docs.csv").write_text("title,body\nCats,sat on the mat\nDogs,bark\nBirds,sing\nFish,swim\n")
    (folder / "asked.csv").write_text("id,text\nq1,cats\nq2,a question of birds\n")
    arguments = ("run", "Same()", "Same(last=True)", "--plugin", engines, "--passages", "docs.csv", "--text", "body")
    arguments = (*arguments, "--title", "title", "--queries", "asked.csv", "--queries", 2, "--rounds", 1)
    return folder, sparring(*arguments, "--mode", "single", "-o", "out", cwd=folder)


def test_a_table_of_ones_own(unjudged, sparring):
    """
    A table of passages with named columns and queries from a file is a passage set.
    """
    folder, ended = unjudged

    rows = table_of(sparring, "out", cwd=folder)

    assert 0 == ended.returncode
    assert [("docs", 4, 2, len("Cats sat on the matDogs barkBirds singFish swim"))] * 2 == [
        (row["passage_set"], row["n_passages"], row["n_queries"], row["text_bytes"]) for row in rows
    ]


def test_a_set_without_judgments(unjudged, sparring):
    """
    Without judgments quality is null and cost is whole; what is shown is agreement, where there is least, and why.
    """
    folder, ended = unjudged

    rows = table_of(sparring, "out", cwd=folder)

    assert [None] * 2 * len(MEASURES) == [row[measure] for row in rows for measure in MEASURES]
    assert [1.0, 0.0] == [row["overlap_with_baseline"] for row in rows]
    assert [None] * 2 == [row["single_p50_ms"] for row in rows]  # two queries are too few
    assert all(row["single_cold_ms"] > 0 for row in rows)
    assert "agreement .000 (share of the shorter top 10 that the other has too" in ended.stdout
    assert "  0.00  q2: a question of birds\n        A 1  1  Cats - sat on the mat\n" in ended.stdout
    assert "next: sparring judge-sheet out -o sheet.csv\n" in ended.stdout


def test_options_of_files_beside_a_card(sparring, engines, zoo, tmp_path):
    """
    Among several sets, those of one's own take the options of files; those with a card are read as it says. A
    language that has no stemmer is told.
    """
    sets = ("--passages", "primer", "--passages", "./zoo", "--language", "vi")
    arguments = ("run", "Same()", *sets, "--plugin", engines, "--rounds", 1, "--mode", "single", "--queries", 5)

    ended = sparring(*arguments, "-o", "out", cwd=tmp_path)

    rows = table_of(sparring, "out", cwd=tmp_path)
    assert 0 == ended.returncode
    assert [("primer", "en"), ("zoo", "vi")] == [(row["passage_set"], row["language"]) for row in rows]
    assert ["zoo: no stemmer for 'vi': words are not stemmed"] == [
        line for line in ended.stderr.splitlines() if "stemmer" in line
    ]


def test_what_a_set_came_to_is_told(sparring, engines, tmp_path):
    """
    Judgments of what is not there, and passages merged into an equal one, are counted, in the record and for people.
    """
    write_set(tmp_path / "zoo", passages=PASSAGES | {"p5": PASSAGES["p1"]})
    with (tmp_path / "zoo" / "qrels" / "test.tsv").open("a") as file:
        file.write("q1\tp99\t1\nq99\tp1\t1\n")
    arguments = ("run", "Same()", "--passages", "./zoo", "--plugin", engines, "--rounds", 1, "--mode", "single")

    ended = sparring(*arguments, "-o", "out", cwd=tmp_path)

    record = json.loads((tmp_path / "out" / "measurements.jsonl").read_text())
    assert (0, 2, 3, 1) == (ended.returncode, *(record[k] for k in ("unknown_judgments", "n_judged", "n_merged")))
    assert "judgments that name a passage or query that is not there: 2" in ended.stdout
    assert "zoo: judgments that name a passage or query that is not there: 2" in ended.stderr
    assert "zoo: 4 passages (1 equal ones merged), 3 queries, en" in ended.stdout


def test_a_plugin_that_changed(ring, sparring, tmp_path):
    """
    `sparring table --plugin` says where a run's plug-in file is no longer what ran, and refuses one that is none.
    """
    same = sparring("table", "out", "--plugin", KNOWN, cwd=ring.folder)
    other = tmp_path / KNOWN.name
    other.write_text(KNOWN.read_text() + "\n# another\n")
    changed = sparring("table", "out", "--json", "--plugin", other, cwd=ring.folder)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    broken = sparring("table", "out", "--plugin", tmp_path / "broken.py", cwd=ring.folder)

    assert (0, "") == (same.returncode, same.stderr)
    assert (0, "out: known.py has changed since: its rows are of what it was; run it again\n") == (
        changed.returncode,
        changed.stderr,
    )
    assert changed.stdout.startswith("[")
    assert (2, "") == (broken.returncode, broken.stdout)
    assert "nothing_of_that_name" in broken.stderr
