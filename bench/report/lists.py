"""Lists of what there is: passage sets, adapters."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import msgspec
import typer

from retrievers.contract import spell
from retrievers.registry import GROUPS, PluginError, Registry


def print_rows(rows: Sequence[dict[str, object]], *, as_json: bool) -> None:
    """Rows of one shape, as a table or as JSON."""
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0] if rows else ():
        is_number = isinstance(rows[0][name], int) and not isinstance(rows[0][name], bool)
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    from rich.markup import escape

    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def adapters(registry: Registry) -> list[dict[str, object]]:
    """Every adapter with the call that makes it, its options and defaults; a broken one says what is wrong."""
    rows: list[dict[str, object]] = []
    for group in GROUPS:
        for name in registry.names(group):
            entry = registry.entries[group, name]
            try:
                adapter = entry.load()
                spelling, about = f"{name}({_options(adapter)})", _first_line(adapter)
            except PluginError as error:
                spelling, about = name, f"can not be used: {error}"
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
