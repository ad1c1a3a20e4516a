"""An explanation of a cell, for a reader."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bench.analysis.explain import Explanation
from bench.analysis.reproduce import SUITE_FILE
from bench.report.text import printable


def print_explanation(explanation: Explanation, console: Console) -> None:
    """The command first, then a section after the other: name, value, and where it comes from."""
    console.print(Text(printable(f"{explanation.passage_set}: {explanation.retriever}"), "bold"), soft_wrap=True)
    console.print(Text(f"cell {explanation.cell}"))
    console.print(Text("\nmade again by", "bold"))
    console.print(Text(f"  {printable(explanation.command)}"), soft_wrap=True)
    if explanation.suite is not None:
        console.print(Text(f"with {SUITE_FILE}:"))
        for written in explanation.suite.splitlines():
            console.print(Text(f"  {printable(written)}"), soft_wrap=True)
    width = max(len(part.name) for details in explanation.sections.values() for part in details)
    for name, parts in explanation.sections.items():
        console.print(Text(f"\n{name}", "bold"))
        for part in parts:
            line = Text(f"  {printable(part.name):<{width}}  " if part.name else "  ")
            line.append(printable(part.value), "bold" if name in ("quality", "time", "bytes") else "")
            line.append(f"  {printable(part.source)}" if part.source else "", "dim")
            console.print(line, soft_wrap=True)
