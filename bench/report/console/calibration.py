"""A calibration, for a reader: two tables and one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.calibration.figures import KnownFigure, Value
from bench.calibration.quiet import Noise
from bench.calibration.summary import Calibration
from bench.report.numbers import MISSING
from bench.report.text import printable

STYLE = {
    "quiet": "green",
    "holds": "green",
    "noisy": "yellow",
    "not decided": "yellow",
    "may vary": "yellow",
    "off": "red",
}


def print_calibration(calibration: Calibration, console: Console) -> None:
    """The machine, the instruments, and what that means for numbers."""
    console.print(Text("Quiet?", "bold"))
    console.print(_machine(calibration.findings))
    console.print(Text("True?", "bold"))
    console.print(_instruments(calibration.figures))
    console.print(Text(calibration.sentence, "bold"), soft_wrap=True)


def _machine(findings: Sequence[Noise]) -> Table:
    table = _table()
    for head in ("machine", "found", "", "what to do"):
        table.add_column(head, overflow="fold")
    for finding in findings:
        table.add_row(
            finding.name,
            printable(finding.found),
            Text("" if finding.verdict == "unknown" else finding.verdict, STYLE.get(finding.verdict, "")),
            printable(finding.advice),
        )
    return table


def _instruments(figures: Sequence[KnownFigure]) -> Table:
    table = _table()
    table.add_column("instrument", overflow="fold")
    for head in ("known", "reported", "bound"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("", overflow="fold")
    for figure in figures:
        table.add_row(
            figure.name,
            _value(figure.known),
            _value(figure.reported),
            MISSING if isinstance(figure.known, str) else _value(figure.bound),
            figure.unit,
            Text(verdict(figure), STYLE.get(figure.verdict, "")),
        )
    return table


def verdict(figure: KnownFigure) -> str:
    """Its verdict in words, with what explains it."""
    said: str = figure.verdict
    if figure.verdict == "not decided":
        said += ": the machine was busy"
    elif figure.repeated:
        said += ", measured twice"
    if figure.verdict == "off" and figure.reason:
        said += f": {printable(figure.reason)}"
    return said


def _value(value: Value | None) -> str:
    if value is None:
        return MISSING
    return value if isinstance(value, str) else f"{value:.3f}"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
