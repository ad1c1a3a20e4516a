"""
SVG as text: elements, words that fit, and the one style of all pictures.

A picture is as wide as a column of text (WIDTH), so that its letters can be read where it is printed 8 cm wide. It
has a ground of its own and colours for light and for dark, chosen by what the reader's system prefers. Numbers have two
decimals: the same values give the same bytes on every machine.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NewType

from bench.report.text import REPLACEMENT, printable

Markup = NewType("Markup", str)  # what `element` made: everything in it is escaped

WIDTH, MARGIN = 520, 12  # of a picture, in pixels, and what is left free at its sides
TITLE, WORDS, SMALL = 16, 13, 12  # sizes of letters; 12 of 520 pixels are 5 points of 8 cm
LINE = 1.3  # heights of a letter from one line to the next
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"  # all as wide as ADVANCES
NO_XML = re.compile("[\ufffe\uffff]")  # the characters that XML has no way to write, of those that `printable` leaves
SPELLED = "(,-_ "  # where a retriever's spelling may go on on another line
BLOCKS = {"svg", "g"}  # their children stand on lines of their own: a change is a change of a few lines

# How wide letters of FONT are, in thousandths of their size; DEFAULT those that are none of these.
ADVANCES = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    333: "()-`r",
    355: '"',
    389: "*",
    500: "Jckszvxy",
    556: "$#?_0123456789Labdeghnopqu",
    584: "+<=>~{}^",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
ADVANCE = {letter: advance for advance, letters in ADVANCES.items() for letter in letters}
DEFAULT, WIDE, BOLD = 600, 1000, 1.08

# The colours of light and of dark pages. Those of series are Okabe and Ito's (2008), which colour-blind readers tell
# apart, darker on a light ground and lighter on a dark one, so that each stands out from it. `on` is written upon fills
# that are light on both.
LIGHT = {
    "ground": "#ffffff",
    "ink": "#1f2328",
    "faint": "#57606a",
    "grid": "#e2e6ea",
    "on": "#1a1a1a",
    "series-1": "#0072b2",
    "series-2": "#c24e00",
    "series-3": "#007f5c",
    "series-4": "#a0447a",
    "series-5": "#6b6b6b",
}
DARK = {
    "ground": "#0d1117",
    "ink": "#e6edf3",
    "faint": "#9aa4af",
    "grid": "#2a313a",
    "on": "#1a1a1a",
    "series-1": "#56b4e9",
    "series-2": "#f08c3c",
    "series-3": "#2fc497",
    "series-4": "#e08fbf",
    "series-5": "#a8a8a8",
}
SERIES = tuple(name for name in LIGHT if name.startswith("series"))
PREFERS_DARK = "@media (prefers-color-scheme:dark)"


def number(value: float) -> str:
    """A number with at most two decimals; ValueError for one that is none."""
    if not math.isfinite(value):
        raise ValueError(f"expected a number that can be drawn, found {value}")
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def escaped(text: str) -> Markup:
    """Text as XML has it, on one line, without what no XML may hold."""
    return Markup(html.escape(NO_XML.sub(REPLACEMENT, printable(text))))


def element(name: str, *children: Markup, **attributes: str | float | None) -> Markup:
    """
    One element.

    attributes: None is left out. `_` stands for `-`, and one at the end for nothing: `class_`, `stroke_width`.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return Markup(f"<{name}{written}/>")
    between = "\n" if name in BLOCKS else ""
    return Markup(f"<{name}{written}>{between}{between.join(children)}{between}</{name}>")


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = WORDS,
    anchor: str | None = None,
    weight: str | None = None,
    class_: str = "ink",
    halo: bool = False,
) -> Markup:
    """
    One line of words.

    Args:
        x, y: where its baseline begins, or ends or has its middle, as `anchor` says.
        size: of its letters, in pixels.
        anchor: `middle`, `end`, or None: the start.
        weight: `bold`, or None.
        class_: of its colour, one of the style's.
        halo: a rim of the ground, where it stands upon lines.
    """
    rim: dict[str, str | float | None] = {}
    if halo:
        rim = {"paint_order": "stroke", "stroke_width": 3.0, "stroke_linejoin": "round"}
    return element(
        "text",
        escaped(words),
        x=x,
        y=y,
        font_size=size,
        text_anchor=anchor,
        font_weight=weight,
        class_=f"{class_} ground-line" if halo else class_,
        **rim,
    )


def document(name: str, height: float, title: str, about: str, *body: Markup) -> str:
    """
    A picture as a file.

    Args:
        name: what it is a picture of: a class of its root.
        height: in pixels; it is WIDTH wide.
        title: what one who does not see it is told first.
        about: what it shows, in sentences.
        body: what stands on its ground.
    """
    return (
        element(
            "svg",
            element("title", escaped(title)),
            element("desc", escaped(about)),
            Markup(f"<style>{style()}</style>"),
            element("rect", width=WIDTH, height=height, class_="ground"),
            *body,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {number(height)}",
            width=WIDTH,
            height=height,
            role="img",
            class_=f"sparring {name}",
            font_family=FONT,
        )
        + "\n"
    )


def style() -> str:
    """The rules of the colours; dark ones where the reader's system is dark. Each holds below `.sparring` only."""
    return f"\n{_rules(LIGHT)}\n{PREFERS_DARK}{{\n{_rules(DARK)}\n}}\n"


def _rules(colours: Mapping[str, str]) -> str:
    """`.NAME` fills with a colour, `.NAME-line` draws with it."""
    return "\n".join(
        f".sparring .{name}{{fill:{colour}}}.sparring .{name}-line{{stroke:{colour}}}"
        for name, colour in colours.items()
    )


# Words that fit


def width(words: str, size: float = WORDS, *, bold: bool = False) -> float:
    """How wide a line is, near enough to place it."""
    advances = sum(
        ADVANCE[letter] if letter in ADVANCE else _advance(letter) for letter in unicodedata.normalize("NFC", words)
    )
    return advances * size / 1000 * (BOLD if bold else 1)


def _advance(letter: str) -> int:
    if unicodedata.category(letter).startswith("M"):
        return 0  # it stands on the one before
    return WIDE if unicodedata.east_asian_width(letter) in "WF" else DEFAULT


def wrapped(words: str, room: float, size: float = WORDS, *, bold: bool = False, after: str = " ") -> list[str]:
    """
    Words on lines of at most so many pixels; nothing but spaces at their ends is lost.

    after: characters after which a line may end (SPELLED: of a retriever's spelling); within a piece that is wider than
    a line it ends anywhere.
    """
    ends = re.escape(after)
    lines = [""]
    for piece in re.findall(f"[^{ends}]*[{ends}]|[^{ends}]+", printable(words)):
        if lines[-1] and width((lines[-1] + piece).rstrip(), size, bold=bold) > room:
            lines.append("")
        lines[-1] += piece
        while len(whole := lines[-1].rstrip()) > 1 and width(whole, size, bold=bold) > room:
            fits = next(n for n in range(len(whole) - 1, 0, -1) if n == 1 or width(whole[:n], size, bold=bold) <= room)
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    return [line.strip() for line in lines if line.strip()]


def paragraph(
    y: float, lines: Sequence[str], *, size: float = WORDS, weight: str | None = None, class_: str = "ink"
) -> tuple[list[Markup], float]:
    """Lines one below the other from the left margin, the first with its baseline at y; and where a next one stands."""
    drawn = [
        text(MARGIN, y + row * size * LINE, line, size=size, weight=weight, class_=class_)
        for row, line in enumerate(lines)
    ]
    return drawn, y + len(lines) * size * LINE
