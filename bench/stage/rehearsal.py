"""
A rehearsal: one part on a growing share of its passages, to tell beforehand how long it will take and what it needs.

What is rehearsed is no measurement and is never recorded. As in `bench.stage.stages`, every import that takes memory
stands inside a function.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.records.schema import Fact, StageResult

if TYPE_CHECKING:
    from retrievers.contract import Adapter

SECONDS = 3.0  # a rehearsal of one part grows until it has taken this long
SHARE, LONGEST = 0.02, 20.0  # and longer, this share of what it predicts, but not longer than so many seconds
WITHOUT_A_SECOND = 15.0  # a first step whose making takes longer stays the only one
FIRST = 64  # passages it begins with; each further step takes twice as many
FIRST_ENCODED = 8  # an encoder may take a second for each
QUERIES, FEWEST_QUERIES = 32, 3  # that are asked at a step: fewer where those take longer than the step is given
WITHOUT_CORE = "without_core"  # fact: the share of the time that it could have worked in, and other work had the cores
NOISE = 1e-3  # of a dense sample's spread, so that no passage is another's copy


def of_encoder(encoder: Adapter, passages: Sequence[str], queries: Sequence[str]) -> dict[str, Fact]:
    """The steps of fitting and encoding, and of encoding queries; also `dims SIZE` and, if sparse, `nonzeros SIZE`."""
    shapes: dict[str, Fact] = {}
    by_length = sorted(passages, key=len)  # time goes by length, so that a share has to have them all

    def make(size: int) -> Callable[[], object]:
        share = among(by_length, size)

        def fit_and_encode() -> None:
            encoder.fit(share)
            shapes.update(_shape(encoder.encode(share, "passage"), size))

        return fit_and_encode

    facts = _grown(
        len(passages),
        make,
        lambda query: encoder.encode([queries[query]], "query"),
        lambda n: encoder.encode(queries[:n], "query"),
        len(queries),
        first=FIRST_ENCODED,
        grow=False,
    )
    return facts | shapes


def of_engine(engine: Adapter, passages: Sequence[str], queries: Sequence[str], k: int) -> dict[str, Fact]:
    """The steps of an engine's indexing and searching."""

    def make(size: int) -> Callable[[], object]:
        share = spread(passages, size)
        return lambda: engine.index(share)

    return _grown(
        len(passages),
        make,
        lambda query: engine.search([queries[query]], k),
        lambda n: engine.search(queries[:n], k),
        len(queries),
        lambda: _ledger_bytes(engine),
    )


