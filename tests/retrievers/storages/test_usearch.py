"""Usearch: a graph by the usearch library, held to brute force where it visits everything."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrievers.contract import Unsupported, search_options, top_k
from retrievers.storages.flat import Flat
from retrievers.storages.usearch import Usearch

INF = float("inf")
EVERYTHING = 1000  # so many times k are candidates: with these all passages
DTYPES = ["f32", "f16", "bf16", "i8", "b1"]
OVERLAP_K = 10


def dense(*rows):
    return np.array(rows, np.float32)


def built(vectors, **options):
    storage = Usearch(**options)
    storage.build(vectors)
    return storage


def saved(storage, folder):
    storage.save(folder)
    return folder


def clusters(n, dims=32, n_queries=50):
    """Unit vectors round a few centres, as embeddings are, and queries near some of them."""
    random = np.random.default_rng(7)
    centres = random.standard_normal((8, dims))
    made = centres[np.arange(n + n_queries) % 8] + 0.7 * random.standard_normal((n + n_queries, dims))
    unit = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit[:n], unit[n:]


def overlap(storage, passages, queries):
    """Share of the ten best by brute force that a storage finds."""
    storage.build(passages)
    exact = top_k(queries @ passages.T, OVERLAP_K, positive=False)
    found = storage.search(queries, OVERLAP_K)
    return np.mean([len(set(a) & set(b)) / OVERLAP_K for a, b in zip(exact.rows, found.rows, strict=True)])


@st.composite
def collections(draw):
    """A few passages and queries of small whole numbers, of which every dtype has each, and a k up to n + 5."""
    n, dims = draw(st.integers(0, 8)), draw(st.integers(1, 9))
    number = st.sampled_from([-127, -2, 0, 0, 1, 1, 2])
    rows = st.lists(number, min_size=dims, max_size=dims)
    passages = draw(st.lists(rows, min_size=n, max_size=n))
    queries = draw(st.lists(rows, min_size=1, max_size=3))
    k = draw(st.sampled_from([0, 1, n, n + 5]))
    return np.array(passages, np.float32).reshape(n, dims), np.array(queries, np.float32), k


class TestHits:
    @pytest.mark.parametrize(
        ("dtype", "sparse"),
        [*((dtype, False) for dtype in DTYPES[1:]), *((dtype, True) for dtype in ("f16", "bf16", "i8"))],
    )
    @given(collection=collections())
    @settings(deadline=None, max_examples=40)
    def test_rescoring_of_everything_is_exact(self, dtype, sparse, collection):
        """
        Where all passages are candidates rescoring gives the hits of Flat, whatever the dtype: ties, any k, any n.
        """
        passages, queries, k = collection
        vectors = csr_array(passages) if sparse else passages
        exact = Flat()
        exact.build(vectors)
        expected = exact.search(queries, k)

        hits = built(vectors, dtype=dtype, oversampling=EVERYTHING).search(queries, k)

        assert expected.rows.tolist() == hits.rows.tolist()
        assert expected.scores.tolist() == hits.scores.tolist()

    @given(collection=collections())
    @settings(deadline=None, max_examples=40)
    def test_floats_of_a_few_passages(self, collection):
        """
        A graph of a few passages is searched whole: f32 gives the rows of Flat, and its scores to a rounding.
        """
        passages, queries, _ = collection
        k = len(passages) + 5  # where k cuts a tie a graph may keep either
        exact = Flat()
        exact.build(passages)
        expected = exact.search(queries, k)

        hits = built(passages).search(queries, k)

        assert expected.rows.tolist() == hits.rows.tolist()
        np.testing.assert_allclose(hits.scores, expected.scores, rtol=1e-5)

    @pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8"])
    def test_scores_are_inner_products(self, dtype):
        """
        Scores are inner products, also of vectors that are not of unit length, and not USearch's distances.
        """
        storage = built(dense([127, 0], [64, 2], [-127, 1]), dtype=dtype)

        hits = storage.search(dense([2, 0], [0, 127]), 3)

        assert [[0, 1, 2], [1, 2, 0]] == hits.rows.tolist()
        np.testing.assert_allclose(hits.scores, [[254, 128, -254], [254, 127, 0]], rtol=1e-6, atol=1e-4)

    def test_whole_numbers_keep_the_length(self):
        """
        i8 codes of passages have one scale: one that is twice as long scores twice as high.
        """
        storage = built(dense([0.5, 0], [0.25, 0]), dtype="i8")

        hits = storage.search(dense([3, 0]), 2)

        np.testing.assert_allclose(hits.scores, [[1.5, 0.75]], rtol=0.01)

    @pytest.mark.parametrize("factors", [(1e-5, 1), (1, 1e-5), (1e-5, 1e-5), (1e5, 1e5), (1e5, 1e-5)], ids=str)
    @pytest.mark.parametrize(("dtype", "least"), [("f32", 0.99), ("f16", 0.99), ("bf16", 0.97), ("i8", 0.97)])
    def test_any_length(self, dtype, least, factors):
        """
        Short and long vectors are found as well as unit ones, and their scores are inner products.
        """
        passages, queries = (
            factor * vectors for factor, vectors in zip(np.float32(factors), clusters(300), strict=True)
        )
        storage = built(passages, dtype=dtype)

        hits = storage.search(queries, 1)

        assert overlap(storage, passages, queries) >= least
        products = (passages[hits.rows[:, 0]] * queries).sum(axis=1)
        np.testing.assert_allclose(hits.scores[:, 0], products, rtol=0.03)

    @pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
    def test_powers_of_two(self, dtype):
        """
        Floats lose no digit to their scale: vectors times powers of two give the same rows, and scores as much larger.
        """
        passages, queries = clusters(300)

        plain = built(passages, dtype=dtype).search(queries, 5)
        scaled = built(passages * 2**40, dtype=dtype).search(queries / 2**50, 5)

        assert plain.rows.tolist() == scaled.rows.tolist()
        assert plain.scores.tolist() == (scaled.scores * 2**10).tolist()

    def test_signs(self):
        """
        b1 scores are the inner product of the signs, of which 0 has the lower one; dimensions need not fill bytes.
        """
        storage = built(dense([3, -1, 2], [1, 1, 0], [-5, -1, 0]), dtype="b1")

        hits = storage.search(dense([1, -1, 1]), 3)

        assert [[0, 1, 2]] == hits.rows.tolist()
        assert [[3, -1, -1]] == hits.scores.tolist()

    def test_sparse_hits_share_a_term(self):
        """
        Of a sparse matrix only passages that share a term are hits, of a dense one all are.
        """
        passages = dense([1, 0], [0, 1])

        sparse = built(csr_array(passages)).search(csr_array(dense([2, 0])), 2)
        whole = built(passages).search(dense([2, 0]), 2)

        assert [[0, -1]] == sparse.rows.tolist()
        assert [[2, -INF]] == sparse.scores.tolist()
        assert [[0, 1]] == whole.rows.tolist()

    @pytest.mark.parametrize(("dtype", "least"), [("f32", 0.99), ("f16", 0.99), ("bf16", 0.97), ("i8", 0.97)])
    def test_overlap(self, dtype, least):
        """
        Of vectors like embeddings the graph finds nearly all of the ten best.
        """
        passages, queries = clusters(1000)

        assert overlap(Usearch(dtype=dtype), passages, queries) >= least

    def test_oversampling_finds_more(self):
        """
        The signs alone find few of the ten best; the more candidates are ranked by float32 vectors, the more of them.
        """
        passages, queries = clusters(1000)
        found = [overlap(Usearch(dtype="b1", oversampling=times), passages, queries) for times in (1, 4, 16)]

        assert overlap(Usearch(dtype="b1"), passages, queries) == found[0] < found[1] < found[2]
        assert found[2] >= 0.95

    def test_threads_change_nothing(self, monkeypatch):
        """
        Hits are the same on two threads as on one.
        """
        passages, queries = clusters(300)
        storage = built(passages)

        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        one = storage.search(queries, 5)
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        two = storage.search(queries, 5)

        assert one.rows.tolist() == two.rows.tolist()


@pytest.mark.slow
def test_beside_faiss():
    """
    A process that has used Usearch can go on with Faiss: whichever of the two libraries is used first.
    """
    pytest.importorskip("faiss", reason="faiss-cpu is not installed (extra dense)")
    program = (
        "import numpy as np; from retrievers.storages import faiss, usearch; vectors = np.eye(16, dtype=np.float32); "
        "parts = [usearch.Usearch(), faiss.Faiss('SQ8'), faiss.Faiss('HNSW8'), usearch.Usearch(dtype='i8')]; "
        "[part.build(vectors) for part in parts]; "
        "print([part.search(vectors[:3], 1).rows.ravel().tolist() for part in parts])"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, f"{[[0, 1, 2]] * 4}\n") == (ended.returncode, ended.stdout), ended.stderr


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"dtype": "int4"}, "expected dtype to be one of f32, f16, bf16, i8, b1, found 'int4'"),
            ({"connectivity": 1}, "expected connectivity to be at least 2, found 1"),
            ({"expansion_add": 0}, "expected expansion_add to be at least 1, found 0"),
            ({"expansion_search": 0}, "expected expansion_search to be at least 1, found 0"),
            ({"dtype": "i8", "oversampling": 0}, "expected oversampling to be at least 1, found 0"),
            ({"oversampling": 2}, "expected oversampling beside a narrower dtype than f32"),
        ],
    )
    def test_options(self, options, message):
        """
        An option that cannot be says what was expected and what was found.
        """
        with pytest.raises(ValueError, match=message):
            Usearch(**options)

    def test_signs_of_a_sparse_matrix(self):
        """
        Signs say nothing of weights that are mostly zero.
        """
        with pytest.raises(Unsupported, match='take dtype="i8"'):
            Usearch(dtype="b1").build(csr_array(dense([1, 0])))

    def test_no_dimensions(self):
        """
        Vectors of no dimension are refused by name.
        """
        with pytest.raises(Unsupported, match="no dimension"):
            Usearch().build(np.zeros((2, 0), np.float32))

    def test_before_anything_is_held(self, tmp_path):
        """
        Searching and saving need something built; queries need its dimensions.
        """
        with pytest.raises(RuntimeError, match="holds nothing yet"):
            Usearch().search(dense([1]), 1)
        with pytest.raises(RuntimeError, match="holds nothing yet"):
            Usearch().save(tmp_path)
        with pytest.raises(ValueError, match="holds vectors of 2 dimensions"):
            built(dense([1, 2])).search(dense([1, 2, 3]), 1)

    def test_missing_package(self, monkeypatch):
        """
        Without the package the extra that brings it is named.
        """
        monkeypatch.setitem(sys.modules, "usearch.index", None)

        with pytest.raises(ImportError, match=r"pip install 'sparring\[usearch\]'"):
            Usearch().prepare()


class TestKept:
    @pytest.mark.parametrize("mmap", [False, True])
    @pytest.mark.parametrize("options", [{}, {"dtype": "b1", "oversampling": 2}, {"dtype": "i8"}], ids=str)
    @pytest.mark.parametrize("n", [0, 1, 100])
    def test_loaded_and_mapped(self, tmp_path, mmap, options, n):
        """
        What is loaded, or mapped, answers as what was built, and has the same ledger.
        """
        passages, queries = clusters(100)
        storage = built(passages[:n], **options)
        loaded = Usearch(**options, mmap=mmap)

        loaded.load(saved(storage, tmp_path))

        expected, hits = storage.search(queries, 5), loaded.search(queries, 5)
        assert expected.rows.tolist() == hits.rows.tolist()
        assert expected.scores.tolist() == hits.scores.tolist()
        assert storage.ledger() == loaded.ledger()

    def test_says_whether_it_is_mapped(self, tmp_path):
        """
        memory_mapped is a fact of what was loaded so, and of nothing else; built anew it is not mapped.
        """
        storage = built(dense([1, 2]), mmap=True)
        assert {"metric": "inner product"} == storage.describe()

        storage.load(saved(storage, tmp_path))
        assert {"metric": "inner product", "memory_mapped": 1} == storage.describe()

        storage.build(dense([1, 2]))
        assert {"metric": "inner product"} == storage.describe()

    def test_one_build_for_all_search_options(self, tmp_path):
        """
        What was saved is loaded whatever its search options were; the loaded one has its own.
        """
        folder = saved(built(dense([1, 2]), expansion_search=7), tmp_path)
        loaded = Usearch(expansion_search=99, mmap=True)

        loaded.load(folder)

        assert ("expansion_search", "mmap") == search_options(loaded)
        assert 99 == loaded.index.expansion_search

    def test_another_build_is_refused(self, tmp_path):
        """
        What was built with other options is refused, and leaves the adapter as it was.
        """
        folder = saved(built(dense([1, 2])), tmp_path)
        other = built(dense([3, 4]), dtype="f16")

        with pytest.raises(ValueError, match=r"found an index of .*'dtype': 'f32'"):
            other.load(folder)

        assert [[25]] == other.search(dense([3, 4]), 1).scores.tolist()

    def test_the_same_file_twice(self, tmp_path):
        """
        The same vectors give the same file, byte by byte, also where a sparse matrix hands them over.
        """
        passages, _ = clusters(200)
        made = [built(passages), built(passages), built(csr_array(passages))]

        files = [(saved(one, tmp_path / str(i)) / "index.usearch").read_bytes() for i, one in enumerate(made)]

        assert files[0] == files[1] == files[2]


class TestLedger:
    @pytest.mark.parametrize(("dtype", "bits"), [("f32", 32), ("f16", 16), ("bf16", 16), ("i8", 8), ("b1", 1)])
    def test_vectors(self, dtype, bits):
        """
        Vectors weigh their bits, rounded up to bytes one by one.
        """
        assert 3 * -(-9 * bits // 8) == built(np.ones((3, 9), np.float32), dtype=dtype).ledger()["vectors"]

    def test_parts_of_the_file(self, tmp_path):
        """
        Vectors, graph and rest come to the very bytes of USearch's file; rescoring vectors stand beside it.
        """
        passages, _ = clusters(100)
        storage = built(passages, dtype="i8", oversampling=2)

        ledger = storage.ledger()

        assert 100 * 32 * 4 == ledger.pop("rescoring")
        assert (saved(storage, tmp_path) / "index.usearch").stat().st_size == sum(ledger.values())

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("connectivity", [4, 16, 48])
    def test_predicted(self, dtype, connectivity):
        """
        Each component is predicted within 2 % of what is there.
        """
        random, n, dims = np.random.default_rng(7), 3000, 20
        options = {"dtype": dtype, "connectivity": connectivity, "oversampling": None if dtype == "f32" else 3}
        ledger = built(random.standard_normal((n, dims)).astype(np.float32), expansion_add=8, **options).ledger()

        predicted = Usearch(**options).predict_ledger(n, dims, None)

        assert ledger.keys() == predicted.keys()
        assert {name: pytest.approx(nbytes, rel=0.02) for name, nbytes in ledger.items()} == predicted

    def test_nothing_built(self):
        """
        Before anything is built there is nothing to weigh.
        """
        assert {"vectors": 0} == Usearch().ledger()
