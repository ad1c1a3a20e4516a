"""The gate of run files: two files and their judgments, of retrievers in any language."""

from __future__ import annotations

import functools
import gzip
import json
import os
import xml.etree.ElementTree as ET
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from bench.commands.gate import gate
from bench.errors import InputError
from bench.gate.judge import GateVerdict
from bench.instruments import environment
from tests.helpers import command

call = functools.partial(command.call, gate)
collected = functools.cache(environment.collect)  # no figure here depends on the machine

OLD = """q1 Q0 a 1 3.0 old
q1 Q0 b 2 2.0 old
q2 Q0 b 1 1.5 old
q2 Q0 a 2 0.5 old
q3 Q0 c 1 9.0 old
"""
QRELS = "q1 0 a 1\nq2 0 b 1\nq3 0 c 2\n"


class Files:
    """A reference, a new run file and their judgments, in the present folder."""

    NAMES: ClassVar = {"old": "old.run", "new": "new.run", "qrels": "qrels.txt"}

    def __init__(self, folder) -> None:
        self.folder = folder
        self.write(old=OLD, new=OLD, qrels=QRELS)

    def write(self, **contents: str) -> None:
        for name, content in contents.items():
            (self.folder / self.NAMES[name]).write_text(content)

    def call(self, *options: object):
        return call("--run", "new.run", "--reference", "old.run", "--qrels", "qrels.txt", *options)

    def judged(self, *options: object) -> GateVerdict:
        return msgspec.json.decode(self.call(*options, "--json").stdout, type=GateVerdict)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "collect", collected)
    return Files(tmp_path)


def outcomes(found: GateVerdict) -> dict[str, str]:
    """The outcome of each measure."""
    (cell,) = found.cells
    return {finding.name: finding.outcome for finding in cell.findings}


