"""Lists of what there is: passage sets, adapters."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bench.report.text import printable
from retrievers.contract import spell
from retrievers.registry import GROUPS, PluginError, Registry

COUNTS = ("passages", "queries", "judgments")  # columns of numbers


def print_sets(rows: Sequence[dict[str, object]], console: Console) -> None:
    """One passage set a line, whole; only a terminal cuts it where it is narrow, with an ellipsis."""
    lines = [[name.replace("_", " ") for name in row] for row in rows[:1]]
    lines += [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        fields = (
            cell.rjust(width) if heading in COUNTS else cell.ljust(width)
            for heading, cell, width in zip(lines[0], line, widths, strict=True)
        )
        text = Text("  ".join(fields).rstrip(), "" if number else "bold")
        if console.is_terminal:
            text.truncate(console.width, overflow="ellipsis")
        console.print(text, soft_wrap=True)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def print_adapters(rows: Sequence[dict[str, str]], console: Console) -> None:
    """Each adapter's call, and below it what it is; `package` only where it is not ours."""
    kind = ""
    for row in rows:
        if row["kind"] != kind:
            kind = row["kind"]
            console.print(f"{kind}s", style="bold")
        console.print(Text(f"  {printable(row['spelling'])}"), soft_wrap=True)
        origin = "" if row["package"] == "sparring" else f" ({row['package']})"
        console.print(Text(f"      {printable(row['about'] + origin)}", "dim"), soft_wrap=True)


def adapters(registry: Registry) -> list[dict[str, str]]:
    """Every adapter with the call that makes it, its options and defaults; a broken one says what is wrong."""
    rows = []
    for group in GROUPS:
        for name in registry.names(group):
            entry = registry.entries[group, name]
            try:
                adapter = entry.load()
                spelling, about = f"{name}({_options(adapter)})", _first_line(adapter)
            except PluginError as error:
                spelling, about = name, " ".join(str(error).split())
            rows.append({"kind": group[:-1], "spelling": spelling, "about": about, "package": entry.package})
    return rows


def _options(adapter: type) -> str:
    options = []
    for name, parameter in inspect.signature(adapter).parameters.items():
        is_required = parameter.default is inspect.Parameter.empty
        options.append(name if is_required else f"{name}={spell(parameter.default)}")
    return ", ".join(options)


def _first_line(adapter: type) -> str:
    return (inspect.getdoc(adapter) or "").partition("\n")[0]
