"""Runs as situations that a verdict has to tell: cells with values of every query, times and sizes as one likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from bench.records.run_folder import Run, set_file
from bench.records.schema import Latency
from tests.helpers.judged import judged_run
from tests.helpers.records import weight

MEASURE = "nDCG@10"
BM25, MINILM, HNSW = "BM25() @ CSC()", 'BiEncoder("m") @ Flat()', 'BiEncoder("m") @ Faiss("HNSW32")'
TFIDF = "TfIdf() @ CSR()"


def found(n: int, of: int = 100) -> list[float]:
    """The values of so many queries found of all."""
    return [1.0] * n + [0.0] * (of - n)


def times(ms: float, spread: float = 0.02) -> Latency:
    """A p50 with its interval."""
    around = (ms * (1 - spread), ms * (1 + spread))
    return Latency(p50=ms, p95=2 * ms, p99=None, cold=None, p50_interval=around)


def costs(ms: float, index: int, *, spread: float = 0.02, seconds: float = 2.0, deployed: int = 10**8) -> dict:
    """What a cell costs."""
    return {
        "single": times(ms, spread),
        "storage_weight": weight(index),
        "encode_seconds": seconds / 2,
        "build_seconds": seconds / 2,
        "deployment_bytes": deployed,
    }


def situation(
    folder: Path,
    values: Mapping[str, Sequence[float]],
    changes: Mapping[str, Mapping[str, object]] | None = None,
    clusters: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> Run:
    """A run of one set; changes: of a cell, by its retriever."""
    run = judged_run(folder, values, clusters, measure=MEASURE)
    cells = []
    for m in run.measurements:
        encoder, _, storage = m.retriever.partition(" @ ")
        is_dense = encoder.startswith("BiEncoder")
        shape = {"encoder": encoder, "storage": storage} if storage else {"encoder": None, "storage": None}
        shape |= {"nonzeros": None if is_dense else 1000, "shape": (100, 8), "exact": "HNSW" not in m.retriever}
        cells.append(msgspec.structs.replace(m, **shape | dict((changes or {}).get(m.retriever, {}))))
    if labels is not None:
        path = set_file(folder, "primer")
        kept = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode(kept | {"labels": list(labels)}))
    return replace(run, measurements=tuple(cells))


def without_values(run: Run) -> Run:
    """The same of which the values of each query are not on disk."""
    for path in (run.folder / "quality").glob("*.npz"):
        path.unlink()
    return run
