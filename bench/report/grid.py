"""What the tables of some runs say: titles, columns, lines and notes, not how they look."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from bench.latency import QUERIES_PER_TAIL
from bench.record import Measurement
from bench.report import rows as flat
from bench.report.rows import Row
from bench.store import Run

MISSING = "-"
NAME_WIDTH = 32  # of a retriever's name, where the terminal has no room for the whole on one line
HEAD_WIDTH = 18  # of a head that is a sentence
REASON = 200  # characters of the reason of a cell that failed; the record holds it whole
BEST = "bold green"
NEVER = 0  # how soon a column is dropped: never; of the others the highest goes first
STATUS_STYLE = {"over-budget": "yellow", "unsupported": "yellow"}  # refused, not broken
VERDICT_STYLE = {"ok": "green", "missed": "bold red", "not run": "yellow"}
PERCENTILES = {"single_p50_ms": 50, "single_p95_ms": 95}

Found: TypeAlias = tuple[str, Run, Measurement]  # the name of its run, its run, and what was measured


class Cell(NamedTuple):
    """One field of a table."""

    text: str
    style: str = ""  # of rich
    below: str = ""  # a second line: why the others are empty


@dataclass(frozen=True)
class Column:
    """The head of a column, and how it is drawn."""

    head: str  # a terminal breaks it at its space, or before its @
    right: bool = True
    drop: int = NEVER
    opens: bool = False  # a group of columns: stands a little apart
    code: bool = False  # holds spellings


@dataclass(frozen=True)
class Grid:
    """One table: what it says, not how it looks."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    goes_on: bool = False  # columns without room follow in a table of their own
    best_of: Literal["column", "line"] = "column"  # where the best is marked


# Numbers


def significant(value: float) -> str:
    """Three significant digits, at most four decimals: 0.0412, 3.98, 123, 12,300."""
    rounded = float(f"{value:.3g}")
    if 0 < abs(rounded) < 5e-5:
        return "<0.0001"
    decimals = next((d for d, least in enumerate((100, 10, 1, 0.1)) if abs(rounded) >= least), 4)
    return f"{rounded:,.{decimals}f}" if rounded else "0"


def megabytes(value: float) -> str:
    """Bytes as MB (10^6), three significant digits."""
    return significant(value / 1e6)


def share(value: float) -> str:
    """A measure between 0 and 1, three decimals without the leading zero: .645, 1.000."""
    return f"{value:.3f}".removeprefix("0")


@dataclass(frozen=True)
class Field:
    """A column that is made from one key of the rows."""

    key: str
    column: Column
    text: Callable[[float], str]
    better: Literal["high", "low"] | None
    time: bool = False  # not compared across hardware
    unresolved: str = ""  # the key that tells whether the value is below what can be told from noise


FIELDS = (
    Field("single_p50_ms", Column("p50 ms", opens=True), significant, "low", time=True),
    Field("single_p95_ms", Column("p95 ms", drop=4), significant, "low", time=True),
    Field("encode_p50_ms", Column("encode ms", drop=9), significant, "low", time=True),
    Field("search_p50_ms", Column("search ms", drop=8), significant, "low", time=True),
    Field("batch_qps", Column("batch q/s", drop=2), significant, "high", time=True),
    Field("ledger_bytes", Column("ledger MB", opens=True), megabytes, "low"),
    Field("resident_bytes", Column("resident MB", drop=3), megabytes, "low", unresolved="resident_under_resolution"),
    Field("disk_bytes", Column("disk MB", drop=6), megabytes, "low"),
    Field(
        "encoder_resident_bytes",
        Column("encoder MB", drop=5),
        megabytes,
        "low",
        unresolved="encoder_resident_under_resolution",
    ),
    Field("overlap_with_exact", Column("overlap exact", drop=7, opens=True), share, None),
)


# What the tables say


def grids(runs: Sequence[Run], *, by_label: bool = False) -> list[Grid]:
    """One grid a passage set, in the order of the runs, then ours against published figures."""
    cells: dict[tuple[str, str], list[Found]] = {}
    for name, run in zip(flat.names(runs), runs, strict=True):
        for m in run.measurements:
            cells.setdefault((m.passage_set, m.passage_set_sha256), []).append((name, run, m))
    make = _labels if by_label else _cells
    made = [make(found, len(runs) > 1) for found in cells.values()]
    contents = Counter(name for name, _ in cells)
    for index, (name, sha256) in enumerate(cells):
        if contents[name] > 1:  # one name, two contents: no figure of one says anything of the other
            made[index] = replace(made[index], title=f"{made[index].title} (content {sha256[:12]})")
    return made if by_label else made + _published(runs)


