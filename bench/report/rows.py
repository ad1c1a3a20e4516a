"""
A run as plain values: one flat row a cell, what a reader must know of it, and figures from outside.

What was not measured is None, never 0. Times are milliseconds or seconds and sizes are bytes, as each key says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bench.instruments.latency import UNSTABLE
from bench.instruments.modes import MODES
from bench.records.comparability import HARDWARE
from bench.records.run_folder import Run
from bench.records.schema import Footprint, Measurement, Memory
from bench.report import theory
from bench.run.suite import Published

if TYPE_CHECKING:
    from pandas import DataFrame

Row: TypeAlias = dict[str, object]

VERSIONS = (  # told with the conditions
    *("sparring", "numpy", "scipy", "numba", "faiss-cpu", "usearch", "torch", "sentence-transformers"),
)
IMPORTED = "imported: scored here, not measured here"
ROUNDING = 1e-9  # a difference of decimal figures is held to a decimal limit: 0.6501 - 0.6451 is within 0.005


def row(m: Measurement, measures: Sequence[str] = ()) -> Row:
    """
    The JSON object of a cell; other programs rely on its keys.

    measures: named in the row also where the cell has none of them (it failed, or there are no judgments).
    `ledger_bytes`, `disk_bytes` and `resident_bytes` are the storage's; an engine's are the whole engine's. Resident
    is growth, `..._private_bytes` the part that no other process shares (USS), `..._file_bytes` of that what a file
    backs. Peaks are above the phase's start,
    `..._process_bytes` the whole process's. `dense_bytes` and `csr_bytes` are what the vectors would weigh by formula.
    `..._low_ms` and `..._high_ms` bound the 95 % interval of a percentile. `rate_...`: of queries that come at random.
    """
    quality = m.quality or {}
    storage, encoder = (weight or _NO_WEIGHT for weight in (m.storage_weight, m.encoder_weight))
    resident, encoder_resident = (weight.resident or _NO_MEMORY for weight in (storage, encoder))
    build, search_memory, encode_memory, query_memory = (
        memory or _NO_MEMORY for memory in (m.build_memory, m.search_memory, m.encode_memory, m.query_memory)
    )
    ledger = storage.ledger_bytes
    return {
        "passage_set": m.passage_set,
        "retriever": m.retriever,
        "encoder": m.encoder,
        "storage": m.storage,
        "status": m.status,
        "n_passages": m.n_passages,
        "n_queries": m.n_queries,
        "n_unanswered": m.n_unanswered,
        **{measure: quality.get(measure) for measure in (*measures, *quality)},
        **{key: _at(m, path) for mode in MODES.values() for key, path in mode.keys.items()},
        "encode_seconds": m.encode_seconds,
        "build_seconds": m.build_seconds,
        "ledger_bytes": ledger,
        "disk_bytes": storage.disk_bytes,
        "resident_bytes": resident.resident,
        "encoder_ledger_bytes": encoder.ledger_bytes,
        "encoder_resident_bytes": encoder_resident.resident,
        "text_bytes": m.text_bytes,
        "peak_build_bytes": build.peak_above_start,
        "peak_search_bytes": search_memory.peak_above_start,
        # What follows is ours to add to.
        "reason": m.reason or None,
        "origin": m.origin,
        "flags": list(m.flags),
        "unstable": any(flag.startswith(UNSTABLE) for flag in m.flags),
        "label": m.cell_name or None,
        "exact": m.exact,
        f"tie_rate@{m.k}": m.tie_rate,
        "overlap_with_exact": m.overlap_with_exact,
        "overlap_with_baseline": m.overlap_with_baseline,
        "load_seconds": m.load_seconds,
        "encoder_disk_bytes": encoder.disk_bytes,
        "resident_private_bytes": resident.private,
        "resident_file_bytes": resident.private_file,
        "resident_under_resolution": _under_resolution(m.storage_weight),
        "encoder_resident_private_bytes": encoder_resident.private,
        "encoder_resident_file_bytes": encoder_resident.private_file,
        "encoder_resident_under_resolution": _under_resolution(m.encoder_weight),
        "peak_encode_bytes": encode_memory.peak_above_start,
        "peak_query_bytes": query_memory.peak_above_start,
        "peak_build_process_bytes": build.peak,
        "peak_search_process_bytes": search_memory.peak,
        "predicted_bytes": m.predicted_bytes,
        "bytes_per_passage": ledger / m.n_passages if ledger is not None and m.n_passages else None,
        "dims": m.shape[1] if m.shape else None,
        "nonzeros": m.nonzeros,
        **_sizes(m.shape, m.nonzeros, ledger),
        "position_bound_bits": m.facts.get("position_bound_bits"),
        "value_bound_bits": m.facts.get("value_bound_bits"),
        "passages_cut": m.facts.get("passages_cut"),
        **{f"{measure}_ceiling": value for measure, value in (m.ceilings or {}).items()},
        "n_distractors": m.n_distractors,
        "n_judged": m.n_judged,
        "n_merged": m.n_merged,
        "unknown_judgments": m.unknown_judgments,
        "split": m.built_apart,
        "reused_matrix": m.reused_matrix,
        "k": m.k,
        "rounds": m.rounds,
        "seed": m.seed,
        "threads": m.threads,
        "encode_threads": m.encode_threads,
        "language": m.language,
        "passage_set_sha256": m.passage_set_sha256,
        "resolved": m.resolved,
    }


class _NoMemory:
    """Stands for a Memory that was not measured."""

    resident = private = private_file = peak = peak_above_start = None


_NO_WEIGHT = Footprint(ledger=None, disk_bytes=None, resident=None)
_NO_MEMORY: Memory | _NoMemory = _NoMemory()


def _at(record: object, path: str) -> object:
    """What lies at a path of a record (`Mode.keys`); None where anything on the way was not measured."""
    for name in path.split("."):
        if record is None:
            return None
        record = record[int(name)] if isinstance(record, tuple) else getattr(record, name)
    return record


def _under_resolution(weight: Footprint | None) -> bool | None:
    return None if weight is None or weight.resident is None else weight.under_resolution


def _sizes(shape: tuple[int, int] | None, nonzeros: int | None, ledger: int | None) -> Row:
    """What follows from the shape of the vectors; nonzeros: None of dense ones. All None where nothing was encoded."""
    n, dims = shape or (0, 0)
    numbers = n * dims
    stored = numbers if nonzeros is None else nonzeros  # a dense vector stores its zeros too
    bits = 8 * ledger / stored if ledger is not None and stored else None
    return {
        "density": stored / numbers if numbers else None,
        "break_even_density": theory.break_even_density(n, dims),
        "dense_bytes": theory.dense_bytes(n, dims) if shape else None,
        "csr_bytes": theory.csr_bytes(n, dims, stored) if shape else None,
        "bits_per_posting": None if nonzeros is None else bits,
        "bits_per_dimension": bits if nonzeros is None else None,
    }


def rows(runs: Sequence[Run]) -> list[Row]:
    """Every cell of some runs: the name of its run, then its row; all name the same measures."""
    named = measures(runs)
    return [
        {"run": name} | row(m, named) for name, run in zip(names(runs), runs, strict=True) for m in run.measurements
    ]


def frame(runs: Sequence[Run]) -> DataFrame:
    """The rows as a pandas DataFrame, one a cell; NaN or None where not measured."""
    import pandas

    return pandas.DataFrame(rows(runs))


def measures(runs: Sequence[Run]) -> list[str]:
    """The measures of the runs' suites, in their order, and any other that a cell has."""
    found: dict[str, None] = {}
    for run in runs:
        found.update(dict.fromkeys(msgspec.convert(run.record.suite.get("measures", []), list[str])))
        for m in run.measurements:
            found.update(dict.fromkeys(m.quality or ()))
    return list(found)


