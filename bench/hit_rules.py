"""
Which hits count: not the passages that are left out of a query's, and of one document its best passage alone.

A query may stand among the passages itself (an argument, a question asked before), or name some that are none of its
answers: these are left out of what is found, as if they were not there. Passages of one id are parts of one document:
it is found where the best of them is, and the others make room (the maximum passage score of Dai and Callan, 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from retrievers.contract import Hits
from retrievers.ranking import left_of

MOST_PARTS = 10  # hits that are asked for in place of one, where documents have so many parts or more


class HitRules(msgspec.Struct, frozen=True, kw_only=True):
    """What of a search's hits counts, and how many have to be asked for."""

    excluded: tuple[tuple[int, ...], ...] | None = None  # one a query: rows that are left out of its hits
    documents: bytes | None = None  # (n_passages,) int64: the row of the first passage of each one's document

    @property
    def needed(self) -> bool:
        """Whether there may be hits that do not count."""
        return self.excluded is not None or self.documents is not None

    @property
    def n_excluded(self) -> int:
        """The passages that are left out of the hits of the query that leaves out most."""
        return max(map(len, self.excluded or ()), default=0)

    @property
    def n_parts(self) -> int:
        """The parts of the document that has most of them, MOST_PARTS at most."""
        return 1 if self.documents is None else min(MOST_PARTS, int(np.bincount(self._firsts()).max()))

    def counted(self, hits: Hits, k: int, queries: Sequence[int] | None = None) -> Hits:
        """
        The first k hits of each query that count: (n_queries, k), padded where fewer are left.

        A document is named by the row of its first passage, whichever of them was found. hits: (n_queries, at least k).
        queries: the position of each of them in the set; None: all, in order.
        """
        rows, kept = hits.rows, hits.rows >= 0
        if self.excluded is not None:
            asked = range(len(rows)) if queries is None else queries
            for of_query, found, query in zip(kept, rows, asked, strict=True):
                if self.excluded[query]:
                    of_query &= ~np.isin(found, self.excluded[query])
        if self.documents is not None:
            firsts = self._firsts()
            n = len(firsts)  # a synthetic passage is a document of its own
            rows = np.where(rows < n, firsts[np.minimum(rows, n - 1)], rows)
            for of_query, documents in zip(kept, rows, strict=True):
                places = np.flatnonzero(of_query)
                of_query[:] = False
                of_query[places[np.unique(documents[places], return_index=True)[1]]] = True
        return left_of(Hits(rows, hits.scores), kept, k)

    def _firsts(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.frombuffer(self.documents or b"", np.int64)
