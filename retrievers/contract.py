"""
The contract between an adapter and the harness: what a retriever is, and nothing about how it is measured.

A retriever is a representation times a storage (Lin 2021, "A proposed conceptual framework for a representational
approach to information retrieval"): an `Encoder` turns text into vectors, a `Storage` turns vectors into the top k,
`encoder @ storage` is a `Retriever`. An engine that does both itself implements `Retriever` alone.

All similarity is inner product. Order is score descending, then position ascending, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# Handed out: an adapter needs no other import.
from retrievers.ranking import Hits as Hits
from retrievers.ranking import no_hits as no_hits
from retrievers.ranking import ordered as ordered
from retrievers.ranking import search_blocks as search_blocks
from retrievers.ranking import top_k as top_k
from retrievers.spelling import Spelled as Spelled
from retrievers.spelling import options_of as options_of
from retrievers.spelling import spell as spell

# (n, dims) dense, or (n, vocabulary) sparse; float32, finite numbers: the harness checks that
Vectors: TypeAlias = NDArray[np.float32] | csr_array
Role: TypeAlias = Literal["query", "passage"]
Fact: TypeAlias = str | int | float | None
Adapter: TypeAlias = Any  # whatever meets a protocol of the contract


class Unsupported(ValueError):  # noqa: N818  # a state of a cell, not a mistake
    """Raised by an adapter that is handed vectors or options that it cannot hold by design."""


class NotFound(ValueError):  # noqa: N818  # the mistake is the caller's, and is told before a run
    """Raised where a model or a file that an option names is not there: a run that needs it does not begin."""


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


@runtime_checkable
class Analyser(Protocol):
    """Text -> tokens, in the order of the text, repeats kept."""

    def __call__(self, text: str) -> list[str]: ...


@runtime_checkable
class ManyTexts(Protocol):
    """An analyser that is quicker with many texts at once; their tokens are those of each alone."""

    def many(self, texts: Iterable[str]) -> Iterator[list[str]]: ...


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
class Linked(Protocol):
    """Needs files that `save` leaves where they are, such as a model's: on disk they are part of what it takes."""

    def linked_files(self) -> Sequence[Path]: ...


@runtime_checkable
class Counting(Protocol):
    """
    Counts the passages that it encodes, for its facts.

    It is told of those that an earlier process has encoded, and once of all queries, beside encoding them.
    """

    def count(self, texts: Sequence[str], role: Role) -> None: ...


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
class Deferring(Protocol):
    """
    Leaves an option to what it is made from, as to a model that says how its vectors are compared.

    `settled` gives the same adapter with that option written in, unless it is the usual one, so that its spelling tells
    what is measured. NotFound where what it is made from is not there.
    """

    def settled(self) -> Adapter: ...


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
    """Whether its bytes are what it predicts (its attribute `deterministic`; True where it has none)."""
    return getattr(adapter, "deterministic", True) is not False


def search_options(adapter: object) -> tuple[str, ...]:
    """The constructor options that act at search time only (its attribute `search_options`): they share one build."""
    return tuple(getattr(adapter, "search_options", ()))


class VectorRetriever:
    """An encoder and a storage as one retriever."""

    def __init__(self, encoder: Encoder, storage: Storage) -> None:
        if not isinstance(encoder, Encoder):
            raise TypeError(f"left of @: expected an encoder (fit, encode), found {encoder!r}")
        if not isinstance(storage, Storage):
            raise TypeError(f"right of @: expected a storage (build, search), found {storage!r}")
        self.encoder = encoder
        self.storage = storage

    def index(self, passages: Sequence[str]) -> None:
        self.encoder.fit(passages)
        self.storage.build(self.encoder.encode(passages, "passage"))

    def search(self, queries: Sequence[str], k: int) -> Hits:
        return self.storage.search(self.encoder.encode(queries, "query"), k)

    def __repr__(self) -> str:
        return spell(self)