def _title(found: Sequence[Found]) -> str:
    """Name, counts and language of a passage set. A cell that failed does not know how many queries are judged."""
    m = next((m for _, _, m in found if m.status == "ok"), found[0][2])
    merged = f" ({m.n_merged:,} equal ones merged)" if m.n_merged else ""
    judged = f" ({m.n_judged:,} judged)" if m.n_judged else " (no judgments)"
    queries = f"{m.n_queries:,} queries" + (judged if m.status == "ok" and m.n_judged != m.n_queries else "")
    return f"{m.passage_set}: {m.n_passages:,} passages{merged}, {queries}, {m.language}"


def _cells(found: Sequence[Found], several: bool) -> Grid:
    """The table of one passage set."""
    runs = list({name: run for name, run, _ in found}.values())
    named = flat.measures(runs)
    rows = [flat.row(m, named) for _, _, m in found]
    fields = [f for f in (*_quality(found, named), *FIELDS) if any(row.get(f.key) is not None for row in rows)]
    apart = flat.hardware(runs)
    columns, lines = _lines(found, fields, rows, several=several, apart=bool(apart))
    letters: dict[str, str] = {}
    noted = [[letters.setdefault(text, _letter(len(letters))) for text in flat.remarks(m)] for _, _, m in found]
    if letters:
        columns.append(Column("", opens=True))
        for line, marks in zip(lines, noted, strict=True):
            line.append(Cell(" ".join(sorted(marks, key=lambda mark: (len(mark), mark))), "dim"))
    notes = [f"{letter}: {text}" for text, letter in letters.items()]
    notes += [note for key in PERCENTILES if all(row.get(key) is None for row in rows) for note in _too_few(found, key)]
    unknown = max(m.unknown_judgments for _, _, m in found)
    if unknown:
        notes.append(f"judgments that name a passage or query that is not there: {unknown:,}")
    for name, _, m in found:
        if m.status != "ok":
            who = f"{name}: {m.retriever}" if several else m.retriever
            reason = " ".join(m.reason.split())
            cut = reason if len(reason) <= REASON else f"{reason[: REASON - 1]}…"
            notes.append(f"{who}: {m.status}" + (f": {cut}" if cut else ""))
    if apart:
        notes.append(f"hardware differs ({apart}): times are not compared across runs, the best is marked within each")
    return Grid(_title(found), tuple(columns), tuple(map(tuple, lines)), tuple(notes))


def _lines(
    found: Sequence[Found], fields: Sequence[Field], rows: Sequence[Row], *, several: bool, apart: bool = False
) -> tuple[list[Column], list[list[Cell]]]:
    """Columns and lines: the retriever, then its fields; apart: times are compared within a run only."""
    columns = [*([Column("run", right=False)] if several else []), Column("retriever", right=False, code=True)]
    columns += [field.column for field in fields]
    lines = [[Cell(name)] if several else [] for name, _, _ in found]
    for line, (_, _, m) in zip(lines, found, strict=True):
        broke = m.status != "ok"
        line.append(Cell(m.retriever, STATUS_STYLE.get(m.status, "red"), m.status) if broke else Cell(m.retriever))
    for field in fields:
        groups = [name if field.time and apart else "" for name, _, _ in found]
        for line, row, best in zip(lines, rows, _best(field, rows, groups), strict=True):
            text = _text(field, row)
            line.append(Cell(text, BEST if best else "dim" if text == MISSING else ""))
    return columns, lines


def _quality(found: Sequence[Found], named: Sequence[str]) -> list[Field]:
    """The measures' fields; without judgments the agreement with the baseline, which is no quality, in their place."""
    if any(m.quality for _, _, m in found):
        kept = {flat.primary(run) for _, run, _ in found}
        ceilings = {name: value for _, _, m in found for name, value in (m.ceilings or {}).items()}
        # What the passages' own judgments say comes first; a span may be found in a passage by chance.
        return [
            Field(
                name, Column(_head(name, ceilings), drop=NEVER if name in kept else 1, opens=index == 0), share, "high"
            )
            for index, name in enumerate(sorted(named, key=ceilings.__contains__))
        ]
    baselines = " / ".join(dict.fromkeys(flat.baseline(run) or "the baseline" for _, run, _ in found))
    head = f"agreement with {baselines} (overlap@10), not quality"
    return [Field("overlap_with_baseline", Column(head, opens=True), share, None)]


