"""Lists of what there is: passage sets and their cards, suites, models, adapters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from bench.report.text import printable
from retrievers.contract import spell
from retrievers.registry import GROUPS, PluginError, Registry

MB = 10**6
HEADINGS = {"at_hand": "on disk"}  # of a key that has another word in JSON


def print_rows(rows: Sequence[Mapping[str, object]], console: Console) -> None:
    """One row a line, numbers to the right, whole; only a terminal cuts it where it is narrow, with an ellipsis."""
    lines = [[HEADINGS.get(name, name.replace("_", " ")) for name in row] for row in rows[:1]]
    lines += [[_cell(value) for value in row.values()] for row in rows]
    columns = [[row[name] for row in rows] for name in (rows[0] if rows else ())]
    numbers = [all(value is None or type(value) in (int, float) for value in column) for column in columns]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        fields = (
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numbers, strict=True)
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
    return f"{value:,}" if isinstance(value, int | float) else printable(str(value))


def print_card(card: Mapping[str, Any], console: Console) -> None:  # Any: values of JSON, as `datasets NAME --json` has
    """A passage set's card, whole: what it is, how large, and each file with where it lies."""
    counts, files = card["counts"] or {}, card["files"]
    sizes = [f"{n:,} {what}" for what, n in counts.items() if n or what != "merged"] or ["passages and queries unknown"]
    missing = sum(file["on_disk"] is None for file in files)
    facts = {
        "language": card["language"],
        "licence": card["licence"],
        "size": f"{', '.join(sizes)}; {card['bytes'] / MB:,.1f} MB in {_files(len(files))}",
        "on disk": "yes" if not missing else f"{len(files) - missing} of {_files(len(files))}: {card['get']}",
        "format": f"{card['format']}; passages are {card['join'].replace(' ', ' and ')}",
        "clusters": card["clusters"] and f"queries on one {card['clusters']}",
        "citation": card["citation"],
    }
    _print(f"{card['name']}: {card['title']}", console, "bold")
    for name, said in facts.items():
        if said:
            _print(f"{name:<10}{said}", console)
    for file in files:
        _print(f"\n{file['path']} ({file['role']}), {file['bytes']:,} bytes, sha256 {file['sha256']}", console)
        inside = f" ({file['member']} in it)" if file["member"] else ""
        for place in (file["on_disk"] or "not on disk", *(url + inside for url in file["urls"])):
            _print(f"  {place}", console)
    if card["bibtex"]:
        _print(f"\n{card['bibtex'].strip()}", console, "dim")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _print(text: str, console: Console, style: str = "") -> None:
    for line in text.split("\n"):  # a card may hold anything: its lines are ours, what stands in them is not
        console.print(Text(printable(line), style), soft_wrap=True)


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
