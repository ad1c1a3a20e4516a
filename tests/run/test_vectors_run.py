"""Vectors that were made elsewhere, in a run: whose row is whose, what breaks, and what is not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from bench.passages import loader
from bench.progress import Silent
from bench.records import run_folder
from bench.run import runner
from bench.run.cells import make_cells
from bench.run.flags import MADE_ELSEWHERE
from retrievers.analysers import default_analyser
from retrievers.encoders.lexical import TfIdf
from retrievers.storages.csr import CSR
from tests.helpers.tiny import registry, run, suite
from tests.helpers.zoo import write_set

# The folder's second passage says the same as its first and is merged into it, and the first query is
# unjudged: row i of a file is not row i of the set.
TWINS = {"p1": "the cat", "p2": "the cat", "p3": "a dog", "p4": "some birds"}
ASKED = {"q0": "who knows", "q1": "what purrs", "q2": "what barks", "q3": "what sings"}
ANSWERS = {"q1": "p1", "q2": "p3", "q3": "p4"}
EYE = np.eye(4, dtype=np.float32)
FILES = 'Vectors(passages="all-p.npy", queries="all-q.npy") @ Flat()'
LEFT = 'Vectors(passages="left-p.npy", queries="left-q.npy") @ Flat()'


SHIFTED = 'Vectors(passages="left-p.npy", queries="shifted.npy") @ Flat()'
MISSING = 'Vectors(passages="none.npy", queries="all-q.npy") @ Flat()'
BAD = 'Vectors(passages="bad.npy", queries="all-q.npy") @ Flat()'


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """
    The set, in the working directory with its vectors: by the rows of its files (all-), by those left (left-).

    Each question is answered by one passage alone; the merged passage, the unjudged query and every shift by a row
    point elsewhere.
    """
    folder = tmp_path_factory.mktemp("twins")
    matrices = {
        "all-p": EYE[[0, 3, 1, 2]],
        "all-q": EYE[[3, 0, 1, 2]],
        "left-p": EYE[[0, 1, 2]],
        "left-q": EYE[[0, 1, 2]],
        "shifted": EYE[[1, 2, 0]],
        "bad": np.full((4, 4), np.nan),
    }
    for name, matrix in matrices.items():
        np.save(folder / f"{name}.npy", matrix)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SPARRING_CACHE", str(folder / "cache"))
        yield loader.load(str(write_set(folder / "twins", TWINS, ASKED, ANSWERS)))


@pytest.fixture(scope="module")
def found(twins, tmp_path_factory):
    """A run of all those files, and of none, by the retriever's spelling."""
    cells = suite(FILES, LEFT, SHIFTED, BAD, "Vectors() @ Flat()", modes=("batch", "joint"))
    return run(cells, tmp_path_factory.mktemp("run") / "run", twins, registry(), plugins=())