class TestVerdict:
    def test_the_same_ranking(self, files):
        """
        Scores, tags, ranks and the order of lines are free where the ranking is the same; the usual measures are held.
        """
        files.write(new="".join(reversed(OLD.replace("3.0 old", "300 mine").splitlines(keepends=True))))

        result = files.call()

        assert 0 == result.exit_code
        line = result.stdout.splitlines()[-1]
        assert line.startswith("gate: pass - 1 cell; nDCG@10, R@1, R@10, R@100, RR@10 equal on 3 queries")

    def test_a_query_that_got_worse(self, files):
        """
        One query of which an answer falls to rank 2 fails each measure that sees it, and is named.
        """
        files.write(new=OLD.replace("q2 Q0 a 2 0.5", "q2 Q0 a 2 5.0"))

        result, found = files.call(), files.judged()

        assert 1 == result.exit_code
        assert "(1 queries worse, the first 'q2', 0 better)" in result.stdout.splitlines()[-1]
        assert {"nDCG@10": "fail", "R@1": "fail", "R@10": "pass", "R@100": "pass", "RR@10": "fail"} == outcomes(found)
        assert {"RR@10": (1.0, pytest.approx(2.5 / 3))} == {
            f.name: (f.old, f.new) for f in found.cells[0].findings if f.name == "RR@10"
        }

    def test_better_and_unexplained(self, files):
        """
        It is two-sided, as with run folders.
        """
        files.write(old=OLD.replace("q2 Q0 a 2 0.5", "q2 Q0 a 2 5.0"))

        result = files.call("--measure", "RR@10")

        assert 1 == result.exit_code
        assert "better, and unexplained: bless it with --accept" in result.stdout.splitlines()[-1]

    @pytest.mark.parametrize(("quality", "outcome"), [(0.17, "pass"), (0.16, "fail")])
    def test_a_tolerance(self, files, quality, outcome):
        """
        With --quality a mean may move so far, and no further: here by .5 / 3.
        """
        files.write(new=OLD.replace("q2 Q0 a 2 0.5", "q2 Q0 a 2 5.0"))

        assert {"RR@10": outcome} == outcomes(files.judged("--measure", "RR@10", "--quality", quality))

    @pytest.mark.parametrize(("bound", "outcome"), [(0.05, "pass"), (0.001, "fail")])
    def test_non_inferior(self, files, bound, outcome):
        """
        With --non-inferior a loss passes that is surely smaller: of one query in 400 surely less than .05.
        """
        names = [f"q{number}" for number in range(400)]
        files.write(
            qrels="".join(f"{name} 0 a 1\n" for name in names),
            old="".join(f"{name} Q0 a 1 1 x\n" for name in names),
            new="".join(f"{name} Q0 {'b' if name == 'q7' else 'a'} 1 1 x\n" for name in names),
        )

        assert {"R@1": outcome} == outcomes(files.judged("--measure", "R@1", "--non-inferior", bound))

    def test_losses_that_gains_make_up_for(self, files):
        """
        Where no tolerance is named but a bound on the loss, a mean that stays by chance is no pass: little is sure.
        """
        files.write(
            qrels="".join(f"q{number} 0 a 1\n" for number in range(30)),
            old="".join(f"q{number} Q0 {'b' if number < 6 else 'a'} 1 1 x\n" for number in range(30)),
            new="".join(f"q{number} Q0 {'b' if 12 <= number < 18 else 'a'} 1 1 x\n" for number in range(30)),
        )

        assert {"R@1": "fail"} == outcomes(files.judged("--measure", "R@1", "--non-inferior", 0.005))

    @pytest.mark.parametrize("options", [(), ("--accept",)])
    def test_judgments_without_a_relevant_passage(self, files, options):
        """
        Where nothing is relevant 0 would be held to 0: that is refused, and accepted as nothing.
        """
        files.write(qrels=QRELS.replace(" 1\n", " 0\n").replace(" 2\n", " -1\n"))

        with pytest.raises(InputError, match=r"qrels\.txt: expected a grade above 0, found none"):
            files.call(*options)

    def test_a_pipe_is_not_accepted(self, files):
        """
        What can be read once alone is scored, and would be written empty: it is refused.
        """
        os.mkfifo(files.folder / "pipe.run")

        with pytest.raises(InputError, match=r"pipe\.run: expected a file to accept"):
            call("--run", "pipe.run", "--reference", "old.run", "--qrels", "qrels.txt", "--accept")

        assert OLD == (files.folder / "old.run").read_text()

    def test_ties_are_ordered_by_one_rule(self, files):
        """
        Equal scores stand in descending order of passage id in both files, whatever ranks they write.
        """
        files.write(
            old=OLD.replace("a 1 3.0", "a 1 1.0").replace("b 2 2.0", "b 2 1.0"),
            new=OLD.replace("b 2 2.0", "b 2 4.0"),
        )

        assert "pass" == files.judged().outcome

    def test_values_are_those_of_ir_measures(self, files):
        """
        The figures of a file are what ir-measures reads from it itself.
        """
        ir_measures = pytest.importorskip("ir_measures")
        rng = np.random.default_rng(5)
        lines = [(query, passage, rng.random()) for query in range(30) for passage in rng.choice(50, 20, replace=False)]
        text = "".join(f"q{query} Q0 p{passage} 0 {score:.6f} x\n" for query, passage, score in lines)
        files.write(
            old=text,
            new=text,
            qrels="".join(f"q{query} 0 p{p} {rng.integers(0, 3)}\n" for query in range(31) for p in range(0, 50, 7)),
        )
        measures = ["nDCG@10", "R@10", "AP@100", "P@5"]

        found = files.judged(*(word for measure in measures for word in ("--measure", measure)))

        theirs = ir_measures.calc_aggregate(
            [ir_measures.parse_measure(measure) for measure in measures],
            list(ir_measures.read_trec_qrels("qrels.txt")),
            list(ir_measures.read_trec_run("old.run")),
        )
        expected = {str(measure): pytest.approx(value, abs=1e-9) for measure, value in theirs.items()}
        assert expected == {finding.name: finding.old for finding in found.cells[0].findings}

    def test_other_forms(self, files):
        """
        BEIR's judgments, dictionaries in JSON and compressed files are read as everywhere.
        """
        (files.folder / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t1\nq3\tc\t2\n")
        (files.folder / "old.run.gz").write_bytes(gzip.compress(OLD.encode()))
        scores = {"q1": {"a": 2, "b": 1}, "q2": {"b": 2, "a": 1}, "q3": {"c": 1}}
        (files.folder / "new.json").write_text(json.dumps(scores))

        result = call("--run", "new.json", "--reference", "old.run.gz", "--qrels", "test.tsv")

        assert 0 == result.exit_code, result.stdout

    def test_a_long_name(self, files):
        """
        Judgments may have a name as long as a file's can be.
        """
        long = files.folder / f"{'q' * 250}.tsv"
        long.write_text(QRELS)

        result = call("--run", "new.run", "--reference", "old.run", "--qrels", long)

        assert 0 == result.exit_code, result.stdout

    def test_files_for_others(self, files):
        """
        Markdown, JUnit's XML and JSON tell of it as of a run folder.
        """
        files.write(new=OLD.replace("q3 Q0 c", "q3 Q0 a"))

        result = files.call("--junit", "j.xml", "--markdown", "m.md")

        assert 1 == result.exit_code
        assert 5 == len(ET.parse(files.folder / "j.xml").findall(".//failure"))
        assert "| fail | qrels | `new.run` |" in (files.folder / "m.md").read_text()


class TestNotes:
    def test_judged_queries_that_are_missing(self, files):
        """
        A judged query that a file lacks scores 0, and a query without judgments is left out: both are counted.
        """
        files.write(new=OLD.replace("q3 Q0 c 1 9.0 old\n", "q9 Q0 c 1 9.0 old\n"))

        found = files.judged("--measure", "R@1")

        assert ("fail", 2 / 3) == (found.outcome, found.cells[0].findings[0].new)
        assert {
            "new.run: judged queries with no hits (scored 0), of 3: 1, the first 'q3'",
            "new.run: queries without judgments, left out: 1, the first 'q9'",
        } == set(found.notes)

    def test_what_both_lack_is_said_once(self, files):
        """
        The same missing queries of both files are one note, and pass.
        """
        files.write(qrels=QRELS + "q4 0 a 1\n")

        found = files.judged("--measure", "R@1")

        assert ("pass", ("both: judged queries with no hits (scored 0), of 4: 1, the first 'q4'",)) == (
            found.outcome,
            found.notes,
        )

    @pytest.mark.parametrize(("measure", "is_said"), [("R@1", False), ("R@2", True), ("AP", True)])
    def test_fewer_hits_than_a_measure_reads(self, files, measure, is_said):
        """
        A file that was cut above a measure's cut-off, or before all hits of the other, is said.
        """
        files.write(new="".join(line for line in OLD.splitlines(keepends=True) if " 2 " not in line))

        notes = files.judged("--measure", measure).notes

        said = f"hits a query, at most: 2 in old.run (reference) and 1 in new.run; {measure} read no further"
        assert ((said,) if is_said else ()) == notes


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"new": OLD.replace(" Q0 b 1", " b 1")}, r"new\.run, line 3: expected six fields"),
            ({"old": OLD.replace("9.0", "high")}, r"old\.run, line 5: score"),
            ({"qrels": "q1 0 a good\n"}, r"qrels\.txt:1: expected a grade"),
            ({"new": "\n"}, r"new\.run: expected a run, found no hit"),
            (
                {"qrels": "x 0 y 1\n"},
                r"old\.run .*: expected hits that qrels\.txt judges, found none: there query 'q1'",
            ),
            ({"qrels": "q1 0 doc-a 1\n"}, r"found none: .*passage 'a', here query 'q1', passage 'doc-a'"),
            ({"new": "x1 Q0 a 1 1 x\n"}, r"new\.run: expected queries and passages of 'qrels', found none"),
        ],
    )
    def test_what_cannot_be_read(self, files, changed, words):
        """
        A file that is broken, or of which nothing fits, is refused by name, and by line where it has one.
        """
        files.write(**changed)

        with pytest.raises(InputError, match=words):
            files.call()

    def test_one_file_twice(self, files):
        """
        A file that is held to itself would always pass.
        """
        with pytest.raises(InputError, match="expected another file than the reference"):
            call("--run", "old.run", "--reference", "./old.run", "--qrels", "qrels.txt")

    def test_no_reference_yet(self, files):
        """
        Where there is no reference the message says how to make one.
        """
        (files.folder / "old.run").unlink()

        with pytest.raises(InputError, match=r"found none; `sparring gate --run new\.run --accept"):
            files.call()

    @pytest.mark.parametrize(("measure", "words"), [("MRR@10", "Did you mean RR@10"), ("Answer@10", "it reads texts")])
    def test_measures_that_are_none(self, files, measure, words):
        """
        A measure that is unknown, or needs more than judgments, is refused.
        """
        with pytest.raises(InputError, match=words):
            files.call("--measure", measure)

    @pytest.mark.parametrize(
        "options",
        [
            ("--run", "new.run", "--qrels", "qrels.txt"),
            ("--run", "new.run", "--reference", "old.run"),
            ("--run", "new.run", "--reference", "old.run", "--qrels", "qrels.txt", "--ab", "HEAD"),
            ("--run", "new.run", "--reference", "old.run", "--qrels", "qrels.txt", "--strict"),
            ("folder", "--run", "new.run", "--reference", "old.run", "--qrels", "qrels.txt"),
            ("folder", "--reference", "old", "--quality", "0.1"),
            ("--reference", "old.run", "--qrels", "qrels.txt"),
        ],
    )
    def test_usage(self, files, options):
        """
        What does not go together is a usage error.
        """
        assert 2 == call(*options).exit_code


