"""Vectors that were made elsewhere: whose row is whose, and what is refused."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from bench.passages import loader
from retrievers.analysers import default_analyser
from retrievers.conformance import checks
from retrievers.contract import Accountable, Aligned, Persistent, spell
from retrievers.encoders import _vector_files
from retrievers.encoders.lexical import TfIdf
from retrievers.encoders.vectors import Vectors
from retrievers.registry import SpellingError, parse
from retrievers.storages.csr import CSR
from retrievers.storages.flat import Flat
from tests.helpers.tiny import registry

needs_data = pytest.mark.skipif(
    "SPARRING_DATA" not in os.environ, reason="SPARRING_DATA is not set: it names the folder of the real collections"
)
PASSAGES = np.array([[1, 0], [0, 1], [3, 4]], np.float32)
QUERIES = np.array([[2, 1], [0, 5]], np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with three passages and two queries as dense and as sparse files."""
    monkeypatch.chdir(tmp_path)
    for name, matrix in (("p", PASSAGES), ("q", QUERIES)):
        np.save(f"{name}.npy", matrix)
        sparse.save_npz(f"{name}.npz", sparse.csr_array(matrix))
    return tmp_path


def aligned(encoder=None, passages=("a", "b", "c"), queries=("x", "y")):
    """Fitted on texts that are the rows of the files in their order."""
    encoder = encoder or Vectors("p.npy", "q.npy")
    encoder.align("query", queries, range(len(queries)), len(queries), None)
    encoder.fit(passages)
    return encoder


def refusal(passages="p.npy", queries="q.npy"):
    def encode():
        encoder = aligned(Vectors(passages, queries))
        return encoder.encode(["a", "b", "c"], "passage"), encoder.encode(["x", "y"], "query")

    with pytest.raises(ValueError, match="expected") as refused:
        encode()
    return str(refused.value)


