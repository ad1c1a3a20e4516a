"""An engine that tests of the gate commit, and change: what it does wrong stands in its class."""

from __future__ import annotations

ENGINE = """
import os
import time
import numpy as np
from retrievers.contract import Spelled, no_hits

class Engine(Spelled):
    exact = True
    first, extra, ms, broken = 0, 0, 0.0, False  # row of the first hit, bytes of the ledger, time of a query
    hard, ballast, silent = 0, 0, False  # queries below this number take 20 times as long, bytes that no ledger has

    def index(self, passages):
        if self.broken:
            raise RuntimeError("no index today")
        self.n = len(passages)

    def search(self, queries, k):
        hits = no_hits(len(queries), k)
        if self.silent and len(queries) == 1 and "SPARRING_STAGE" in os.environ:
            return hits  # where one query is timed, it answers nothing
        for row, query in enumerate(queries):
            number = int(next((word for word in query.split() if word.isdigit()), 99))  # synthetic ones have none
            end = time.perf_counter_ns() + int(self.ms * 1e6) * (20 if number < self.hard else 1)
            found = (np.arange(min(k, self.n)) + self.first) % self.n
            hits.rows[row, : len(found)] = found
            hits.scores[row, : len(found)] = 1.0 - np.arange(len(found))
            while time.perf_counter_ns() < end:
                pass
        return hits

    def save(self, folder):
        (folder / "n").write_text(str(self.n))

    def load(self, folder):
        self.n = int((folder / "n").read_text())
        self.kept = np.ones(self.ballast, np.uint8)

    def ledger(self):
        return {"rows": 100 + self.extra}
"""
