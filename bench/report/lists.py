"""Lists of what there is: passage sets, adapters."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bench.report.plain import printable
from retrievers.contract import spell
from retrievers.registry import GROUPS, PluginError, Registry


def print_sets(rows: Sequence[dict[str, object]], console: Console) -> None:
    """One passage set a line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [{name: _cell(value) for name, value in row.items()} for row in rows]
    for name in cells[0] if cells else ():
        heading = name.replace("_", " ")
        widest = max(len(heading), *(len(row[name]) for row in cells))
        justify: JustifyMethod = "right" if name in ("passages", "queries", "judgments") else "left"
        # Only the title may be cut where the terminal is narrow.
        table.add_column(heading, justify=justify, no_wrap=True, min_width=None if name == "title" else widest)
    for row in cells:
        table.add_row(*map(Text, row.values()))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
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