def primary(run: Run) -> str | None:
    """The measure that the run's suite named before it ran."""
    return msgspec.convert(run.record.suite.get("primary"), str | None)


def baseline(run: Run) -> str | None:
    """The retriever that the run's suite compares with."""
    return msgspec.convert(run.record.suite.get("baseline"), str | None)


def most_timed(run: Run) -> int:
    """How many queries of a passage set the run's suite times at most; without end where it does not say."""
    return msgspec.convert(run.record.suite.get("queries", sys.maxsize), int)


def names(runs: Sequence[Run]) -> list[str]:
    """A name a run: its folder's, or the whole path where two folders are named alike."""
    short = [run.folder.name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.folder) for run in runs]


def remarks(m: Measurement) -> list[str]:
    """What a reader must know before taking the numbers of a cell as they stand: a sentence each, its flags first."""
    found = [] if m.origin is None else [IMPORTED]
    found += m.flags
    if m.n_unanswered:
        found.append(f"judged queries unanswered, which score 0: {m.n_unanswered:,} of {m.n_judged or m.n_queries:,}")
    return found


def hardware(runs: Sequence[Run]) -> str:
    """The hardware fields in which the runs' machines differ, with their values; empty where none does."""
    found = {name: list(dict.fromkeys(str(getattr(run.environment, name)) for run in runs)) for name in HARDWARE}
    return "; ".join(f"{name}: {' / '.join(values)}" for name, values in found.items() if len(values) > 1)


