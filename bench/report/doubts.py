"""What tables make of a figure that something speaks against: another in its place, a mark, no bold type."""

from __future__ import annotations

from collections.abc import Sequence

from bench.instruments import stability
from bench.report.costs import NEW
from bench.report.rows import Row

NEW_MARK, FLAG_MARK = "‡", "~"
OF_BYTES = ("ledger: ", "mapped: ", "memory: ")  # flags that speak against what a cell takes
PRICES = ("price_a_month", "price_per_1000")
OF_PRICES = ("single_p50_ms", "cpu_p50_ms", "deployment_bytes")  # what they are made from
LEGEND = f"{NEW_MARK}: of queries that the process had not seen before, since it answers repeated ones faster."


def key_shown(flags: Sequence[str], key: str) -> str:
    """The key whose value stands under another: where a cell remembers, the time that a user's next query takes."""
    return NEW[key] if key in NEW and stability.remembers(flags) else key


def value(row: Row, key: str) -> object:
    """What a table shows of a figure."""
    return row.get(key_shown(_flags(row), key))


def figure_flag(row: Row, key: str) -> str:
    """What speaks against the figure that is shown, and against none of its neighbours; mostly empty."""
    figure_flags = row.get("figure_flags")
    found = figure_flags.get(key_shown(_flags(row), key), "") if isinstance(figure_flags, dict) else ""
    return str(found)


def mark(row: Row, key: str) -> str:
    """What stands after a figure: that it is of new queries, or that something speaks against it alone."""
    if value(row, key) is None:
        return ""
    is_new = key_shown(_flags(row), key) != key or (key in PRICES and stability.remembers(_flags(row)))
    new = NEW_MARK if is_new else ""
    return new + (FLAG_MARK if figure_flag(row, key) else "")


def is_doubtful(row: Row, key: str) -> bool:
    """Whether anything speaks against a figure, so that it is never the best; or against what a price is made from."""
    if key in PRICES:
        return any(is_doubtful(row, part) for part in OF_PRICES)
    flags = _flags(row)
    of_bytes = key.endswith("_bytes") and any(flag.startswith(OF_BYTES) for flag in flags)
    return of_bytes or bool(figure_flag(row, key) or stability.doubts(flags, {}, key))


def _flags(row: Row) -> Sequence[str]:
    flags = row.get("flags")
    return flags if isinstance(flags, list) else ()
