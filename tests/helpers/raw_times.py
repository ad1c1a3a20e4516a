"""Cells whose raw times lie in a folder, and whose percentiles are made of them as the harness makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.instruments import latency
from bench.records.run_folder import Run
from tests.helpers.records import measurement, run_of

Rounds = Sequence[np.ndarray]  # each (n_passes, n_queries) nanoseconds


def timed_run(folder: Path, cells: Mapping[str, tuple[Rounds, Rounds]], name: str = "single", **changes) -> Run:
    """One cell a retriever, of the times to encode and to search; an engine where there are none to encode."""
    (folder / "samples").mkdir(parents=True)
    made = []
    for number, (retriever, (encode, search)) in enumerate(cells.items()):
        files = {}
        for stage, rounds in (("query", encode), ("search", search)):
            for round_, times in enumerate(rounds):
                files[f"{stage}-{round_}"] = f"samples/{number}-{stage}-{round_}.npz"
                np.savez(folder / files[f"{stage}-{round_}"], **{name: times})
        whole = [latency.end_to_end(*pair) for pair in zip(encode, search, strict=True)] if encode else list(search)
        stages = {"encode": latency.summary(encode), "search": latency.summary(search)} if encode else {}
        pair = {} if encode else {"encoder": None, "storage": None}
        of_name = {"new": latency.summary(whole)} if name == "new" else {"single": latency.summary(whole), **stages}
        known = {"cell": str(number), "retriever": retriever, "files": files}
        made.append(measurement(**known | pair | of_name | changes))
    return replace(run_of(*made), folder=folder)


def spread(n_queries: int, ms: float, n_passes: int = 2, n_rounds: int = 3, seed: int = 3) -> list[np.ndarray]:
    """Rounds of queries that take about so long, each a little quicker or slower."""
    rng = np.random.default_rng(seed)
    queries = rng.lognormal(0, 0.4, n_queries)
    return [
        (ms * 1e6 * rng.normal(1, 0.05) * queries * rng.lognormal(0, 0.1, (n_passes, n_queries))).astype(np.int64)
        for _ in range(n_rounds)
    ]
