"""The compiled top k, held to the plain one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrievers.contract import top_k
from retrievers.storages.coo import COO
from retrievers.storages.csc import CSC
from retrievers.storages.csr import CSR
from retrievers.storages.flat import Flat
from retrievers.storages.search import kernels
from retrievers.storages.search.kernels import Postings, frozen, in_parts, offsets_of

compiled = pytest.importorskip("retrievers.storages.search.compiled", reason="the extra `fast` is not installed")


@st.composite
def scores(draw):
    """Scores with many ties, longer than a block of the compiled scan and not a multiple of it; and a k."""
    n_queries, n = draw(st.integers(1, 3)), draw(st.sampled_from([0, 1, 63, 64, 65, 200, 300]))
    levels = draw(st.sampled_from([2, 5, 1000]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.integers(-levels, levels + 1, (n_queries, n)).astype(np.float32), draw(
        st.sampled_from([0, 1, 2, 10, n, n + 5])
    )


def select(found, k, *, positive):
    """The best of scores (n_queries, n), as rows of which each query asks for one column."""
    n_queries, n = found.shape
    indices, values = np.tile(np.arange(n_queries, dtype=np.uint8), n), found.T.ravel()

    def offsets(first, last):
        return np.arange(first, last + 1) * n_queries

    asked = np.eye(n_queries, dtype=np.float32)
    return kernels.best_of_rows(offsets, frozen(indices), frozen(values), asked, k, n, positive)


class TestCollect:
    @given(given=scores(), positive=st.booleans(), rows=st.sampled_from([70, 2**16]))
    @settings(deadline=None, max_examples=150)
    def test_is_top_k(self, given, positive, rows):
        """
        It keeps the very hits that contract.top_k keeps, in the same order, however many rows are looked at together.
        """
        found, k = given

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "RANGE", rows)
            hits = select(found, k, positive=positive)

        expected = top_k(found, k, positive=positive)
        assert expected.rows.tolist() == hits.rows.tolist()
        assert expected.scores.tolist() == hits.scores.tolist()
        assert (np.int64, np.float32) == (hits.rows.dtype, hits.scores.dtype)

    @pytest.mark.parametrize("order", [1, -1])
    def test_many_in_order(self, order):
        """
        Scores that rise all the way, or fall, are kept right: every one displaces another, or none does.
        """
        found = np.arange(1, 1001, dtype=np.float32)[np.newaxis, ::order]

        hits = select(found, 3, positive=True)

        assert [[1000, 999, 998]] == hits.scores.tolist()
        assert [[999, 998, 997] if order == 1 else [0, 1, 2]] == hits.rows.tolist()

    def test_arrays_of_any_kind(self):
        """
        Vectors that are read-only, or lie apart in memory, are taken, and left as they were.
        """
        vectors = np.array([[1, 9, 0, 9], [3, 9, 0, 9]], np.float32)[:, ::2]
        vectors.setflags(write=False)
        storage = Flat()

        storage.build(vectors)
        hits = storage.search(vectors[1:], 1)

        assert [[1]] == hits.rows.tolist()
        assert [[1, 0], [3, 0]] == vectors.tolist()


class TestValues:
    @pytest.mark.slow
    def test_every_half(self):
        """
        Every finite float16, the smallest too, is read as the float32 that it stands for.
        """
        halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
        halves = halves[np.isfinite(halves)]
        n = len(halves)
        one = np.ones(n, np.float32)
        everyone = Postings(frozen(np.arange(n, dtype=np.uint16)), frozen(halves), *_ends(n))

        hits = kernels.best_of_lists(everyone, one[:1], np.array([0, 1]), n, n, False)

        found = np.empty(n, np.float32)
        found[hits.rows[0]] = hits.scores[0]
        assert np.array_equal(halves.astype(np.float32), found)


class TestLists:
    def test_ranges(self, monkeypatch):
        """
        Passages of several ranges, lists that end in any of them, and terms that come twice: the sums of numpy.
        """
        random = np.random.default_rng(3)
        n, terms = 200_000, 40
        lists = [np.sort(random.choice(n, size, replace=False)) for size in random.integers(0, 30_000, terms)]
        lengths = np.array([len(one) for one in lists])
        ends = np.cumsum(lengths)
        rows = np.concatenate(lists).astype(np.uint32)
        values = random.integers(1, 9, len(rows)).astype(np.uint8)
        columns, weights = random.integers(0, terms, 25), random.integers(-2, 4, 25).astype(np.float32)
        splits = np.array([0, 1, 1, 12, 25])
        postings = Postings(frozen(rows), frozen(values), (ends - lengths)[columns], ends[columns])

        hits = kernels.best_of_lists(postings, weights, splits, 50, n, True)

        expected = np.zeros((4, n), np.float32)
        for query in range(4):
            for term in range(splits[query], splits[query + 1]):
                part = slice(postings.starts[term], postings.ends[term])
                expected[query, rows[part]] += weights[term] * values[part]
        best = top_k(expected, 50, positive=True)
        assert best.rows.tolist() == hits.rows.tolist()
        assert best.scores.tolist() == hits.scores.tolist()


class TestOffsets:
    @given(rows=st.lists(st.integers(0, 9), max_size=20), first=st.integers(0, 9), compiled=st.booleans())
    @settings(deadline=None, max_examples=60)
    def test_rows_without_any(self, rows, first, compiled):
        """
        The rows that ascending numbers stand for begin where they do; an empty one begins where it ends.
        """
        ascending = frozen(np.array(sorted(rows), np.uint8))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "available", lambda: compiled)

            offsets = offsets_of(ascending, first, 10)

        assert [sum(row < start for row in rows) for start in range(first, 11)] == offsets.tolist()


class TestParts:
    @pytest.mark.parametrize("threads", [1, 2, 3])
    @pytest.mark.parametrize("n_queries", [0, 1, 5, 8])
    def test_every_query_once(self, threads, n_queries, monkeypatch):
        """
        Queries are cut into blocks, and among threads; the answers come in their order.
        """
        monkeypatch.setattr(kernels, "threads", lambda: threads)
        scores = np.arange(n_queries, dtype=np.float32)[:, np.newaxis]

        hits = in_parts(lambda first, last: top_k(scores[first:last], 2, positive=False), n_queries, 3, 2)

        assert [[0, -1]] * n_queries == hits.rows.tolist()
        assert list(range(n_queries)) == hits.scores[:, 0].tolist()

    def test_one_thread_starts_none(self, monkeypatch):
        """
        Where the environment allows one thread, the caller's own is the one.
        """
        import threading

        monkeypatch.setattr(kernels, "threads", lambda: 1)
        seen = set()

        def search(first, last):
            seen.add(threading.get_ident())
            return top_k(np.ones((last - first, 1), np.float32), 1, positive=False)

        in_parts(search, 9, 2, 1)

        assert {threading.get_ident()} == seen


SEARCH = """
import numpy as np
from scipy.sparse import csr_array
from retrievers.storages.csc import CSC
storage = CSC()
storage.build(csr_array(np.array([[0, 2], [3, 1]], np.float32)))
print(storage.search(np.array([[0, 1]], np.float32), 2).rows.tolist())
"""


class TestNumba:
    @pytest.mark.slow
    def test_no_folder_to_keep_code_in(self, tmp_path):
        """
        Where what is compiled cannot be kept, it is compiled anew, and works.
        """
        (tmp_path / "file").write_text("not a folder")
        script = f"import numba.core.caching as c; c.CacheImpl._locator_classes = []\n{SEARCH}"
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "below"), "NUMBA_NUM_THREADS": "1"}

        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)

        assert ("[[0, 1]]\n", "") == (done.stdout, done.stderr)

    @pytest.mark.slow
    @pytest.mark.parametrize("n", [5, 300, 70_000])
    @pytest.mark.parametrize("dtype", ["float32", "uint8"])
    @pytest.mark.parametrize("new", [COO, CSR, CSC])
    def test_prepared(self, new, dtype, n):
        """
        Once prepared, and knowing nothing of its passages yet, a storage compiles nothing more when it is searched.
        """
        storage = new(dtype=dtype)
        storage.prepare()
        before = code()

        storage.build(csr_array(np.ones((n, 2), np.float32)))
        hits = storage.search(csr_array(np.ones((2, 2), np.float32)), 3)

        assert [[0, 1, 2]] * 2 == hits.rows.tolist()
        assert before == code()

    @pytest.mark.slow
    def test_without_numba(self):
        """
        Without numba the same is found, by numpy and scipy alone; preparing has nothing to do.
        """
        script = f"import sys; sys.modules['numba'] = None\n{SEARCH}storage.prepare()\n"

        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

        assert ("[[0, 1]]\n", "") == (done.stdout, done.stderr)

    @pytest.mark.slow
    def test_import_is_late(self):
        """
        Importing a storage imports no numba.
        """
        script = "import sys, retrievers.storages.csc, retrievers.storages.csr; print('numba' in sys.modules)"

        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

        assert "False\n" == done.stdout


def code():
    """How much is compiled, by function."""
    return {name: len(found.signatures) for name, found in vars(compiled).items() if hasattr(found, "signatures")}


def _ends(n):
    return np.zeros(1, np.int64), np.full(1, n, np.int64)


class TestCompiledAgain:
    """What one process had compiled, another compiles."""

    @pytest.fixture
    def found(self):
        """What searches over lists and rows, of several types, and over vectors have compiled here."""
        vectors = np.eye(3, dtype=np.float32)
        for storage in (CSC(), CSC(dtype="uint8"), CSR(dtype="float16"), CSR(), Flat()):
            storage.build(vectors if isinstance(storage, Flat) else csr_array(vectors))
            storage.search(vectors if isinstance(storage, Flat) else csr_array(vectors), 2)
        return kernels.compiled_so_far()

    def test_types_are_read_as_they_were_written(self, found):
        """
        The types of every kernel are those that numba compiled it for.
        """
        parts = [written.partition(": ") for written in found]
        read = [(name, tuple(map(kernels._type_of, types.split("; ")))) for name, _, types in parts]

        assert {"best_of_lists", "best_of_vectors"} <= {name for name, _ in read}
        assert [] == [name for name, types in read if types not in kernels._kernels()[name].signatures]

    def test_another_process(self, found):
        """
        A process that is told has the same kernels.
        """
        code = (
            "import json, sys; from retrievers.storages.search import kernels; "
            "kernels.compile_again(json.load(sys.stdin)); print(json.dumps(kernels.compiled_so_far()))"
        )

        there = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(found), capture_output=True, text=True, check=True
        )

        assert set(found) <= set(json.loads(there.stdout))

    @pytest.mark.parametrize("types", ["{}", "int64; {}", "array({}, 1d, C)"])
    def test_nothing_that_is_read_is_run(self, tmp_path, types):
        """
        What is no type is passed over, and not evaluated.
        """
        code = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()"
        before = kernels.compiled_so_far()

        kernels.compile_again([f"collect: {types.format(code)}", f"collect ({types.format(code)},)", "np: int64", ""])

        assert before == kernels.compiled_so_far()
        assert [] == list(tmp_path.iterdir())
