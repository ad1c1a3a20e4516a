r"""
Grids as LaTeX tables: booktabs, each with its conditions in the caption, anything from outside escaped.

They compile with pdfLaTeX, XeLaTeX and LuaLaTeX. pdfLaTeX has no type for most scripts: there a letter that is no Latin
one reads as its code point (U+D55C); the other two set it, where the document's font has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap

from bench.records.run_folder import Run
from bench.report import citations
from bench.report.model import BEST, TIED, Column, Grid, TableCell, broken
from bench.report.render.document import closing, grids_of
from bench.report.render.latex_text import escaped, sentence
from bench.report.text import printable
from bench.report.view import DEFAULT, View

HEAD_WIDTH = 8  # of a column of numbers, whose head is broken where it can be
PACKAGES = "% needs \\usepackage{booktabs,graphicx}\n"
# A letter as it is, where the engine reads Unicode (\Umathchar is XeTeX's and LuaTeX's), else its code point. Not made
# robust: a list of tables is written with what it expands to.
OTHER_SCRIPT = r"\providecommand{\otherscript}[2]{\ifdefined\Umathchar#1\else#2\fi}"


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """
    The tables of some runs, each with its conditions in the caption, and with its sources where they are cited.

    A table that is wider than the line is scaled down to it.
    """
    entries = citations.entries(runs) if view.cite else {}
    sources = [f"Sources: \\cite{{{','.join(entries)}}}."] if entries else []
    drawn = [
        _environment(grid, [*map(sentence, closing(runs, [grid], bold=True)), *sources], number)
        for number, grid in enumerate(grids_of(runs, view), start=1)
    ]
    text = "\n".join(drawn)
    text = PACKAGES + (f"{OTHER_SCRIPT}\n" if r"\otherscript{" in text else "") + text
    return text + (_bibliography("\n".join(entries.values())) if entries else "")


def _bibliography(entries: str) -> str:
    """BibTeX entries as a file that LaTeX writes beside the document when it reads the tables."""
    return f"\n\\begin{{filecontents}}[overwrite]{{sparring.bib}}\n{entries}\\end{{filecontents}}\n"


def _environment(grid: Grid, caption: Sequence[str], number: int) -> str:
    """A table environment. caption: the sentences that follow the title, escaped already."""
    title = escaped(grid.title)
    if not grid.columns:
        return f"% {printable(grid.title)}\n"
    spec = "".join("r" if column.right else "l" for column in grid.columns)
    head = " & ".join(map(_head, grid.columns))
    body = [" & ".join(map(_field, grid.columns, line)) for line in grid.lines]
    notes = [f"\\par\\smallskip\\raggedright\\footnotesize {' '.join(sentence(note) for note in grid.notes)}"]
    rows = [r"\toprule", rf"{head} \\", r"\midrule", *(rf"{line} \\" for line in body), r"\bottomrule"]
    name = re.sub(r"\W+", "-", grid.title.partition(":")[0], flags=re.ASCII).strip("-").lower() or "cells"
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption[{{{title}}}]{{{' '.join([f'{title}.', *caption])}}}",
            rf"\label{{tab:{name}-{number}}}",
            r"\centering\small\setlength{\tabcolsep}{4pt}\medskip",
            rf"\sbox0{{\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
            *rows,
            r"\end{tabular}}",
            r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
            *(notes if grid.notes else []),
            r"\end{table}",
            "",
        ]
    )


def _head(column: Column) -> str:
    """The head of a column; that of numbers is broken, so that it is hardly wider than they are."""
    lines = wrap(printable(column.head), HEAD_WIDTH, break_long_words=False) if column.right else [column.head]
    if len(lines) < 2:
        return escaped(column.head)
    return _stacked(map(escaped, lines), "[b]{@{}r@{}}")


def _stacked(lines: Iterable[str], placed: str) -> str:
    return rf"\begin{{tabular}}{placed}" + r" \\ ".join(lines) + r"\end{tabular}"


def _field(column: Column, cell: TableCell) -> str:
    text = escaped(cell.text)
    if column.code and text:
        lines = broken(printable(cell.text)).splitlines()
        spelled = [r"\quad" * line.startswith(" ") + rf"\texttt{{{escaped(line)}}}" for line in lines]
        text = spelled[0] if len(spelled) == 1 else _stacked(spelled, "[t]{@{}l@{}}")
    elif cell.style == BEST:
        text = rf"\textbf{{{text}}}"
    elif cell.style == TIED:
        text = rf"\textit{{{text}}}"
    if cell.mark:  # takes no room, so that figures stand below each other
        mark = rf"\textsuperscript{{{escaped(cell.mark)}}}"
        text += mark if cell.interval else rf"\rlap{{{mark}}}"
    text += rf" {{\scriptsize {escaped(cell.interval)}}}" if cell.interval else ""
    return f"{text} ({escaped(cell.below)})" if cell.below else text
