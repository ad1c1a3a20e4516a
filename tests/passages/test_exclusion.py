"""What is left out of a query's hits: as it is asked for, by name or by file."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import pytest

from bench import cli
from bench.errors import InputError
from bench.passages import loader
from bench.passages.exclusion import leave_out
from tests.helpers.cards import card_text, tiny
from tests.helpers.collections import beir_folder
from tests.helpers.tiny import tiny_set

pytestmark = pytest.mark.usefixtures("cache")


def asked_of_itself():
    """A set whose first three queries have the ids of passages; that of the third was merged into passage 7."""
    ids = ("p0", "p5", "gone", *(f"q{i}" for i in range(3, 20)))
    return msgspec.structs.replace(tiny_set(), query_ids=ids, merged={"gone": "p7"}, qrels={"p0": {"p1": 1, "p0": 1}})


def test_its_own_passage():
    """
    A query's own passage is left out by its id, also where it was merged into another; how many, and what of it was
    judged relevant, is said; the set is another one by its hash.
    """
    whole = asked_of_itself()

    found = leave_out(whole, "self")

    assert ((0,), (5,), (7,), *[()] * 17) == found.excluded
    assert (
        "exclude self: passages are left out of the hits of 3 of 20 queries",
        "exclude self: judged relevant, and left out: 1",
    ) == found.remarks
    assert len({whole.sha256, found.sha256}) == len({whole.asked_sha256, found.asked_sha256}) == 2
    assert whole.passages_sha256 == found.passages_sha256


def test_a_twin_that_is_relevant():
    """
    Where a query's own passage was merged with a relevant one of the same text, that stays, and it is said.
    """
    qrels = {"p0": {"p0": 1}, "p5": {"p5": 1}}
    whole = msgspec.structs.replace(asked_of_itself(), merged={"twin": "p0", "gone": "p7"}, qrels=qrels)

    found = leave_out(whole, "self")

    assert ((), (5,), (7,)) == found.excluded[:3]
    assert "exclude self: of a text that is relevant under another id too, and kept: 1" in found.remarks
    assert "exclude self: judged relevant, and left out: 1" in found.remarks


def test_every_twin_is_named(tmp_path):
    """
    A text all of whose ids a file names is left out, relevant or not.
    """
    (tmp_path / "pairs.tsv").write_text("q0\tp0\nq0\ttwin\nq1\tp0\n")
    whole = msgspec.structs.replace(tiny_set(), merged={"twin": "p0"}, qrels={"q0": {"p0": 1}, "q1": {"p0": 1}})

    assert ((0,), ()) == leave_out(whole, str(tmp_path / "pairs.tsv")).excluded[:2]


def test_where_there_is_none():
    """
    A set whose queries have ids of their own is as it was, and that is said.
    """
    found = leave_out(tiny_set(), "self")

    assert found.excluded is None
    assert ("exclude self: no query has the id of a passage, and nothing is left out",) == found.remarks
    assert leave_out(tiny_set(), None).remarks == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.tsv", "query-id\tpassage-id\nq1\tp3\nq1\tp4\nq2\tp3\nstranger\tp1\n"),
        ("pairs.txt", "q1 p3\nq1 p4\nq2 p3\n"),
        ("pairs.tsv", "corpus-id\tquery-id\np3\tq1\np4\tq1\np3\tq2\n"),
        ("pairs.csv", "Query ID,Passage ID\nq1,p3\nq1,p4\nq2,p3\n"),
        ("pairs.csv", "duplicate,qid\np3,q1\np4,q1\np3,q2\n"),
        ("pairs.csv", "query_id,corpus_id\nq1,p3\nq1,p4\nq2,p3\n"),
        ("qrels.tsv", "q1\t0\tp3\t1\nq1\t0\tp4\t0\nq2\t0\tp3\t1\n"),
        ("pairs.json", '{"q1": {"p3": 1, "p4": 0}, "q2": {"p3": 1}}'),
    ],
)
def test_a_file_of_pairs(tmp_path, name, text):
    """
    Pairs are two columns, with a header or not, or any file of qrels.
    """
    (tmp_path / name).write_text(text)

    found = leave_out(tiny_set(), str(tmp_path / name))

    assert ((), (3, 4), (3,)) == found.excluded[:3]
    lost = [remark for remark in found.remarks if "that is not there: 1" in remark]
    assert ("stranger" in text) == bool(lost)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1\tp3\nq1\n", r":2: expected query id and passage id as in the first line, found \['q1'\]"),
        ("q1\n", r":1: expected query id, passage id and grade, found \['q1'\]"),
        ("", "expected at least one judgment"),
        ("a\tb\n", r"expected pairs of its queries and passages, found none \(the first: \('a', 'b'\)\)"),
    ],
)
def test_what_is_no_file_of_pairs(tmp_path, text, said):
    """
    A line of one field, no line, and pairs of other ids are refused.
    """
    (tmp_path / "pairs.tsv").write_text(text)

    with pytest.raises(InputError, match=said):
        leave_out(tiny_set(), str(tmp_path / "pairs.tsv"))


def test_both():
    """
    What a card says and what is asked for add up.
    """
    found = leave_out(leave_out(asked_of_itself(), "self"), "self")

    assert ((0,), (5,), (7,)) == found.excluded[:3]


def test_a_part_of_a_set(tmp_path):
    """
    A part of a set leaves out what the whole does of its queries.
    """
    passages = "\n".join(f'{{"_id": "x{row}", "text": "passage {row}"}}' for row in range(30))
    queries = "\n".join(f'{{"_id": "x{row}", "text": "about {row}"}}' for row in range(20))
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    (tmp_path / "set" / "corpus.jsonl").write_text(passages)
    (tmp_path / "set" / "queries.jsonl").write_text(queries)
    judged = "".join(f"x{row}\tx{row + 1}\t1\n" for row in range(0, 20, 2))
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)

    found = loader.load(f"{tmp_path / 'set'}:test", exclude="self")

    assert [(found.passage_ids.index(query),) for query in found.query_ids] == list(found.excluded)


def test_a_card(tmp_path):
    """
    A card says it by its key, or has a file of pairs; another word there is refused.
    """
    pairs = "q1\td3\n"
    file = (
        f'[[files]]\nrole = "excluded"\npath = "tiny/pairs.tsv"\nbytes = {len(pairs)}\n'
        f'sha256 = "{hashlib.sha256(pairs.encode()).hexdigest()}"\n'
    )
    named = tiny(tmp_path, card_text(exclude='"self"') + file)
    (tmp_path / "tiny" / "pairs.tsv").write_text(pairs)

    found = loader.load(named)

    assert ((1,), ()) == found.excluded
    assert "exclude self: no query has the id of a passage, and nothing is left out" in found.remarks
    with pytest.raises(InputError, match="exclude"):
        loader.load(tiny(tmp_path, card_text(exclude='"others"')))


def test_vectors_without_text(tmp_path):
    """
    Positions that are alike are no pair, and a set of vectors is told by its file whatever is left out, or taken of it.
    """
    h5py = pytest.importorskip("h5py")
    sets = []
    for name, scale in (("a", 1.0), ("b", 1.5)):
        train = np.random.default_rng(7).normal(size=(120, 4)).astype(np.float32)
        with h5py.File(tmp_path / f"{name}.hdf5", "w") as file:
            file["train"], file["test"] = train * scale, train[:12] * scale
            file["neighbors"] = (np.arange(10) + 10 * np.arange(12)[:, None]) % 120
            file.attrs["distance"] = "angular"
        (tmp_path / "pairs.tsv").write_text("0\t5\n")
        path = str(tmp_path / f"{name}.hdf5")
        sets.append(
            [loader.load(path, exclude=str(tmp_path / "pairs.tsv")), loader.load(path), loader.load(f"{path}:dev")]
        )
        with pytest.raises(InputError, match="expected ids that tell which passage is a query's own, found positions"):
            loader.load(path, exclude="self")

    for one, other in zip(*sets, strict=True):
        assert one.passages_sha256 != other.passages_sha256
    assert 6 == len({found.sha256 for of_file in sets for found in of_file})


def test_too_many(monkeypatch, tmp_path):
    """
    Every search is for so many more: there is a bound.
    """
    monkeypatch.setattr("bench.passages.exclusion.MOST", 1)
    (tmp_path / "pairs.tsv").write_text("q1\tp3\nq1\tp4\n")

    with pytest.raises(InputError, match="expected at most 1 passages to be left out of a query's hits, found 2"):
        leave_out(tiny_set(), str(tmp_path / "pairs.tsv"))


def test_a_run_that_is_imported(tmp_path, monkeypatch, capsys):
    """
    An import remembers what was left out, so that its texts are found again; a run folder has its own.
    """
    folder = beir_folder(
        tmp_path / "set",
        '{"_id": "q1", "text": "who purrs"}\n{"_id": "d1", "text": "cats purr"}\n{"_id": "d2", "text": "dogs"}\n',
    )
    (tmp_path / "a.json").write_text('{"q1": {"q1": 3.0, "d1": 2.0}, "q2": {"d2": 1.0}}')
    monkeypatch.chdir(tmp_path)
    asked = ["import", "a.json", "--passages", folder, "--exclude", "self", "-o", "out"]

    def ended(*words):
        monkeypatch.setattr("sys.argv", ["sparring", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    code, _, said = ended(*asked)
    shown = ended("show", "out", "q1", "--json")
    again = ended("import", "a.json", "--passages", "out", "-o", "again")
    refused = ended("import", "a.json", "--passages", "out", "--exclude", "self", "-o", "other")

    assert (0, 0, 0, 2) == (code, shown[0], again[0], refused[0]), refused
    assert "exclude self: passages are left out of the hits of 1 of 2 queries" in said
    assert "cats purr" in shown[1]
    assert "expected only with a set's files" in refused[2]
