"""Engines that change by a known size: committed twice, the second time with CHANGED turned."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrievers.contract import Hits, Spelled, no_hits, top_k

CHANGED = False


class Engine(Spelled):
    """
    tf-idf over inverted lists; every query is answered `times` times over, so that the work is known exactly.

    spare: bytes beside the lists, as a share of theirs. dropped: share of the queries answered by nothing, after the
    same work.
    """

    exact = True
    times, spare, dropped = 20, 0.0, 0.0

    def index(self, passages: Sequence[str]) -> None:
        counts = [Counter(tokens(passage)) for passage in passages]
        self.n = len(counts)
        self.terms = {term: number for number, term in enumerate(sorted(set().union(*counts)))}
        triples = sorted((self.terms[term], row, tf) for row, count in enumerate(counts) for term, tf in count.items())
        columns, rows, tfs = (np.array(part) for part in zip(*triples, strict=True))
        df = np.bincount(columns, minlength=len(self.terms))
        self.rows, self.starts = rows.astype(np.int32), np.concatenate([[0], np.cumsum(df)])
        self.weights = (np.log1p(tfs) * np.log(1 + self.n / df)[columns]).astype(np.float32)
        held = self.rows.nbytes + self.starts.nbytes + self.weights.nbytes
        self.rest = np.zeros(int(self.spare * held), np.uint8)

    def search(self, queries: Sequence[str], k: int) -> Hits:
        hits = no_hits(len(queries), k)
        for number, query in enumerate(queries):
            for _ in range(self.times):
                found = self.best(query, k)
            if zlib.crc32(query.encode()) >= self.dropped * 2**32:
                hits.rows[number], hits.scores[number] = found.rows[0], found.scores[0]
        return hits

    def best(self, query: str, k: int) -> Hits:
        scores = np.zeros((1, self.n), np.float32)
        for term in tokens(query):
            column = self.terms.get(term)
            if column is not None:
                of_term = slice(self.starts[column], self.starts[column + 1])
                scores[0, self.rows[of_term]] += self.weights[of_term]
        return top_k(scores, k, positive=True)

    def save(self, folder: Path) -> None:
        np.savez(folder / "lists.npz", **self.arrays())
        (folder / "terms.json").write_text(json.dumps([self.n, self.terms]))

    def load(self, folder: Path) -> None:
        self.n, self.terms = json.loads((folder / "terms.json").read_text())
        with np.load(folder / "lists.npz") as arrays:
            self.rows, self.starts, self.weights, self.rest = (arrays[name] for name in self.names)

    def ledger(self) -> dict[str, int]:
        return {name: array.nbytes for name, array in self.arrays().items()}

    names = ("rows", "starts", "weights", "rest")

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in self.names}


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class Same1(Engine):
    pass


class Same2(Engine):
    pass


class Same3(Engine):
    pass


class Slower10(Engine):
    times = 22 if CHANGED else 20


class Slower20(Engine):
    times = 24 if CHANGED else 20


class Heavier(Engine):
    spare = 0.01 if CHANGED else 0.0


class Poorer(Engine):
    dropped = 0.037 if CHANGED else 0.0  # which hold .020 of the primer's R@10
