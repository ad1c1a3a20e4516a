"""Any text as LaTeX that prints it."""

from __future__ import annotations

import re
import unicodedata

from bench.report.text import printable

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
‡	\ddag{}
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


def escaped(text: str) -> str:
    """Any text as LaTeX that prints it, on one line."""
    pieces = re.split(LIGATURE, unicodedata.normalize("NFC", " ".join(printable(text).split())))
    return "{}".join("".join(map(_character, piece)) for piece in pieces)


def sentence(text: str) -> str:
    """Any text as LaTeX that prints it, with a full stop."""
    return escaped(text) + ("" if text.endswith(".") else ".")


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in ACCENTS:
        return rf"\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return rf"\otherscript{{{character}}}{{U+{ord(character):04X}}}"