def _head(measure: str, ceilings: Mapping[str, float]) -> str:
    ceiling = ceilings.get(measure)
    return measure if ceiling is None else f"{measure} (ceiling {share(ceiling)})"


def _best(field: Field, rows: Sequence[Row], groups: Sequence[str]) -> list[bool]:
    """Which rows hold the best of a column within their group; those that read equal share it, all equal: none."""
    marked = [False] * len(rows)
    if field.better is None:
        return marked
    for group in set(groups):
        measured = {
            index: (value, _text(field, row))
            for index, row in enumerate(rows)
            if groups[index] == group and row["status"] == "ok" and isinstance(value := row.get(field.key), int | float)
        }
        texts = {text for _, text in measured.values()}
        if len(texts) > 1:
            best = (max if field.better == "high" else min)(measured.values(), key=lambda pair: pair[0])[1]
            for index, (_, text) in measured.items():
                marked[index] = text == best
    return marked


def _text(field: Field, row: Row) -> str:
    value = row.get(field.key)
    if not isinstance(value, int | float):
        return MISSING
    return "<1" if field.unresolved and row[field.unresolved] else field.text(value)


def _too_few(found: Sequence[Found], key: str) -> list[str]:
    """Why a percentile was measured nowhere, where queries were timed and were too few for it."""
    percent = PERCENTILES[key]
    needed = -(-QUERIES_PER_TAIL * 100 // (100 - percent))
    few = max((min(m.n_queries, flat.most_timed(run)) for _, run, m in found if m.single is not None), default=needed)
    return [f"no p{percent}: {few:,} queries are timed, {needed:,} are needed"] if few < needed else []


def _letter(index: int) -> str:
    """a, b ... z, aa, ab ..."""
    before, last = divmod(index, 26)
    return (_letter(before - 1) if before else "") + string.ascii_lowercase[last]


def _labels(found: Sequence[Found], several: bool) -> Grid:
    """The primary measure of one passage set by what its queries test."""
    counts = {label: n for _, _, m in found for label, n in (m.label_counts or {}).items()}
    if not counts:
        return Grid(f"{_title(found)}: its queries have no labels", (), ())
    primaries = [flat.primary(run) or "" for _, run, _ in found]
    rows: list[Row] = [
        {"status": m.status}
        | {f"label {label}": means.get(name) for label, means in (m.quality_by_label or {}).items()}
        for (_, _, m), name in zip(found, primaries, strict=True)
    ]
    fields = [
        Field(f"label {label}", Column(f"{label} ({n:,})", drop=1, opens=True), share, "high")
        for label, n in sorted(counts.items())
    ]
    columns, lines = _lines(found, fields, rows, several=several)
    title = f"{_title(found)}: {' / '.join(dict.fromkeys(primaries))} by label (queries)"
    return Grid(title, tuple(columns), tuple(map(tuple, lines)), goes_on=True)


def _published(runs: Sequence[Run]) -> list[Grid]:
    """Ours against published figures, their sources as notes; no grid where the suites name none."""
    figures = flat.figures(runs)
    several = len(runs) > 1
    letters: dict[str, str] = {}
    lines = []
    for f in figures:
        p = f.published
        allowed = [f"±{p.within:g}"] if p.within is not None else []
        allowed += [f"≥ {p.at_least:g}"] if p.at_least is not None else []
        texts = (_four(f.ours), _four(p.value), _four(f.difference, "+"), ", ".join(allowed) or MISSING)
        named = (*([f.run] if several else []), p.passage_set, p.retriever, p.measure)
        verdict = Cell(f.verdict, VERDICT_STYLE.get(f.verdict, ""))
        source = Cell(letters.setdefault(p.source, _letter(len(letters))), "dim")
        lines.append((*map(Cell, (*named, *texts)), verdict, source))
    columns = (
        *([Column("run", right=False)] if several else []),
        Column("set", right=False),
        Column("retriever", right=False, code=True, opens=True),
        Column("measure", right=False, opens=True),
        Column("ours"),
        Column("published"),
        Column("difference", drop=2),
        Column("allowed", drop=1),
        Column("", right=False, opens=True),
        Column("", opens=True),
    )
    notes = tuple(f"{letter}: {source}" for source, letter in letters.items())
    return [Grid("Against published figures", columns, tuple(lines), notes)] if figures else []


def _four(value: float | None, sign: str = "") -> str:
    """Four decimals without the leading zero, as figures are published: .6451, +.0012."""
    return MISSING if value is None else re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{sign}.4f}")
