"""What the tables of some runs say: titles, columns, lines and notes, not how they look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.instruments.latency import QUERIES_PER_TAIL
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report import significance
from bench.report.column_names import keys_of
from bench.report.columns import FIELDS, RECALL, SHOWN, THREADS, Field, chosen, text_of
from bench.report.model import NEVER, Column, Grid
from bench.report.numbers import MISSING, share
from bench.report.rows import Row, baseline, hardware, measures, most_timed, names, of_price, primary, row
from bench.report.tables import prices
from bench.report.tables.labels import label_grid
from bench.report.tables.lines import RunCell, failures, hardware_note, heading, lines_of, name_cell, with_reuse
from bench.report.tables.marks import add_remarks, figure_notes, no_best
from bench.report.tables.published import published_grids
from bench.report.view import DEFAULT, View

OCCASIONS = (
    "cells were timed at different times, as the run went on: that alone can move times, which `sparring compare` "
    "allows for; --fresh times all at once"
)
FEW_MEASURES = 3  # that are all shown
PERCENTILES = {"single_p50_ms": 50, "single_p95_ms": 95}


def grids(runs: Sequence[Run], view: View = DEFAULT) -> list[Grid]:
    """
    One grid a passage set, in the order of the runs, then ours against published figures.

    InputError for columns that there are none of.
    """
    view = _with_keys(runs, view)
    cells: dict[tuple[str, str], list[RunCell]] = {}
    for name, run in zip(names(runs), runs, strict=True):
        for m in run.measurements:
            cells.setdefault((m.passage_set, m.passage_set_sha256), []).append((name, run, m))
    several = len(runs) > 1
    if view.labels:
        made = [label_grid(found, several=several) for found in cells.values()]
    else:
        made = [_grid(found, view, several=several) for found in cells.values()]
    contents = Counter(name for name, _ in cells)
    for index, (name, sha256) in enumerate(cells):
        if contents[name] > 1:  # one name, two contents: no figure of one says anything of the other
            made[index] = replace(made[index], title=f"{made[index].title} (content {sha256[:12]})")
    return made if view.labels or view.columns is not None else made + published_grids(runs)


def _with_keys(runs: Sequence[Run], view: View) -> View:
    """The view with its columns by their keys, without those that every line begins with."""
    if view.columns is None:
        return view
    known = dict.fromkeys(key for one in flat.rows(runs, view.prices) for key in one)
    if not known:  # a run without a cell has no table
        return view
    leading = ("retriever", "run") if len(runs) > 1 else ("retriever",)
    names = prices.expanded(view.columns, view.prices)
    keys = (key for key in keys_of(names, known, "--columns") if key not in leading)
    return replace(view, columns=tuple(keys))


def _grid(cells: Sequence[RunCell], view: View, *, several: bool) -> Grid:
    """The table of one passage set."""
    runs = list({name: run for name, run, _ in cells}.values())
    named = measures(runs)
    rows = [{"run": name} | row(m, named) | of_price(m, run, view.prices) for name, run, m in cells]
    wanted = with_reuse(_wanted(cells, named, rows, view), runs)
    measured = [field for field in wanted if any(text_of(field, one) != MISSING for one in rows)]
    fields = measured if view.columns is None else wanted
    apart = hardware(runs)
    first = [name_cell(m, m.retriever, m.status) for _, _, m in cells]
    columns, lines = lines_of(cells, "retriever", first, fields, rows, several=several, apart=bool(apart))
    intervals = {field.key for field in fields} if view.intervals else set()
    if view.is_default and not view.intervals:
        intervals = {name for run in runs if (name := primary(run)) is not None}
    judged = significance.judge([(run, m) for _, run, m in cells], fields, lines, intervals=intervals)
    priced = prices.judge(cells, fields, lines, view, apart=bool(apart))
    notes = add_remarks(cells, columns, lines) + figure_notes(fields, rows)
    notes += no_best(fields, [m for _, _, m in cells])
    notes += [note for field in wanted if field not in measured for note in _too_few(cells, field.key)]
    if len({m.timed_at for _, _, m in cells if m.single is not None}) > 1 and not several:
        notes.append(OCCASIONS)
    unknown = max(m.unknown_judgments for _, _, m in cells)
    if unknown:
        notes.append(f"judgments that name a passage or query that is not there: {unknown:,}")
    notes += [*failures(cells, several=several), *hardware_note(apart), *judged.notes, *priced.notes]
    return Grid(
        heading(cells),
        tuple(columns),
        tuple(map(tuple, lines)),
        tuple(notes),
        goes_on=view.columns is not None,
        legend=(*judged.legend, *priced.legend),
    )


# Which columns


def _wanted(cells: Sequence[RunCell], named: Sequence[str], rows: Sequence[Row], view: View) -> list[Field]:
    """The fields that are asked for; by default a few, and threads where cells differ in them."""
    quality, priced = _quality(cells, named), prices.fields(rows)
    if view.columns is not None:
        return chosen(view.columns, [*quality, *priced], rows)
    threads = [THREADS] if len({one["threads"] for one in rows}) > 1 else []
    if view.wide:
        return [*threads, *quality, *FIELDS, *priced]
    return [*threads, *_few(cells, quality), *(field for field in FIELDS if field.key in SHOWN), *priced]


def _few(cells: Sequence[RunCell], quality: Sequence[Field]) -> list[Field]:
    """The primary measures and RECALL; all of the quality where it has neither, or where somebody chose a few."""
    keys = dict.fromkeys([*filter(None, (primary(run) for _, run, _ in cells)), RECALL])
    known = {field.key: field for field in quality}
    if len(known) <= FEW_MEASURES:
        keys |= dict.fromkeys(known)
    found = [known[key] for key in keys if key in known]
    return [replace(field, column=replace(field.column, opens=not at)) for at, field in enumerate(found or quality)]


def _quality(cells: Sequence[RunCell], named: Sequence[str]) -> list[Field]:
    """The measures' fields; without judgments the agreement with the baseline, which is no quality, in their place."""
    if any(m.quality for _, _, m in cells):
        kept = {primary(run) for _, run, _ in cells}
        ceilings = {name: value for _, _, m in cells for name, value in (m.ceilings or {}).items()}
        # What the passages' own judgments say comes first; a span may be found in a passage by chance.
        return [
            Field(
                name,
                Column(_head(name, ceilings), drop=NEVER if name in kept else 2, opens=index == 0),
                share,
                "high",
                quality=True,
            )
            for index, name in enumerate(sorted(named, key=ceilings.__contains__))
        ]
    baselines = " / ".join(dict.fromkeys(baseline(run) or "the baseline" for _, run, _ in cells))
    head = f"agreement with {baselines} (overlap@10), not quality"
    return [Field("overlap_with_baseline", Column(head, opens=True), share, None)]


def _head(measure: str, ceilings: Mapping[str, float]) -> str:
    ceiling = ceilings.get(measure)
    return measure if ceiling is None else f"{measure} (ceiling {share(ceiling)})"


def _too_few(cells: Sequence[RunCell], key: str) -> list[str]:
    """Why a percentile was measured nowhere, where queries were timed and were too few for it."""
    if key not in PERCENTILES:
        return []
    percent = PERCENTILES[key]
    needed = -(-QUERIES_PER_TAIL * 100 // (100 - percent))
    few = max((_n_timed(run, m) for _, run, m in cells if m.single is not None), default=needed)
    return [f"no p{percent}: {few:,} queries are timed, {needed:,} are needed"] if few < needed else []


def _n_timed(run: Run, m: Measurement) -> int:
    return min(m.n_queries, most_timed(run)) if m.n_timed is None else m.n_timed
