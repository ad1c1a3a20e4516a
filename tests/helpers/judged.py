"""A run on disk whose cells have the values of every query, for the tests of what tables make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bench.records import run_folder
from bench.records.run_folder import Run
from tests.helpers.records import measurement, run_of
from tests.helpers.tiny import tiny_set


def judged_run(
    folder: Path,
    values: Mapping[str, Sequence[float]],
    clusters: Sequence[str] | None = None,
    *,
    measure: str = "nDCG@10",
    cpu: str = "A CPU",
    citation: str = "",
    **changes: object,
) -> Run:
    """One cell a retriever, of the measure of each query; as a run folder keeps them, without its records."""
    n_queries = len(next(iter(values.values())))
    grouped = None if clusters is None else tuple(clusters)
    known = tiny_set(n_queries, n_queries, name="primer")
    kept = msgspec.structs.replace(known, title="Primer", citation=citation, sha256="00", clusters=grouped)
    for name in ("sets", "quality"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    run_folder.write_set(folder, kept)
    cells = []
    for number, (retriever, found) in enumerate(values.items()):
        np.savez(folder / "quality" / f"{number}.npz", **{measure: np.array(found, np.float64)})
        about = {"cell": str(number), "retriever": retriever, "resolved": retriever, "n_queries": n_queries}
        about |= {"n_judged": n_queries}
        about |= {"quality": {measure: float(np.mean(found))}, "files": {"quality": f"quality/{number}.npz"}}
        cells.append(measurement(**about | changes))
    suite = {"measures": [measure], "primary": measure, "baseline": next(iter(values))}
    return replace(run_of(*cells, cpu=cpu, **suite), folder=folder)
