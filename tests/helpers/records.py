"""Records made in memory: cells that went well, failed, weigh and last so much, and runs of them."""

from __future__ import annotations

from pathlib import Path

from bench.records.run_folder import Run
from bench.records.schema import Environment, Footprint, Latency, Measurement, Memory, RunRecord

MEASURES = ("R@1", "R@10", "R@100", "nDCG@10", "RR@10")


def measurement(**changes) -> Measurement:
    """A cell that went well, with the changes asked for; nothing measured but its quality."""
    known = {
        "cell": "0",
        "suite": "first",
        "passage_set": "primer",
        "passage_set_sha256": "00",
        "language": "en",
        "retriever": "BM25() @ CSR()",
        "encoder": "BM25()",
        "storage": "CSR()",
        "resolved": "BM25() @ CSR()",
        "options": {},
        "status": "ok",
        "reason": "",
        "output": (),
        "seed": 7,
        "rounds": 3,
        "threads": 1,
        "k": 10,
        "depth": 100,
        "limit_seconds": 600.0,
        "limit_memory_bytes": 8 * 10**9,
        "limited_by": "",
        "cell_name": "",
        "n_passages": 150,
        "n_distractors": 0,
        "n_queries": 495,
        "n_judged": 495,
        "n_unanswered": 0,
        "n_merged": 0,
        "unknown_judgments": 0,
        "text_bytes": 60_000,
        "quality": dict.fromkeys(MEASURES, 0.5),
        "built_apart": True,
        "reused_matrix": False,
        "facts": {},
        "flags": (),
        "figure_flags": {},
        "files": {},
    }
    return Measurement(**dict.fromkeys(Measurement.__struct_fields__) | known | changes)


def failed(**changes) -> Measurement:
    """A cell of which nothing is known but why."""
    unknown = {"quality": None, "n_judged": None, "n_unanswered": None}
    return measurement(**{"status": "failed", "reason": "it broke"} | unknown | changes)


def latency(p50: float, p95: float | None = None) -> Latency:
    return Latency(p50=p50, p95=p95, p99=None, cold=None)


def memory(private: int) -> Memory:
    return Memory(private=private, private_file=0, shared=0, peak=9_000_000, peak_above_start=1_000, source="test")


def weight(ledger: int, resident: int | None = None, *, disk: int | None = None, small: bool = False) -> Footprint:
    return Footprint(
        ledger={"values": ledger},
        disk_bytes=disk,
        resident=None if resident is None else memory(resident),
        under_resolution=small,
    )


def run_of(*measurements: Measurement, name: str = "run", cpu: str = "A CPU", **suite) -> Run:
    """A run in memory: its suite names all measures, nDCG@10 the primary."""
    environment = Environment(
        cpu=cpu,
        cores=2,
        memory_bytes=16 * 10**9,
        kernel="6.1",
        platform="Linux x86_64",
        python="3.11.9",
        accelerator=None,
        libraries={"numpy": "2.3.1"},
        commit="0123456789abcdef",
        dirty=False,
        code_sha256="00",
    )
    resolved = {"measures": list(MEASURES), "primary": "nDCG@10", "baseline": "BM25() @ CSR()", "threads": 1} | suite
    record = RunRecord(suite_sha256="00", suite=resolved, passage_sets={}, plugins=(), made="2026-01-02T03:04:05+00:00")
    return Run(Path("results") / name, record, environment, measurements)
