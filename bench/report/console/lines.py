"""Lines that are as wide as the console."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bench.report.text import printable


def print_cut(head: str, text: str, console: Console, style: str = "") -> None:
    """What names a thing, whole, and as much of its text as there is room for on the line."""
    line, excerpt = Text(printable(head)), Text(printable(text), style)
    excerpt.truncate(max(0, console.width - line.cell_len), overflow="ellipsis")
    console.print(line.append_text(excerpt), soft_wrap=True)
