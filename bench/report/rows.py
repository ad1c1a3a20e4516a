"""
A run as plain values: one flat row a cell.

What was not measured is None, never 0. Times are milliseconds or seconds and sizes are bytes, as each key says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

import msgspec

from bench.analysis.prices import Prices, price_of
from bench.instruments.modes import MODES
from bench.instruments.stability import UNSTABLE
from bench.records.comparability import HARDWARE, hardware_differences
from bench.records.run_folder import Run
from bench.records.schema import Footprint, Measurement
from bench.report import formula_bytes

Row: TypeAlias = dict[str, object]

FIRST_TIMES = (*("single_p50_ms", "single_p95_ms", "encode_p50_ms", "search_p50_ms", "batch_qps", "search_batch_qps"),)
OTHER_TIMES = {  # key of JSON -> where its value is in a record, as `Mode.keys`: of no mode
    "new_p50_ms": "new.p50",
    "new_p95_ms": "new.p95",
    "new_p50_low_ms": "new.p50_interval.0",
    "new_p50_high_ms": "new.p50_interval.1",
    "new_p95_low_ms": "new.p95_interval.0",
    "new_p95_high_ms": "new.p95_interval.1",
    "new_ratio_low": "new_ratio.0",
    "new_ratio_high": "new_ratio.1",
    "cpu_p50_ms": "cpu_p50",
}

MEAN_DIGITS = 12  # of a mean that is found by subtracting: the last binary digits are noise

_NO_WEIGHT = Footprint(ledger=None, disk_bytes=None, resident=None)


def row(m: Measurement, measures: Sequence[str] = ()) -> Row:
    """
    The JSON object of a cell; other programs rely on its keys.

    measures: named in the row also where the cell has none of them (it failed, or there are no judgments).
    `ledger_bytes`, `disk_bytes` and `resident_bytes` are the storage's; an engine's are the whole engine's. Resident
    is growth, `..._private_bytes` the part that no other process shares (USS), `..._file_bytes` of that what a file
    backs. Peaks are above the phase's start,
    `..._process_bytes` the whole process's. `dense_bytes` and `csr_bytes` are what the vectors would weigh by formula.
    `..._low_ms` and `..._high_ms` bound the 95 % interval of a percentile. `new_...`: of queries that the process has
    not seen before. `rate_...`: of queries that come at random.
    """
    times = _of_times(m)
    return {**_relied_on(m, measures, times), **_of_the_cell(m), **times, **_of_bytes(m), **_of_conditions(m)}


def _relied_on(m: Measurement, measures: Sequence[str], times: Row) -> Row:
    """The keys that come first, in an order that stays."""
    quality = m.quality or {}
    storage, encoder = (weight or _NO_WEIGHT for weight in (m.storage_weight, m.encoder_weight))
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
        **{key: times[key] for key in FIRST_TIMES},
        "encode_seconds": m.encode_seconds,
        "build_seconds": m.build_seconds,
        "ledger_bytes": storage.ledger_bytes,
        "disk_bytes": storage.disk_bytes,
        "resident_bytes": storage.resident and storage.resident.resident,
        "encoder_ledger_bytes": encoder.ledger_bytes,
        "encoder_resident_bytes": encoder.resident and encoder.resident.resident,
        "text_bytes": m.text_bytes,
        "peak_build_bytes": m.build_memory and m.build_memory.peak_above_start,
        "peak_search_bytes": m.search_memory and m.search_memory.peak_above_start,
        "peak_query_bytes": m.query_memory and m.query_memory.peak_above_start,
        "new_p50_ms": times["new_p50_ms"],
        "index_seconds": m.index_seconds,
        "deployment_bytes": m.deployment_bytes,
        "flags": list(m.flags),
    }


def _of_times(m: Measurement) -> Row:
    """What each mode came to, and new queries."""
    paths = {key: path for mode in MODES.values() for key, path in mode.keys.items()} | OTHER_TIMES
    return {key: _at(m, path) for key, path in paths.items()}


def _of_the_cell(m: Measurement) -> Row:
    """What became of the cell, and whom it agrees with."""
    return {
        "reason": m.reason or None,
        "origin": m.origin,
        "figure_flags": dict(m.figure_flags),
        "unstable": any(flag.startswith(UNSTABLE) for flag in m.flags),
        "label": m.cell_name or None,
        "exact": m.exact,
        f"tie_rate@{m.k}": m.tie_rate,
        f"batch_overlap@{m.k}": m.batch_overlap,
        "overlap_with_exact": m.overlap_with_exact,
        "overlap_with_baseline": m.overlap_with_baseline,
        "load_seconds": m.load_seconds,
    }


def _at(record: object, path: str) -> object:
    """What lies at a path of a record (`Mode.keys`); None where anything on the way was not measured."""
    for name in path.split("."):
        if record is None:
            return None
        record = record[int(name)] if isinstance(record, tuple) else getattr(record, name)
    return record


def _of_bytes(m: Measurement) -> Row:
    storage, encoder = (weight or _NO_WEIGHT for weight in (m.storage_weight, m.encoder_weight))
    resident, encoder_resident = storage.resident, encoder.resident
    ledger = storage.ledger_bytes
    return {
        "encoder_disk_bytes": encoder.disk_bytes,
        "resident_private_bytes": resident and resident.private,
        "resident_file_bytes": resident and resident.private_file,
        "resident_under_resolution": resident and storage.under_resolution,
        "encoder_resident_private_bytes": encoder_resident and encoder_resident.private,
        "encoder_resident_file_bytes": encoder_resident and encoder_resident.private_file,
        "encoder_resident_under_resolution": encoder_resident and encoder.under_resolution,
        "peak_encode_bytes": m.encode_memory and m.encode_memory.peak_above_start,
        "runtime_bytes": m.runtime_bytes,
        "encoder_runtime_bytes": m.encoder_runtime_bytes,
        "peak_build_process_bytes": m.build_memory and m.build_memory.peak,
        "peak_search_process_bytes": m.search_memory and m.search_memory.peak,
        "predicted_bytes": m.predicted_bytes,
        "bytes_per_passage": ledger / m.n_passages if ledger is not None and m.n_passages else None,
        "dims": m.shape[1] if m.shape else None,
        "nonzeros": m.nonzeros,
        **_by_formula(m.shape, m.nonzeros, ledger),
        "position_bound_bits": m.facts.get("position_bound_bits"),
        "value_bound_bits": m.facts.get("value_bound_bits"),
    }


def _by_formula(shape: tuple[int, int] | None, nonzeros: int | None, ledger: int | None) -> Row:
    """What follows from the shape of the vectors; nonzeros: None of dense ones. All None where nothing was encoded."""
    n, dims = shape or (0, 0)
    numbers = n * dims
    stored = numbers if nonzeros is None else nonzeros  # a dense vector stores its zeros too
    bits = 8 * ledger / stored if ledger is not None and stored else None
    return {
        "density": stored / numbers if numbers else None,
        "break_even_density": formula_bytes.break_even_density(n, dims),
        "dense_bytes": formula_bytes.dense_bytes(n, dims) if shape else None,
        "csr_bytes": formula_bytes.csr_bytes(n, dims, stored) if shape else None,
        "bits_per_posting": None if nonzeros is None else bits,
        "bits_per_dimension": bits if nonzeros is None else None,
    }


def _of_conditions(m: Measurement) -> Row:
    return {
        "passages_cut": m.facts.get("passages_cut"),
        "queries_cut": m.facts.get("queries_cut"),
        "n_few_hits": m.facts.get("n_few_hits"),
        "search_k": m.facts.get("search_k"),
        **{f"{measure}_ceiling": value for measure, value in (m.ceilings or {}).items()},
        "n_distractors": m.n_distractors,
        "n_judged": m.n_judged,
        "n_timed": m.n_timed,
        **_of_decision(m),
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


def _of_decision(m: Measurement) -> Row:
    """What was decided, and the means that it is of: over the judged queries that were asked, the baseline's too."""
    decision = m.decision
    low, high = (None, None) if decision is None else decision.interval
    mean = None if decision is None else (decision.means if m.is_stopped else m.quality or {}).get(decision.measure)
    baseline_mean = None if decision is None or mean is None else round(mean - decision.difference, MEAN_DIGITS) + 0.0
    return {
        "stopped": m.is_stopped,
        "decision": decision and decision.verdict,
        "n_asked": decision and decision.n_asked,
        "decision_level": decision and decision.level,
        "decision_mean": mean,
        "decision_baseline_mean": baseline_mean,
        "decision_difference": decision and decision.difference,
        "decision_low": low,
        "decision_high": high,
    }


