"""`sparring judge-sheet`: from a run without judgments to one with them."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex

import pytest

from bench.commands.judge_sheet import judge_sheet
from bench.errors import InputError
from tests.helpers.command import call, said
from tests.helpers.places import ROOT
from tests.helpers.pooled import pooled_run
from tests.helpers.zoo import PASSAGES, QRELS, QUERIES

FOUND = {"A()": [[0, 1], [1], [2]], "B()": [[3], [1, 0], [2]]}


def rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_sheet_and_what_is_said(tmp_path):
    """
    The path goes to stdout; what is in the sheet, and what to do with it, to stderr. Exit code 0.
    """
    run, path = pooled_run(tmp_path, FOUND, qrels=QRELS), tmp_path / "my sheet.csv"

    ended = call(judge_sheet, run.folder, "-o", path)

    assert (0, f"{path}\n") == (ended.exit_code, ended.stdout)
    assert {("q1", "p2"), ("q1", "p4"), ("q2", "p1")} == {(row["query-id"], row["passage-id"]) for row in rows(path)}
    assert {""} == {row["grade"] for row in rows(path)}
    grade = "grade them (0: not relevant, 1 or more: relevant, blank: not judged)"
    assert [
        "zoo: 3 pairs of 2 queries (of 3), those that differ most",
        "a mean over these queries is theirs alone; --random draws queries that stand for all",
        "left out: 3 pairs that have a judgment",
        f"{grade}, then run again with --qrels {shlex.quote(str(path))} beside the --qrels that the run had",
    ] == ended.stderr.splitlines()


def test_a_large_sheet(tmp_path, monkeypatch):
    """
    Of a sheet that is more than a sitting's work it is said how to have fewer pairs; of a random one no more.
    """
    monkeypatch.setattr("bench.commands.judge_sheet.FEW", 1)
    run = pooled_run(tmp_path, FOUND)

    differing = call(judge_sheet, run.folder, "-o", tmp_path / "a.csv", "--queries", "2")
    drawn = call(judge_sheet, run.folder, "-o", tmp_path / "b.csv", "--queries", "1", "--random")

    assert "for fewer pairs: --queries 1 has about 2 of them, a lower -k fewer still\n" in differing.stderr
    assert "fewer pairs" not in drawn.stderr
    assert "theirs alone" not in drawn.stderr


def test_the_first_sheet_is_all_there_is(tmp_path):
    """
    Where the run has no judgments, or they are made anew, the next run takes the sheet alone; a path is quoted.
    """
    run, path = pooled_run(tmp_path / "a", FOUND), tmp_path / "my sheet.csv"
    judged = pooled_run(tmp_path / "b", FOUND, qrels=QRELS)

    first = call(judge_sheet, run.folder, "-o", path)
    again = call(judge_sheet, judged.folder, "-o", tmp_path / "again.csv", "--again")

    assert first.stderr.endswith(f", then run again with --qrels '{path}'\n")
    assert again.stderr.endswith(f", then run again with --qrels {tmp_path / 'again.csv'}\n")


def test_the_options(tmp_path):
    """
    `--again` takes what is judged too, `-k` says how deep, `--random` and `--seed` which queries.
    """
    run = pooled_run(tmp_path, FOUND, qrels=QRELS)

    again = call(judge_sheet, run.folder, "-o", tmp_path / "a.csv", "--again", "-k", 1, "--passages", "zoo")
    for seed in (1, 1, 2, 3, 4, 5):
        call(
            judge_sheet, run.folder, "-o", tmp_path / f"{len(list(tmp_path.iterdir()))}.csv", "--random", "--seed", seed
        )

    assert {("q1", "p1"), ("q1", "p4"), ("q2", "p2"), ("q3", "p3")} == {
        (row["query-id"], row["passage-id"]) for row in rows(tmp_path / "a.csv")
    }
    assert "left out" not in again.stderr
    drawn = [path.read_bytes() for path in sorted(tmp_path.glob("[0-9].csv"))]
    assert drawn[0] == drawn[1]
    assert 1 < len(set(drawn))


def test_nothing_tells_who_found_it(tmp_path):
    """
    No cell of the sheet names a retriever, a rank or a score, and there are no columns but the five.
    """
    run, path = pooled_run(tmp_path, FOUND), tmp_path / "sheet.csv"

    call(judge_sheet, run.folder, "-o", path)

    assert ["query-id", "passage-id", "grade", "query", "text"] == list(rows(path)[0])
    assert "A()" not in path.read_text()
    assert {"query", "text", "", *QUERIES, *PASSAGES} >= {
        cell if len(cell) < 4 else name for row in rows(path) for name, cell in row.items()
    }


def test_a_graded_sheet_is_never_overwritten(tmp_path):
    """
    A file that is there, or a link to nothing, is refused and stays as it was.
    """
    run, path, link = pooled_run(tmp_path, FOUND), tmp_path / "sheet.csv", tmp_path / "link.csv"
    path.write_text("graded")
    link.symlink_to("nowhere")

    for there in (path, link):
        with pytest.raises(InputError, match=f"-o: expected a new file, found {there}, which may be graded already"):
            call(judge_sheet, run.folder, "-o", there)

    assert "graded" == path.read_text()
    assert not (tmp_path / "nowhere").exists()


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """
    On a full disk there is no half a sheet, and the error names the file.
    """
    run = pooled_run(tmp_path, FOUND)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"-o: expected a file that can be written, found .*sheet.csv: No space left"):
        call(judge_sheet, run.folder, "-o", tmp_path / "sheet.csv")

    assert [] == list(tmp_path.glob("*sheet*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "sheet.xlsx"], "-o: expected a name that ends in .csv, found sheet.xlsx"),
        (["-o", "nowhere/sheet.csv"], "-o: expected a file that can be written, found nowhere/sheet.csv: No such file"),
        (["-o", f"{'x' * 300}.csv"], "File name too long"),
        (
            ["-o", "sheet.csv", "--passages", "zo"],
            "expected one of its passage sets zoo, found 'zo'. Did you mean zoo?",
        ),
        (["-o", "sheet.csv", "-k", "500"], "-k: expected at most 100"),
        (["-o", "sheet.csv", "-k", "0"], "'-k'"),
        (["-o", "sheet.csv", "--queries", "0"], "'--queries'"),
        ([], "'-o'"),
    ],
)
def test_what_is_refused(sparring, tmp_path, arguments, words):
    """
    Exit code 2, one message, and no sheet.
    """
    pooled_run(tmp_path, FOUND)

    message = said(sparring("judge-sheet", "run", *arguments, cwd=tmp_path))

    assert words in message
    assert [] == list(tmp_path.rglob("*.csv"))


def test_from_no_judgments_to_a_figure(sparring, tmp_path):
    """
    One's own files: a run without judgments names the next step; its sheet, graded in part and saved with semicolons as
    a spreadsheet does, gives the same folder its quality, and says what was judged and what is still unjudged.
    """
    corpus = [json.loads(line) for line in (ROOT / "datasets/primer/corpus.jsonl").read_text().splitlines()]
    questions = [json.loads(line) for line in (ROOT / "datasets/primer/queries.jsonl").read_text().splitlines()][::12]
    gold = dict(line.split("\t")[:2] for line in (ROOT / "datasets/primer/qrels/test.tsv").read_text().splitlines())
    for name, lines, fields in (("docs", corpus, ("_id", "title", "text")), ("asked", questions, ("_id", "text"))):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([fields, *([line.get(field, "") for field in fields] for line in lines)])
    command = ["run", "--passages", "docs.csv", "--id", "_id", "--title", "title", "--queries", "asked.csv"]
    command += ["BM25() @ CSC()", "BM25() @ CSR()", "TfIdf() @ CSR()", "--rounds", 1, "--mode", "single"]

    first = sparring(*command, "--queries", 5, "-o", "first", cwd=tmp_path)
    (step,) = re.findall(r"^next: sparring (.*)$", first.stdout, re.MULTILINE)
    made = sparring(*step.split(), "--queries", 20, cwd=tmp_path)
    to_judge = rows(tmp_path / "sheet.csv")
    with (tmp_path / "graded.csv").open("w", newline="", encoding="utf-8-sig") as file:
        back = csv.DictWriter(file, list(to_judge[0]), delimiter=";")
        back.writeheader()
        for number, row in enumerate(to_judge):
            grade = "1.0" if gold[row["query-id"]] == row["passage-id"] else "0"
            back.writerow(row | {"grade": grade if number % 10 else ""})
    second = sparring(*command, "--queries", 5, "--qrels", "graded.csv", "-o", "first", cwd=tmp_path)
    table = json.loads(sparring("table", "first", "--json", cwd=tmp_path).stdout)

    assert (0, 0, 0) == (first.returncode, made.returncode, second.returncode), second.stderr
    assert "  A  BM25() @ CSC(), CSR()\n  B  TfIdf() @ CSR()\n" in first.stdout
    assert 20 == len({row["query-id"] for row in to_judge})
    n_blank = len(range(0, len(to_judge), 10))
    assert f"docs: 20 of {len(questions)} queries have judgments, {len(to_judge) - n_blank} pairs" in second.stderr
    assert [20, 20, 20] == [row["n_judged"] for row in table]
    assert all(0.3 < row["nDCG@10"] < 1 for row in table)
    holes = re.search(
        r"unjudged among the first 10, and so not relevant: BM25\(\) @ CSC\(\) (\d+) of (\d+)", second.stderr
    )
    assert 0 < int(holes[1]) <= n_blank < int(holes[2])
    (step,) = re.findall(r"^to judge these too: sparring (.*)$", second.stderr, re.MULTILINE)
    assert 0 == sparring(*step.split(), cwd=tmp_path).returncode
    assert {row["query-id"] for row in rows(tmp_path / "more.csv")} <= {row["query-id"] for row in to_judge}
    assert "nobody has judged" not in second.stdout


def test_judgments_cost_no_time(sparring, tmp_path):
    """
    Judgments of three of thirty queries, put into the run of all of them, ask and time nothing anew: the quality is of
    the three, and everything else stays as it was measured.
    """
    (tmp_path / "docs.csv").write_text("text\n" + "".join(f"word{i} and word{i + 1}\n" for i in range(40)))
    (tmp_path / "asked.csv").write_text("text\n" + "".join(f"where is word{i}\n" for i in range(30)))
    (tmp_path / "judged.tsv").write_text("".join(f"q{i}\t{i}\t1\n" for i in (3, 9, 27)))
    command = ["run", "--passages", "docs.csv", "--queries", "asked.csv", "BM25() @ CSC()", "--rounds", 1, "-o", "run"]

    first = sparring(*command, cwd=tmp_path)
    (before,) = json.loads(sparring("table", "run", "--json", cwd=tmp_path).stdout)
    second = sparring(*command, "--qrels", "judged.tsv", cwd=tmp_path)
    (after,) = json.loads(sparring("table", "run", "--json", cwd=tmp_path).stdout)

    assert (0, 0) == (first.returncode, second.returncode), second.stderr
    assert "docs: 3 of 30 queries have judgments, 3 pairs; all are asked and timed" in second.stderr
    assert (30, 3) == (after["n_queries"], after["n_judged"])
    assert 1 == after["R@10"]
    same = ("single_p50_ms", "batch_qps", "ledger_bytes", "build_seconds")
    assert [before[key] for key in same] == [after[key] for key in same]
