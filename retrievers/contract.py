"""
The contract between an adapter and the harness: what a retriever is, and nothing about how it is measured.

A retriever is a representation times a storage (Lin 2021, "A proposed conceptual framework for a representational
approach to information retrieval"): an `Encoder` turns text into vectors, a `Storage` turns vectors into the top k,
`encoder @ storage` is a `Retriever`. An engine that does both itself implements `Retriever` alone.

All similarity is inner product. Order is score descending, then position ascending, everywhere.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# (n, dims) dense, or (n, vocabulary) sparse; float32, finite numbers: the harness checks that
Vectors: TypeAlias = NDArray[np.float32] | csr_array
Role: TypeAlias = Literal["query", "passage"]
Fact: TypeAlias = str | int | float | None


class Unsupported(ValueError):  # noqa: N818  # a state of a cell, not a mistake
    """Raised by an adapter that is handed vectors or options that it can not hold by design."""


class Hits(NamedTuple):
    """The top k of each query: best first, ties by position."""

    rows: NDArray[np.int64]  # (n_queries, k) positions in the indexed passages, best first, padded with -1
    scores: NDArray[np.float32]  # (n_queries, k) higher is better, padded with -inf


@runtime_checkable
class Retriever(Protocol):
    """Text -> top k."""

    def index(self, passages: Sequence[str]) -> None: ...

    def search(self, queries: Sequence[str], k: int) -> Hits: ...


@runtime_checkable
class Encoder(Protocol):
    """Text -> vectors. `role` lets one encoder treat the two sides apart, as BM25 and two-tower models do."""

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors: ...


@runtime_checkable
class Storage(Protocol):
    """
    Vectors -> top k.

    Sparse vectors (`csr_array`) match by sharing a non-zero: a hit needs score > 0. Dense vectors (`ndarray`) compare
    with everything. The rule follows the vectors handed to `build`, not the storage.
    """

    def build(self, vectors: Vectors) -> None: ...

    def search(self, queries: Vectors, k: int) -> Hits: ...


# Optional abilities. Not having one is a state the harness handles, not an error.


@runtime_checkable
class Persistent(Protocol):
    """
    Can be saved to a folder and loaded from it, in another process.

    `load` is called on an adapter made with the same options; `save` writes what `fit`, `build` or `index` learned.
    """

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


@runtime_checkable
class Accountable(Protocol):
    """Knows its bytes by component (values, indices, offsets, vectors, vocabulary ...)."""

    def ledger(self) -> dict[str, int]: ...


@runtime_checkable
class Closeable(Protocol):
    """Holds something outside the process's memory that has to be let go."""

    def close(self) -> None: ...


@runtime_checkable
class Preparable(Protocol):
    """Has heavy imports or compilation to do before its own data can be weighed."""

    def prepare(self) -> None: ...


@runtime_checkable
class Descriptive(Protocol):
    """Has facts that a reader of its numbers needs: dims, vocabulary, analyser fingerprint, share of passages cut."""

    def describe(self) -> dict[str, Fact]: ...


@runtime_checkable
class Fingerprinted(Protocol):
    """An encoder that carries a model: the hash of the model's bytes, told without loading it."""

    def fingerprint(self) -> str: ...


@runtime_checkable
class Aligned(Protocol):
    """
    An encoder of given texts alone: it holds vectors that were made elsewhere.

    It is told of each role, before `fit`, where the vector of each text stands: texts[i] is in row rows[i] of the n
    that the collection's files hold, since equal passages are merged, and queries without judgments left out. own: the
    collection's own vectors, n rows that compare by inner product; None where it has text and no vectors.

    What a look-up takes says nothing of the model behind the vectors, so no encoding of it is measured.
    """

    def align(self, role: Role, texts: Sequence[str], rows: Sequence[int], n: int, own: Vectors | None) -> None: ...


@runtime_checkable
class Lexical(Protocol):
    """An encoder whose columns are terms: it can name them, in the order of the columns."""

    def terms(self) -> Sequence[str]: ...


@runtime_checkable
class Predictable(Protocol):
    """
    A storage that can tell its ledger before it takes the bytes, from n passages, dims, and non-zeros (None: dense).

    What is told is held to the ledger, component by component. Where the bytes depend on more than these three (gaps of
    a compressed list, lists of unequal length), it is an estimate, and the storage says so: `deterministic = False`.
    """

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]: ...


def is_exact(adapter: object) -> bool | None:
    """Whether the adapter claims the very hits of brute force (its attribute `exact`); None where it does not say."""
    exact = getattr(adapter, "exact", None)
    return exact if isinstance(exact, bool) else None


def is_deterministic(adapter: object) -> bool:
    """Whether its bytes are what it foretells (its attribute `deterministic`; True where it has none)."""
    return getattr(adapter, "deterministic", True) is not False


def search_options(adapter: object) -> tuple[str, ...]:
    """The constructor options that act at search time only (its attribute `search_options`): they share one build."""
    return tuple(getattr(adapter, "search_options", ()))


# Spelling: an adapter is written as the call that makes it.


