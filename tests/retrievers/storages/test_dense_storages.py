"""The dense storages: Flat by its compiled products and by numpy, and what FAISS adds to its codes by rescoring."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.passages import loader
from retrievers.conformance import same_hits
from retrievers.contract import Unsupported, is_deterministic, is_exact, options_of, search_options, spell, top_k
from retrievers.encoders.biencoder import BiEncoder
from retrievers.similarity import l2_augmented, stands_for_l2
from retrievers.storages.faiss import Faiss
from retrievers.storages.flat import Flat, best_products
from retrievers.storages.search import kernels

INF = float("inf")
FACTORIES = [
    *("Flat", "SQfp16", "SQbf16", "SQ8", "SQ4", "PQ4x4", "PQ4x4fs", "OPQ4,PQ4x4", "PCA8,SQ8", "ITQ8,SQ8"),
    *("RaBitQ", "RaBitQ2", "RaBitQfs", "RR16,RaBitQ", "IVF4,Flat", "IVF4,SQ8", "IVF4,RaBitQ"),
]
VECTORS = np.random.default_rng(11).standard_normal((300, 16)).astype(np.float32)


@pytest.fixture(params=["compiled", "plain"])
def way(request, monkeypatch):
    """Once as numba compiles it, once without numba."""
    if request.param == "plain":
        monkeypatch.setattr(kernels, "available", lambda: False)
    elif not kernels.available():
        pytest.skip("numba is not installed (extra fast)")
    return request.param


@st.composite
def collections(draw, most_queries=3):
    """Passages and queries with small whole numbers (sums exact, ties real), and a k."""
    n, dims, n_queries = draw(st.integers(0, 9)), draw(st.integers(1, 4)), draw(st.integers(0, most_queries))
    number = st.sampled_from([0, 0, 1, 1, 2, -1])
    rows = st.lists(st.lists(number, min_size=dims, max_size=dims), min_size=n + n_queries, max_size=n + n_queries)
    drawn = np.array(draw(rows), np.float32).reshape(n + n_queries, dims)
    return drawn[:n], drawn[n:], draw(st.sampled_from([0, 1, 2, n, n + 5]))


def brute_force(passages, queries, k, *, positive):
    """Rows and scores by plain Python: sort everything by (-score, position), keep what the rule allows, pad."""
    found = []
    for query in queries.tolist():
        scores = [sum(p * q for p, q in zip(passage, query, strict=True)) for passage in passages.tolist()]
        best = sorted((i for i, s in enumerate(scores) if s > 0 or not positive), key=lambda i: (-scores[i], i))[:k]
        pad = k - len(best)
        found.append((best + [-1] * pad, [scores[i] for i in best] + [-INF] * pad))
    return [rows for rows, _ in found], [scores for _, scores in found]


def built(storage, vectors):
    storage.build(vectors)
    return storage


def overlap(found, expected):
    """The mean share of the expected rows that were found."""
    pairs = zip(found.rows.tolist(), expected.rows.tolist(), strict=True)
    return np.mean([len({*rows} & {*wanted}) / len(wanted) for rows, wanted in pairs])


class TestFlat:
    @pytest.mark.slow
    @given(collection=collections(most_queries=20), sparse=st.booleans())
    @settings(deadline=None, max_examples=150)
    @pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
    def test_brute_force(self, compiled, collection, sparse):
        """
        With numba and without, of one query, a few and many, the hits are those of brute force.
        """
        passages, queries, k = collection
        known = kernels.available()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "available", lambda: compiled and known)

            hits = best_products(queries, passages, k, sparse=sparse)

        rows, scores = brute_force(passages, queries, k, positive=sparse)
        assert rows == hits.rows.tolist()
        assert scores == hits.scores.tolist()
        assert (np.int64, np.float32) == (hits.rows.dtype, hits.scores.dtype)

    @pytest.mark.parametrize("n_queries", [1, 7, 40])
    @pytest.mark.parametrize("sparse", [False, True])
    def test_blocks(self, way, n_queries, sparse, monkeypatch):
        """
        Vectors and queries that take several blocks have the hits that one product of all of them gives.
        """
        if way == "compiled":
            for name, size in {"CACHE_BYTES": 500, "ROWS": 9, "QUERIES": 16}.items():
                monkeypatch.setattr(f"retrievers.storages.search.kernels.{name}", size)
        monkeypatch.setattr("retrievers.storages._shared.BLOCK_BYTES", 4000)
        queries = VECTORS[-n_queries:]

        hits = best_products(queries, VECTORS, 25, sparse=sparse)

        assert [] == same_hits(hits, top_k(queries @ VECTORS.T, 25, positive=sparse))

    def test_ties_across_blocks(self, way, monkeypatch):
        """
        Of passages that tie the first stay, whichever block they lie in.
        """
        if way == "compiled":
            monkeypatch.setattr("retrievers.storages.search.kernels.ROWS", 4)
            monkeypatch.setattr("retrievers.storages.search.kernels.CACHE_BYTES", 64)
        passages = np.ones((50, 4), np.float32)
        passages[[17, 30]] = 2

        one, many = (best_products(np.ones((n, 4), np.float32), passages, 4, sparse=False) for n in (1, 20))

        assert [[17, 30, 0, 1]] == one.rows.tolist()
        assert [[17, 30, 0, 1]] * 20 == many.rows.tolist()

    def test_mapped(self, way, tmp_path):
        """
        Loaded with mmap, the vectors stay in their file: the hits and the ledger are the same, and a fact tells it.
        """
        storage = built(Flat(), VECTORS)
        storage.save(tmp_path)
        read, mapped = Flat(), Flat(mmap=True)

        read.load(tmp_path)
        mapped.load(tmp_path)

        expected = storage.search(VECTORS[:20], 9)
        assert [] == same_hits(expected, mapped.search(VECTORS[:20], 9))
        assert isinstance(mapped.vectors.base, np.memmap)
        assert type(mapped.vectors) is np.ndarray
        assert not mapped.vectors.flags.writeable
        assert [{}, {"memory_mapped": 1}] == [read.describe(), mapped.describe()]
        assert storage.ledger() == read.ledger() == mapped.ledger() == {"vectors": 300 * 16 * 4}

    def test_mapping_is_of_the_search(self):
        """
        mmap acts when a folder is loaded: the cells with it and without share one build, which maps nothing.
        """
        storage = built(Flat(mmap=True), VECTORS)

        assert "Flat(mmap=True)" == spell(storage)
        assert ("mmap",) == search_options(storage)
        assert {} == storage.describe()

    def test_prepare(self, way):
        """
        Preparing leaves the adapter as it was.
        """
        storage = Flat()

        storage.prepare()

        assert {"vectors": 0} == storage.ledger()


class TestRescoring:
    @pytest.mark.slow
    @given(collection=collections(), factory=st.sampled_from(["SQ8", "SQfp16", "RaBitQ", "Flat"]), sparse=st.booleans())
    @settings(deadline=None, max_examples=150)
    def test_all_are_candidates(self, collection, factory, sparse):
        """
        Where every passage is a candidate the hits are those of brute force, ties by position, whatever the codes.
        """
        passages, queries, k = collection
        assume(not stands_for_l2(passages))  # by chance: such queries would be refused
        storage = built(Faiss(factory, oversampling=20), csr_array(passages) if sparse else passages)

        hits = storage.search(queries, k)

        rows, scores = brute_force(passages, queries, k, positive=sparse)
        assert rows == hits.rows.tolist()
        assert scores == hits.scores.tolist()

    @pytest.mark.slow
    @pytest.mark.parametrize("factory", FACTORIES)
    def test_every_family(self, factory):
        """
        Candidates beyond k are ordered by exact scores, in every family; all of them candidates, they are the exact
        hits, and IVF searches all its lists.
        """
        lists = {"nprobe": 4} if factory.startswith("IVF") else {}
        exact = built(Flat(), VECTORS).search(VECTORS[:20], 10)
        without, some, every = (
            built(Faiss(factory, oversampling=oversampling, **lists), VECTORS).search(VECTORS[:20], 10)
            for oversampling in (None, 2.5, 30)
        )

        assert overlap(without, exact) <= overlap(some, exact) <= overlap(every, exact) == 1
        assert [] == same_hits(every, exact)
        products = np.einsum("qkd,qd->qk", VECTORS[some.rows], VECTORS[:20])
        np.testing.assert_allclose(products, some.scores, rtol=1e-5, atol=1e-5)

    def test_by_distance(self):
        """
        Vectors that stand for L2 are rescored by their exact distances, given back as inner products.
        """
        passages, queries = l2_augmented(VECTORS, "passage"), l2_augmented(VECTORS[:20] + 0.1, "query")
        storage = built(Faiss("SQ4", oversampling=30), passages)

        hits = storage.search(queries, 10)

        assert "l2" == storage.describe()["metric"]
        assert overlap(hits, built(Flat(), passages).search(queries, 10)) == 1

    def test_what_is_kept(self):
        """
        The vectors to rescore by are a component of their own; without rescoring there are none.
        """
        with_them, without = (built(Faiss("SQ8", oversampling=o), VECTORS).ledger() for o in (4, None))

        assert 300 * 16 * 4 == with_them["rescoring"]
        assert "rescoring" not in without
        assert 300 * 16 == with_them["vectors"] == without["vectors"]

    def test_one_build(self, tmp_path):
        """
        A factory that says itself what is kept shares its build between oversamplings; else the build depends on it.
        """
        storage = built(Faiss("RaBitQ,RFlat"), VECTORS)
        storage.save(tmp_path)
        loaded = Faiss("RaBitQ,RFlat", oversampling=30)

        loaded.load(tmp_path)

        assert "oversampling" in search_options(loaded)
        assert "oversampling" not in search_options(Faiss("RaBitQ", oversampling=30))
        assert [] == same_hits(loaded.search(VECTORS[:9], 10), built(Flat(), VECTORS).search(VECTORS[:9], 10))
        with pytest.raises(ValueError, match="found that of the factory 'RaBitQ,RFlat'"):
            Faiss("RaBitQ").load(tmp_path)

    @pytest.mark.parametrize("oversampling", [0, 0.5, -1, float("nan")])
    def test_out_of_range(self, oversampling):
        """
        There are at least as many candidates as hits.
        """
        with pytest.raises(ValueError, match="expected oversampling to be at least 1, found"):
            Faiss("SQ8", oversampling=oversampling)

    def test_not_exact(self):
        """
        Rescoring makes nothing exact but exact search.
        """
        assert [False, False] == [is_exact(Faiss(factory, oversampling=4)) for factory in ("SQ8", "Flat")]


class TestOptions:
    def test_query_bits(self):
        """
        qb=0 leaves RaBitQ's query as it is: one bit of the query finds less than four, and four less than all.
        """
        exact = built(Flat(), VECTORS).search(VECTORS, 10)

        found = [overlap(built(Faiss("RaBitQ", qb=qb), VECTORS).search(VECTORS, 10), exact) for qb in (1, 4, 0)]

        assert found[0] < found[1] <= found[2] + 0.01

    @pytest.mark.parametrize("qb", [-1, 9])
    def test_query_bits_out_of_range(self, qb):
        """
        A dimension of the query has 0 to 8 bits.
        """
        with pytest.raises(ValueError, match=f"expected qb to be at (least 0|most 8), found {qb}"):
            Faiss("RaBitQ", qb=qb)

    @pytest.mark.parametrize("storage", [Faiss("SQ8", qb=4), Faiss("RaBitQfs", qb=0)], ids=repr)
    def test_query_bits_of_another_index(self, storage):
        """
        Codes that are not RaBitQ's have no qb, and those of its quick scan none of 0.
        """
        with pytest.raises(ValueError, match=r"expected an option that the index '(SQ8|RaBitQfs)' has, found qb"):
            storage.build(VECTORS)

    @pytest.mark.parametrize(
        ("saved", "plain"),
        [
            (Faiss("IVF8,Flat", nprobe=8), Faiss("IVF8,Flat")),
            (Faiss("RR16,RaBitQ,RFlat", qb=1), Faiss("RR16,RaBitQ,RFlat")),
            (Faiss("RaBitQfs", qb=1), Faiss("RaBitQfs")),
            (Faiss("HNSW4,RFlat", efSearch=99), Faiss("HNSW4,RFlat")),
        ],
        ids=repr,
    )
    def test_saved_with_others(self, saved, plain, tmp_path):
        """
        What an index was searched by when it was saved does not act on who loads it.
        """
        built(saved, VECTORS).save(tmp_path)
        loaded = type(plain)(**options_of(plain))

        loaded.load(tmp_path)

        expected = built(plain, VECTORS).search(VECTORS[:50], 10)
        assert expected.rows.tolist() == loaded.search(VECTORS[:50], 10).rows.tolist()
        assert expected.rows.tolist() != saved.search(VECTORS[:50], 10).rows.tolist()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "factory",
        ["Flat", "SQ8", "SQ4,RFlat", "RaBitQ", "PQ4x4", "OPQ4,PQ4x4", "IVF4,SQ8", "HNSW8", "HNSW8,SQ8"],
    )
    @pytest.mark.parametrize("l2", [False, True])
    def test_mapped(self, factory, l2, tmp_path):
        """
        Loaded with mmap, the index stays in its file: hits and ledger are the same, and a fact tells it until it is
        built anew.
        """
        passages, queries = (l2_augmented(VECTORS, role) if l2 else VECTORS for role in ("passage", "query"))
        storage, mapped = built(Faiss(factory, mmap=True), passages), Faiss(factory, mmap=True)
        storage.save(tmp_path)

        mapped.load(tmp_path)

        expected, hits = storage.search(queries[:20], 9), mapped.search(queries[:20], 9)
        assert expected.rows.tolist() == hits.rows.tolist()
        assert expected.scores.tolist() == hits.scores.tolist()
        assert storage.ledger() == mapped.ledger()
        assert [None, 1] == [each.describe().get("memory_mapped") for each in (storage, mapped)]
        assert "memory_mapped" not in built(mapped, passages).describe()

    @pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="/proc tells what is mapped, and is not there")
    def test_where_it_lies(self, tmp_path):
        """
        What says that it is mapped is: while it is held, and no longer.
        """
        built(Faiss("SQ8"), VECTORS).save(tmp_path)
        storage, found = Faiss("SQ8", mmap=True), []

        for do in (lambda: storage.load(tmp_path), lambda: storage.build(VECTORS)):
            do()
            found.append(str(tmp_path) in Path("/proc/self/maps").read_text())

        assert [True, False] == found

    def test_mapping_is_of_the_search(self):
        """
        mmap acts when a folder is loaded: the cells with it and without share one build.
        """
        assert "mmap" in search_options(Faiss("SQ8"))
        assert "mmap" in search_options(Faiss("SQ8,RFlat"))
        assert 'Faiss("SQ8", mmap=True)' == spell(Faiss("SQ8", mmap=True))

    @pytest.mark.parametrize("factory", ["PQ4x4fs", "RaBitQfs,RFlat", "IVF4,PQ4x4fs"])
    def test_not_mapped(self, factory):
        """
        FAISS reads the codes of its quick scans, whatever it is told: mmap beside them is refused.
        """
        with pytest.raises(ValueError, match=rf"found the factory '{factory}', whose quick scan \(fs\)"):
            Faiss(factory, mmap=True)

    @pytest.mark.parametrize("factory", ["PQ5", "OPQ5,PQ5", "LSH"])
    def test_other_dimensions(self, factory):
        """
        A factory that does not suit the vectors is a state of the cell, when built and when predicted.
        """
        reason = r"cannot be made for vectors of 16 dimensions compared by inner product: .* FAISS says"

        with pytest.raises(Unsupported, match=reason):
            Faiss(factory).build(VECTORS)
        with pytest.raises(Unsupported, match=reason):
            Faiss(factory).predict_ledger(300, 16, 4800)


class TestForetold:
    @pytest.mark.slow
    @pytest.mark.parametrize("oversampling", [None, 4])
    @pytest.mark.parametrize("factory", FACTORIES)
    def test_to_the_byte(self, factory, oversampling):
        """
        What a codec weighs follows from passages and dimensions, component by component, without training.
        """
        storage = Faiss(factory, oversampling=oversampling)

        predicted = storage.predict_ledger(300, 16, None)

        storage.build(VECTORS)
        assert is_deterministic(storage)
        assert storage.ledger() == predicted

    @pytest.mark.parametrize("factory", ["HNSW8", "HNSW16,SQ8", "HNSW8,RFlat"])
    def test_graphs(self, factory):
        """
        A graph draws its levels: it says that its bytes do not follow, and predicts them to 2 % in some thousands.
        """
        vectors = np.random.default_rng(1).random((2000, 8), np.float32)
        storage = built(Faiss(factory), vectors)

        predicted = storage.predict_ledger(2000, 8, None)

        assert not is_deterministic(storage)
        assert storage.ledger().keys() == predicted.keys()
        assert pytest.approx(storage.ledger()["graph"], rel=0.02) == predicted["graph"]
        assert pytest.approx(sum(storage.ledger().values()), rel=0.02) == sum(predicted.values())

    @pytest.mark.parametrize("factory", ["IVF4,PQ4x4fs", "NSG8", "RQ4x4", "IVF4_HNSW8,Flat"])
    def test_no_formula(self, factory):
        """
        Lists filled up block by block, and what has no formula here: an estimate, and it says so.
        """
        assert not is_deterministic(Faiss(factory))

    @pytest.mark.slow
    def test_by_distance(self):
        """
        A factory that suits only what stands for L2, which is held without its last dimension, is predicted for that.
        """
        passages = l2_augmented(VECTORS, "passage")

        assert built(Faiss("PQ4x4"), passages).ledger() == Faiss("PQ4x4").predict_ledger(300, 17, None)
        assert built(Faiss("LSH"), passages).ledger() == Faiss("LSH").predict_ledger(300, 17, None)

    def test_without_making_it(self):
        """
        A hundred million passages are predicted.
        """
        predicted = Faiss("RaBitQ", oversampling=4).predict_ledger(10**8, 384, None)

        assert (56 * 10**8, 1536 * 10**8) == (predicted["vectors"], predicted["rescoring"])


class TestRealVectors:
    @pytest.fixture(scope="class")
    @classmethod
    def embedded(cls):
        passage_set = loader.load("primer")
        encoder = BiEncoder("all-MiniLM-L6-v2")
        encoder.fit(passage_set.passages)
        vectors = encoder.encode(passage_set.passages, "passage"), encoder.encode(passage_set.queries, "query")
        return *vectors, built(Flat(), vectors[0]).search(vectors[1], 10)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("storage", "least"),
        [
            (Faiss("SQ8"), 0.99),
            (Faiss("SQbf16"), 0.99),
            (Faiss("RaBitQ", oversampling=4), 0.985),
            (Faiss("RaBitQ", qb=0, oversampling=4), 0.985),
        ],
        ids=repr,
    )
    def test_agreement(self, embedded, storage, least):
        """
        Of MiniLM's vectors one byte a dimension loses next to nothing, and one bit with rescoring hardly more.
        """
        passages, queries, exact = embedded

        hits = built(storage, passages).search(queries, 10)

        assert overlap(hits, exact) >= least

    @pytest.mark.slow
    @pytest.mark.skipif("SPARRING_DATA" not in os.environ, reason="SPARRING_DATA names no folder with xquad-en")
    def test_bag_of_words(self):
        """
        Term vectors held dense are found by codes as well, by the rule of sparse ones.
        """
        from retrievers.encoders.lexical import BM25

        passage_set = loader.load("xquad-en")
        encoder = BM25()
        encoder.fit(passage_set.passages)
        passages, queries = (
            encoder.encode(passage_set.passages, "passage"),
            encoder.encode(passage_set.queries, "query"),
        )

        hits = built(Faiss("SQ8", oversampling=4), passages).search(queries, 10)

        assert overlap(hits, built(Flat(), passages).search(queries, 10)) >= 0.99
