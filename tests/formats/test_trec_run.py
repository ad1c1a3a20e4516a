"""TREC run files: written so that every reader finds our ranking, read with the line of every mistake."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import export
from bench.errors import InputError
from bench.formats import trec_run
from bench.records import run_folder
from retrievers.contract import Hits, no_hits
from tests.helpers.records import failed, measurement, run_of
from tests.helpers.tiny import tiny_set


def hits_of(rows, scores):
    return Hits(np.array(rows, np.int64), np.array(scores, np.float32))


def test_a_hit_is_a_line(tmp_path):
    """
    A hit is one line of six fields; padding has none, nor has a query without hits.
    """
    path = tmp_path / "first.run"
    hits = hits_of([[1, 0], [-1, -1], [0, -1]], [[2.5, 0.5], [-np.inf, -np.inf], [1, -np.inf]])

    trec_run.write(path, hits, ["a", "ä"], ["q1", "q2", "q3"], "BM25()")

    assert path.read_text(encoding="utf-8") == "q1 Q0 ä 1 2.5 BM25()\nq1 Q0 a 2 0.5 BM25()\nq3 Q0 a 1 1 BM25()\n"
    assert {"q1": {"ä": 2.5, "a": 0.5}, "q3": {"a": 1.0}} == trec_run.read(path)


def test_tied_scores_fall_by_the_smallest_step(tmp_path):
    """
    A tied score is written as the next lower 32-bit float, and one that would then tie with it is lowered too.
    """
    path = tmp_path / "tied.run"
    below_one = np.nextafter(np.float32(1), np.float32(0))
    hits = hits_of([[0, 1, 2, 3]], [[1, 1, below_one, 0.5]])

    trec_run.write(path, hits, ["a", "b", "c", "d"], ["q"], "t")

    expected = [1, below_one, np.nextafter(below_one, np.float32(0)), 0.5]
    assert expected == [np.float32(score) for score in trec_run.read(path)["q"].values()]


finite = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**127))


@settings(deadline=None)
@given(st.lists(finite | st.sampled_from([0.0, -0.0, 1.0, 0.1, 3.4e38, 1e-45]), min_size=1, max_size=30))
def test_every_reader_finds_the_ranking(tmp_path_factory, scores):
    """
    Whatever the scores, those of the file fall strictly as 32-bit floats, and a score that does not tie is unchanged.
    """
    path = tmp_path_factory.getbasetemp() / "ranking.run"
    falling = np.sort(np.array(scores, np.float32))[::-1]
    passages = [f"p{rank}" for rank in range(len(falling))]

    trec_run.write(path, Hits(np.arange(len(falling))[None], falling[None]), passages, ["q"], "t")

    read = trec_run.read(path)["q"]
    as_float = np.array(list(read.values()), np.float32)
    untied = np.concatenate([[True], falling[1:] < as_float[:-1]])
    assert passages == list(read)
    assert (as_float[1:] < as_float[:-1]).all()
    assert falling[untied].tolist() == as_float[untied].tolist()


def test_no_hits_make_an_empty_file(tmp_path):
    """
    Where nothing was found the file is there and empty, and reads back as an empty run.
    """
    path = tmp_path / "none.run"

    trec_run.write(path, no_hits(2, 3), ["a"], ["q1", "q2"], "t")

    assert path.read_bytes() == b""
    assert {} == trec_run.read(path)


@pytest.mark.parametrize(
    ("passage", "query", "tag", "message"),
    [
        ("two words", "q", "t", "passage id of a run file is one word, found 'two words'"),
        ("a", "q\t1", "t", "query id of a run file"),
        ("a", "", "t", "query id of a run file"),
        ("a", "q", "BM25() @ CSR()", "tag of a run file"),
        ("a\u3000b", "q", "t", "passage id of a run file"),
        ("a\0", "q", "t", "passage id of a run file"),
        ("a", "\ufeffq", "t", "query id of a run file"),
        ("\ud800", "q", "t", "passage id '.*' has no UTF-8 form"),
    ],
)
def test_a_field_is_one_word(tmp_path, passage, query, tag, message):
    """
    An id or a tag that would break the line is refused, and no file appears.
    """
    path = tmp_path / "words.run"

    with pytest.raises(InputError, match=message):
        trec_run.write(path, hits_of([[0]], [[1]]), [passage], [query], tag)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "scores", "message"),
    [
        ([[0, 1]], [[np.inf, 1]], "expected finite scores.*; query 'q' breaks it at rank 1"),
        ([[0, 1]], [[1, -np.inf]], "expected finite scores.*; query 'q' breaks it at rank 2"),
        ([[0, 1]], [[1, np.nan]], "expected finite scores.*; query 'q' breaks it at rank 2"),
        ([[0, 1]], [[1, 2]], "scores descending; query 'q' breaks it at rank 1"),
        ([[0, 1]], [[np.finfo(np.float32).min] * 2], "hit 2 of query 'q' .* lowest 32-bit float"),
        ([[0, 2]], [[2, 1]], "rows within the passages; query 'q' breaks it at rank 2"),
        ([[0], [1]], [[1], [1]], r"expected shape \(1, k\), found rows \(2, 1\)"),
    ],
)
def test_hits_that_are_no_ranking_are_not_written(tmp_path, rows, scores, message):
    """
    A score that is not finite or not in order, and a position that is not there, are refused, and no file appears.
    """
    path = tmp_path / "ranking.run"

    with pytest.raises(InputError, match=message):
        trec_run.write(path, hits_of(rows, scores), ["a", "b"], ["q"], "t")

    assert [] == list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """
    The file appears whole or not at all: when writing fails the old one stays, and nothing lies beside it.
    """
    path = tmp_path / "old.run"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)

    with pytest.raises(OSError, match="disk full"):
        trec_run.write(path, hits_of([[0]], [[1]]), ["a"], ["q"], "t")

    assert path.read_text() == "old"
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"q Q0 a 1 2.0", "expected six fields .*, found 5"),
        (b"q Q0 a b 1 2.0 t", "expected six fields .*, found 7"),
        (b"q Q0 b 1 high t", "score: expected a finite number, found 'high'"),
        (b"q Q0 b 1 nan t", "found 'nan'"),
        (b"q Q0 b 1 1e999 t", "found '1e999'"),
        (b"q Q0 b 1 1_0 t", "found '1_0'"),
        (b"q Q0 a 9 0.5 t", "passage 'a' is there already for query 'q'"),
        (b"q Q0 \xff 1 0.5 t", "expected UTF-8, found the byte 0xff"),
    ],
)
def test_a_mistake_has_a_file_and_a_line(tmp_path, line, message):
    """
    A line that cannot be read is an input error that names the file and the line.
    """
    path = tmp_path / "bad.run"
    path.write_bytes(b"q Q0 a 1 2.0 t\n" + line + b"\n")

    with pytest.raises(InputError, match=r"bad\.run, line 2: .*" + message):
        trec_run.read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tabs.run", "q\tQ0\ta\t1\t2.0\tmy run\nq\tQ0\tb\t2\t1.0\tmy run\n"),  # a blank in the tag
        ("named.run", "qid docid rank score\nq a 1 2.0\nq b 2 1.0\n"),
        ("pyterrier.tsv", "qid\tdocid\tdocno\trank\tscore\nq\t0\ta\t0\t2.0\nq\t1\tb\t1\t1.0\n"),
        ("ranx.csv", "q_id,doc_id,score\nq,a,2.0\nq,b,1.0\n"),
        ("queries.csv", 'qid,docno,rank,score,query\nq,a,0,2.0,"who, where"\n"q",b,1,1.0,"a\nb"\n'),
        ("indexed.csv", ";qid;docno;score\n0;q;a;2.0\n1;q;b;1.0\n"),
        ("words.tsv", "qid\tdocno\tscore\tquery\nq\ta\t2.0\twho is it\nq\tb\t1.0\t\n"),
    ],
)
def test_other_columns(tmp_path, name, content):
    """
    Columns behind a header are found by their names, and a tag may hold a blank between tabs.
    """
    path = tmp_path / name
    path.write_text(content)

    assert {"q": {"a": 2.0, "b": 1.0}} == trec_run.read(path)


@pytest.mark.parametrize("content", ["q\ta\t1\nq\tb\t2\n", "qid pid rank\nq a 1\nq b 2\n"])
def test_ranks_alone(tmp_path, content):
    """
    MS MARCO's three columns have ranks: scores are made that rank alike.
    """
    path = tmp_path / "marco.tsv"
    path.write_text(content)

    assert {"q": {"a": 1.0, "b": 0.5}} == trec_run.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q a 0.7\nq b 0.2\n", "query 'q': expected ranks from 1, each once, found 0.2 to 0.7: three columns are"),
        ("q a 9\nq b 8\n", "expected ranks from 1, each once, found 8 to 9"),
        ("q a 1\nq b 1\n", "expected ranks from 1, each once"),
        ("q a first\n", "line 1: rank: expected a whole number from 1, found 'first'"),
        ("q a 1\nq b 2 3\n", r"line 2: expected three fields \(query passage rank\), found 4"),
        ("qid title score\nq a 1\n", "line 1: expected a header that names a query .* found qid title score"),
        ("qid docno score\nq a 1 t\n", "line 2: expected 3 fields as in the header, found 4"),
    ],
)
def test_columns_that_are_none(tmp_path, content, message):
    """
    Three columns that are no ranks, and a header that does not say what is needed, are refused.
    """
    path = tmp_path / "bad.run"
    path.write_text(content)

    with pytest.raises(InputError, match=message):
        trec_run.read(path)


def test_a_file_that_is_not_there(tmp_path):
    """
    A run file that is not there, or is a folder, is an input error.
    """
    with pytest.raises(InputError, match=r"none\.run: expected a run file"):
        trec_run.read(tmp_path / "none.run")
    with pytest.raises(InputError, match="expected a run file"):
        trec_run.read(tmp_path)


def test_foreign_files_are_read(tmp_path):
    """
    Tabs, CRLF, blank lines, a byte order mark and a missing last newline are no mistakes; the rank is ignored.
    """
    path = tmp_path / "foreign.run"
    path.write_bytes(b"\xef\xbb\xbfq\tQ0\ta\t7\t-1e-3\tt\r\n\r\nq Q0  b x 2 t")

    run = trec_run.read(path)

    assert {"q": {"a": -0.001, "b": 2.0}} == run


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    """
    Whatever a file holds, it reads as a run or is an input error.
    """
    path = tmp_path_factory.getbasetemp() / "bytes.run"
    path.write_bytes(b"q Q0 a 1 1 t\n" + data)

    try:
        run = trec_run.read(path)
    except InputError:
        return
    assert all(np.isfinite(score) for scores in run.values() for score in scores.values())
    assert "a" in run["q"]


# Export


def exported(folder: Path, names: Sequence[str], retrievers: Sequence[str]) -> list[str]:
    """Where an export of these sets and retrievers lands, as paths relative to its folder."""
    (folder / "sets").mkdir()
    (folder / "hits").mkdir()
    cells = []
    for number, name in enumerate(names):
        run_folder.write_set(folder, tiny_set(5, 1, name=name))
        for place, retriever in enumerate(retrievers):
            cell = f"cell{number}{place}"
            np.savez(folder / "hits" / f"{cell}.npz", rows=np.array([[place]]), scores=np.ones((1, 1), np.float32))
            cells.append(measurement(cell=cell, passage_set=name, retriever=retriever))
        cells.append(failed(cell=f"broken{number}", passage_set=name, retriever="Broken()"))
    run = run_of(*cells)
    sets = {name: f"{number}" * 64 for number, name in enumerate(names)}
    run = dataclasses.replace(run, folder=folder, record=msgspec.structs.replace(run.record, passage_sets=sets))
    return [str(path.relative_to(folder / "trec")) for path in export.export(run, folder / "trec")]


def test_export_names(tmp_path):
    """
    A file is called by its set and its retriever's spelling; a cell that did not run has none.
    """
    paths = exported(tmp_path, ["tiny", "other"], ["BM25(k1=1.2) @ CSR()"])

    assert [
        "tiny/qrels.txt",
        "tiny/BM25-k1=1.2-CSR.run",
        "other/qrels.txt",
        "other/BM25-k1=1.2-CSR.run",
    ] == paths


def test_export_names_that_would_be_alike(tmp_path):
    """
    Spellings that would share a file have their cells' keys added, each its own file with its own hits.
    """
    paths = exported(tmp_path, ["tiny"], ['E("a/b")', 'E("a-b")', 'e("A b")', 'E("c")'])

    expected = ["E-a-b-cell00.run", "E-a-b-cell01.run", "e-A-b-cell02.run", "E-c.run"]
    assert ["tiny/qrels.txt", *(f"tiny/{name}" for name in expected)] == paths
    assert " p1 " in (tmp_path / "trec" / "tiny" / "E-a-b-cell01.run").read_text()


def test_export_of_long_spellings(tmp_path):
    """
    A long spelling is cut, within a character of any length, and has its cell's key added.
    """
    paths = exported(tmp_path, ["tiny"], [f'E("{"x" * 300}")', f'E("{"한" * 100}")'])

    assert ["tiny/E-" + "x" * 98 + "-cell00.run", "tiny/E-" + "한" * 32 + "-cell01.run"] == paths[1:]


@pytest.mark.parametrize("name", ["..", ".hidden", "."])
def test_export_stays_in_its_folder(tmp_path, name):
    """
    Whatever a set of a foreign record is called, its files lie in the folder that was asked for, in sight.
    """
    (path, _) = exported(tmp_path, [name], ["A()"])

    assert {"hidden/qrels.txt", "0000000000000000/qrels.txt"} >= {path}