def of_storage(storage: Adapter, matrix: Path, query_matrix: Path, n_passages: int, k: int) -> dict[str, Fact]:
    """
    The steps of building and searching; also `dims SIZE` and, if sparse, `nonzeros SIZE` of what was built.

    matrix: the folder of a matrix, or of a sample of one; where a step takes more than it has, it is taken again.
    query_matrix: the folder of the queries' vectors.
    """
    import numpy as np

    from bench.passages import synthetic
    from bench.stage import lifecycle, matrices
    from retrievers.similarity import stands_for_l2

    sample, queries = matrices.load(matrix, "passages"), matrices.load(query_matrix, "queries")[:QUERIES]
    lifecycle.prepare(storage, queries)
    random = np.random.default_rng(0)
    n_queries, n_sample = queries.shape[0], sample.shape[0]
    shapes: dict[str, Fact] = {}
    l2 = stands_for_l2(sample)

    def noisy(points: Any) -> Any:  # Any: dense vectors, whose type would be an import
        return points + np.float32(NOISE * points.std()) * random.standard_normal(points.shape, np.float32)

    def make(size: int) -> Callable[[], object]:
        rows = np.arange(size)
        vectors = sample[rows * n_sample // size if size < n_sample else rows % n_sample]
        shapes.update(_shape(vectors, size))
        if isinstance(vectors, np.ndarray) and size > n_sample:
            vectors = synthetic.moved(vectors, noisy, l2=l2)
        return lambda: storage.build(vectors)

    facts = _grown(
        n_passages,
        make,
        lambda query: storage.search(queries[query : query + 1], k),
        lambda n: storage.search(queries[:n], k),
        n_queries,
        lambda: _ledger_bytes(storage),
    )
    return facts | shapes


def _shape(vectors: Any, size: int) -> dict[str, Fact]:  # Any: vectors, which an encoder may have got wrong
    nonzeros = getattr(vectors, "nnz", None)
    return {f"dims {size}": vectors.shape[1]} | ({} if nonzeros is None else {f"nonzeros {size}": int(nonzeros)})


def _ledger_bytes(adapter: object) -> int | None:
    """What it weighs by its own account; None where it does not tell, or can predict it."""
    from bench.stage import lifecycle
    from retrievers.contract import Predictable

    ledger = None if isinstance(adapter, Predictable) else lifecycle.ledger(adapter)
    return None if ledger is None else sum(ledger.values())


def _grown(
    all_passages: int,
    make: Callable[[int], Callable[[], object]],
    one: Callable[[int], object],
    every: Callable[[int], object],
    n_queries: int,
    weigh: Callable[[], int | None] = lambda: None,
    first: int | None = None,
    grow: bool = True,
) -> dict[str, Fact]:
    """
    What making and asking took at growing sizes, as facts: seconds as `make SIZE`, and `one SIZE` and `every SIZE` a
    query; bytes as `peak SIZE`, above what was resident before it was made, and `ledger SIZE`; of all `seconds` and
    `without_core`.

    make: prepares so many passages, and gives what is timed. one: answers the query of a position below n_queries;
    every: answers so many of them at once. grow: whether they take longer among more passages; else they are asked at
    the first size alone. A size that is refused by Unsupported is gone beyond: a quantiser may need more.
    """
    from bench.instruments.cpu import Spent
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase
    from retrievers.contract import Unsupported

    spent = Spent()
    facts: dict[str, Fact] = {}
    begin = time.perf_counter()
    size = min(first or FIRST, all_passages)
    while True:
        prepared = make(size)
        phase = Phase()
        try:
            facts[f"make {size}"] = timed(prepared)[0]
        except Unsupported:
            if size == all_passages:
                raise
            size = min(2 * size, all_passages)
            continue
        for what, nbytes in (("peak", phase.end().peak_above_start), ("ledger", weigh())):
            if nbytes is not None:
                facts[f"{what} {size}"] = nbytes
        if n_queries and (grow or not any(name.startswith("one ") for name in facts)):
            one(0)  # pays for what is set up only once
            singles = [time.perf_counter()]
            for query in range(n_queries):
                one(query)
                singles.append(time.perf_counter())
                if query + 1 >= FEWEST_QUERIES and singles[-1] - singles[0] >= SECONDS:
                    break
            n_asked = len(singles) - 1
            facts[f"one {size}"] = statistics.median(b - a for a, b in pairwise(singles))
            facts[f"every {size}"] = timed(lambda: every(n_asked))[0] / n_asked  # noqa: B023  # called at once
        if size == all_passages or _is_enough(facts, all_passages, time.perf_counter() - begin):
            return facts | {"seconds": time.perf_counter() - begin, WITHOUT_CORE: spent.without_core()}
        size = min(2 * size, all_passages)


def _is_enough(facts: Mapping[str, Fact], all_passages: int, elapsed: float) -> bool:
    """Whether what was tried tells enough: two sizes at least, and longer for what will take long."""
    tried = points(facts, "make")
    last, seconds = tried[-1]
    if len(tried) == 1:
        return seconds >= WITHOUT_A_SECOND
    return elapsed >= max(SECONDS, min(SHARE * seconds * all_passages / last, LONGEST))


def among(ordered: Sequence[str], size: int) -> list[str]:
    """`size` of some texts that are in order, from the middles of equal parts of them."""
    return [ordered[(2 * i + 1) * len(ordered) // (2 * size)] for i in range(size)]


def spread(passages: Sequence[str], size: int) -> list[str]:
    """`size` passages from all over: a share of a collection that is sorted must not be its beginning."""
    return [passages[i * len(passages) // size] for i in range(size)]


def result(facts: dict[str, Fact]) -> StageResult:
    """What a rehearsal found, as the result of its stage."""
    return StageResult(stage="rehearse", status="ok", facts=facts)


def largest(facts: Mapping[str, Fact]) -> int:
    """The largest size that was tried."""
    return max(size for size, _ in points(facts, "make"))


def smallest(facts: Mapping[str, Fact], what: str) -> float:
    """Seconds of `what` at the first step."""
    return next((seconds for _, seconds in points(facts, what)), 0.0)


def extrapolated_shape(facts: Mapping[str, Fact], size: int) -> tuple[int, int | None] | None:
    """
    Predicted dims and non-zeros (None: dense) of `size` passages; None where no vectors were made.

    Non-zeros grow with the passages, and a vocabulary by Heaps' law, V = K n^b (Heaps 1978), through the two largest
    sizes tried.
    """
    dims, nonzeros = points(facts, "dims"), points(facts, "nonzeros")
    if not dims:
        return None
    last, columns = dims[-1]
    if len(dims) > 1 and size > last and min(columns, dims[-2][1]) > 0:
        before, fewer = dims[-2]
        columns *= (size / last) ** (math.log(columns / fewer) / math.log(last / before))
    return math.ceil(columns), math.ceil(nonzeros[-1][1] * size / nonzeros[-1][0]) if nonzeros else None


def points(facts: Mapping[str, Fact], what: str) -> list[tuple[int, float]]:
    """(size, value) of `what` at every size tried, the smallest first."""
    named = ((name.split(), value) for name, value in facts.items())
    return sorted((int(words[1]), float(value)) for words, value in named if words[0] == what and value is not None)