def conditions(run: Run) -> str:
    """
    What the numbers of a run hold for, on one line: machine, threads, rounds, k, date, versions.

    Of hits that were imported nothing was timed or weighed here, so machine, threads and rounds say nothing.
    """
    machine, suite = run.environment, run.record.suite
    imported = bool(run.measurements) and all(m.origin is not None for m in run.measurements)
    encoding = {m.encode_threads for m in run.measurements if m.encode_threads is not None}
    counts = suite.get("threads", "?")
    counts = " and ".join(map(str, counts)) if isinstance(counts, list | tuple) else counts
    threads = f"{counts} for queries" + "".join(f", {n} for passages" for n in encoding)
    versions = [f"{name} {machine.libraries[name]}" for name in VERSIONS if name in machine.libraries]
    measured = [
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB",
        *([machine.accelerator] if machine.accelerator else []),
        f"threads: {threads}",
    ]
    told = ("primary", "baseline") if imported else ("rounds", "k", "seed", "primary", "baseline")
    parts = [
        *([IMPORTED] if imported else measured),
        ", ".join(f"{name} {suite[name]}" for name in told if suite.get(name)),
        run.record.made[:10],
        f"Python {machine.python}, {', '.join(versions)}".removesuffix(", "),
    ]
    if machine.commit is not None:
        parts.append(f"commit {machine.commit[:10]}" + (" with uncommitted changes" if machine.dirty else ""))
    if not run.measurements:
        parts.insert(0, "no cell measured yet")
    return "; ".join(parts)


@dataclass(frozen=True)
class Figure:
    """A figure from outside beside ours."""

    run: str
    published: Published
    ours: float | None  # None: the cell did not run, or lacks the measure

    @property
    def difference(self) -> float | None:
        value = self.published.value
        return None if self.ours is None or value is None else self.ours - value

    @property
    def verdict(self) -> str:
        """`ok`, `missed` or `not run`; `-` where the suite allows any difference."""
        if self.ours is None:
            return "not run"
        tests = []
        if self.published.within is not None and self.difference is not None:
            tests.append(abs(self.difference) <= self.published.within + ROUNDING)
        if self.published.at_least is not None:
            tests.append(self.ours >= self.published.at_least - ROUNDING)
        return "-" if not tests else "ok" if all(tests) else "missed"


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Every published figure that the runs' suites name, in their order, with ours."""
    found = []
    for name, run in zip(names(runs), runs, strict=True):
        ours = {(m.passage_set, m.retriever): m.quality or {} for m in run.measurements if m.status == "ok"}
        for published in msgspec.convert(run.record.suite.get("published", []), list[Published]):
            quality = ours.get((published.passage_set, published.retriever), {})
            found.append(Figure(name, published, quality.get(published.measure)))
    return found
