"""The conditions that the numbers of a run hold for, on one line."""

from __future__ import annotations

from collections.abc import Iterator

from bench.records.run_folder import Run

VERSIONS = (*("sparring", "numpy", "scipy", "numba", "faiss-cpu", "usearch", "torch", "sentence-transformers"),)
IMPORTED = "imported: scored here, not measured here"


def conditions(run: Run) -> str:
    """
    Machine, threads, rounds, k, date, versions.

    Of hits that were imported nothing was timed or weighed here, so machine, threads and rounds say nothing.
    """
    machine, suite = run.environment, run.record.suite
    imported = bool(run.measurements) and all(m.origin is not None for m in run.measurements)
    named = ("primary", "baseline") if imported else ("rounds", "k", "seed", "primary", "baseline")
    versions = [f"{name} {machine.libraries[name]}" for name in VERSIONS if name in machine.libraries]
    parts = [
        *([] if run.measurements else ["no cell measured yet"]),
        *([IMPORTED] if imported else _machine(run)),
        ", ".join(f"{name} {suite[name]}" for name in named if suite.get(name)),
        run.record.made[:10],
        ", ".join([f"Python {machine.python}", *versions]),
    ]
    if machine.commit is not None:
        parts.append(f"commit {machine.commit[:10]}" + (" with uncommitted changes" if machine.dirty else ""))
    return "; ".join(filter(None, parts))


def _machine(run: Run) -> Iterator[str]:
    machine, counts = run.environment, run.record.suite.get("threads", "?")
    yield f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB"
    if machine.accelerator:
        yield machine.accelerator
    for_queries = " and ".join(map(str, counts)) if isinstance(counts, list | tuple) else counts
    for_passages = {m.encode_threads for m in run.measurements if m.encode_threads is not None}
    yield f"threads: {for_queries} for queries" + "".join(f", {n} for passages" for n in for_passages)