class TestRows:
    @pytest.mark.parametrize("suffix", [".npy", ".npz"])
    def test_a_text_has_its_row(self, folder, suffix):
        """
        Texts in any order, one at a time or many, have the vectors of their rows, float32, dense or sparse as the file.
        """
        encoder = aligned(Vectors(f"p{suffix}", f"q{suffix}"))

        found = encoder.encode(["c", "a", "c"], "passage")

        assert (suffix == ".npz", np.float32) == (isinstance(found, sparse.csr_array), found.dtype)
        dense = found.toarray() if suffix == ".npz" else found
        assert [[3, 4], [1, 0], [3, 4]] == dense.tolist()
        assert [0, 2] == list(encoder.encode([], "query").shape)

    def test_rows_of_the_files(self, folder):
        """
        A file with a row for every text of the collection's files: each text left has the row it had there.
        """
        encoder = Vectors("p.npy", "q.npy")

        encoder.align("passage", ["a", "c"], [0, 2], 3, None)

        assert [[1, 0], [3, 4]] == encoder.encode(["a", "c"], "passage").tolist()

    def test_rows_of_the_set(self, folder):
        """
        A file with a row for every text that is left: they are in the set's order, whatever rows they had.
        """
        encoder = Vectors("p.npy", "q.npy")

        encoder.align("query", ["x", "y"], [5, 8], 9, None)

        assert [[2, 1], [0, 5]] == encoder.encode(["x", "y"], "query").tolist()

    def test_another_number_of_rows(self, folder):
        """
        Any other number of rows is refused, naming the file, what it has, and both numbers it might have.
        """
        encoder = Vectors("p.npy", "q.npy")

        with pytest.raises(ValueError, match=r"q\.npy: .* 9, as the collection's files, or 4, .*, found 2"):
            encoder.align("query", ["x", "y", "z", "w"], [0, 1, 5, 8], 9, None)

    def test_queries_of_one_text(self, folder):
        """
        Of two queries with one text the first's vector counts; how many had another of their own is told.
        """
        np.save("q.npy", np.array([[2, 1], [0, 5], [2, 1], [7, 7]], np.float32))

        encoder = aligned(queries=("x", "x", "x", "y"))

        assert [[2, 1], [7, 7]] == encoder.encode(["x", "y"], "query").tolist()
        assert 1 == encoder.describe()["queries_with_another_vector"]

    def test_an_unknown_text(self, folder):
        """
        A text that is none of those given cannot be encoded.
        """
        encoder = aligned()

        with pytest.raises(ValueError, match=r"one of the 2 texts whose vectors q\.npy holds, found 'new'"):
            encoder.encode(["x", "new"], "query")

    @given(data=st.data())
    @settings(deadline=None, max_examples=40)
    def test_picking_equals_the_obvious(self, tmp_path_factory, data):
        """
        Blocks of rows, dense or sparse, of whatever width of float, are what a loop over the rows finds.
        """
        home = tmp_path_factory.mktemp("files")
        n, kept = data.draw(st.integers(1, 12)), data.draw(st.integers(0, 12))
        dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
        rows = data.draw(st.permutations(range(n)))[:kept]
        matrix = np.random.default_rng(n).integers(-2, 3, (n, 3)).astype(dtype)
        np.save(home / "v.npy", matrix)
        sparse.save_npz(home / "v.npz", sparse.csc_array(matrix.astype(np.float64)))
        texts = [f"text {row}" for row in rows]
        expected = [matrix[row].astype(np.float32).tolist() for row in rows]

        for suffix in (".npy", ".npz"):
            encoder = Vectors(str(home / f"v{suffix}"), str(home / f"v{suffix}"))
            encoder.align("passage", texts, rows, n, None)
            found = encoder.encode(texts, "passage")

            assert expected == (found.toarray() if suffix == ".npz" else found).tolist()

    def test_blocks_join(self, folder, monkeypatch):
        """
        More rows than one block are copied whole, and a broken one in a later block is named.
        """
        monkeypatch.setattr(_vector_files, "BLOCK", 2)

        assert PASSAGES.tolist() == aligned().encode(["a", "b", "c"], "passage").tolist()
        np.save("p.npy", np.array([[1, 0], [0, 1], [3, np.nan]], np.float32))
        assert "found nan in row 2" in refusal()


