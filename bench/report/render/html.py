"""Grids as one web page, or as a part of one: no script, no file beside it, readable on a phone and in the dark."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from html import escape

from bench.errors import InputError
from bench.records.run_folder import Run
from bench.report.charts import frontier
from bench.report.model import BEST, TIED, Column, Grid, TableCell
from bench.report.render.document import closing, grids_of, heading_of, verdicts_of
from bench.report.tables import frontier as frontier_table
from bench.report.text import printable
from bench.report.verdict.run import SetVerdict
from bench.report.view import DEFAULT, View

PAGE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 80rem; padding: 0 1rem; }
""".strip()
TABLES = """
h2 { font-size: 1.1rem; }
figure { margin: 0 0 2.5rem; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
.wide { overflow-x: auto; }
svg { height: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: baseline; white-space: nowrap; }
sup { line-height: 0; }
thead th { border-bottom: 2px solid; font-weight: 600; vertical-align: bottom; white-space: normal; }
tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, currentcolor 20%, transparent); }
th:first-child, td:first-child { padding-left: 0; }
th.number, td.number { text-align: right; }
tbody th { background: Canvas; font-weight: 400; left: 0; min-width: 9rem; position: sticky; white-space: normal; }
code { font-size: .875em; overflow-wrap: anywhere; }
small, .quiet, .notes, footer { color: color-mix(in srgb, currentcolor 75%, transparent); font-size: .875rem; }
ul { padding-left: 1.2rem; }
""".strip()


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """A whole document: the tables, each with its title and notes, then the lines that hold for all of them."""
    grids = grids_of(runs, view)
    title = escaped(", ".join(dict.fromkeys(grid.title.partition(":")[0] for grid in grids)) or "No cell measured yet")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{PAGE}\n{TABLES}\n</style>\n</head>\n<body>\n"
        + _body(runs, grids, view)
        + "\n</body>\n</html>\n"
    )


def part(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """The tables and lines of `table` for another's page: without a frame, and without rules for what they stand in."""
    return _body(runs, grids_of(runs, view), view)


def rules(within: str) -> str:
    """The rules of the tables' elements, that hold within what a selector chooses alone."""
    heads = (rule.partition(" {") for rule in TABLES.splitlines())
    return "\n".join(
        f"{', '.join(f'{within} {one.strip()}' for one in head.split(','))} {{{rest}" for head, _, rest in heads
    )


def _body(runs: Sequence[Run], grids: Sequence[Grid], view: View) -> str:
    parts = [_verdict(one) for one in verdicts_of(runs, view)]
    parts += [f"<figure>\n{picture}</figure>" for picture in frontiers(runs, view)]
    parts += [_figure(grid) for grid in grids]
    closed = "".join(f"<p>{escaped(line)}</p>\n" for line in closing(runs, grids, bold=True))
    return "\n".join([*parts, f"<footer>\n{closed}</footer>"])


def frontiers(runs: Sequence[Run], view: View = DEFAULT) -> list[str]:
    """The frontier of each passage set as SVG, where all that was measured is shown and there is something to draw."""
    if not (view.is_default or view.wide):
        return []
    pictures = []
    for name in dict.fromkeys(m.passage_set for run in runs for m in run.measurements):
        with contextlib.suppress(InputError):  # nothing judged or timed, or runs of several machines
            pictures.append(frontier.svg(frontier_table.read(runs, name)))
    return pictures


def _verdict(one: SetVerdict) -> str:
    about = f" <small>{escaped(one.about)}</small>" if one.about else ""
    said = "".join(f"<li>{escaped(clause.text)}</li>\n" for clause in one.clauses)
    return f"<section>\n<h2>{escaped(heading_of(one))}{about}</h2>\n<ul>\n{said}</ul>\n</section>"


def _figure(grid: Grid) -> str:
    parts = [f"<figcaption>{escaped(grid.title)}</figcaption>"]
    if grid.columns:
        head = "".join(f'<th scope="col"{_side(column)}>{escaped(column.head)}</th>' for column in grid.columns)
        named_by = next((column for column in grid.columns if column.code), None)
        body = "\n".join(
            "<tr>"
            + "".join(_field(c, cell, head=c is named_by) for c, cell in zip(grid.columns, line, strict=True))
            + "</tr>"
            for line in grid.lines
        )
        # A region that is scrolled has to be reached by keyboard too.
        parts.append(
            f'<div class="wide" role="region" tabindex="0" aria-label="{escaped(grid.title)}">\n'
            f"<table>\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
        )
    if grid.notes:
        parts.append('<ul class="notes">\n' + "".join(f"<li>{escaped(note)}</li>\n" for note in grid.notes) + "</ul>")
    return "<figure>\n" + "\n".join(parts) + "\n</figure>"


def _field(column: Column, cell: TableCell, *, head: bool) -> str:
    text = escaped(cell.text)
    if column.code and text:
        text = f"<code>{text}</code>"
    elif cell.style == BEST:
        text = f"<strong>{text}</strong>"
    elif cell.style == TIED:
        text = f"<em>{text}</em>"
    text += f"<sup>{escaped(cell.mark)}</sup>" if cell.mark else ""
    text += f" <small>{escaped(cell.interval)}</small>" if cell.interval else ""
    text += f" <small>({escaped(cell.below)})</small>" if cell.below else ""
    return f'<th scope="row">{text}</th>' if head else f"<td{_side(column)}>{text}</td>"


def _side(column: Column) -> str:
    return ' class="number"' if column.right else ""


def escaped(text: str) -> str:
    """Text from files and adapters as a page may hold it, on one line."""
    return escape(printable(text))
