"""The storages: CSR, Flat and Faiss, held to brute force written out."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.passages import loader
from retrievers.conformance import same_hits
from retrievers.contract import (
    Accountable,
    Persistent,
    Predictable,
    Storage,
    Unsupported,
    is_exact,
    options_of,
    search_options,
)
from retrievers.encoders.lexical import BM25, TfIdf
from retrievers.similarity import l2_augmented
from retrievers.storages._faiss_index import one_thread
from retrievers.storages._shared import dense_rows
from retrievers.storages.csr import CSR
from retrievers.storages.faiss import Faiss
from retrievers.storages.flat import Flat
from retrievers.storages.packed import Packed
from retrievers.storages.usearch import Usearch

INF = float("inf")
EXACT = [CSR, Flat, lambda: Faiss("Flat")]
APPROXIMATE = [Faiss("HNSW4", efSearch=32), Faiss("IVF2,Flat", nprobe=2), Faiss("SQ8"), Faiss("SQfp16")]
each_exact = pytest.mark.parametrize("new", EXACT, ids=["CSR", "Flat", "Faiss"])


def dense(*rows):
    return np.array(rows, np.float32)


def sparse(*rows):
    return csr_array(dense(*rows))


def brute_force(passages, queries, k, positive):
    """Rows and scores by plain Python: sort everything by (-score, position), keep what the rule allows, pad."""
    found = []
    for query in queries:
        scores = [sum(p * q for p, q in zip(passage, query, strict=True)) for passage in passages]
        best = sorted((i for i, s in enumerate(scores) if s > 0 or not positive), key=lambda i: (-scores[i], i))[:k]
        pad = k - len(best)
        found.append((best + [-1] * pad, [scores[i] for i in best] + [-INF] * pad))
    return [rows for rows, _ in found], [scores for _, scores in found]


@st.composite
def collections(draw):
    """Passages and queries of the same dimensions with small whole numbers (sums exact, ties real), and a k."""
    n, dims, n_queries = draw(st.integers(0, 7)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    number = st.sampled_from([0, 0, 0, 1, 1, 2, -1])
    row = st.lists(number, min_size=dims, max_size=dims)
    passages = draw(st.lists(row, min_size=n, max_size=n))
    queries = draw(st.lists(row, min_size=n_queries, max_size=n_queries))
    k = draw(st.sampled_from([0, 1, 2, n, n + 5]))
    return (
        passages,
        queries,
        np.array(passages, np.float32).reshape(n, dims),
        np.array(queries, np.float32).reshape(n_queries, dims),
        k,
    )


class TestExact:
    @pytest.mark.slow
    @each_exact
    @pytest.mark.parametrize("queries_as", [np.asarray, csr_array], ids=["dense queries", "sparse queries"])
    @pytest.mark.parametrize("passages_as", [np.asarray, csr_array], ids=["dense", "sparse"])
    @given(collection=collections())
    @settings(deadline=None, max_examples=60)
    def test_brute_force(self, new, passages_as, queries_as, collection):
        """
        An exact storage finds what brute force finds, whatever kind of vectors it and the queries came as.
        """
        passages, queries, vectors, query_vectors, k = collection
        storage = new()
        storage.build(passages_as(vectors))

        hits = storage.search(queries_as(query_vectors), k)

        rows, scores = brute_force(passages, queries, k, positive=passages_as is csr_array)
        assert rows == hits.rows.tolist()
        assert scores == hits.scores.tolist()
        assert (np.int64, np.float32) == (hits.rows.dtype, hits.scores.dtype)
        assert (len(queries), k) == hits.rows.shape == hits.scores.shape

    @each_exact
    def test_ties_at_the_cut(self, new):
        """
        Of many passages that tie where the k are cut, the first ones stay.
        """
        storage = new()
        storage.build(np.ones((500, 3), np.float32))

        hits = storage.search(dense([1, 1, 0], [0, 0, 0], [-1, 0, 0]), k=4)

        assert [[0, 1, 2, 3]] * 3 == hits.rows.tolist()

    @each_exact
    def test_many_queries(self, new):
        """
        Queries searched in several blocks have the hits that each has alone.
        """
        random = np.random.default_rng(7)
        vectors = csr_array(random.integers(0, 3, (40, 6)).astype(np.float32))
        queries = csr_array(random.integers(0, 2, (100, 6)).astype(np.float32))
        storage = new()
        storage.build(vectors)

        together = storage.search(queries, k=5)

        alone = [storage.search(queries[i : i + 1], k=5).rows[0].tolist() for i in range(100)]
        assert alone == together.rows.tolist()

    @each_exact
    @pytest.mark.parametrize("kind", [dense, sparse])
    def test_input_is_left_alone(self, new, kind):
        """
        Neither the passages nor the queries are changed.
        """
        vectors, queries = kind([0, 2], [3, 1]), kind([1, 0])
        storage = new()

        storage.build(vectors)
        storage.search(queries, k=2)

        assert [[0, 2], [3, 1]] == dense_rows(vectors).tolist()
        assert [[1, 0]] == dense_rows(queries).tolist()

    @each_exact
    @pytest.mark.parametrize("kind", [np.zeros, csr_array])
    @pytest.mark.parametrize(("n", "dims"), [(0, 0), (0, 2), (2, 0)])
    def test_nothing_to_hold(self, new, kind, n, dims):
        """
        No passages, or passages without one known term, are held; sparse they have no hits.
        """
        storage = new()
        storage.build(kind((n, dims), dtype=np.float32))

        hits = storage.search(csr_array((1, dims), dtype=np.float32), k=2)

        assert [[0, 1] if kind is np.zeros and n else [-1, -1]] == hits.rows.tolist()

    @each_exact
    def test_says_so(self, new):
        """
        These storages claim to be exact.
        """
        assert is_exact(new()) is True


class TestEvery:
    """What holds for exact and approximate storages alike."""

    each = pytest.mark.parametrize("storage", [CSR(), Flat(), Faiss("Flat"), *APPROXIMATE], ids=repr)
    vectors = np.random.default_rng(3).random((30, 4), np.float32)

    @each
    def test_abilities(self, storage):
        """
        A storage can be saved, knows its bytes, and predicts them.
        """
        assert isinstance(storage, Storage)
        assert isinstance(storage, Persistent)
        assert isinstance(storage, Accountable)
        assert isinstance(storage, Predictable)

    @each
    @pytest.mark.parametrize("kind", [np.asarray, csr_array], ids=["dense", "sparse"])
    def test_saved_and_loaded(self, storage, kind, tmp_path):
        """
        A storage loaded from its folder gives the same hits by the same rule, and weighs the same.
        """
        queries = np.vstack([self.vectors[:3], -self.vectors[:2]])
        storage.build(kind(self.vectors))
        storage.save(tmp_path / "new" / "folder")
        loaded = type(storage)(**options_of(storage))

        loaded.load(tmp_path / "new" / "folder")

        expected, found = storage.search(queries, k=9), loaded.search(queries, k=9)
        assert expected.rows.tolist() == found.rows.tolist()
        assert expected.scores.tolist() == found.scores.tolist()
        assert storage.ledger() == loaded.ledger()
        assert (kind is csr_array) == loaded.sparse

    @each
    def test_sparse_rule(self, storage):
        """
        Built of sparse vectors, no storage gives a hit with a score of 0 or less; built of dense ones, any may.
        """
        storage.build(csr_array(self.vectors))
        opposed = storage.search(-self.vectors[:1], k=3)
        storage.build(self.vectors)
        compared = storage.search(-self.vectors[:1], k=3)

        assert [[-1, -1, -1]] == opposed.rows.tolist()
        assert [[-INF, -INF, -INF]] == opposed.scores.tolist()
        assert (compared.rows >= 0).all()

    @each
    def test_more_than_there_is(self, storage):
        """
        Asked for more passages than there are, a storage pads; no passage comes twice.
        """
        storage.build(self.vectors)

        hits = storage.search(self.vectors[:2], k=33)

        found = [row for row in hits.rows[0].tolist() if row >= 0]
        assert (2, 33) == hits.rows.shape
        assert [[-1] * 3] * 2 == hits.rows[:, 30:].tolist()
        assert len(set(found)) == len(found)
        assert not is_exact(storage) or set(found) == set(range(30))

    @each
    @pytest.mark.parametrize("n", [0, 30])
    def test_nothing_asked(self, storage, n):
        """
        k = 0 and no queries at all have empty hits, and no passages have padding.
        """
        storage.build(self.vectors[:n])

        assert (2, 0) == storage.search(self.vectors[:2], k=0).rows.shape
        assert (0, 3) == storage.search(self.vectors[:0], k=3).rows.shape
        assert ([[-1]] if n == 0 else [[0]]) == np.minimum(storage.search(self.vectors[:1], k=1).rows, 0).tolist()

    @each
    def test_other_dimensions(self, storage):
        """
        Queries of other dimensions than the passages' are refused; the message names both.
        """
        storage.build(self.vectors)

        with pytest.raises(ValueError, match=r"holds vectors of 4 dimensions: expected .*, found \(1, 3\)"):
            storage.search(self.vectors[:1, :3], k=1)

    @pytest.mark.parametrize("new", [CSR, Flat, lambda: Faiss("Flat")])
    def test_nothing_built(self, new, tmp_path):
        """
        A storage that holds nothing yet says what to call first, and weighs nothing.
        """
        storage = new()

        with pytest.raises(RuntimeError, match=r"call build\(vectors\) or load\(folder\) first"):
            storage.search(self.vectors, k=1)
        with pytest.raises(RuntimeError, match=r"call build\(vectors\) or load\(folder\) first"):
            storage.save(tmp_path)
        assert 0 == sum(storage.ledger().values())


class TestBytes:
    vectors = sparse([0, 2, 0, 0], [3, 1, 0, 0], [0, 0, 0, 0])

    def test_csr_of_dense(self):
        """
        Dense vectors predict a CSR in which every number is stored.
        """
        storage = CSR()
        storage.build(dense([1, 2], [3, 4]))

        assert {"values": 16, "indices": 4, "offsets": 3} == storage.predict_ledger(2, 2, None) == storage.ledger()

    def test_csr_narrows_indices(self):
        """
        Indices take the bytes that they need, however wide they came; more than 2 ** 32 - 1 numbers take offsets of 8.
        """
        wide = csr_array(
            (self.vectors.data, self.vectors.indices.astype(np.int64), self.vectors.indptr.astype(np.int64)),
            shape=self.vectors.shape,
        )
        storage = CSR()
        storage.build(wide)

        assert {"values": 12, "indices": 3, "offsets": 4} == storage.ledger()
        assert np.int64 == wide.indices.dtype
        predicted = storage.predict_ledger(3, 70_000, 2**32)
        assert {"values": 2**32 * 4, "indices": 2**32 * 4, "offsets": 4 * 8} == predicted

    @pytest.mark.parametrize("storage", [Flat(), Faiss("Flat")], ids=repr)
    def test_flat(self, storage):
        """
        Flat weighs 4 bytes a dimension of every passage, zeros too, and predicts it.
        """
        storage.build(self.vectors)

        assert {"vectors": 3 * 4 * 4} == storage.ledger()
        assert {"vectors": 48} == storage.predict_ledger(3, 4, 3) == storage.predict_ledger(3, 4, None)

    @pytest.mark.parametrize(
        ("factory", "known"),
        [
            ("SQ8", {"vectors": 30 * 4}),
            ("SQfp16", {"vectors": 30 * 8}),
            ("HNSW4", {"vectors": 30 * 16}),
            ("IVF2,Flat", {"vectors": 30 * 16, "ids": 30 * 8, "centroids": 2 * 16}),
            ("SQ8,RFlat", {"vectors": 30 * 4, "rescoring": 30 * 16}),
            ("PCA2,Flat", {"vectors": 30 * 8}),
        ],
    )
    def test_faiss(self, factory, known, tmp_path):
        """
        The components of a FAISS index sum to what it writes to a file.
        """
        storage = Faiss(factory)
        storage.build(TestEvery.vectors)
        storage.save(tmp_path)

        ledger = storage.ledger()

        assert known == {name: ledger[name] for name in known}
        assert (tmp_path / "index.faiss").stat().st_size == sum(ledger.values())
        assert all(size > 0 for size in ledger.values())


class TestPairs:
    def test_one_encoder_two_storages(self):
        """
        An encoder finds the same in whatever exact storage its vectors lie.
        """
        passages = ["a cat and a dog", "a dog", "", "a bird", "dog dog cat"]
        queries = ["cat dog", "bird", "fish", ""]
        retrievers = [BM25() @ new() for new in EXACT]
        for retriever in retrievers:
            retriever.index(passages)

        by_csr, by_flat, by_faiss = (retriever.search(queries, k=4) for retriever in retrievers)

        assert [[4, 0, 1, -1], [3, -1, -1, -1], [-1] * 4, [-1] * 4] == by_csr.rows.tolist()
        assert [] == same_hits(by_csr, by_flat)
        assert [] == same_hits(by_csr, by_faiss)

    @pytest.mark.skipif("SPARRING_DATA" not in os.environ, reason="SPARRING_DATA names no folder with xquad-en")
    @pytest.mark.parametrize("encoder", [BM25, TfIdf])
    def test_real_passages(self, encoder):
        """
        On a real collection too, to depth 100.
        """
        passage_set = loader.load("xquad-en")
        retrievers = [encoder() @ new() for new in EXACT]
        for retriever in retrievers:
            retriever.index(passage_set.passages)

        by_csr, by_flat, by_faiss = (retriever.search(passage_set.queries, k=100) for retriever in retrievers)

        assert [] == same_hits(by_csr, by_flat)
        assert [] == same_hits(by_csr, by_faiss)


class TestDenseRows:
    def test_one_array(self):
        """
        A dense float32 matrix is not copied; a sparse one becomes C-ordered float32.
        """
        matrix = dense([1, 2])

        made = dense_rows(sparse([0, 2], [1, 0]), slice(1, 2))

        assert np.shares_memory(matrix, dense_rows(matrix))
        assert [[1, 0]] == made.tolist()
        assert made.dtype == np.float32
        assert made.flags.c_contiguous


class TestFaiss:
    vectors = np.random.default_rng(5).standard_normal((200, 8)).astype(np.float32)

    def test_only_flat_is_exact(self):
        """
        A factory with any approximation in it is not exact.
        """
        assert [True, False, False] == [is_exact(Faiss(factory)) for factory in ("Flat", "HNSW8", "SQ8,RFlat")]

    def test_search_options(self):
        """
        efSearch, nprobe, qb and mmap act at search time: cells that differ only there share one build.
        """
        assert ("efSearch", "nprobe", "qb", "mmap") == search_options(Faiss("Flat"))

    def test_loaded_with_other_search_options(self, tmp_path):
        """
        An index loaded by an adapter with other search options is searched by those.
        """
        built = Faiss("IVF8,Flat")
        built.build(self.vectors)
        built.save(tmp_path)
        loaded = Faiss("IVF8,Flat", nprobe=8)

        loaded.load(tmp_path)

        exact = Flat()
        exact.build(self.vectors)
        expected = exact.search(self.vectors[:20], k=10).rows.tolist()
        assert expected == loaded.search(self.vectors[:20], k=10).rows.tolist()
        assert expected != built.search(self.vectors[:20], k=10).rows.tolist()

    @pytest.mark.parametrize("factory", ["HNSW8", "IVF4,Flat", "PQ2x4"])
    def test_same_index_twice(self, factory, tmp_path):
        """
        The same vectors make the same index, byte for byte.
        """
        written = []
        for turn in ("first", "second"):
            storage = Faiss(factory)
            storage.build(self.vectors)
            storage.save(tmp_path / turn)
            written.append((tmp_path / turn / "index.faiss").read_bytes())

        assert written[0] == written[1]

    def test_threads_are_given_back(self):
        """
        A graph is built by one thread; afterwards FAISS has as many as before.
        """
        import faiss

        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(2)
        try:
            Faiss("HNSW4").build(self.vectors)

            assert 2 == faiss.omp_get_max_threads()
        finally:
            faiss.omp_set_num_threads(before)

    def test_sparse_blocks(self, monkeypatch):
        """
        A sparse matrix added block by block makes the index that it makes at once.
        """
        monkeypatch.setattr("retrievers.storages._shared.BLOCK_BYTES", 3 * 8 * 4)
        storage = Faiss("Flat")

        storage.build(csr_array(self.vectors))

        assert 200 == storage.index.ntotal
        assert self.vectors.ravel().tolist() == storage.index.reconstruct_n(0, 200).ravel().tolist()

    @pytest.mark.parametrize("factory", ["Bogus", ""])
    def test_unknown_factory(self, factory):
        """
        A factory that FAISS does not know is refused by name, with FAISS's reason.
        """
        with pytest.raises(ValueError, match=rf"expected a factory that FAISS knows, .* found '{factory}'; FAISS says"):
            Faiss(factory).build(self.vectors)

    @pytest.mark.parametrize(
        "storage", [Faiss("Flat", nprobe=2), Faiss("HNSW8", nprobe=2), Faiss("IVF2,Flat", efConstruction=8)], ids=repr
    )
    def test_option_of_another_index(self, storage):
        """
        An option that the index does not have is refused: a table must not show what did not act.
        """
        with pytest.raises(
            ValueError, match=r"expected an option that the index .* has, found (nprobe|efConstruction)"
        ):
            storage.build(self.vectors)

    @pytest.mark.parametrize("option", ["efConstruction", "efSearch", "nprobe"])
    def test_option_out_of_range(self, option):
        """
        Options count something, from 1.
        """
        with pytest.raises(ValueError, match=f"expected {option} to be at least 1, found 0"):
            Faiss("HNSW8", **{option: 0})

    def test_too_few_to_train_on(self):
        """
        More lists than passages cannot be trained: a state of the cell, that says what to do.
        """
        with pytest.raises(Unsupported, match=r"cannot be made of 10 vectors .* more passages; FAISS says: .*10.*64"):
            Faiss("IVF64,Flat").build(self.vectors[:10])

    def test_folder_of_another_factory(self, tmp_path):
        """
        The saved index of one factory is not loaded as another's.
        """
        flat = Faiss("Flat")
        flat.build(self.vectors)
        flat.save(tmp_path)

        with pytest.raises(ValueError, match="found that of the factory 'Flat'"):
            Faiss("SQ8").load(tmp_path)

    def test_prepare(self):
        """
        Preparing leaves the adapter as it was: it holds nothing yet.
        """
        storage = Faiss("Flat")

        storage.prepare()

        assert {"vectors": 0} == storage.ledger()


class TestL2:
    """Passages [x, -|x|^2/2] and queries [q, 1]: their inner product orders by distance."""

    points = dense([0, 0], [3, 4], [1, 0], [0, -2], [-1, 1])

    @pytest.mark.slow
    @pytest.mark.parametrize("factory", ["HNSW32", "IVF16,Flat", "SQ8", "PQ4x4", "PCA8,SQfp16", "SQ8,RFlat"])
    def test_the_index_that_faiss_makes_of_distances(self, factory):
        """
        On clustered vectors any factory finds what FAISS finds by L2 in the vectors themselves, a graph nearly all of
        it, and the scores are the inner products.
        """
        import faiss

        random = np.random.default_rng(3)
        centres = random.normal(size=(30, 16)) * 5
        points, queries = ((centres[random.integers(0, 30, n)] + random.normal(size=(n, 16))) for n in (3000, 50))
        points, queries = points.astype(np.float32), queries.astype(np.float32)
        passages = l2_augmented(points, "passage")
        own = faiss.index_factory(16, factory, faiss.METRIC_L2)
        with one_thread(True):  # with more, the links of a graph differ from build to build
            own.train(points)
            own.add(points)
        storage, exact = Faiss(factory), Flat()

        storage.build(passages)
        exact.build(passages)
        hits, best = (each.search(l2_augmented(queries, "query"), 10) for each in (storage, exact))

        expected = own.search(queries, 10)[1]
        assert expected.tolist() == hits.rows.tolist()
        if factory == "HNSW32":
            found = [len({*one} & {*other}) for one, other in zip(hits.rows, best.rows, strict=True)]
            assert np.mean(found) > 9.8
            products = np.einsum("qkd,qd->qk", passages[hits.rows], l2_augmented(queries, "query"))
            np.testing.assert_allclose(products, hits.scores, rtol=1e-4, atol=1e-3)

    @given(collection=collections(), weight=st.sampled_from([0.5, 1, 2]))
    @settings(deadline=None, max_examples=60)
    def test_scores_are_those_of_flat(self, collection, weight):
        """
        Searched one by one, by distance or not, the scores are those of brute force by inner product.
        """
        _, _, points, queries, k = collection
        passages = l2_augmented(points, "passage")
        asked = l2_augmented(queries, "query") * np.float32(weight)
        storage, exact = Faiss("Flat,RFlat"), Flat()
        storage.build(passages)
        exact.build(passages)

        found, expected = storage.search(asked, k), exact.search(asked, k)

        assert expected.scores.tolist() == found.scores.tolist()
        assert k < len(points) or expected.rows.tolist() == found.rows.tolist()  # of ties at the cut FAISS takes any

    def test_saved_and_loaded(self, tmp_path):
        """
        What an index compares by is a fact of it, and is kept with it.
        """
        storage, loaded = Faiss("HNSW4"), Faiss("HNSW4")
        before = storage.describe()
        storage.build(l2_augmented(self.points, "passage"))
        storage.save(tmp_path)

        loaded.load(tmp_path)

        assert [None, "l2", "l2"] == [facts["metric"] for facts in (before, storage.describe(), loaded.describe())]
        hits = loaded.search(dense([3, 3, 1]), 5)
        assert [[1, 2, 0, 4, 3]] == hits.rows.tolist()
        assert [[8.5, 2.5, 0, -1, -8]] == hits.scores.tolist()
        storage.build(self.points)
        assert "inner product" == storage.describe()["metric"]

    @pytest.mark.parametrize(
        ("factory", "vectors"),
        [
            ("Flat", l2_augmented(points, "passage")),
            ("HNSW4", csr_array(l2_augmented(points, "passage"))),
            ("HNSW4", l2_augmented(points, "query")),
            ("HNSW4", np.vstack([l2_augmented(points, "passage"), dense([1, 0, -0.49])])),
            ("HNSW4", np.zeros((5, 3), np.float32)),
            ("HNSW4", l2_augmented(points, "passage")[:0]),
        ],
        ids=["exact", "sparse", "queries", "one row of another form", "zeros", "none"],
    )
    def test_what_does_not_stand_for_l2(self, factory, vectors):
        """
        Exact search, sparse vectors, one row of another form, nothing but zeros: the inner product, as of any vectors.
        """
        storage = Faiss(factory)

        storage.build(vectors)

        assert ("inner product", 3) == (storage.describe()["metric"], storage.index.d)

    @pytest.mark.parametrize("dims", [3, 300, 3000])
    def test_rounding(self, dims, monkeypatch):
        """
        What float32 rounds of |x|^2/2 is no other form, in a later block of rows neither.
        """
        monkeypatch.setattr("retrievers.similarity.L2_ROWS", 7)
        random = np.random.default_rng(dims)
        vectors = (random.normal(size=(20, dims)) * 10.0 ** random.integers(-3, 4, (20, 1))).astype(np.float32)
        storage = Faiss("SQfp16")

        storage.build(l2_augmented(vectors, "passage"))
        assert "l2" == storage.describe()["metric"]
        changed = l2_augmented(vectors, "passage")
        changed[-1, -1] *= 1.01
        storage.build(changed)

        assert "inner product" == storage.describe()["metric"]

    def test_other_queries(self):
        """
        A query that does not end as [q, 1] does has no distance that it could be compared by, and is refused.
        """
        storage = Faiss("HNSW4")
        storage.build(l2_augmented(self.points, "passage"))

        with pytest.raises(ValueError, match=r"which stand for L2: expected queries \[q, 1\], found -1.0 in the place"):
            storage.search(dense([1, 1, 1], [1, 1, -1]), 2)
        with pytest.raises(ValueError, match=r"holds vectors of 3 dimensions: expected .*, found \(1, 2\)"):
            storage.search(dense([1, 1]), 2)


@pytest.mark.parametrize("make", [CSR, Flat, Packed, partial(Faiss, "Flat"), Usearch], ids=str)
def test_mmap_is_true_or_false(make):
    """
    Whether files are mapped is no word: "no" is refused, and does not map.
    """
    with pytest.raises(ValueError, match="expected mmap to be True or False, found 'no'"):
        make(mmap="no")
