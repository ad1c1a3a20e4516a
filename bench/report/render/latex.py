r"""
Grids as LaTeX tables: booktabs, each with its conditions in the caption, anything from outside escaped.

They compile with pdfLaTeX, XeLaTeX and LuaLaTeX. pdfLaTeX has no type for most scripts: there a letter that is no Latin
one reads as its code point (U+D55C); the other two set it, where the document's font has it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from textwrap import wrap

from bench.report.model import BEST, TIED, Column, Grid, TableCell, broken
from bench.report.text import printable

HEAD_WIDTH = 8  # of a column of numbers, whose head is broken where it can be
PACKAGES = "% needs \\usepackage{booktabs,graphicx}\n"
# A letter as it is, where the engine reads Unicode (\Umathchar is XeTeX's and LuaTeX's), else its code point. Not made
# robust: a list of tables is written with what it expands to.
OTHER_SCRIPT = r"\providecommand{\otherscript}[2]{\ifdefined\Umathchar#1\else#2\fi}"
SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | dict(
    pair.split("\t")
    for pair in r"""
\	\textbackslash{}
~	\textasciitilde{}
^	\textasciicircum{}
`	\textasciigrave{}
<	\textless{}
>	\textgreater{}
|	\textbar{}
"	{\char34}
[	{[}
]	{]}
*	{*}
±	$\pm$
≥	$\geq$
≤	$\leq$
×	$\times$
·	$\cdot$
−	$-$
²	$^2$
°	$^\circ$
µ	$\mu$
μ	$\mu$
†	\dag{}
…	\ldots{}
–	--
—	---
‘	`
’	'
“	``
”	''
ß	\ss{}
ø	\o{}
Ø	\O{}
æ	\ae{}
Æ	\AE{}
œ	\oe{}
Œ	\OE{}
ł	\l{}
Ł	\L{}
ı	\i{}
å	\aa{}
Å	\AA{}
""".strip().splitlines()
)
LIGATURE = re.compile("(?<=-)(?=-)|(?<=')(?=')")  # two of them are drawn as one
# Combining characters, and their commands, which every encoding of Latin type has.
ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0308\u0304\u0307\u030c\u0306\u030b\u0327\u0323", "`'^~\"=.vuHcd", strict=True)
)


def tables(grids: Sequence[tuple[Grid, Sequence[str]]]) -> str:
    """
    One table environment a grid. With each come the sentences that its caption goes on with, escaped already.

    A table that is wider than the line is scaled down to it.
    """
    drawn = [_table(grid, closing, number) for number, (grid, closing) in enumerate(grids, start=1)]
    text = "\n".join(drawn)
    return PACKAGES + (f"{OTHER_SCRIPT}\n" if r"\otherscript{" in text else "") + text


def escaped(text: str) -> str:
    """Any text as LaTeX that prints it, on one line."""
    pieces = re.split(LIGATURE, unicodedata.normalize("NFC", " ".join(printable(text).split())))
    return "{}".join("".join(map(_character, piece)) for piece in pieces)


def sentence(text: str) -> str:
    """Any text as LaTeX that prints it, with a full stop."""
    return escaped(text) + ("" if text.endswith(".") else ".")


def bibliography(entries: str) -> str:
    """BibTeX entries as a file that LaTeX writes beside the document when it reads the tables."""
    return f"\n\\begin{{filecontents}}[overwrite]{{sparring.bib}}\n{entries}\\end{{filecontents}}\n"


def _table(grid: Grid, closing: Sequence[str], number: int) -> str:
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
            rf"\caption[{{{title}}}]{{{' '.join([f'{title}.', *closing])}}}",
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


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in ACCENTS:
        return rf"\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return rf"\otherscript{{{character}}}{{U+{ord(character):04X}}}"
