"""What is checked: an adapter of any kind, made anew as often as a rule asks, with the verbs that all kinds share."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrievers.analysers import Analyser
from retrievers.conformance.hits import dense
from retrievers.conformance.toy_collections import (
    CROWD_QUERIES,
    MORE_TEXTS,
    PASSAGES,
    QUERIES,
    TEXTS,
    UNKNOWN,
    VECTORS,
    Given,
    ToyCollection,
    count,
)
from retrievers.contract import (
    Adapter,
    Aligned,
    Closeable,
    Encoder,
    Fingerprinted,
    Hits,
    Retriever,
    Role,
    Storage,
    Unsupported,
    VectorRetriever,
    is_exact,
    no_hits,
    ordered,
    spell,
)

Kind: TypeAlias = Literal["encoder", "storage", "retriever", "analyser"]
Answers: TypeAlias = Mapping[str, NDArray[Any]]  # Any: arrays of numbers, and of text

KINDS: dict[Kind, type] = {"encoder": Encoder, "storage": Storage, "retriever": Retriever, "analyser": Analyser}
K = 10
ALIGNED_DIMS = 8  # of the vectors that an encoder of given texts is given
CLOSE = 1e-5  # relative to the largest number: what sums in another order may differ by


class NotApplicable(Exception):  # noqa: N818  # a state of a check, not a mistake
    """Raised by a rule that has nothing to hold the adapter to; the message is the reason."""


class Refusal(NotApplicable):
    """Raised where an adapter says, by Unsupported, that it cannot learn what it is handed."""


class NothingToTry(Exception):  # noqa: N818  # a state of a check too, but one that proves nothing
    """Raised where an adapter takes nothing that it can be tried on; the message is the reason."""


class BrokenRule(Exception):  # noqa: N818  # becomes a ConformanceError, which knows who
    """Raised by a rule: what was expected, what was found, what to do."""

    def __init__(self, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"expected {expected}, found {found}: {remedy}")


def kind_of(adapter: object) -> Kind:
    """ValueError for what is no adapter. An analyser is whatever can be called, so it is tried last."""
    for kind, protocol in KINDS.items():
        if isinstance(adapter, protocol):
            return kind
    raise ValueError(
        f"expected an encoder (fit, encode), storage (build, search), retriever (index, search) or analyser (called "
        f"with a text), found {adapter!r}: see retrievers/README.md, 'The contract'"
    )


class Subject:
    """An adapter under check; `make` gives a fresh one at every call."""

    def __init__(self, make: Callable[[], Adapter]) -> None:
        self.make = make
        self._taught: dict[str, Adapter] = {}  # collection -> adapter
        self._said: dict[str, Answers] = {}
        self._refusals: dict[str, Exception | None] = {}
        try:
            adapter = make()
        except SystemExit as error:
            raise ValueError(f"expected an adapter, found SystemExit: {error}: let no constructor exit") from error
        try:
            self.kind: Kind = kind_of(adapter)
            self.type: type = type(adapter)
            self.exact = is_exact(adapter.storage if isinstance(adapter, VectorRetriever) else adapter)
            self.is_pair = isinstance(adapter, VectorRetriever)
            self.is_aligned = isinstance(adapter.encoder if self.is_pair else adapter, Aligned)
            self.who = spelled(adapter)
        finally:
            _close(adapter)

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Adapter]:
        """A new adapter, closed in the end."""
        adapter = self.make()
        try:
            yield adapter
        finally:
            _close(adapter)
            if isinstance(getattr(adapter, "encoder", adapter), Fingerprinted):
                gc.collect()  # those before it: a model is large, and a web of cycles

    @contextlib.contextmanager
    def learned(self, collection: ToyCollection) -> Iterator[Adapter]:
        """A new adapter that has learned the collection's passages."""
        with self.fresh() as adapter:
            self.learn(adapter, collection.passages())
            yield adapter

    @contextlib.contextmanager
    def taught(self, collection: ToyCollection) -> Iterator[Adapter]:
        """
        The one that has learned the collection's passages, for rules that do no more than ask it.

        Learning may take long. What has to be closed is not kept: it is made anew.
        """
        kept = self._taught.get(collection.name)
        if kept is not None:
            yield kept
            return
        with self.learned(collection) as adapter:
            if not isinstance(adapter, Closeable):
                self._taught[collection.name] = adapter
            yield adapter

    def said(self, collection: ToyCollection) -> Answers:
        """What one that has learned the collection's passages says."""
        if collection.name not in self._said:
            with self.taught(collection) as adapter:
                self._said[collection.name] = self.answers(adapter, collection)
        return self._said[collection.name]

    def learn(self, adapter: Adapter, passages: Given) -> None:
        """Refusal where the adapter raises Unsupported."""
        encoder = adapter.encoder if self.is_pair else adapter
        if isinstance(encoder, Aligned):
            _align(encoder, passages)
        try:
            if self.kind == "encoder":
                adapter.fit(passages)
            elif self.kind == "storage":
                adapter.build(passages)
            elif self.kind == "retriever":
                adapter.index(passages)
        except Unsupported as error:
            raise Refusal(f"unsupported: {error}") from error

    def refusal(self, collection: ToyCollection) -> Exception | None:
        """What is raised where it is handed a collection that it does not take; None for one that it takes."""
        if collection.name not in self._refusals:
            self._refusals[collection.name] = None
            try:
                with self.taught(collection) as adapter:
                    if self.kind == "storage" or self.is_pair:
                        adapter.search(collection.queries(), 1)
            except (Refusal, Unsupported) as error:
                self._refusals[collection.name] = error
            except Exception as error:  # an adapter may raise anything; of one that takes text every rule will say it
                self._refusals[collection.name] = error if self.kind == "storage" else None
        return self._refusals[collection.name]

    @property
    def collections(self) -> list[ToyCollection]:
        """What it can be tried on: vectors of each kind that it holds, or one of texts. NotApplicable for nothing."""
        offered = VECTORS if self.kind == "storage" else (TEXTS, MORE_TEXTS)
        held = (collection for collection in offered if self.refusal(collection) is None)
        found = list(held if self.kind == "storage" else islice(held, 1))
        if not found:
            reasons = "; ".join(dict.fromkeys(str(self.refusal(collection)) for collection in offered))
            raise NotApplicable(f"it holds nothing that it was handed: {reasons}")
        return found

    def require_any_text(self) -> None:
        """NotApplicable where it can be asked of given texts alone."""
        if self.is_aligned:
            raise NotApplicable("it encodes given texts alone")

    def is_sparse(self, collection: ToyCollection, adapter: Adapter) -> bool | None:
        """Whether hits need a score above 0; None: it is an engine, and nobody can tell from outside."""
        if self.is_pair:
            return not isinstance(adapter.encoder.encode(list(collection.queries())[:1], "query"), np.ndarray)
        return collection.sparse

    def answers(self, adapter: Adapter, collection: ToyCollection) -> Answers:
        """What it says, having learned, as arrays: the same for the same adapter."""
        if self.kind == "analyser":
            return {f"tokens of text {i}": np.array(adapter(text)) for i, text in enumerate(analysed())}
        if self.kind == "encoder":
            said = {"queries": dense(adapter.encode(collection.queries(), "query"))}
            if not self.is_aligned:  # loaded, it knows its queries alone
                said["passages"] = dense(adapter.encode(collection.passages(), "passage"))
            return said
        hits = self.hits(adapter, collection, K)
        return {"rows": hits.rows, "scores": hits.scores}

    def hits(self, adapter: Adapter, collection: ToyCollection, k: int, queries: Given | None = None) -> Hits:
        """
        Its hits in order, each once, with their padding as it should be: so one fault is found by one rule.

        queries: None is the collection's own. BrokenRule where they are no hits that a rule can be held to.
        """
        queries = collection.queries() if queries is None else queries
        return tidy(adapter.search(queries, k), count(queries), k)


