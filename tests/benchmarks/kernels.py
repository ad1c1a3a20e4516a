"""
How fast the exact searches are beside their peers: `make bench-kernels`, a benchmark and not a test.

`CSC()` against bm25s with its numba backend, on one BM25 matrix; `Flat()` against faiss.IndexFlatIP, on random unit
vectors. Hits are compared first. In each round one follows the other, so that a busy machine slows both; what is
told is the ratio of their times, round by round. Best on an idle machine all the same. What bm25s compiles is called
alone too, so that it is seen how much of its time for a single query is spent in Python.

`python -m tests.benchmarks.kernels FILE.json` prints the tables of what pytest-benchmark wrote.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.instruments import environment, processor
from bench.passages import loader
from retrievers.conformance import same_hits
from retrievers.contract import Hits
from retrievers.encoders.lexical import BM25
from retrievers.storages.csc import CSC
from retrievers.storages.flat import Flat
from retrievers.storages.search import kernels

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 15
N_QUERIES, N_DENSE_QUERIES, DIMS = 200, 32, 384
K1, B = 0.9, 0.4
LIBRARIES = ("bm25s", "faiss-cpu", "numba", "numpy", "scipy")
modes = pytest.mark.parametrize("mode", ["single", "batch"])


@functools.cache
def collection() -> tuple[str, np.ndarray, np.ndarray, csr_array]:
    """What passages are drawn from: its name, how often each term comes, lengths of passages, queries (counts)."""
    if os.environ.get("SPARRING_DATA"):
        squad, encoder = loader.load("squad"), BM25()
        encoder.fit(squad.passages)
        terms = [encoder._terms(passage) for passage in squad.passages]
        often = np.bincount([encoder.vocabulary[term] for passage in terms for term in passage])
        queries = encoder.encode(squad.queries, "query")
        answerable = np.flatnonzero(np.diff(queries.indptr))
        drawn = np.random.default_rng(7).choice(answerable, N_QUERIES, replace=False)
        return "SQuAD's terms, lengths and queries", often, np.array([len(one) for one in terms]), queries[drawn]
    random = np.random.default_rng(7)
    often = 1 / np.arange(1, 20_001)
    lengths = random.integers(40, 160, 2_000)
    terms = random.choice(len(often), (N_QUERIES, 7), p=np.sqrt(often) / np.sqrt(often).sum())
    counts = csr_array((np.ones(terms.size, np.float32), (np.repeat(np.arange(N_QUERIES), 7), terms.ravel())))
    counts.resize(N_QUERIES, len(often))
    return "Zipf's law, 20,000 terms", often, lengths, counts


@functools.lru_cache(1)
def weighted(n: int) -> csr_array:
    """BM25 weights of n seeded passages, their terms drawn one by one, (n, vocabulary) float32."""
    _, often, known, _ = collection()
    random, shares, parts = np.random.default_rng(7), np.cumsum(often) / np.sum(often), []
    for first in range(0, n, 20_000):
        lengths = random.choice(known, min(20_000, n - first))
        terms = np.minimum(np.searchsorted(shares, random.random(lengths.sum())), len(often) - 1)
        places, counts = np.unique(np.repeat(np.arange(len(lengths)), lengths) * len(often) + terms, return_counts=True)
        rows, columns = np.divmod(places, len(often))
        tf = counts / (counts + K1 * (1 - B + B * lengths[rows] / known.mean()))
        parts.append((tf.astype(np.float32), columns.astype(np.int32), np.bincount(rows, minlength=len(lengths))))
    values, columns, lengths = (np.concatenate(part) for part in zip(*parts, strict=True))
    df = np.bincount(columns, minlength=len(often))
    values *= np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32)[columns]
    return csr_array((values, columns, np.concatenate([[0], np.cumsum(lengths)])), shape=(n, len(often)))


@functools.lru_cache(1)
def inverted(n: int) -> tuple[CSC, object]:
    """The same matrix in our inverted lists and in theirs."""
    import bm25s

    ours = CSC()
    ours.build(weighted(n))
    turned = weighted(n).tocsc()
    theirs = bm25s.BM25(backend="numba")
    theirs.scores = {"data": turned.data, "indices": turned.indices, "indptr": turned.indptr, "num_docs": n}
    theirs.vocab_dict, theirs.nonoccurrence_array = {}, None
    theirs.unique_token_ids_set = set(range(turned.shape[1]))
    return ours, theirs


def compiled_alone(theirs, tokens: list[int], k: int) -> Callable[[], object]:
    """A call of what bm25s compiles, without what its `retrieve` does before and after."""
    from bm25s.numba.retrieve_utils import _retrieve_internal_jitted_serial

    return functools.partial(
        _retrieve_internal_jitted_serial,
        query_pointers=np.array([0, len(tokens)], theirs.int_dtype),
        query_tokens_ids_flat=np.array(tokens, theirs.int_dtype),
        k=k,
        sorted=True,
        dtype=np.dtype(theirs.dtype),
        int_dtype=np.dtype(theirs.int_dtype),
        data=theirs.scores["data"],
        indptr=theirs.scores["indptr"],
        indices=theirs.scores["indices"],
        num_docs=theirs.scores["num_docs"],
        nonoccurrence_array=None,
        weight_mask=None,
    )


@functools.lru_cache(1)
def unit_vectors(n: int) -> np.ndarray:
    vectors = np.random.default_rng(7).standard_normal((n, DIMS), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


@functools.lru_cache(1)
def flat(n: int) -> tuple[Flat, object]:
    """The same vectors in ours and in theirs."""
    import faiss

    ours, theirs = Flat(), faiss.IndexFlatIP(DIMS)
    ours.build(unit_vectors(n))
    theirs.add(unit_vectors(n))
    return ours, theirs


def paired(benchmark, searches: dict[str, Callable[[], object]], n_queries: int, **conditions) -> None:
    """One after the other, ROUNDS times; seconds a query of each, round by round, are kept beside the conditions."""
    seconds: dict[str, list[float]] = {name: [] for name in searches}

    def round_() -> None:
        turn = len(seconds["ours"]) % 2  # who begins alternates too
        for name, search in list(searches.items())[:: 1 - 2 * turn]:
            start = time.perf_counter()
            search()
            seconds[name].append((time.perf_counter() - start) / n_queries)

    for search in searches.values():
        search()  # warm
    benchmark.pedantic(round_, rounds=ROUNDS, iterations=1)
    benchmark.extra_info |= conditions | seconds
    benchmark.extra_info["date"] = datetime.now(UTC).date().isoformat()
    benchmark.extra_info["cpu"] = f"{environment.machine()[1]}, {processor.cores()} cores"
    benchmark.extra_info["versions"] = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)


@modes
@pytest.mark.parametrize("k", [10, 100])
@pytest.mark.parametrize("n", SIZES)
def test_inverted_lists(benchmark, monkeypatch, n, k, mode):
    """
    CSC and bm25s find the same, one thread each.
    """
    monkeypatch.setattr(kernels, "threads", lambda: 1)
    source, _, _, queries = collection()
    ours, theirs = inverted(n)
    tokens = [
        np.repeat(queries.indices[a:b], queries.data[a:b].astype(int)).tolist()
        for a, b in zip(queries.indptr[:-1], queries.indptr[1:], strict=True)
    ]

    def theirs_on(some: list[list[int]]) -> Hits:
        return theirs.retrieve(some, k=k, show_progress=False, n_threads=1)

    found = theirs_on(tokens)
    found = Hits(np.where(found[1] > 0, found[0], -1), np.where(found[1] > 0, found[1], -np.inf))
    hits = ours.search(queries, k)
    # Of passages that tie they keep any, and give none an order: scores are compared, and what stands for sure.
    np.testing.assert_allclose(hits.scores, found.scores, rtol=1e-5)
    last = found.scores[:, -1:] * (1 + 1e-5)
    sure = [set(rows[keep].tolist()) for rows, keep in zip(found.rows, found.scores > last, strict=True)]
    assert all(one <= set(rows.tolist()) for one, rows in zip(sure, hits.rows, strict=True))

    alone = [queries[i : i + 1] for i in range(N_QUERIES)]
    compiled = [compiled_alone(theirs, one, k) for one in tokens]
    one_by_one = {
        "ours": lambda: [ours.search(one, k) for one in alone],
        "theirs": lambda: [theirs_on([one]) for one in tokens],
        "compiled": lambda: [search() for search in compiled],
    }
    together = {"ours": lambda: ours.search(queries, k), "theirs": lambda: theirs_on(tokens)}
    terms = queries.nnz / N_QUERIES
    conditions = {"table": "inverted lists", "n": n, "k": k, "mode": mode, "threads": 1, "source": source}
    paired(benchmark, one_by_one if mode == "single" else together, N_QUERIES, terms=terms, **conditions)


@modes
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", SIZES)
def test_dense(benchmark, monkeypatch, n, threads, mode):
    """
    Flat and faiss find the same at k = 10, with as many threads each.
    """
    from threadpoolctl import threadpool_limits

    ours, theirs = flat(n)
    queries = np.random.default_rng(8).standard_normal((N_DENSE_QUERIES, DIMS), np.float32)
    monkeypatch.setattr(kernels, "threads", lambda: threads)

    with threadpool_limits(threads):
        scores, rows = theirs.search(queries, 10)
        assert [] == same_hits(Hits(rows, scores), ours.search(queries, 10))

        alone = [queries[i : i + 1] for i in range(N_DENSE_QUERIES)]
        one_by_one = {
            "ours": lambda: [ours.search(one, 10) for one in alone],
            "theirs": lambda: [theirs.search(one, 10) for one in alone],
        }
        together = {"ours": lambda: ours.search(queries, 10), "theirs": lambda: theirs.search(queries, 10)}
        conditions = {"table": "dense", "n": n, "k": 10, "mode": mode, "threads": threads, "source": f"{DIMS} dims"}
        paired(benchmark, one_by_one if mode == "single" else together, N_DENSE_QUERIES, **conditions)


TITLES = {
    "inverted lists": "`CSC()` and bm25s (backend numba)",
    "dense": f"`Flat()` and faiss.IndexFlatIP, {DIMS} dimensions",
}


def tables(written: dict) -> str:
    """What pytest-benchmark wrote as markdown: the median of each, and of the ratio with its quartiles and extremes."""
    rows = [one["extra_info"] for one in written["benchmarks"]]
    first = rows[0]
    lines = ["# Exact searches beside their peers", "", f"{first['cpu']}. {first['versions']}. {first['date']}.", ""]
    lines += [
        f"Each ratio is of one round, in which one follows the other; {ROUNDS} rounds. Below 1 ours is faster.",
        "",
    ]
    for table, title in TITLES.items():
        chosen = [row for row in rows if row["table"] == table]
        if not chosen:
            continue
        lines += [f"## {title}", "", f"{chosen[0]['source']}.", ""]
        lines += ["| passages | k | threads | queries | ours, µs | theirs, µs | ratio | quartiles | extremes |"]
        lines += ["|---:|---:|---:|---|---:|---:|---:|---|---|"]
        lines += [_line(row) for row in chosen] + [""] + _wrapper([row for row in chosen if "compiled" in row])
    return "\n".join(lines)


def _line(row: dict) -> str:
    ratios = np.divide(row["ours"], row["theirs"])
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    ours, theirs = (f"{np.median(row[name]) * 1e6:,.1f}" for name in ("ours", "theirs"))
    return (
        f"| {row['n']:,} | {row['k']} | {row['threads']} | {row['mode']} | {ours} | {theirs} | **{middle:.2f}** | "
        f"{low:.2f} to {high:.2f} | {ratios.min():.2f} to {ratios.max():.2f} |"
    )


def _wrapper(rows: list[dict]) -> list[str]:
    """How much of a single query's time in bm25s is not in what it compiles, by sizes and k."""
    if not rows:
        return []
    shares = []
    for row in rows:
        python = np.subtract(row["theirs"], row["compiled"])
        share = np.median(python / row["theirs"])
        shares.append(f"{np.median(python) * 1e6:,.0f} µs of {row['n']:,} passages at k = {row['k']} ({share:.0%})")
    told = (
        f"Of a single query's time in bm25s its Python wrapper takes {'; '.join(shares)}. That is what it takes beyond "
        f"the function that it compiles, called with arrays that are ready. Of {N_QUERIES} queries together it is "
        f"called once: the rows of batches compare what is compiled."
    )
    return [told, ""]


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
