"""COO, CSR and CSC: layouts, dtypes, files; held to brute force with the kernel and without."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrievers.conformance import same_hits
from retrievers.conformance.hits import brute_force
from retrievers.contract import Unsupported, is_deterministic, is_exact, options_of, search_options
from retrievers.storages import _sparse
from retrievers.storages.codecs.impacts import information_bounds, ladder, quantised, smallest_uint
from retrievers.storages.coo import COO
from retrievers.storages.csc import CSC
from retrievers.storages.csr import CSR
from retrievers.storages.search import kernels, searches

FORMATS = [COO, CSR, CSC]
DTYPES = ["float32", "float16", "uint8"]
each_format = pytest.mark.parametrize("new", FORMATS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
PATHS = ["kernel", "plain"]
ROUNDING = 2e-5  # of float32, in sums of a few products below 10


def dense(*rows):
    return np.array(rows, np.float32)


def held(storage):
    """The matrix that a storage stands for, read off its arrays number by number: float64."""
    n, dims = storage.shape
    arrays = {name: array.tolist() for name, array in storage.arrays.items()}
    places = range(len(arrays["values"]))
    if isinstance(storage, COO):
        rows, columns = arrays["rows"], arrays["columns"]
    else:
        offsets = arrays["offsets"]
        line = [sum(offset <= place for offset in offsets) - 1 for place in places]
        rows, columns = (line, arrays["indices"]) if isinstance(storage, CSR) else (arrays["indices"], line)
    matrix = np.zeros((n, dims))
    for place in places:
        column = columns[place]
        scale = float(ladder(storage.top)[arrays["scales"][column]]) if "scales" in arrays else 1.0
        assert matrix[rows[place], column] == 0
        matrix[rows[place], column] = arrays["values"][place] * scale
        assert matrix[rows[place], column] != 0
    return matrix


def check_rounded(matrix, queries, hits, positive):
    """
    Hits are the best by float64 to ROUNDING, each with its passage's score.

    Where terms cancel, what float32 leaves of them is no score: it is not looked at, neither here nor there.
    """
    scores = queries.astype(np.float64) @ matrix.T
    expected, found = brute_force(matrix, queries, hits.rows.shape[1], positive=positive).scores, hits.scores
    traces = [positive & (np.abs(each) < ROUNDING) for each in (expected, found)]
    np.testing.assert_allclose(
        *(np.where(trace, -np.inf, each) for trace, each in zip(traces, (expected, found), strict=True)),
        rtol=0,
        atol=ROUNDING,
    )
    query, rank = np.nonzero(hits.rows >= 0)
    np.testing.assert_allclose(scores[query, hits.rows[query, rank]], found[query, rank], rtol=0, atol=ROUNDING)


@st.composite
def collections(draw):
    """Passages and queries with small whole numbers (sums exact, ties real), some empty, and a k."""
    n, dims, n_queries = draw(st.integers(0, 7)), draw(st.integers(0, 5)), draw(st.integers(0, 4))
    number = st.sampled_from([0, 0, 0, 1, 1, 2, -1, -3])
    row = st.lists(number, min_size=dims, max_size=dims)
    passages = np.array(draw(st.lists(row, min_size=n, max_size=n)), np.float32).reshape(n, dims)
    queries = np.array(draw(st.lists(row, min_size=n_queries, max_size=n_queries)), np.float32).reshape(n_queries, dims)
    return passages, queries, draw(st.sampled_from([0, 1, 2, n, n + 5]))


class TestSearch:
    @pytest.mark.slow
    @each_format
    @each_dtype
    @pytest.mark.parametrize("path", PATHS)
    @given(collection=collections(), is_sparse=st.booleans(), sparse_queries=st.booleans())
    @settings(deadline=None, max_examples=50)
    def test_brute_force(self, new, dtype, path, collection, is_sparse, sparse_queries):
        """
        Every format finds what brute force finds in the matrix that it stands for.
        """
        passages, queries, k = collection
        if dtype == "uint8":
            passages = np.abs(passages)
        storage = new(dtype=dtype)
        storage.build(csr_array(passages) if is_sparse else passages)
        matrix = held(storage)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "available", lambda: path == "kernel")
            hits = storage.search(csr_array(queries) if sparse_queries else queries, k)

        expected = brute_force(matrix, queries, k, positive=is_sparse)
        assert (len(queries), k) == hits.rows.shape
        if dtype == "uint8":
            check_rounded(matrix, queries, hits, positive=is_sparse)
            assert np.allclose(passages, matrix, rtol=0, atol=3 / 255)
        else:
            assert passages.tolist() == matrix.tolist()
            assert expected.rows.tolist() == hits.rows.tolist()
            assert expected.scores.tolist() == hits.scores.tolist()

    @pytest.mark.slow
    @each_format
    @each_dtype
    def test_kernel_and_plain_path(self, new, dtype, monkeypatch):
        """
        On a matrix of several ranges of passages, and queries of 1 to 500 terms, both paths find the same.
        """
        pytest.importorskip("numba", reason="the extra `fast` is not installed")
        random = np.random.default_rng(5)
        n, dims = 70_000, 600
        columns = random.integers(0, dims, n * 3)
        rows = np.sort(random.integers(0, n, n * 3))
        weights = random.integers(1, 30, n * 3).astype(np.float32)
        passages = csr_array((weights, (rows, columns)), shape=(n, dims))
        widths = [1, 2, 5, 500, 0, *[10] * 40]
        queries = np.zeros((len(widths), dims), np.float32)
        for query, width in enumerate(widths):
            queries[query, random.choice(dims, width, replace=False)] = random.integers(1, 5, width)
        storage = new(dtype=dtype)
        storage.build(passages)

        found = storage.search(csr_array(queries), 20)
        alone = storage.search(csr_array(queries[3:4]), 20)
        monkeypatch.setattr(kernels, "available", lambda: False)
        plain = storage.search(csr_array(queries), 20)

        assert [] == same_hits(plain, found)
        assert found.rows[3].tolist() == alone.rows[0].tolist()
        assert [-1] * 20 == found.rows[4].tolist()

    @each_format
    def test_query_terms_in_any_order(self, new):
        """
        A query may name its terms in any order, one twice, and one with weight 0.
        """
        storage = new()
        storage.build(csr_array(dense([0, 2, 1], [3, 1, 0], [0, 0, 5])))
        query = csr_array((np.array([1, 2, 0, 1], np.float32), np.array([1, 0, 2, 1]), np.array([0, 4])), shape=(1, 3))

        hits = storage.search(query, 3)

        assert [[1, 0, -1]] == hits.rows.tolist()
        assert [[8, 4, -math.inf]] == hits.scores.tolist()

    @each_format
    @pytest.mark.parametrize("path", PATHS)
    def test_threads(self, new, path, monkeypatch):
        """
        Queries cut among threads have the hits that they have together.
        """
        random = np.random.default_rng(7)
        storage = new()
        storage.build(csr_array(random.integers(0, 3, (50, 8)).astype(np.float32)))
        queries = csr_array(random.integers(0, 2, (20, 8)).astype(np.float32))
        monkeypatch.setattr(kernels, "available", lambda: path == "kernel")
        monkeypatch.setattr(kernels, "threads", lambda: 1)
        together = storage.search(queries, 5)

        monkeypatch.setattr(kernels, "threads", lambda: 3)
        found = storage.search(queries, 5)

        assert together.rows.tolist() == found.rows.tolist()
        assert together.scores.tolist() == found.scores.tolist()

    @each_format
    def test_rows_in_several_goes(self, new, monkeypatch):
        """
        The plain path hands rows to scipy some at a time; where they are cut does not show.
        """
        random = np.random.default_rng(9)
        storage = new()
        storage.build(csr_array(random.integers(0, 3, (50, 8)).astype(np.float32)))
        queries = dense([1, 0, 2, 0, 1, 0, 0, 3])
        expected = storage.search(queries, 50)
        monkeypatch.setattr(kernels, "available", lambda: False)
        monkeypatch.setattr(searches, "PLAIN_ROWS", 7)

        found = storage.search(queries, 50)

        assert expected.rows.tolist() == found.rows.tolist()


class TestBuild:
    @each_format
    def test_zeros_and_doubles(self, new):
        """
        Stored zeros are left out, numbers in one place are summed, and the matrix that was given stays as it was.
        """
        values, columns, offsets = dense(1, 0, 2, 3, -3), np.array([1, 0, 1, 0, 0]), np.array([0, 3, 5])
        given = csr_array((values, columns, offsets), shape=(2, 2))
        storage = new()

        storage.build(given)

        assert [[0, 3], [0, 0]] == held(storage).tolist()
        assert [1] == [len(storage.arrays["values"])]
        assert [1, 0, 2, 3, -3] == given.data.tolist()
        assert [1, 0, 1, 0, 0] == given.indices.tolist()

    @each_format
    def test_claims(self, new):
        """
        float32 alone is exact; the bytes are predicted; mmap acts when it is loaded.
        """
        assert [True, False, False] == [is_exact(new(dtype=dtype)) for dtype in DTYPES]
        assert is_deterministic(new())
        assert ("mmap",) == search_options(new())
        assert [new().__class__.__name__ + '(dtype="uint8", mmap=True)'] == [repr(new(dtype="uint8", mmap=True))]

    @each_format
    def test_unknown_dtype(self, new):
        """
        A dtype that is none of the three is refused by name.
        """
        with pytest.raises(ValueError, match="expected dtype to be one of float32, float16, uint8, found 'int8'"):
            new(dtype="int8")

    @each_format
    def test_what_a_dtype_can_not_hold(self, new):
        """
        Numbers beyond float16, and negative ones in uint8, are refused, and what was held stays.
        """
        half, codes = new(dtype="float16"), new(dtype="uint8")
        half.build(dense([7]))

        with pytest.raises(Unsupported, match=r'\(dtype="float16"\): float16 holds numbers up to 65504: found 70000'):
            half.build(dense([1, 70000]))
        with pytest.raises(Unsupported, match="uint8 holds impacts, from 0 up: found -1: take float32 or float16"):
            codes.build(dense([1, -1]))
        assert [[7]] == held(half).tolist()


class TestBytes:
    @each_format
    @each_dtype
    @given(collection=collections(), n=st.sampled_from([None, 300]))
    @settings(deadline=None, max_examples=30)
    def test_predicted(self, new, dtype, collection, n):
        """
        The ledger is predicted exactly from passages, dimensions and non-zeros, and is that of the arrays.
        """
        passages = np.abs(collection[0])
        if n is not None:
            passages = np.resize(passages, (n, passages.shape[1])) if passages.size else passages
        storage = new(dtype=dtype)

        storage.build(csr_array(passages))

        assert storage.ledger() == storage.predict_ledger(*passages.shape, np.count_nonzero(passages))
        assert sum(array.nbytes for array in storage.arrays.values()) == sum(storage.ledger().values())

    def test_by_hand(self):
        """
        Three numbers in three passages of four dimensions: a byte a position, a byte an offset, 4 a number.
        """
        matrix = csr_array(dense([0, 2, 0, 0], [3, 1, 0, 0], [0, 0, 0, 0]))
        ledgers = {}
        for storage in (COO(), CSR(), CSC(), CSC(dtype="uint8")):
            storage.build(matrix)
            ledgers[repr(storage)] = storage.ledger()

        assert {
            "COO()": {"values": 12, "rows": 3, "columns": 3},
            "CSR()": {"values": 12, "indices": 3, "offsets": 4},
            "CSC()": {"values": 12, "indices": 3, "offsets": 5},
            'CSC(dtype="uint8")': {"values": 3, "indices": 3, "offsets": 5, "scales": 4},
        } == ledgers

    @pytest.mark.parametrize(
        ("most", "nbytes"), [(-1, 1), (0, 1), (255, 1), (256, 2), (65535, 2), (65536, 4), (2**32 - 1, 4), (2**32, 8)]
    )
    def test_smallest_fitting(self, most, nbytes):
        """
        An index takes 1, 2, 4 or 8 bytes, as few as hold the greatest.
        """
        assert nbytes == smallest_uint(most).itemsize

    def test_nothing_built(self):
        """
        A storage that holds nothing weighs nothing, by the names that it will have, and knows no bounds.
        """
        storage = CSC(dtype="uint8")

        assert {"values": 0, "indices": 0, "offsets": 0, "scales": 0} == storage.ledger()
        assert {"position_bound_bits": None, "value_bound_bits": None} == storage.describe()


class TestBounds:
    def test_by_hand(self):
        """
        One of four passages takes 2 bits to name, four of four none; three values alike and two others: 1.37 bits.
        """
        bounds = information_bounds(np.array([1, 4, 0]), 4, np.array([5, 5, 5, 1, 2], np.uint8))

        entropy = -(3 / 5 * math.log2(3 / 5) + 2 * 1 / 5 * math.log2(1 / 5))
        assert pytest.approx(2 / 5) == bounds["position_bound_bits"]
        assert pytest.approx(entropy) == bounds["value_bound_bits"]

    @each_format
    def test_told(self, new, tmp_path):
        """
        What is held tells its bounds, also once loaded: the same in every format.
        """
        storage = new()
        storage.build(csr_array(dense([1, 2], [0, 2], [0, 2], [0, 2])))
        storage.save(tmp_path)
        loaded = new()
        loaded.load(tmp_path)

        entropy = -(4 / 5 * math.log2(4 / 5) + 1 / 5 * math.log2(1 / 5))
        expected = {"position_bound_bits": pytest.approx(2 / 5), "value_bound_bits": pytest.approx(entropy)}
        assert expected == storage.describe() == loaded.describe()


class TestValues:
    @given(values=st.lists(st.floats(2.0**-80, 2.0**127, width=32), min_size=1, max_size=20))
    @settings(deadline=None, max_examples=100)
    def test_codes(self, values):
        """
        A code is at least 1 and stands for its number to half a step; the greatest of a column takes over 220 codes.
        """
        data = np.array(values, np.float32)

        codes, scales = quantised(data, np.zeros(len(data), np.int32), 1, "uint8")

        step = scales.of(np.zeros(1, np.int32)).astype(np.float64)[0]
        assert codes.min() >= 1
        assert (np.abs(codes * step - data) <= np.maximum(step / 2, step - data) * (1 + 1e-5)).all()
        assert codes.max() > 220

    def test_scales(self):
        """
        Of the largest number a 255th, at most a power of 2 above, is where scales end; steps are 8 an octave.
        """
        _, scales = quantised(dense(255, 255 * 2**-0.125, 255 * 2**-10, 255 * 3, 1e-30), np.arange(5), 5, "uint8")

        assert ([239, 238, 159, 252, 0], 2) == (scales.steps.tolist(), scales.top)
        assert pytest.approx([1, 2**-0.125, 2**-10, 2**1.625, 2**-29.875]) == scales.of(np.arange(5)).tolist()

    @each_format
    @given(exponent=st.integers(-60, 60))
    @settings(deadline=None, max_examples=30)
    def test_scaled_by_a_power_of_two(self, new, exponent):
        """
        All values times a power of 2, the smallest and the greatest too, have the same hits in uint8, scores times it.
        """
        random = np.random.default_rng(13)
        values = random.lognormal(0, 2, (30, 6)) * random.integers(0, 2, (30, 6))
        values[:, 5] *= 2.0**-40  # beyond the ladder
        queries = np.eye(6, dtype=np.float32)
        storage, scaled = new(dtype="uint8"), new(dtype="uint8")
        storage.build(csr_array(values.astype(np.float32)))
        scaled.build(csr_array(np.ldexp(values.astype(np.float32), exponent)))

        expected, found = storage.search(queries, 30), scaled.search(queries, 30)

        assert expected.rows.tolist() == found.rows.tolist()
        assert np.ldexp(expected.scores, exponent).tolist() == found.scores.tolist()
        assert storage.arrays["values"].tolist() == scaled.arrays["values"].tolist()

    def test_beyond_the_scales(self):
        """
        A column more than 32 octaves below the largest keeps its numbers, as codes from 1 of the lowest scale.
        """
        codes, scales = quantised(dense(2.0**40, 2.0**-10, 3e-39), np.array([0, 1, 2]), 3, "uint8")

        assert [1, 1] == codes[1:].tolist()
        assert [0, 0] == scales.steps[1:].tolist()

    def test_the_smallest_numbers(self):
        """
        Numbers of which a 255th is no normal float32 keep codes that ascend as they do.
        """
        codes, scales = quantised(dense(1e-37, 4e-37, 1e-44), np.zeros(3, np.int32), 1, "uint8")

        assert sorted(codes[:2].tolist()) == codes[:2].tolist()
        assert 1 == codes[2]
        assert (scales.of(np.zeros(1, np.int32)) >= np.finfo(np.float32).tiny).all()

    def test_columns_have_scales_of_their_own(self):
        """
        A column of small numbers is no coarser for one of great ones beside it.
        """
        codes, scales = quantised(dense(100, 50, 0.1, 0.05), np.array([0, 0, 2, 2]), 3, "uint8")

        held = codes * scales.of([0, 0, 2, 2])
        assert np.allclose([100, 50, 0.1, 0.05], held, rtol=0.01, atol=0)

    def test_no_half_is_lost(self):
        """
        What float16 would round to 0 is held as its smallest number, with its sign.
        """
        values, scales = quantised(dense(1e-9, -1e-9, 1.5), np.zeros(3, np.int32), 1, "float16")

        smallest = 2.0**-24
        assert [smallest, -smallest, 1.5] == values.tolist()
        assert scales is None


class TestFiles:
    @pytest.mark.slow
    @each_format
    @each_dtype
    @pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])
    @pytest.mark.parametrize("n", [0, 1, 30])
    def test_saved_and_loaded(self, new, dtype, mmap, n, tmp_path):
        """
        Loaded or mapped, a storage finds the same and weighs the same, and says when its files are mapped.
        """
        vectors = csr_array(np.random.default_rng(3).integers(0, 3, (n, 6)).astype(np.float32))
        queries = dense([1, 0, 2, 0, -1, 0], [0, 0, 0, 0, 0, 0])
        storage = new(dtype=dtype)
        storage.build(vectors)
        storage.save(tmp_path / "folder")
        loaded = new(**options_of(storage) | {"mmap": mmap})

        loaded.load(tmp_path / "folder")

        expected, found = storage.search(queries, 9), loaded.search(queries, 9)
        assert expected.rows.tolist() == found.rows.tolist()
        assert expected.scores.tolist() == found.scores.tolist()
        assert storage.ledger() == loaded.ledger()
        assert mmap == ("memory_mapped" in loaded.describe())
        assert "memory_mapped" not in storage.describe()

    @each_format
    def test_folder_of_another_dtype(self, new, tmp_path):
        """
        What was saved as one dtype is not loaded as another.
        """
        storage = new(dtype="float16")
        storage.build(dense([1, 2]))
        storage.save(tmp_path)

        with pytest.raises(ValueError, match="found values of float16: load it into a storage of the same dtype"):
            new().load(tmp_path)

    @pytest.mark.parametrize(("saved", "loaded"), [(CSR, CSC), (CSC, CSR), (CSC, COO)])
    def test_folder_of_another_storage(self, saved, loaded, tmp_path):
        """
        What one storage saved is not loaded by another; the message names both.
        """
        storage = saved()
        storage.build(dense([1, 2]))
        storage.save(tmp_path)

        with pytest.raises(ValueError, match=f"saved by {loaded.__name__}, found {saved.__name__}: load it"):
            loaded().load(tmp_path)

    @pytest.mark.parametrize(
        ("new", "name", "damage", "expected"),
        [
            (CSC, "indices", {1: 4}, "indices.npy is damaged: expected numbers below 4"),
            (CSC, "indices", {1: 2}, "indices.npy is damaged: expected the passages of each list ascending"),
            (CSC, "indices", {4: 0}, "indices.npy is damaged: expected the passages of each list ascending"),
            (
                CSC,
                "offsets",
                {1: 9},
                "offsets.npy is damaged: expected offsets that ascend from 0 to the number of values, 5",
            ),
            (CSC, "offsets", {0: 1}, "offsets.npy is damaged: expected offsets that ascend from 0"),
            (CSC, "offsets", {3: 4}, "offsets.npy is damaged: expected offsets that ascend from 0"),
            (CSC, "offsets", slice(3), "offsets.npy is damaged: expected 4 offsets"),
            (
                CSC,
                "values",
                slice(4),
                "offsets.npy is damaged: expected offsets that ascend from 0 to the number of values, 4",
            ),
            (CSR, "indices", {0: 3}, "indices.npy is damaged: expected numbers below 3"),
            (CSR, "indices", slice(4), "indices.npy is damaged: expected as many as there are values, 5"),
            (CSR, "offsets", {1: 3, 2: 1}, "offsets.npy is damaged: expected offsets that ascend from 0"),
            (COO, "rows", {4: 4}, "rows.npy is damaged: expected numbers below 4"),
            (COO, "columns", {0: 3}, "columns.npy is damaged: expected numbers below 3"),
            (COO, "columns", slice(4), "columns.npy is damaged: expected as many as there are values, 5"),
        ],
    )
    def test_damaged_positions(self, new, name, damage, expected, tmp_path):
        """
        Positions that no search could follow are refused when they are loaded, by the name of their file.
        """
        storage = new()
        storage.build(csr_array(dense([0, 2, 1], [3, 1, 0], [0, 0, 5], [0, 0, 0])))
        storage.save(tmp_path)
        array = np.load(tmp_path / f"{name}.npy")
        for place, number in damage.items() if isinstance(damage, dict) else ():
            array[place] = number
        np.save(tmp_path / f"{name}.npy", array[damage] if isinstance(damage, slice) else array)

        with pytest.raises(ValueError, match=f"{expected}.*: build and save it anew"):
            new().load(tmp_path)

    def test_damaged_sizes_of_mapped_files(self, tmp_path):
        """
        Of mapped files it is the sizes that must agree.
        """
        storage = CSC()
        storage.build(csr_array(dense([0, 2, 1], [3, 1, 0])))
        storage.save(tmp_path)
        np.save(tmp_path / "indices.npy", storage.arrays["indices"][1:])

        with pytest.raises(ValueError, match=r"indices.npy is damaged: expected as many as there are values, 4"):
            CSC(mmap=True).load(tmp_path)

    @given(numbers=st.lists(st.integers(0, 5), max_size=12))
    @settings(deadline=None)
    def test_falls(self, numbers):
        """
        Where numbers do not rise is found some at a time, also where one chunk meets the next.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_sparse, "CHUNK", 3)

            found = _sparse.not_above(np.array(numbers, np.uint8))

        assert [i for i in range(1, len(numbers)) if numbers[i] <= numbers[i - 1]] == found.tolist()
