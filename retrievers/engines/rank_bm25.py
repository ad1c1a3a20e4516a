"""rank-bm25 (dorianbrown/rank_bm25) as it comes: BM25 in plain Python dictionaries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, ClassVar

import numpy as np

from retrievers.analysers import Analyser, Words, fingerprint, tokens
from retrievers.contract import Fact, Hits, Spelled, no_hits, spell, top_k

VARIANTS = {"okapi": "BM25Okapi", "l": "BM25L", "plus": "BM25Plus"}


@dataclass(repr=False)
class RankBM25(Spelled):
    """
    rank-bm25 with its own formulas and defaults, k1=1.5 and b=0.75: every query visits every passage.

    variant: "okapi" has Robertson's idf, where a negative one (a term in more than half of the passages) becomes a
    quarter of the mean idf, and the factor k1 + 1; "l" is BM25L with delta 0.5, "plus" BM25+ with delta 1. Another
    raises ValueError. None of them is the encoder `BM25`: scores and hits differ.
    analyser: text -> tokens; None is English when used alone, and follows the passage set's language in the harness.

    A hit shares a term with the query and scores above 0. BM25+ gives a passage without a term of the query the same
    sum of idf * delta as any other such passage: what scores no more than that is no hit. In Okapi a quarter of the
    mean idf may be negative too, when most terms are in most passages: such a passage is no hit either.

    rank-bm25 has no file for its index, and so neither has this: it is built where it is used.
    """

    variant: str = "okapi"
    analyser: Analyser | None = None
    exact: ClassVar[bool] = True
    n: int | None = field(init=False, default=None, compare=False)  # passages
    engine: Any = field(init=False, default=None, compare=False)  # Any: rank-bm25 has no types; None: not one token

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"RankBM25: expected variant to be one of {', '.join(VARIANTS)}, found {self.variant!r}")

    def index(self, passages: Sequence[str]) -> None:
        import rank_bm25

        terms = list(tokens(self._analyser, passages))
        self.n = len(terms)
        # It divides by the mean length and by the number of terms.
        self.engine = getattr(rank_bm25, VARIANTS[self.variant])(terms) if any(terms) else None

    def search(self, queries: Sequence[str], k: int) -> Hits:
        """RuntimeError before `index`."""
        if self.n is None:
            raise RuntimeError(f"{self!r} holds no passages yet: call index(passages) first")
        hits = no_hits(len(queries), k)
        for place, query in enumerate(queries):
            found = self._search(query, k)
            hits.rows[place], hits.scores[place] = found.rows[0], found.scores[0]
        return hits

    def _search(self, query: str, k: int) -> Hits:
        terms = self._analyser(query)
        if self.engine is None or not any(term in self.engine.idf for term in terms):
            return no_hits(1, k)
        scores = self.engine.get_scores(terms)  # (n,) float64
        scores[scores <= self._floor(terms)] = 0
        return top_k(scores.astype(np.float32)[np.newaxis], k, positive=True)

    def _floor(self, terms: Sequence[str]) -> float:
        """What a passage without any of the terms scores, summed in rank-bm25's order, so that it is exactly that."""
        if self.variant != "plus":
            return 0.0
        floor = 0.0
        for term in terms:
            floor += self.engine.idf.get(term, 0) * self.engine.delta
        return floor

    @property
    def _analyser(self) -> Analyser:
        return Words() if self.analyser is None else self.analyser

    def ledger(self) -> dict[str, int]:
        """
        Bytes of Python's own objects: each passage's dictionary of term counts, the idf, the lengths of the passages.

        An object that is held twice is counted once, where it is met first; a term is a text of its own in every
        passage that has it, as the analyser made it.
        """
        met: set[int] = set()

        def size(held: object) -> int:
            if id(held) in met:
                return 0
            met.add(id(held))
            inside: list[object] = []
            if isinstance(held, dict):
                inside = [*held.keys(), *held.values()]
            elif isinstance(held, list):
                inside = held
            return sys.getsizeof(held) + sum(map(size, inside))

        if self.engine is None:
            return {"counts": 0, "idf": 0, "lengths": 0}
        return {
            "counts": size(self.engine.doc_freqs),
            "idf": size(self.engine.idf),
            "lengths": size(self.engine.doc_len),
        }

    def describe(self) -> dict[str, Fact]:
        terms = 0 if self.engine is None else len(self.engine.idf)
        return {
            "vocabulary": None if self.n is None else terms,
            "analyser": spell(self._analyser),
            "analyser_fingerprint": fingerprint(self._analyser),
            "rank_bm25": metadata.version("rank-bm25"),
        }