def spelled(adapter: object) -> str:
    """Its spelling; its name where it has none, of which the rule `options-kept` says more."""
    try:
        return spell(adapter)
    except TypeError:
        return type(adapter).__name__


def _align(encoder: Aligned, passages: Sequence[str]) -> None:
    """Give it vectors for its texts. Refusal where it has its own, for other texts."""
    queries = (*QUERIES, *CROWD_QUERIES)
    roles: tuple[tuple[Role, Sequence[str]], ...] = (("passage", passages), ("query", queries))
    for role, texts in roles:
        known = sorted(set(texts))
        own = np.random.default_rng(7).integers(1, 9, (len(known), ALIGNED_DIMS)).astype(np.float32)
        vectors = own[[known.index(text) for text in texts]]
        try:
            encoder.align(role, texts, range(len(texts)), len(texts), vectors)
        except ValueError as error:
            raise Refusal(f"it encodes given texts alone, and none of ours: {error}") from error


def _close(adapter: object) -> None:
    """Whether closing works is a rule of its own."""
    with contextlib.suppress(Exception):
        if isinstance(adapter, Closeable):
            adapter.close()


def tidy(found: Any, n_queries: int, k: int) -> Hits:  # Any: what an adapter gave back
    """
    What an adapter gave back as Hits.

    BrokenRule where it is none: hits that cannot be held to a rule do not keep it.
    """
    try:
        rows, scores = np.asarray(found[0]), np.asarray(found[1])
    except Exception as error:
        raise BrokenRule("hits to look at", f"no pair of arrays ({error})", "see hits-types") from error
    if rows.shape != (n_queries, k) or scores.shape != (n_queries, k):
        shapes = f"rows of shape {rows.shape}, scores of {scores.shape}"
        raise BrokenRule(f"hits of shape {(n_queries, k)} to look at", shapes, "see hits-shape")
    if not k:
        return no_hits(n_queries, k)
    rows = np.where(np.isneginf(scores) | _again(rows), -1, rows)
    return ordered(Hits(rows.astype(np.int64), scores.astype(np.float32)))


