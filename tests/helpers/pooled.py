"""Run folders with the hits that a test says, on a BEIR folder that is there, so that texts are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bench.passages.loader import load
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from retrievers.contract import Hits
from tests.helpers.records import measurement, run_of
from tests.helpers.zoo import PASSAGES, QUERIES, write_set

DEPTH = 100


def hits(*rankings: Sequence[int]) -> Hits:
    """Rankings padded to the depth, with falling scores."""
    rows = np.full((len(rankings), DEPTH), -1, np.int64)
    for query, ranking in enumerate(rankings):
        rows[query, : len(ranking)] = ranking
    return Hits(rows, np.where(rows >= 0, -np.arange(DEPTH, dtype=np.float64), -np.inf).astype(np.float32))


def pooled_run(
    folder: Path,
    rankings: Mapping[str, Sequence[Sequence[int]]],
    *,
    passages: Mapping[str, str] = PASSAGES,
    queries: Mapping[str, str] = QUERIES,
    qrels: Mapping[str, str] | None = None,
    **changes: Mapping[str, object],
) -> Run:
    """
    A run on the set `zoo` in the folder: of each retriever, by its spelling, the rows that it found for each query.

    qrels: one relevant passage a query. changes: of the measurement of a retriever's cell, by its position (`_0`).
    """
    source = write_set(folder / "zoo", passages, queries, qrels)
    passage_set = load(str(source))
    cells = [_cell(name, number, len(queries), changes.get(f"_{number}", {})) for number, name in enumerate(rankings)]
    run = run_of(*cells)
    record = msgspec.structs.replace(
        run.record,
        suite={"name": "s", "passages": [str(source)], "cells": [{"retrievers": list(rankings)}]},
        passage_sets={"zoo": passage_set.sha256},
        command=("sparring", "run", "--passages", str(source), *rankings),
    )
    home = folder / "run"
    for inside in ("sets", "hits"):
        (home / inside).mkdir(parents=True)
    run_folder.write_set(home, passage_set)
    for cell, found in zip(cells, rankings.values(), strict=True):
        np.savez(run_folder.hits_file(home, cell.cell), **hits(*found)._asdict())
    (home / run_folder.RUN).write_bytes(run_folder.pretty(record))
    (home / run_folder.ENVIRONMENT).write_bytes(run_folder.pretty(run.environment))
    lines = (msgspec.json.encode(cell) + b"\n" for cell in cells)
    (home / run_folder.MEASUREMENTS).write_bytes(b"".join(lines))
    return replace(run, folder=home, record=record)


def _cell(name: str, number: int, n_queries: int, changes: Mapping[str, object]) -> Measurement:
    """A cell that nobody has judged; what has no storage in its spelling is an engine."""
    encoder, _, storage = name.partition(" @ ")
    known = {
        "cell": f"c{number}",
        "passage_set": "zoo",
        "retriever": name,
        "resolved": name,
        "encoder": encoder if storage else None,
        "storage": storage or None,
        "exact": True,
        "n_queries": n_queries,
        "n_judged": None,
        "n_unanswered": None,
        "quality": None,
    }
    return measurement(**known | dict(changes))