class TestAccept:
    def test_the_first_and_the_next(self, files):
        """
        The first file becomes the reference; the next replaces it, and every figure that this changes is printed.
        """
        (files.folder / "old.run").unlink()
        first = files.call("--accept")
        files.write(new=OLD.replace("q3 Q0 c", "q3 Q0 a"))
        refused = files.call()
        second = files.call("--accept", "--measure", "R@1")

        assert (0, 1, 0, 0) == tuple(r.exit_code for r in (first, refused, second, files.call()))
        assert "gate: accepted - new.run, the first reference; old.run" in first.stdout
        assert "new.run on qrels: R@1 1 -> 0.666667" in second.stdout
        assert "1 changes" in second.stdout.splitlines()[-1]
        assert (files.folder / "new.run").read_bytes() == (files.folder / "old.run").read_bytes()

    @pytest.mark.parametrize("new", ["q1 Q0 a\n", "x Q0 y 1 1 x\n"])
    def test_what_is_refused_replaces_nothing(self, files, new):
        """
        A file that is broken, or has no judged passage, leaves the reference as it was.
        """
        files.write(new=new)

        with pytest.raises(InputError, match=r"new\.run"):
            files.call("--accept")

        assert {"old.run": OLD, "new.run": new, "qrels.txt": QRELS} == {
            path.name: path.read_text() for path in files.folder.iterdir()
        }

    def test_a_compressed_reference(self, files):
        """
        A reference is compressed where its name says so, whatever the new file is; its folder is made.
        """
        result = call("--run", "new.run", "--reference", "kept/old.run.gz", "--qrels", "qrels.txt", "--accept")

        assert 0 == result.exit_code
        assert OLD == gzip.decompress((files.folder / "kept" / "old.run.gz").read_bytes()).decode()

    def test_another_format(self, files):
        """
        A name that ends in .json is no place for a TREC run file.
        """
        with pytest.raises(InputError, match=r"--reference old\.json: expected a name of the format of new\.run"):
            call("--run", "new.run", "--reference", "old.json", "--qrels", "qrels.txt", "--accept")