def _again(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a row stands that stood before in its line."""
    again = np.zeros(rows.shape, bool)
    for line, found in enumerate(rows.tolist()):
        first = {row: rank for rank, row in reversed(list(enumerate(found)))}
        again[line] = [first[row] < rank for rank, row in enumerate(found)]
    return again


def analysed() -> tuple[str, ...]:
    """What an analyser is tried on."""
    return (*PASSAGES, *UNKNOWN)


def difference(expected: Answers, found: Answers, rtol: float = 0.0) -> str:
    """What the first answer to differ is, as "expected ..., found ..."; empty where none does."""
    for name, wanted in expected.items():
        got = found[name]
        if wanted.shape != got.shape:
            return f"{name} of shape {got.shape} instead of {wanted.shape}"
        same = _same(wanted, got, rtol)
        if not same.all():
            place = tuple(int(i) for i in np.argwhere(~same)[0])
            return f"in {name} at {list(place)} {got[place]} instead of {wanted[place]}"
    return ""


def _same(wanted: NDArray[Any], got: NDArray[Any], rtol: float) -> NDArray[np.bool_]:  # Any: see Answers
    if not np.issubdtype(wanted.dtype, np.floating):
        return np.asarray(wanted == got)
    finite = wanted[np.isfinite(wanted)]
    atol = rtol * float(np.abs(finite).max(initial=0.0))
    return np.asarray(np.isclose(got, wanted, rtol=0.0, atol=atol, equal_nan=True))


Rule: TypeAlias = Callable[[Subject], str | None]  # what was found, for a reader; its docstring begins with the rule