def options_of(adapter: object) -> dict[str, Any]:  # Any: an option is whatever its constructor takes
    """
    Every constructor option of an adapter with its present value, in constructor order.

    An adapter keeps each option under its own name, as scikit-learn's estimators do; raises TypeError where not.
    """
    options = {}
    for name, parameter in inspect.signature(type(adapter)).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise TypeError(f"{type(adapter).__name__} takes *{name}: options are named one by one, so that they print")
        try:
            options[name] = getattr(adapter, name)
        except AttributeError:
            raise TypeError(
                f"{type(adapter).__name__} does not keep its option {name!r}: expected the attribute self.{name}"
            ) from None
    return options


def spell(value: object) -> str:
    """
    The spelling of an adapter or an option: `BM25(k1=1.2) @ CSR()`. It parses back (`retrievers.registry.parse`).

    Options without a default come first, unnamed; of the others only those that differ from their defaults are
    printed, in constructor order.
    """
    if isinstance(value, VectorRetriever):
        return f"{spell(value.encoder)} @ {spell(value.storage)}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(spell(item) for item in value) + "]"
    parameters = inspect.signature(type(value)).parameters
    arguments = []
    for name, option in options_of(value).items():
        spelled, parameter = spell(option), parameters[name]
        if parameter.default is not inspect.Parameter.empty:
            if spelled != spell(parameter.default):
                arguments.append(f"{name}={spelled}")
        else:
            arguments.append(f"{name}={spelled}" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else spelled)
    return f"{type(value).__name__}({', '.join(arguments)})"


class Spelled:
    """Prints as it is spelled, and pairs with `@`. An adapter may inherit it, and works without."""

    def __repr__(self) -> str:
        return spell(self)

    def __matmul__(self, storage: Storage) -> VectorRetriever:
        return VectorRetriever(self, storage)  # type: ignore[arg-type]  # checked there


class VectorRetriever:
    """An encoder and a storage as one retriever."""

    def __init__(self, encoder: Encoder, storage: Storage) -> None:
        if not isinstance(encoder, Encoder):
            raise TypeError(f"left of @ an encoder was expected (fit, encode), found {encoder!r}")
        if not isinstance(storage, Storage):
            raise TypeError(f"right of @ a storage was expected (build, search), found {storage!r}")
        self.encoder = encoder
        self.storage = storage

    def index(self, passages: Sequence[str]) -> None:
        self.encoder.fit(passages)
        self.storage.build(self.encoder.encode(passages, "passage"))

    def search(self, queries: Sequence[str], k: int) -> Hits:
        return self.storage.search(self.encoder.encode(queries, "query"), k)

    def __repr__(self) -> str:
        return spell(self)


# Ranking: the one order, for adapters that score everything, and for those that get hits from elsewhere.


def no_hits(n_queries: int, k: int) -> Hits:
    """Nothing found: (n_queries, k) of padding."""
    return Hits(np.full((n_queries, k), -1, np.int64), np.full((n_queries, k), -np.inf, np.float32))


def top_k(scores: NDArray[np.float32], k: int, *, positive: bool) -> Hits:
    """
    The k best of a block of scores, ties by position, also where the k are cut.

    scores: (n_queries, n) float32. positive: only scores > 0 are hits (the sparse rule). k may exceed n.
    """
    n_queries, n = scores.shape
    hits = no_hits(n_queries, k)
    cut = min(k, n)
    if cut == 0:
        return hits
    for query, row in enumerate(scores):
        candidates: NDArray[np.int64] | None = None  # None: every passage
        values = row
        if positive:  # sparse scores are mostly zero: a partition of the few that are hits is many times quicker
            candidates = np.flatnonzero(row > 0)
            values = row[candidates]
        if len(values) > cut:
            # Everything that ties with the kth stays: a partition alone would keep an arbitrary one of them.
            keep = np.flatnonzero(values >= np.partition(values, len(values) - cut)[len(values) - cut])
            candidates, values = keep if candidates is None else candidates[keep], values[keep]
        best = np.argsort(-values, kind="stable")[:cut]
        hits.rows[query, : len(best)] = best if candidates is None else candidates[best]
        hits.scores[query, : len(best)] = values[best]
    return hits


def ordered(hits: Hits) -> Hits:
    """The same hits in the one order (score descending, then position ascending), padding (row -1) last."""
    found = hits.rows >= 0
    scores = np.where(found, hits.scores, -np.inf).astype(np.float32)
    order = np.lexsort((hits.rows, -scores, ~found), axis=1)
    return Hits(
        np.take_along_axis(np.where(found, hits.rows, -1), order, axis=1).astype(np.int64),
        np.take_along_axis(scores, order, axis=1),
    )


def search_blocks(search: Callable[[slice], Hits], n_queries: int, block: int, k: int) -> Hits:
    """The hits of n_queries found `block` queries at a time, so that a block of scores has a bounded size."""
    block = max(block, 1)
    blocks = [search(slice(start, start + block)) for start in range(0, n_queries, block)]
    if not blocks:
        return no_hits(0, k)
    return Hits(np.concatenate([b.rows for b in blocks]), np.concatenate([b.scores for b in blocks]))
