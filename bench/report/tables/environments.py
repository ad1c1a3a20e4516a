"""What differs between the environments of two runs, as a table."""

from __future__ import annotations

import msgspec

from bench.analysis.compare import Comparison
from bench.records.comparability import HARDWARE, LIBRARY
from bench.report.model import Column, Grid, TableCell
from bench.report.numbers import MISSING, sized
from bench.run.suite import CellGroup

HASHES = {  # told in words
    "code_sha256": "Sparring's own code",
    "installed_sha256": "installed packages",
    "passage_sets": "content of {}",
    "adapters": "models or code of {}",
}
LONGEST_VALUE = 48  # characters of a field's value


def environments(comparison: Comparison) -> Grid:
    """A line a field, hashes in words."""
    lines = []
    adapters = [name for name, _, _ in comparison.environment if name.startswith("adapters.")]
    for name, old, new in comparison.environment:
        kind, _, rest = name.partition(".")
        if kind == "adapters" and name != adapters[0]:
            continue
        if kind in HASHES:
            what = rest if len(adapters) == 1 or kind != "adapters" else f"{len(adapters)} cells"
            texts = HASHES[kind].format(what), MISSING, "changed"
        else:
            texts = name.removeprefix(LIBRARY), _value(name, old, new), _value(name, new, old)
        lines.append(tuple(map(TableCell, texts)))
    columns = (Column("", right=False), Column("old", right=False, opens=True), Column("new", right=False, opens=True))
    fields = [name for name, _, _ in comparison.environment if name in HARDWARE]
    notes = [f"hardware differs ({', '.join(fields)}): times are not compared"] if fields else []
    if not lines:
        return Grid("Environments: no difference", (), (), ("same machine, software, suite and plug-ins",))
    return Grid("What differs in the environments", columns, tuple(lines), tuple(notes))


def _value(name: str, value: object, other: object) -> str:
    """One side of a field; of lists what the other side lacks."""
    if value is None:
        return MISSING
    if name == "memory_bytes" and isinstance(value, int):
        return sized(value)
    if name == "commit":
        return str(value)[:10]
    if name == "suite.cells":
        value, other = _spellings(value), _spellings(other)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        text = ", ".join(_plain(item) for item in value if item not in other)
        text = text or (MISSING if any(item not in value for item in other) else "the same, otherwise ordered")
    else:
        text = _plain(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _spellings(cells: object) -> list[str]:
    """What the groups of a suite name; nothing of a suite that cannot be read."""
    try:
        groups = msgspec.convert(cells, list[CellGroup])
    except msgspec.ValidationError:
        return []
    return [spelling for group in groups for spelling in group.spellings()]
