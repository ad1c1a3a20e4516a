"""What the tables of some runs say: titles, columns, lines and notes, not how they look."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from bench.errors import InputError, did_you_mean
from bench.instruments.latency import QUERIES_PER_TAIL
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report import significance
from bench.report.columns import FIELDS, THREADS, Field, best_of, text_of
from bench.report.model import BEST, NEVER, STATUS_STYLE, Column, Grid, TableCell
from bench.report.numbers import MISSING, four, share
from bench.report.rows import Row

REASON = 200  # characters of the reason of a cell that failed; the record holds it whole
VERDICT_STYLE = {"ok": "green", "missed": "bold red", "not run": "yellow"}
PERCENTILES = {"single_p50_ms": 50, "single_p95_ms": 95}

Found: TypeAlias = tuple[str, Run, Measurement]  # the name of its run, its run, and what was measured


def grids(
    runs: Sequence[Run],
    *,
    by_label: bool = False,
    intervals: bool = False,
    columns: Sequence[str] | None = None,
) -> list[Grid]:
    """
    One grid a passage set, in the order of the runs, then ours against published figures.

    intervals: those of means and of percentiles are told. columns: keys of the rows, what to show and in which order.
    """
    cells: dict[tuple[str, str], list[Found]] = {}
    for name, run in zip(flat.names(runs), runs, strict=True):
        for m in run.measurements:
            cells.setdefault((m.passage_set, m.passage_set_sha256), []).append((name, run, m))
    several = len(runs) > 1
    if by_label:
        made = [_labels(found, several) for found in cells.values()]
    else:
        made = [_cells(found, several, intervals, columns) for found in cells.values()]
    contents = Counter(name for name, _ in cells)
    for index, (name, sha256) in enumerate(cells):
        if contents[name] > 1:  # one name, two contents: no figure of one says anything of the other
            made[index] = replace(made[index], title=f"{made[index].title} (content {sha256[:12]})")
    return made if by_label or columns else made + published_grids(runs)


def heading(found: Sequence[Found]) -> str:
    """Name, counts and language of a passage set. A cell that failed does not know how many queries are judged."""
    m = next((m for _, _, m in found if m.status == "ok"), found[0][2])
    merged = f" ({m.n_merged:,} equal ones merged)" if m.n_merged else ""
    merged += f" ({m.n_distractors:,} of them synthetic)" if m.n_distractors else ""
    judged = f" ({m.n_judged:,} judged)" if m.n_judged else "" if m.n_distractors else " (no judgments)"
    queries = f"{m.n_queries:,} queries" + (judged if m.status == "ok" and m.n_judged != m.n_queries else "")
    return f"{m.passage_set}: {m.n_passages:,} passages{merged}, {queries}, {m.language}"


def _cells(found: Sequence[Found], several: bool, intervals: bool, keys: Sequence[str] | None) -> Grid:
    """The table of one passage set."""
    runs = list({name: run for name, run, _ in found}.values())
    named = flat.measures(runs)
    rows = [flat.row(m, named) for _, _, m in found]
    fields = _chosen([THREADS, *_quality(found, named), *FIELDS], keys)
    fields = [field for field in fields if any(text_of(field, row) != MISSING for row in rows)]
    if keys is None and len({row["threads"] for row in rows}) == 1:
        fields.remove(THREADS)
    apart = flat.hardware(runs)
    columns, lines = _lines(found, fields, rows, several=several, apart=bool(apart))
    told = significance.judge([(run, m) for _, run, m in found], fields, lines, intervals=intervals)
    notes = add_remarks(found, columns, lines)
    notes += [note for key in PERCENTILES if all(row.get(key) is None for row in rows) for note in _too_few(found, key)]
    unknown = max(m.unknown_judgments for _, _, m in found)
    if unknown:
        notes.append(f"judgments that name a passage or query that is not there: {unknown:,}")
    for name, _, m in found:
        if m.status != "ok":
            who = f"{name}: {m.retriever}" if several else m.retriever
            notes.append(f"{who}: {m.status}" + (f": {cut}" if (cut := shortened(m.reason)) else ""))
    notes += hardware_note(apart) + told.notes
    return Grid(
        heading(found),
        tuple(columns),
        tuple(map(tuple, lines)),
        tuple(notes),
        legend=(*_meanings(fields), *told.legend),
    )


def _meanings(fields: Sequence[Field]) -> tuple[str, ...]:
    """What columns mean that not every table has."""
    heads = {field.column.head for field in fields}
    said = {
        "joint gap": "joint gap: p50 with encoder and storage in one process, over the sum of both apart.",
        "loaded p50": "loaded: latency, the wait included, of queries that arrive at random at the offered rate.",
    }
    return tuple(meaning for head, meaning in said.items() if head in heads)


def _chosen(fields: Sequence[Field], keys: Sequence[str] | None) -> list[Field]:
    """The fields of those keys, in their order; all where none is asked for. InputError names the nearest."""
    known = {field.key: field for field in fields}
    for key in keys or ():
        if key not in known:
            hint = did_you_mean(key, known, cutoff=0.4)
            raise InputError(f"--columns: expected some of {', '.join(known)}, found {key!r}.{hint}")
    if keys is None:
        return list(fields)
    return [replace(known[key], column=replace(known[key].column, drop=NEVER)) for key in keys]


def _lines(
    found: Sequence[Found], fields: Sequence[Field], rows: Sequence[Row], *, several: bool, apart: bool = False
) -> tuple[list[Column], list[list[TableCell]]]:
    """Columns and lines: the retriever, then its fields; apart: times are compared within a run only."""
    named = [name_cell(m, m.retriever, m.status) for _, _, m in found]
    return drawn(found, "retriever", named, fields, rows, several=several, apart=apart)


# What other tables of cells share


def name_cell(m: Measurement, name: str, why: str) -> TableCell:
    """What a line is of, and below it why it has no numbers, where the cell did not end well."""
    return TableCell(name) if m.status == "ok" else TableCell(name, STATUS_STYLE.get(m.status, "red"), why)


def shortened(reason: str) -> str:
    """A reason on one line, as long as a reader takes."""
    line = " ".join(reason.split())
    return line if len(line) <= REASON else f"{line[: REASON - 1]}…"


def hardware_note(differing: str) -> list[str]:
    """What to say of times where `rows.hardware` differs; nothing where it does not."""
    said = f"hardware differs ({differing}): times are not compared across runs, the best is marked within each"
    return [said] if differing else []


def drawn(
    found: Sequence[Found],
    head: str,
    named: Sequence[TableCell],
    fields: Sequence[Field],
    rows: Sequence[Row],
    *,
    several: bool,
    apart: bool,
) -> tuple[list[Column], list[list[TableCell]]]:
    """Columns and lines: under `head` what a line is of, then its fields; apart: see `best_of`, each run a group."""
    columns = [*([Column("run", right=False)] if several else []), Column(head, right=False, code=True)]
    columns += [field.column for field in fields]
    lines = [[*([TableCell(name)] if several else []), cell] for (name, _, _), cell in zip(found, named, strict=True)]
    for field in fields:
        groups = [name if field.time and apart else "" for name, _, _ in found]
        for line, row, best in zip(lines, rows, best_of(field, rows, groups), strict=True):
            text = text_of(field, row)
            line.append(TableCell(text, BEST if best else "dim" if text == MISSING else ""))
    return columns, lines


def add_remarks(found: Sequence[Found], columns: list[Column], lines: Sequence[list[TableCell]]) -> list[str]:
    """Give each line the letters of what a reader must know of its cell, in a column of their own; the remarks."""
    letters: dict[str, str] = {}
    noted = [[letters.setdefault(text, _letter(len(letters))) for text in flat.remarks(m)] for _, _, m in found]
    if letters:
        columns.append(Column("", opens=True))
        for line, marks in zip(lines, noted, strict=True):
            line.append(TableCell(" ".join(sorted(marks, key=lambda mark: (len(mark), mark))), "dim"))
    return [f"{letter}: {text}" for text, letter in letters.items()]


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
        return Grid(f"{heading(found)}: its queries have no labels", (), ())
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
    title = f"{heading(found)}: {' / '.join(dict.fromkeys(primaries))} by label (queries)"
    return Grid(title, tuple(columns), tuple(map(tuple, lines)), goes_on=True)


def published_grids(runs: Sequence[Run]) -> list[Grid]:
    """Ours against published figures, their sources as notes; no grid where the suites name none."""
    figures = flat.figures(runs)
    several = len(runs) > 1
    letters: dict[str, str] = {}
    lines = []
    for f in figures:
        p = f.published
        allowed = [f"±{p.within:g}"] if p.within is not None else []
        allowed += [f"≥ {p.at_least:g}"] if p.at_least is not None else []
        texts = (four(f.ours), four(p.value), four(f.difference, "+"), ", ".join(allowed) or MISSING)
        named = (*([f.run] if several else []), p.passage_set, p.retriever, p.measure)
        verdict = TableCell(f.verdict, VERDICT_STYLE.get(f.verdict, ""))
        source = TableCell(letters.setdefault(p.source, _letter(len(letters))), "dim")
        lines.append((*map(TableCell, (*named, *texts)), verdict, source))
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
