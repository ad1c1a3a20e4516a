"""What each storage does to an encoder: what it loses, how long it takes, and what it weighs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import formula_bytes
from bench.report import rows as flat
from bench.report.columns import EXACT, PEAK, Field
from bench.report.model import Column, Grid
from bench.report.numbers import four, megabytes, share, significant, sized
from bench.report.rows import Row
from bench.report.tables.lines import RunCell, hardware_note, heading, lines_of, name_cell, shortened
from bench.report.tables.marks import add_remarks, figure_notes, no_best

RECALL = re.compile(r"R@\d+")
MATCHED = 0.001  # of the primary measure: who loses no more is compared by time and bytes
LEGEND = f"Times and bytes are compared among storages that are exact or lose at most {share(MATCHED)} of the primary."
SERVICE = "service time of one query, vector to ids"
LOST = "what exact search of the same float32 vectors finds more"
SMALLER = "than float32 by formula, sparse vectors as CSR and dense ones as an array"
OVERLAP = Field(EXACT, Column("overlap@10", drop=1, opens=True), share, "high", quality=True)
COSTS = (
    Field("search_p50_ms", Column("search p50 ms", drop=1, opens=True, meaning=SERVICE), significant, "low", time=True),
    Field("search_p95_ms", Column("search p95 ms", drop=1, meaning=SERVICE), significant, "low", time=True),
    Field(
        "search_batch_qps", Column("search q/s", drop=1, meaning="all queries at once"), significant, "high", time=True
    ),
    Field("ledger_bytes", Column("index MB", drop=1, opens=True, meaning="index size (exact)"), megabytes, "low"),
    Field("disk_bytes", Column("disk MB", drop=1), megabytes, "low"),
    Field("resident_bytes", Column("resident MB", drop=1), megabytes, "low", unresolved="resident_under_resolution"),
    Field("mapped_bytes", Column("mapped MB", drop=1), megabytes, None),
    Field("peak_search_bytes", Column("peak search MB", drop=1, meaning=PEAK), megabytes, "low"),
    Field("peak_build_bytes", Column("peak build MB", drop=1, meaning=PEAK), megabytes, "low"),
    Field("bits_per_posting", Column("bits per posting", drop=1, opens=True), significant, "low"),
    Field("bits_per_dimension", Column("bits per dimension", drop=1, opens=True), significant, "low"),
    Field("bound_bits", Column("least bits", drop=1), significant, None),
    Field("times_smaller", Column("times smaller", drop=1, meaning=SMALLER), significant, "high"),
)


class Key(NamedTuple):
    """What the cells of one table share."""

    passage_set: str
    sha256: str
    n_distractors: int
    encoder: str


def storage_grids(runs: Sequence[Run]) -> list[Grid]:
    """One table a passage set and encoder, its storages down; InputError where no run pairs the two."""
    cells, engines = grouped(runs)
    if not cells:
        raise InputError(
            "--pivot storage: expected cells of an encoder with a storage, found none: "
            f"{', '.join(dict.fromkeys(engines)) or 'the run has no cell yet'}"
        )
    return [
        _grid(f"{heading(found)}{content(key, cells)}: {key.encoder}", found, several=len(runs) > 1)
        for key, found in cells.items()
    ]


def content(key: Key, keys: Iterable[Key]) -> str:
    """What tells a passage set from another of its name that holds something else; empty where there is none."""
    others = {
        other.sha256
        for other in keys
        if (other.passage_set, other.n_distractors) == (key.passage_set, key.n_distractors)
    }
    return f" (content {key.sha256[:12]})" if len(others) > 1 else ""


def grouped(runs: Sequence[Run]) -> tuple[dict[Key, list[RunCell]], list[str]]:
    """The cells that pair an encoder with a storage, by their tables, in the order of the runs; and the engines."""
    cells: dict[Key, list[RunCell]] = {}
    engines = []
    for name, run in zip(flat.names(runs), runs, strict=True):
        for m in run.measurements:
            if m.encoder is None or m.storage is None:
                engines.append(m.retriever)
                continue
            key = Key(m.passage_set, m.passage_set_sha256, m.n_distractors, m.encoder)
            cells.setdefault(key, []).append((name, run, m))
    return cells, engines


def exact_quality(found: Sequence[RunCell]) -> dict[str, dict[str, float | None]]:
    """Of each run, by name, the measures of exact float32 search: those of the first storage that is exact."""
    exact = [(name, m) for name, _, m in reversed(found) if m.exact and m.quality and m.status == "ok"]
    return {name: m.quality for name, m in exact if m.quality and not m.n_distractors}


def why(found: RunCell) -> str:
    """Why a cell has no numbers: its status, what it would have weighed where that was predicted, and the reason."""
    _, run, m = found
    predicted, limit = m.predicted_bytes, min(m.limit_memory_bytes, run.environment.memory_bytes)
    if m.status == "over-budget" and predicted is not None and predicted > limit:
        return f"{m.status}: would take {sized(predicted)}, the limit is {sized(limit)}"
    told = f" (would take {sized(predicted)})" if predicted is not None and m.status != "unsupported" else ""
    return f"{m.status}{told}" + (f": {reason}" if (reason := shortened(m.reason)) else "")


def _grid(title: str, found: Sequence[RunCell], *, several: bool) -> Grid:
    runs = list({name: run for name, run, _ in found}.values())
    exact = exact_quality(found)
    rows = [_row(m, exact.get(name), flat.primary(run)) for name, run, m in found]
    quality = [name for name in _measures(runs) if any(row.get(name) is not None for row in rows)]
    costs = [replace(field, among="matched") for field in COSTS]  # at any quality the least would always be a lossy one
    fields = [*(_lost(quality, runs) if exact else _as_found(quality)), OVERLAP, *costs]
    fields = [field for field in fields if any(row.get(field.key) is not None for row in rows)]
    apart = flat.hardware(runs)
    named = [name_cell(each[2], each[2].storage or "", why(each)) for each in found]
    columns, lines = lines_of(found, "storage", named, fields, rows, several=several, apart=bool(apart))
    notes = [*_exact_note(exact, quality, several=several), *_theory(found), *_bounds(found)]
    notes += add_remarks(found, columns, lines) + figure_notes(fields, rows) + hardware_note(apart)
    notes += no_best(fields, [m for _, _, m in found])
    return Grid(title, tuple(columns), tuple(map(tuple, lines)), tuple(notes), goes_on=True, legend=(LEGEND,))


def _row(m: Measurement, exact: dict[str, float | None] | None, primary: str | None) -> Row:
    """The row of a cell: what it loses, whether its costs are compared, and what it weighs beside the formula."""
    row = flat.row(m)
    quality = {} if m.n_distractors else m.quality or {}
    row |= dict.fromkeys(m.quality or {}) | quality
    for name, value in quality.items():
        best = (exact or {}).get(name)
        row[f"lost {name}"] = None if value is None or best is None else round(best - value, 4) + 0.0
    lost = row.get(f"lost {primary}")
    matched = m.exact is True or (isinstance(lost, float) and lost <= MATCHED)
    ledger = row["ledger_bytes"]
    formula = row["dense_bytes" if m.nonzeros is None else "csr_bytes"]
    smaller = formula / ledger if isinstance(formula, int) and isinstance(ledger, int) and ledger else None
    mapped = row["resident_file_bytes"] if m.facts.get("memory_mapped") == 1 else None
    bounds = [row[key] for key in ("position_bound_bits", "value_bound_bits")]
    numbers = [bound for bound in bounds if isinstance(bound, int | float)]
    bound = sum(numbers) if len(numbers) == len(bounds) else None
    return row | {"matched": matched, "times_smaller": smaller, "mapped_bytes": mapped, "bound_bits": bound}


def _measures(runs: Sequence[Run]) -> list[str]:
    """Each recall@k, and the primary measures."""
    primaries = {flat.primary(run) for run in runs}
    return [name for name in flat.measures(runs) if name in primaries or RECALL.fullmatch(name)]


def _lost(quality: Sequence[str], runs: Sequence[Run]) -> list[Field]:
    """The primary measure as it is, and what is lost of each."""
    primaries = [name for name in dict.fromkeys(flat.primary(run) for run in runs) if name in quality]
    lost = [
        Field(f"lost {name}", Column(f"{name} lost", drop=1, opens=index == 0, meaning=LOST), four, "low", quality=True)
        for index, name in enumerate(quality)
    ]
    own = [Field(name, Column(name, drop=1, opens=True), four, "high", quality=True) for name in primaries if name]
    return [*own, *lost]


def _as_found(quality: Sequence[str]) -> list[Field]:
    """The measures as they are, where no exact search tells what is lost."""
    return [
        Field(name, Column(name, drop=1, opens=not index), four, "high", quality=True)
        for index, name in enumerate(quality)
    ]


# Under a table


def _exact_note(exact: dict[str, dict[str, float | None]], quality: Sequence[str], *, several: bool) -> list[str]:
    if quality and not exact:
        return ["no exact search of the float32 vectors ran: the measures stand as they are, not what is lost of them"]
    return [
        f"{f'{run}: ' if several else ''}exact search: "
        + ", ".join(f"{name} {four(values.get(name))}" for name in quality)
        for run, values in exact.items()
    ]


def _theory(found: Sequence[RunCell]) -> list[str]:
    """Density, and what float32 weighs dense and sparse: by formula, and by the sizes of cells that hold it so."""
    cells = [m for _, _, m in found if m.shape is not None]
    if not cells or cells[0].shape is None or 0 in cells[0].shape:
        return []
    (n, dims), nonzeros = cells[0].shape, cells[0].nonzeros
    stored = n * dims if nonzeros is None else nonzeros
    dense, sparse = formula_bytes.dense_bytes(n, dims), formula_bytes.csr_bytes(n, dims, stored)
    meeting = formula_bytes.break_even_density(n, dims)
    array, rows = _held(cells, n * dims, None), _held(cells, stored, n + 1)
    measured = "not measured on both"
    if array is not None and rows is not None:
        (one, whole), (other, part) = array, rows
        measured = f"{_precise(whole / part)} by the index sizes of {one} and {other}"
    equal = f"at a density of {_precise(meeting or 0.0)} CSR and a dense array weigh the same"
    formula = f"float32 by formula: dense n * dims * 4 = {sized(dense)}, CSR {sized(sparse)}"
    return [
        f"density {_precise(stored / (n * dims))}: {stored:,} numbers stored of {n:,} x {dims:,}; {equal}",
        f"{formula}; dense to CSR {_precise(dense / sparse)} in theory, {measured}",
    ]


def _held(cells: Sequence[Measurement], values: int, offsets: int | None) -> tuple[str, int] | None:
    """
    The first exact storage whose ledger has so many float32 values and so many offsets, and its bytes.

    offsets: None of an array, which has its values and nothing else. What a storage is called says nothing here.
    """
    for m in cells:
        ledger = m.storage_weight.ledger if m.exact and m.storage_weight is not None else None
        parts = list((ledger or {}).values())
        if offsets is None:
            as_formula = parts == [values * formula_bytes.VALUE]
        else:
            lengths = {part // offsets for part in parts if part % offsets == 0}
            has_offsets = bool(lengths & set(formula_bytes.WIDTHS))
            as_formula = len(parts) == 3 and values * formula_bytes.VALUE in parts and has_offsets
        if as_formula:
            return m.storage or m.retriever, sum(parts)
    return None


def _bounds(found: Sequence[RunCell]) -> list[str]:
    """What the least bits of a posting are made of, where storages tell them."""
    positions = dict.fromkeys(m.facts.get("position_bound_bits") for _, _, m in found)
    told = [significant(bits) for bits in positions if isinstance(bits, int | float)]
    if not told:
        return []
    positions_of = (
        f"{' / '.join(told)} for where a posting stands (log2 of the ways to choose each dimension's passages)"
    )
    return [f"least bits: {positions_of}, and the entropy of its value as it is stored"]


def _precise(value: float) -> str:
    """Four significant digits, so that one in a hundred shows."""
    return f"{value:,.0f}" if value >= 1e4 else f"{value:.4g}"
