"""
Runs as tables: in a terminal, in Markdown, LaTeX and HTML, and for machines.

All but the last draw the same grids.
"""

from __future__ import annotations

import csv as csv_files
import io
from collections.abc import Iterator, Sequence
from typing import TypedDict, Unpack

import msgspec
from rich.console import Console
from rich.text import Text

from bench.records.run_folder import Run
from bench.report import citations
from bench.report import rows as flat
from bench.report.model import BEST, TIED, Grid
from bench.report.numbers import MISSING
from bench.report.render import html as pages
from bench.report.render import latex as tex
from bench.report.render import markdown as marked
from bench.report.render import terminal as terminals
from bench.report.tables.cells import grids, published_grids
from bench.report.tables.pivot import Pivot, pivoted
from bench.report.tables.storages import storage_grids
from bench.report.text import printable

TIES = "Italic: not told apart from the best (95 % interval of the paired difference, queries drawn by cluster)."
UNRESOLVED = "<1: growth below 1 MiB, which the system's page accounts can not tell from noise."


class Asked(TypedDict, total=False):
    """What of some runs is shown."""

    by_label: bool  # the primary measure by the queries' labels
    pivot: Pivot | None  # one table of one measure
    intervals: bool  # beside each figure that has one
    columns: Sequence[str] | None  # keys of rows, in this order; None: every one that has a value
    published: bool  # ours against published figures alone


def _made(runs: Sequence[Run], asked: Asked) -> list[Grid]:
    pivot, intervals = asked.get("pivot"), asked.get("intervals", False)
    if asked.get("published"):
        return published_grids(runs)
    if pivot is None:
        by_label = asked.get("by_label", False)
        return grids(runs, by_label=by_label, intervals=intervals, columns=asked.get("columns"))
    return storage_grids(runs) if pivot == Pivot("storage") else [pivoted(runs, pivot, intervals=intervals)]


# Under the tables


def _legend(shown: Sequence[Grid], *, bold: bool) -> str:
    """What the columns and marks of these tables mean; empty where they have none to explain. bold: bold type shows."""
    heads = {column.head for grid in shown for column in grid.columns}
    cells = [cell for grid in shown for line in grid.lines for cell in line]
    times = [name for name in ("p50", "p95") if f"{name} ms" in heads]
    storages = [name for name in ("ledger", "resident", "disk") if f"{name} MB" in heads]
    are = "are" if len(storages) > 1 else "is"
    sizes = [f"{', '.join(storages)} {are} the storage's (an engine's {are} whole)"] if storages else []
    sizes += ["encoder is what the encoder adds, resident"] if "encoder MB" in heads else []
    said = [f"{', '.join(times)}: service time of one query, text to ids."] if times else []
    said += [f"MB = 10^6 bytes; {', '.join(sizes)}."] if sizes else []
    said += dict.fromkeys(line for grid in shown for line in grid.legend)
    marked = dict.fromkeys(grid.best_of for grid in shown for line in grid.lines for cell in line if cell.style == BEST)
    said += [f"Bold: best of its {' or '.join(marked)}."] if marked and bold else []
    said += [TIES] if bold and any(cell.style == TIED for cell in cells) else []
    missing = "-: not measured" + ("; beside a floor: nothing was published." if "published" in heads else ".")
    said += [missing] if any(cell.text == MISSING for cell in cells) else []
    said += [UNRESOLVED] if any(cell.text == "<1" for cell in cells) else []
    return " ".join(said)


def _closing(runs: Sequence[Run], shown: Sequence[Grid], *, bold: bool) -> Iterator[str]:
    """The lines under all tables; shown: the tables with the columns that there was room for."""
    if explained := _legend(shown, bold=bold):
        yield explained
    for name, run in zip(flat.names(runs), runs, strict=True):
        yield (f"{name}: " if len(runs) > 1 else "") + flat.conditions(run)


# In a terminal


def terminal(runs: Sequence[Run], console: Console, **asked: Unpack[Asked]) -> None:
    """Draw the tables of some runs, as wide as the console allows."""
    shown = [fitted for grid in _made(runs, asked) for fitted in terminals.draw(grid, console)]
    for line in _closing(runs, shown, bold=console.color_system is not None):
        console.print(Text(printable(line), "dim"))


# In pages, and for machines


def markdown(runs: Sequence[Run], **asked: Unpack[Asked]) -> str:
    """The same tables in Markdown (GitHub's), every column that has a value."""
    drawn = _made(runs, asked)
    blocks = [block for grid in drawn for block in marked.blocks(grid)]
    blocks += [marked.escaped(line) for line in _closing(runs, drawn, bold=True)]
    return "\n\n".join(blocks) + "\n"


def latex(runs: Sequence[Run], *, cite: bool = False, **asked: Unpack[Asked]) -> str:
    """The same tables in LaTeX (booktabs), each with its conditions in the caption; cite: and with its sources."""
    found = citations.entries(runs) if cite else {}
    sources = [f"Sources: \\cite{{{','.join(found)}}}."] if found else []
    captions = (
        (grid, [*map(tex.sentence, _closing(runs, [grid], bold=True)), *sources]) for grid in _made(runs, asked)
    )
    text = tex.tables(list(captions))
    return text + (tex.bibliography("\n".join(found.values())) if found else "")


def html(runs: Sequence[Run], **asked: Unpack[Asked]) -> str:
    """The same tables as a web page that needs nothing else."""
    drawn = _made(runs, asked)
    return pages.page(drawn, list(_closing(runs, drawn, bold=True)))


def csv(runs: Sequence[Run]) -> str:
    """One line a cell under one line of keys; empty where not measured, several values of one field joined by `; `."""
    rows = flat.rows(runs)
    keys = dict.fromkeys(key for row in rows for key in row)
    file = io.StringIO()
    writer = csv_files.DictWriter(file, list(keys), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "; ".join(value) if isinstance(value, list) else value for key, value in row.items()})
    return file.getvalue()


def as_json(runs: Sequence[Run]) -> str:
    """One JSON array, one object a cell (`bench.report.rows.row`); null where not measured."""
    return msgspec.json.format(msgspec.json.encode(flat.rows(runs)), indent=2).decode()