class TestFiles:
    @pytest.mark.parametrize("dtype", ["float16", "float64"])
    def test_other_floats_are_converted(self, folder, dtype):
        """
        float16 and float64 become float32, which the facts say.
        """
        np.save("p.npy", PASSAGES.astype(dtype))

        encoder = aligned()

        assert np.float32 == encoder.encode(["a"], "passage").dtype
        told = encoder.describe()
        assert (f"{dtype}, converted to float32", "float32") == (told["passage_dtype"], told["query_dtype"])

    def test_fortran_order(self, folder):
        """
        A file in Fortran order holds the same vectors.
        """
        np.save("p.npy", np.asfortranarray(PASSAGES))

        found = aligned().encode(["a", "b", "c"], "passage")

        assert PASSAGES.tolist() == found.tolist()
        assert found.flags.c_contiguous

    @pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array, sparse.bsr_array])
    def test_sparse_formats(self, folder, kind):
        """
        Whatever sparse format was saved becomes CSR without stored zeros; doubled places add up.
        """
        sparse.save_npz("p.npz", kind(PASSAGES))

        found = aligned(Vectors("p.npz", "q.npz")).encode(["a", "b", "c"], "passage")

        assert (sparse.csr_array, 4, PASSAGES.tolist()) == (type(found), found.nnz, found.toarray().tolist())

    def test_doubled_places_and_stored_zeros(self, folder):
        """
        Numbers that a file has twice for one place are added, and zeros that it stores are left out.
        """
        stored = ([1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0]))
        sparse.save_npz("p.npz", sparse.coo_array(stored, shape=(3, 2)))

        found = aligned(Vectors("p.npz", "q.npz")).encode(["a", "b", "c"], "passage")

        assert ([3.0], [1]) == (found.data.tolist(), found.indices.tolist())

    @pytest.mark.parametrize(
        ("matrix", "words"),
        [
            (np.array([[1, 0], [0, np.nan], [0, 0]], np.float32), ("p.npy", "finite", "nan", "row 1")),
            (np.array([[1, 0], [0, 0], [np.inf, 0]], np.float16), ("p.npy", "finite", "inf", "row 2")),
            (np.array([[1, 0], [0, 0], [1e300, 0]]), ("p.npy", "finite numbers in float32", "row 2")),
            (np.zeros(3, np.float32), ("p.npy", "(n, dims)", "(3,)")),
            (np.zeros((3, 2, 1), np.float32), ("p.npy", "(n, dims)", "(3, 2, 1)")),
            (np.zeros((3, 0), np.float32), ("p.npy", "(n, dims)", "(3, 0)")),
            (np.zeros((3, 2), np.int8), ("p.npy", "float32", "int8", "astype")),
            (np.zeros((3, 2), np.complex64), ("p.npy", "float32", "complex64")),
            (np.zeros((3, 5), np.float32), ("q.npy", "dense vectors of 5 dimensions", "p.npy", "dense ones of 2")),
            (np.zeros((4, 2), np.float32), ("p.npy", "each passage, 3", "found 4")),
        ],
    )
    def test_refused_arrays(self, folder, matrix, words):
        """
        An array that is no matrix of finite floats, or does not fit the other side, is refused with the file's name.
        """
        np.save("p.npy", matrix)

        said = refusal()

        assert [] == [word for word in words if word not in said], said

    def test_damaged_files(self, folder):
        """
        A file that is missing, empty, cut short, or of another kind is refused with its name and the remedy.
        """
        whole, packed = (folder / "p.npy").read_bytes(), (folder / "p.npz").read_bytes()
        contents = {
            "empty.npy": b"",
            "cut.npy": whole[:-1],
            "header.npy": whole[:40],
            "text.npy": b"1 2 3\n",
            "zip.npy": packed,
            "empty.npz": b"",
            "cut.npz": packed[: len(packed) // 2],
            "array.npz": whole,
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        np.savez(folder / "arrays.npz", a=PASSAGES)
        (folder / "folder.npy").mkdir()

        np.save(folder / "objects.npy", PASSAGES.astype(object), allow_pickle=True)
        anew = dict.fromkeys((*contents, "folder.npy", "missing.npy", "missing.npz"), "write it anew")
        dense = "found: arrays of numpy.savez (a): write dense vectors with numpy.save, to a .npy"

        for name, remedy in (anew | {"arrays.npz": dense, "objects.npy": 'write it with .astype("float32")'}).items():
            said = refusal(passages=name)

            assert said.startswith(f"{name}: expected vectors as "), said
            assert said.endswith(remedy), said

    @settings(deadline=None, max_examples=60)
    @given(place=st.integers(0, 2000), value=st.integers(0, 255), kind=st.sampled_from([".npy", ".npz"]))
    def test_a_changed_byte(self, tmp_path_factory, place, value, kind):
        """
        A file with one other byte is read as vectors or refused with its name; nothing else is raised.
        """
        home = tmp_path_factory.mktemp("changed")
        path = home / f"p{kind}"
        np.save(path, PASSAGES) if kind == ".npy" else sparse.save_npz(path, sparse.csr_array(PASSAGES))
        content = bytearray(path.read_bytes())
        content[place % len(content)] = value
        path.write_bytes(content)

        encoder = Vectors(str(path), str(path))
        try:
            encoder.fit(["a", "b", "c"])
            found = encoder.encode(["a", "b", "c"], "passage")
        except ValueError as error:
            assert path.name in str(error)  # noqa: PT017  # either end is right
        else:
            assert 3 == found.shape[0]

    def test_places_outside_the_matrix(self, folder):
        """
        A sparse file that names columns beyond its shape is refused.
        """
        matrix = sparse.csr_array(PASSAGES)
        matrix.indices[0] = 7
        sparse.save_npz("p.npz", matrix)

        assert "p.npz: expected vectors" in refusal("p.npz", "q.npz")

    def test_nothing_is_unpickled(self, folder):
        """
        Objects in a file are refused and never made.
        """
        np.save("p.npy", np.array([[_Trap()], [1], [2]], object), allow_pickle=True)
        np.savez("p.npz", data=np.array([_Trap()], object), format=np.array("csr"))

        for name in ("p.npy", "p.npz"):
            assert f"{name}: expected vectors" in refusal(passages=name)
        assert not (folder / "sprung").exists()
        with (folder / "trap").open("wb") as file:
            pickle.dump(_Trap(), file)
        pickle.loads((folder / "trap").read_bytes())
        assert (folder / "sprung").exists()

    def test_sparse_meets_sparse(self, folder):
        """
        One side sparse and the other dense is refused.
        """
        assert "q.npz: expected dense vectors of 2 dimensions as in p.npy, found sparse" in refusal("p.npy", "q.npz")


class _Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


class TestAdapter:
    def test_spelling(self):
        """
        It is spelled with its files; one file alone, or one of another kind, is refused before anything runs.
        """
        spelled = 'Vectors(passages="p.npy", queries="q.npz") @ Flat()'

        assert spelled == spell(parse(spelled, registry()))
        assert "Vectors() @ CSR()" == spell(parse("Vectors() @ CSR()", registry()))
        for wrong in ('Vectors("p.npy")', 'Vectors(queries="q.npy")', 'Vectors("p.csv", "q.npy")', "Vectors(3, 4)"):
            with pytest.raises(SpellingError, match="expected"):
                parse(wrong, registry())

    def test_saved_queries(self, folder):
        """
        Saved, it answers its queries without the files, alike in another place; passages are not kept.
        """
        encoder = aligned(queries=("x", "half of a pair: \ud800"))
        encoder.encode(["a", "b", "c"], "passage")
        encoder.save(folder / "saved")
        (folder / "p.npy").unlink()
        (folder / "q.npy").unlink()
        loaded = Vectors("p.npy", "q.npy")

        loaded.load(folder / "saved")

        assert QUERIES.tolist() == loaded.encode(["x", "half of a pair: \ud800"], "query").tolist()
        assert encoder.describe() == loaded.describe()
        assert {"queries.npy", "vectors.json"} == {path.name for path in (folder / "saved").iterdir()}
        with pytest.raises(ValueError, match="answers queries alone"):
            loaded.encode(["a"], "passage")
        with pytest.raises(ValueError, match=r"expected .* to be saved by Vectors"):
            Vectors().load(folder / "saved")

    def test_saved_sparse_queries(self, folder):
        """
        Sparse queries are saved sparse.
        """
        encoder = aligned(Vectors("p.npz", "q.npz"))
        encoder.save(folder / "saved")
        loaded = Vectors("p.npz", "q.npz")

        loaded.load(folder / "saved")

        assert QUERIES.tolist() == loaded.encode(["x", "y"], "query").toarray().tolist()

    def test_before_it_is_told(self, folder):
        """
        Queries that nobody aligned cannot be encoded or saved; a missing file has no hash.
        """
        encoder = Vectors("p.npy", "q.npy")
        encoder.fit(["a", "b", "c"])

        with pytest.raises(ValueError, match="which row belongs to which query"):
            encoder.encode(["x"], "query")
        with pytest.raises(ValueError, match="found none: call align"):
            encoder.save(folder / "saved")
        with pytest.raises(ValueError, match=r"none\.npy: expected a file of vectors"):
            Vectors("none.npy", "q.npy").fingerprint()
        with pytest.raises(ValueError, match="a passage set with vectors of its own"):
            Vectors().fit(["a"])

    def test_fingerprint(self, folder):
        """
        The fingerprint follows every byte of both files.
        """
        first = Vectors("p.npy", "q.npy").fingerprint()
        np.save("q.npy", QUERIES + 1)

        assert first != Vectors("p.npy", "q.npy").fingerprint()
        assert first.partition("+")[0] == Vectors("p.npy", "q.npy").fingerprint().partition("+")[0]

    def test_facts(self, folder):
        """
        It tells dims, the rows it took and how many passages have unit length; the weight of a model it cannot tell.
        """
        encoder = aligned()
        assert None is encoder.describe()["unit_length"]

        encoder.encode(["a", "b", "c"], "passage")

        told = encoder.describe()
        assert (2, "3 of 3", "2 of 2") == (told["dims"], told["passage_rows"], told["query_rows"])
        assert 2 / 3 == told["unit_length"]
        assert isinstance(encoder, Aligned)
        assert isinstance(encoder, Persistent)
        assert not isinstance(encoder, Accountable)

    def test_fitted_anew(self, folder):
        """
        Fitted on other passages, those are the rows of the file; on some of those it knows, nothing changes.
        """
        encoder = aligned()
        encoder.fit(["c", "a"])

        assert [[3, 4]] == encoder.encode(["c"], "passage").tolist()
        encoder.fit(["d", "e", "f"])
        assert [[0, 1]] == encoder.encode(["e"], "passage").tolist()

    @pytest.mark.slow
    def test_conformance(self, folder):
        """
        Files of its own know no texts of a check's: it could not be tried, which is said, and nothing is broken.
        """
        outcomes = {check.name: check.outcome() for check in checks(lambda: Vectors("p.npy", "q.npy"))}

        assert {"passed", "not applicable", "could not be tried"} == {outcome.status for outcome in outcomes.values()}
        assert "encodes given texts alone" in outcomes["learns"].found
        assert "passed" == outcomes["spelling-parses-back"].status

    def test_own_vectors_are_not_copied(self):
        """
        A passage set's own vectors are handed on as they are, so that they are held once.
        """
        encoder = Vectors()
        encoder.align("passage", ["0", "1", "2"], range(3), 3, PASSAGES)

        assert PASSAGES is encoder.encode(["0", "1", "2"], "passage")
        assert PASSAGES is not encoder.encode(["0", "2", "1"], "passage")


@pytest.mark.slow
@needs_data
def test_real_queries_are_left_out_alike(tmp_path):
    """
    Vectors of all of SciFact's queries, judged and not, in the file's order: each judged one has its own.
    """
    passage_set = loader.load("scifact")
    path = next(Path(os.environ["SPARRING_DATA"]).glob("scifact/queries.jsonl*"))
    lines = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode().splitlines()
    encoder = TfIdf(analyser=default_analyser("en"))
    encoder.fit(passage_set.passages)
    for name, texts in (("p", passage_set.passages), ("q", [json.loads(line)["text"] for line in lines])):
        sparse.save_npz(tmp_path / f"{name}.npz", encoder.encode(texts, "query"))
    given = Vectors(str(tmp_path / "p.npz"), str(tmp_path / "q.npz"))

    given.align("query", passage_set.queries, passage_set.query_rows, passage_set.n_file_queries, None)

    assert (1109, 300) == (len(lines), len(passage_set.queries))
    expected, found = encoder.encode(passage_set.queries, "query"), given.encode(passage_set.queries, "query")
    assert 0 == abs(expected - found).nnz
    assert "300 of 1,109" == given.describe()["query_rows"]


def test_storages_hold_them_as_they_hold_any(folder):
    """
    In memory, without the harness: dense and sparse files of the same numbers find the same.
    """
    for storage in (CSR(), Flat()):
        retriever = Vectors("p.npz", "q.npz") @ storage
        retriever.encoder.align("query", ["x", "y"], range(2), 2, None)
        retriever.index(["a", "b", "c"])

        hits = retriever.search(["y", "x"], 2)

        assert [[2, 1], [2, 0]] == hits.rows.tolist()
        assert [[20, 5], [10, 2]] == hits.scores.tolist()
