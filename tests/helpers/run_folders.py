"""Run folders written by hand, and what a comparison of two of them says of one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bench.analysis.compare import Comparison
from bench.analysis.difference import Difference
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from tests.helpers.records import latency, measurement, run_of
from tests.helpers.tiny import tiny_set

N = 40  # queries of the tiny set: enough for a verdict
SUITE = {"name": "s", "passages": ["tiny"], "cells": [{"retrievers": ["BM25() @ CSR()"]}], "k": 10, "queries": 500}


class Folders:
    """Run folders on the tiny set, written by hand; `folder` is where the next one goes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.passage_set = tiny_set(N, N)

    def run(self, name: str, *cells: Measurement, values=None, rows=None, times=(), cpu="A CPU", **suite) -> Run:
        """
        A run of some cells.

        values: of every cell, each measure's value of every query. rows: the first one's hits. times: of each cell
        nanoseconds of each round, (passes, queries), of an engine: no encoder is timed apart.
        """
        folder = self.root / name
        for inside in ("sets", "hits", "quality", "samples"):
            (folder / inside).mkdir(parents=True)
        run_folder.write_set(folder, self.passage_set)
        if values:
            n_judged = len(next(iter(values.values())))
            cells = tuple(msgspec.structs.replace(cell, n_judged=n_judged) for cell in cells)
        for cell in cells:
            np.savez(folder / "quality" / f"{cell.cell}.npz", **(values or {}))
        if rows is not None:
            scores = np.zeros(np.shape(rows), np.float32)
            np.savez(folder / "hits" / f"{cells[0].cell}.npz", rows=np.array(rows, np.int32), scores=scores)
        for one, rounds in zip(cells, times, strict=False):
            for number, samples in enumerate(rounds):
                arrays = {"single": samples, "new": samples[:1], "batch": samples.sum(axis=1)}
                np.savez(folder / "samples" / f"{one.cell}-{number}.npz", **arrays)
        run = run_of(*cells, cpu=cpu)
        record = msgspec.structs.replace(run.record, suite=run.record.suite | SUITE | suite)
        return replace(run, folder=folder, record=record)


def several_sets(folders: Folders, name: str, **values: dict[str, Sequence[float]]) -> Run:
    """A run on sets of those names, of each retriever's nDCG@10 of every query: a cell each, queries unclustered."""
    cells, sets = [], {}
    for passage_set, of_retrievers in values.items():
        n_queries = max(map(len, of_retrievers.values()))
        sets[passage_set] = msgspec.structs.replace(
            tiny_set(n_queries, n_queries, name=passage_set), sha256=passage_set
        )
        known = {"passage_set": passage_set, "passage_set_sha256": passage_set, "n_queries": n_queries}
        for retriever, found in of_retrievers.items():
            key = f"{len(cells)}"
            about = {"cell": key, "retriever": retriever, "quality": {"nDCG@10": float(np.mean(found))}}
            about["files"] = {"quality": f"quality/{key}.npz"}
            cells.append(cell(**known | about | {"n_judged": n_queries}))
    run = folders.run(name, *cells)
    for kept in sets.values():
        run_folder.write_set(run.folder, kept)
    of_cells = (found for of_retrievers in values.values() for found in of_retrievers.values())
    for one, found in zip(cells, of_cells, strict=True):
        np.savez(run.folder / "quality" / f"{one.cell}.npz", **{"nDCG@10": np.array(found, np.float64)})
    return run


def cell(**changes) -> Measurement:
    """A cell on the tiny set, an engine without a clock."""
    known = {"passage_set": "tiny", "n_queries": N, "n_judged": N, "encoder": None, "storage": None, "cell_name": ""}
    return measurement(**known | {"quality": {"nDCG@10": 0.5}} | changes)


def timed(n_rounds: int = 3, **changes) -> Measurement:
    """The same with raw times in files of its own."""
    name = changes.get("cell", "0")
    files = {f"search-{number}": f"samples/{name}-{number}.npz" for number in range(n_rounds)}
    known = {"single": latency(1.0), "batch_qps": 1_000.0, "files": files, "rounds": n_rounds}
    return cell(**known | changes)


def found(comparison: Comparison, name: str) -> Difference:
    """The figure of the only pair."""
    (pair,) = comparison.pairs
    (difference,) = (d for d in pair.differences if d.name == name)
    return difference


def flat(value: float, n_rounds: int = 3) -> list[np.ndarray]:
    """Rounds of two passes in which every query takes as long."""
    return [np.full((2, N), int(value), np.int64) for _ in range(n_rounds)]