@pytest.mark.slow
class TestRun:
    @pytest.mark.slow
    def test_merged_passages_and_unjudged_queries(self, twins, found):
        """
        Files by either count of rows find the answer of every query; a shift by one row would find none.
        """
        assert (3, 3) == (len(twins.passages), len(twins.queries))
        assert [1.0, 1.0, 0.0] == [found[name].quality["R@1"] for name in (FILES, LEFT, SHIFTED)]
        assert "3 of 4" == found[FILES].facts["passage_rows"]

    @pytest.mark.slow
    def test_encoding_is_not_measured(self, found):
        """
        What a look-up takes is never shown as encoding: those columns are None, and a flag says why; searching is.
        """
        cell = found[FILES]

        assert "ok" == cell.status
        assert MADE_ELSEWHERE in cell.flags
        assert [None] * 5 == [cell.single, cell.encode, cell.joint, cell.encode_seconds, cell.encoder_weight]
        assert (None, True) == (cell.batch_qps, cell.search_batch_qps > 0)

    def test_a_broken_file_breaks_its_own_row(self, found):
        """
        Cells whose files are broken fail with the reason, and the others are measured.
        """
        failed = {name: cell.reason for name, cell in found.items() if cell.status == "failed"}

        assert [BAD, "Vectors() @ Flat()"] == list(failed)
        assert "bad.npy: expected finite numbers" in failed[BAD]
        assert "with vectors of its own" in failed["Vectors() @ Flat()"]

    @pytest.mark.slow
    def test_a_file_that_goes_during_the_run(self, twins, tmp_path):
        """
        A file that was there when the run began, and is gone when it is read, fails its own row.
        """
        spelled = 'Vectors(passages="going.npy", queries="all-q.npy") @ Flat()'
        np.save("going.npy", EYE[[0, 3, 1, 2]])

        class Going(Silent):
            def starts(self, *told):
                Path("going.npy").unlink(missing_ok=True)

        found = runner.run(suite(spelled, FILES), [twins], tmp_path / "run", registry(), progress=Going()).measurements

        assert {spelled: "failed", FILES: "ok"} == {cell.retriever: cell.status for cell in found}
        assert "going.npy" in found[0].reason

    @pytest.mark.slow
    def test_a_file_that_changes_during_the_run(self, twins, tmp_path):
        """
        Vectors that may have been read after their file had changed are kept by no name: the cell fails and says why,
        and with the first file again its own numbers are found.
        """
        passages, queries = Path("some-p.npy"), Path("some-q.npy")
        np.save(passages, EYE[[0, 3, 1, 2]])
        np.save(queries, EYE[[3, 0, 1, 2]])
        whole = queries.read_bytes()

        class Changing(Silent):
            def starts(self, *told):
                np.save(queries, EYE)

        spelled = f'Vectors(passages="{passages}", queries="{queries}")'
        cells = suite(f"{spelled} @ Flat()")
        (failed,) = runner.run(cells, [twins], tmp_path / "one", registry(), progress=Changing()).measurements
        queries.write_bytes(whole)
        (sound,) = run(cells, tmp_path / "two", twins, registry(), plugins=()).values()

        assert "failed" == failed.status
        assert failed.reason.startswith(f"{spelled}: expected its files and code to be read as the run found them")
        assert ("ok", False, 1.0) == (sound.status, sound.reused_matrix, sound.quality["R@1"])

    @pytest.mark.slow
    def test_what_the_vectors_are_is_flagged(self, tmp_path, cache, monkeypatch):
        """
        Dense passages of other than unit length, and queries that had a vector of their own which was not taken, are
        told beside the numbers; of sparse vectors no length is expected.
        """
        monkeypatch.chdir(tmp_path)
        asked = {"q1": "what purrs", "q2": "what purrs", "q3": "what sings"}
        passage_set = loader.load(str(write_set(tmp_path / "twice", TWINS, asked, dict.fromkeys(asked, "p1"))))
        for name, matrix in (("unit", EYE), ("long", EYE * [[1], [1], [2], [1]]), ("asked", EYE[:3])):
            np.save(f"{name}.npy", matrix.astype(np.float32))
            sparse.save_npz(f"{name}.npz", sparse.csr_array(matrix.astype(np.float32)))
        spelled = [
            f'Vectors(passages="{name}{kind}", queries="asked{kind}") @ Flat()'
            for name, kind in (("long", ".npy"), ("unit", ".npy"), ("long", ".npz"))
        ]

        found = run(suite(*spelled, passages="twice"), tmp_path / "run", passage_set, registry(), plugins=())

        other = "queries with the text of an earlier one, whose vector was taken for their own: 1"
        length = "33.3% of passages are not of unit length: scores are not cosine similarities"
        flags = [{other, length} & {*found[spelling].flags} for spelling in spelled]
        assert [{other, length}, {other}, {other}] == flags

    def test_the_matrix_is_known_by_the_rows(self, twins, tmp_path):
        """
        The same texts from files that hold them in other rows have other matrices, and so has a changed file.
        """
        order = {key: TWINS[key] for key in ("p1", "p3", "p2", "p4")}
        moved = loader.load(str(write_set(tmp_path / "moved" / "twins", order, ASKED, ANSWERS)))

        def keys(passage_set):
            cells = make_cells(suite(FILES, "BM25() @ CSR()", passages="twins"), [passage_set], registry())
            return [cell.matrix_key for cell in cells]

        before, after = keys(twins), keys(moved)
        content = Path("all-q.npy").read_bytes()
        np.save("all-q.npy", EYE)
        changed = keys(twins)
        Path("all-q.npy").write_bytes(content)

        assert twins.sha256 == moved.sha256
        assert before[0] != after[0]
        assert before[1] == after[1]
        assert before[0] != changed[0]


def test_exported_vectors_find_what_their_encoder_finds(sparring, tmp_path):
    """
    On the command line, vectors written by TF-IDF find its very hits, sparse and dense; random ones those of numpy.
    """
    passage_set = loader.load("primer")
    encoder = TfIdf(analyser=default_analyser("en"))
    encoder.fit(passage_set.passages)
    for name, texts, role in (("p", passage_set.passages, "passage"), ("q", passage_set.queries, "query")):
        sparse.save_npz(tmp_path / f"{name}.npz", encoder.encode(texts, role))
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(len(texts)).normal(size=(len(texts), 8)).astype("f4"))
    given, random = 'Vectors(passages="p.npz", queries="q.npz")', 'Vectors(passages="p.npy", queries="q.npy")'
    own = TfIdf(analyser=default_analyser("en")) @ CSR()
    own.index(passage_set.passages)

    done = sparring(
        *("run", f"{given} @ CSR()", f"{random} @ Flat()", "--passages", "primer"),
        *("--rounds", 1, "--mode", "joint", "-o", "out"),
        cwd=tmp_path,
    )

    assert 0 == done.returncode, done.stderr
    sparse_hits, dense_hits = (
        run_folder.read_hits(tmp_path / "out", cell.cell) for cell in run_folder.read(tmp_path / "out").measurements
    )
    expected = own.search(passage_set.queries, 100)
    assert expected.rows.tolist() == sparse_hits.rows.tolist()
    np.testing.assert_allclose(expected.scores, sparse_hits.scores, rtol=1e-5)
    scores = np.load(tmp_path / "q.npy") @ np.load(tmp_path / "p.npy").T
    assert np.argmax(scores, axis=1).tolist() == dense_hits.rows[:, 0].tolist()