def of_price(m: Measurement, run: Run, prices: Prices | None) -> Row:
    """What a cell costs by some prices, in their currency; no keys where none are given."""
    if prices is None:
        return {}
    price = price_of(m, run, prices)
    return {
        "price_a_month": price.month,
        "price_a_month_low": price.low,
        "price_a_month_high": price.high,
        "price_per_1000": price.per_1000,
        "price_index": price.index,
        "price_fixed_a_month": price.fixed,
        "price_cores": price.cores_at(price.queries),
        "price_basis": price.basis,
        "price_currency": prices.currency,
    }


# Of runs


def rows(runs: Sequence[Run], prices: Prices | None = None) -> list[Row]:
    """Every cell of some runs: the name of its run, then its row; all name the same measures."""
    named = measures(runs)
    return [
        {"run": name} | row(m, named) | of_price(m, run, prices)
        for name, run in zip(names(runs), runs, strict=True)
        for m in run.measurements
    ]


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


def hardware(runs: Sequence[Run]) -> str:
    """The hardware fields in which the runs' machines differ, with their values; empty where none does."""
    machines = [run.environment for run in runs]
    differ = {name for one, other in combinations(machines, 2) for name in hardware_differences(one, other)}
    values = {name: dict.fromkeys(str(getattr(machine, name)) for machine in machines) for name in HARDWARE}
    return "; ".join(f"{name}: {' / '.join(values[name])}" for name in HARDWARE if name in differ)
