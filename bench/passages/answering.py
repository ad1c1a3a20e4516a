"""
Which hits are answers: not those that are left out of a query's, and of one document its best passage alone.

A query may stand among the passages itself (an argument, a question asked before), or name some that are none of its
answers: these are left out of what is found, as if they were not there. Passages of one id are parts of one document:
the best of them counts for it, and the others make room (the maximum passage score of Dai and Callan, 2019).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from retrievers.contract import Hits
from retrievers.ranking import left_of

if TYPE_CHECKING:
    from bench.passages.passage_set import PassageSet

PARTS = 10  # hits asked for in place of one where documents have so many parts or more


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What of a search's hits counts, and how many have to be asked for."""

    k: int
    depth: int
    excluded: tuple[tuple[int, ...], ...] | None = None  # one a query: rows that are no answer to it
    documents: tuple[int, ...] | None = None  # one a passage: the row of the first passage of its document

    @property
    def leaves_some(self) -> bool:
        """Whether there may be hits that do not count."""
        return self.excluded is not None or self.documents is not None

    @property
    def asks(self) -> int:
        """How many hits are asked for where k are wanted."""
        return self._asked(self.k)

    @property
    def asks_deep(self) -> int:
        """How many where it is the depth."""
        return self._asked(self.depth)

    def _asked(self, wanted: int) -> int:
        return wanted * self.parts + max(map(len, self.excluded or ()), default=0)

    @property
    def parts(self) -> int:
        """The parts of the document that has most of them, PARTS at most."""
        return 1 if self.documents is None else min(PARTS, max(Counter(self.documents).values()))

    def counted(self, hits: Hits, k: int, queries: Sequence[int] | None = None) -> Hits:
        """
        The first k hits of each query that count: (n_queries, k), padded where fewer are left.

        hits: (n_queries, at least k). queries: the position of each of them in the set, and maybe of more behind; None:
        all, in order.
        """
        if not self.leaves_some:
            return hits
        kept = hits.rows >= 0
        asked = itertools.count() if queries is None else queries
        for of_query, rows, query in zip(kept, hits.rows, asked, strict=False):
            if self.excluded is not None and self.excluded[query]:
                of_query &= ~np.isin(rows, self.excluded[query])
        if self.documents is not None:
            first = np.array(self.documents)
            n = len(first)  # a synthetic passage is a document of its own
            documents = np.where(hits.rows < n, first[np.minimum(hits.rows, n - 1)], hits.rows)
            for of_query, of_documents in zip(kept, documents, strict=True):
                places = np.flatnonzero(of_query)
                of_query[:] = False
                of_query[places[np.unique(of_documents[places], return_index=True)[1]]] = True
        return left_of(hits, kept, k)


def answering(passage_set: PassageSet, k: int, depth: int) -> Answering:
    """What counts of the hits of a set's queries."""
    first: dict[str, int] = {}
    documents = tuple(first.setdefault(name, row) for row, name in enumerate(passage_set.passage_ids))
    return Answering(
        k=k,
        depth=depth,
        excluded=passage_set.excluded,
        documents=documents if len(first) < len(documents) else None,
    )
