"""A grid in Markdown, as GitHub reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bench.records.run_folder import Run
from bench.report.model import BEST, TIED, Column, Grid, TableCell
from bench.report.render.document import closing, grids_of, heading_of, verdicts_of
from bench.report.text import printable
from bench.report.verdict.run import SetVerdict
from bench.report.view import DEFAULT, View

# What GitHub would link: an address, a name that is called, a mailbox, an issue. R@10 is none of them.
LIVE = re.compile(
    r"https?(?=://)|ftp(?=://)|www(?=\.)|(?<!\w)@(?=[^\W_])|@(?=[\w-]+\.\w)|#(?=\d)|\bGH-(?=\d)", re.IGNORECASE
)
NOTHING = "<!-- -->"


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """The tables of some runs, every column of theirs, what they say in words, and the lines under them."""
    grids = grids_of(runs, view)
    found = [block for grid in grids for block in blocks(grid)]
    found += [block for one in verdicts_of(runs, view) for block in verdict_blocks(one)]
    found += [escaped(line) for line in closing(runs, grids, bold=True)]
    return "\n\n".join(found) + "\n"


def blocks(grid: Grid) -> Iterator[str]:
    """Title, table and notes, to be set apart by empty lines; every column of the grid."""
    yield f"**{escaped(grid.title)}**"
    if grid.columns:
        head = [escaped(column.head) for column in grid.columns]
        rule = ["---:" if column.right else "---" for column in grid.columns]
        body = [[_marked(c, cell) for c, cell in zip(grid.columns, line, strict=True)] for line in grid.lines]
        yield "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))
    if grid.notes:
        yield "\n".join(f"- {escaped(note)}" for note in grid.notes)


def verdict_blocks(one: SetVerdict) -> Iterator[str]:
    """What the verdict is on, and its clauses as a list below."""
    heading = f"**{escaped(heading_of(one))}**" + (f" ({escaped(one.about)})" if one.about else "")
    yield "\n".join([heading, *(f"- {escaped(clause.text)}" for clause in one.clauses)])


def _marked(column: Column, cell: TableCell) -> str:
    text = escaped(cell.text)
    if column.code and cell.text:
        text = code(cell.text)
    elif cell.style in (BEST, TIED):
        stars = "**" if cell.style == BEST else "*"
        text = f"{stars}{text}{stars}"
    text = " ".join(filter(None, (text + escaped(cell.mark), cell.interval)))
    return f"{text} ({escaped(cell.below)})" if cell.below else text


def escaped(text: str) -> str:
    """
    Any text as Markdown that shows it, on one line, fit for a table's cell too.

    No markup, link or entity; where GitHub would link without being asked, an address or a name that is called, an
    empty comment stands between.
    """
    shown = re.sub(r"([|\\`*_<>\[\]&~$])", r"\\\1", " ".join(printable(text).split()))
    return LIVE.sub(rf"\g<0>{NOTHING}", shown)


def code(text: str) -> str:
    """Any text as code, on one line, fit for a table's cell; nothing in it can end it."""
    shown = printable(text)
    if re.search(r"[`\\]", shown):  # in a code span no escape counts, and in a table a bar ends it all the same
        letters = (one if one.isalnum() or one == " " else f"&#{ord(one)};" for one in shown)
        return f"<code>{''.join(letters)}</code>"
    return f"`{shown}`".replace("|", "\\|")
