"""Two runs side by side, for a reader and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
from rich.console import Console
from rich.text import Text

from bench.analysis.changed_queries import Change, Changes, Top
from bench.analysis.compare import CellPair, Comparison
from bench.records.schema import Measurement
from bench.report.model import Grid, TableCell
from bench.report.numbers import share
from bench.report.render.markdown import blocks, escaped
from bench.report.render.terminal import draw
from bench.report.tables.comparison import closing, grids
from bench.report.text import printable
from bench.statistics.paired import Margins

# In a terminal


def terminal(
    comparison: Comparison, changed: Sequence[Changes], console: Console, *, margins: Margins, together: bool
) -> None:
    """Draw a comparison, as wide as the console allows; changed: of each of its pairs, or nothing."""
    for grid in grids(comparison, together=together):
        draw(_thinned(grid), console)
    for pair, found in zip(comparison.pairs, changed, strict=False):
        _print_changes(pair, found, console)
    for line in closing(margins):
        console.print(Text(line, "dim"))


def _thinned(grid: Grid) -> Grid:
    """Each retriever named on its first line alone, what it is now on the next one where there is one."""
    lines = [list(line) for line in grid.lines]
    for index in range(len(lines) - 1, 0, -1):
        name = grid.lines[index][0]
        if name == grid.lines[index - 1][0]:
            first = index == 1 or name != grid.lines[index - 2][0]
            lines[index][0] = TableCell(f"  {name.below}" if first and name.below else "")
            if first:
                lines[index - 1][0] = TableCell(name.text)
    return replace(grid, lines=tuple(map(tuple, lines)))


def _print_changes(pair: CellPair, found: Changes, console: Console) -> None:
    if not found.queries and not found.said:
        return
    console.print(Text(printable(_headline(pair, found)), "bold"), soft_wrap=True)
    if found.said:
        console.print(Text(printable(found.said), "yellow"), soft_wrap=True)
    for change in found.queries:
        _print_line(f"{change.query}  {_moved(change)}  ", change.text, console)
        for side, top in (("old", change.old), ("new", change.new)):
            _print_line(f"  {side}: {_top(top)}  ", top.text, console, "dim")
    console.print()


def _headline(pair: CellPair, found: Changes) -> str:
    primary = next((d.name for d in pair.differences if d.primary), None)
    by = f"changed most in {primary}" if primary else "agree least on"
    names = dict.fromkeys((pair.old.retriever, pair.new.retriever))
    return (
        f"{pair.passage_set}: {' -> '.join(names)}: queries that {by} ({found.n_changed:,} of {pair.new.n_queries:,})"
    )


def _moved(change: Change) -> str:
    if change.old.value is None or change.new.value is None:
        return f"overlap@10 {share(change.overlap)}"
    return f"{share(change.old.value)} -> {share(change.new.value)}"


def _top(top: Top) -> str:
    first = "found nothing" if top.first is None else top.first
    if top.value is None:
        return first
    return f"{first} ({'none relevant' if top.rank is None else f'relevant at {top.rank}'})"


def _print_line(head: str, text: str, console: Console, style: str = "") -> None:
    line, excerpt = Text(printable(head)), Text(printable(text), style)
    excerpt.truncate(max(0, console.width - line.cell_len), overflow="ellipsis")
    console.print(line.append_text(excerpt), soft_wrap=True)


# In a page, and for machines


def markdown(comparison: Comparison, changed: Sequence[Changes], *, margins: Margins, together: bool) -> str:
    """The same in Markdown (GitHub's); of queries and passages the ids alone, since texts are the collection's."""
    found = [block for grid in grids(comparison, together=together) for block in blocks(grid)]
    for pair, changes in zip(comparison.pairs, changed, strict=False):
        found += _changes_in_markdown(pair, changes)
    return "\n\n".join([*found, *map(escaped, closing(margins))]) + "\n"


def _changes_in_markdown(pair: CellPair, found: Changes) -> Iterator[str]:
    if found.queries:
        yield f"**{escaped(_headline(pair, found))}**"
        lines = [
            f"{change.query}: {_moved(change)}; old {_top(change.old)}, new {_top(change.new)}"
            for change in found.queries
        ]
        yield "\n".join(f"- {escaped(line)}" for line in lines)


def plain(comparison: Comparison, changed: Sequence[Changes]) -> dict[str, object]:
    """
    The JSON object of a comparison.

    `environment`: field, old, new of all that differs. `pairs`: a cell each, with its `differences` (the fields of
    `bench.analysis.difference.Difference`, those of `bench.statistics.paired.Paired` under `paired`), its `strata`,
    `overlap_share` and `stopping` where they are asked for, and its `queries`. `over_sets`: the fields of
    `bench.analysis.difference.OverSets`.
    `only_old`, `only_new`: cells without another. null: not measured, or unknown.
    """
    none = Changes([], 0, "")
    found = [*changed, *([none] * (len(comparison.pairs) - len(changed)))]
    return {
        "environment": [{"field": name, "old": old, "new": new} for name, old, new in comparison.environment],
        "pairs": [_plain_pair(*both) for both in zip(comparison.pairs, found, strict=True)],
        "over_sets": msgspec.to_builtins(comparison.over_sets),
        "only_old": [_plain_cell(m) for m in comparison.only_old],
        "only_new": [_plain_cell(m) for m in comparison.only_new],
    }


def _plain_pair(pair: CellPair, found: Changes) -> dict[str, object]:
    return {
        "passage_set": pair.passage_set,
        "old": _plain_cell(pair.old),
        "new": _plain_cell(pair.new),
        "problem": pair.problem or None,
        "same_top": pair.same_top,
        "overlap@10": pair.overlap,
        "differences": msgspec.to_builtins(pair.differences),
        "strata": msgspec.to_builtins(pair.strata),
        "strata_said": pair.strata_said or None,
        "overlap_share": msgspec.to_builtins(pair.overlap_share),
        "stopping": msgspec.to_builtins(pair.stopping),
        "n_changed": found.n_changed,
        "queries": [
            change._asdict() | {"old": change.old._asdict(), "new": change.new._asdict()} for change in found.queries
        ],
        "queries_said": found.said or None,
    }


def _plain_cell(m: Measurement) -> dict[str, object]:
    names = ("cell", "passage_set", "retriever", "resolved", "cell_name", "threads", "status")
    return {name: getattr(m, name) for name in names}
