"""One query of a run, for a reader."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bench.analysis.show import Hit, Match, QueryView, RetrieverView
from bench.report.text import printable

MATCHES = 8  # words of a hit, at most
INDENT = " " * 8  # of the words below a hit


def print_query(shown: QueryView, console: Console) -> None:
    """
    The query, its relevant passages, and what each retriever put first; a star marks a relevant one.

    A passage is one line, as wide as the console, and so are the words that matched.
    """
    label = f" ({shown.label})" if shown.label else ""
    console.print(Text(printable(f"{shown.passage_set}: {shown.query}{label}"), "bold"), soft_wrap=True)
    if shown.text:
        console.print(Text(f"  {printable(shown.text)}"), soft_wrap=True)
    if shown.said:
        console.print(Text(printable(shown.said), "yellow"), soft_wrap=True)
    if shown.gold:
        console.print(Text("\nrelevant", "bold"))
    for passage, (grade, text) in shown.gold.items():
        graded = f" (grade {grade})" if grade != 1 else ""
        _print_passage(f"* {passage}{graded}  ", text, console)
    for found in shown.found:
        console.print(Text(f"\n{printable(found.retriever)}", "bold"), soft_wrap=True)
        _print_found(found, console)


def _print_found(found: RetrieverView, console: Console) -> None:
    if found.status != "ok":
        console.print(Text(printable(f"  {found.status}: {found.said}"), "red"), soft_wrap=True)
        return
    if not found.hits and found.is_asked:
        console.print(Text("  found nothing"))
    for hit in found.hits:
        _print_hit(hit, console)
    if missed := _missed(found):
        console.print(Text(f"  {missed}", "dim"), soft_wrap=True)
    if found.said:
        console.print(Text(f"  {printable(found.said)}", "yellow"), soft_wrap=True)


def _print_hit(hit: Hit, console: Console) -> None:
    star = "*" if hit.grade is not None and hit.grade > 0 else " "
    _print_passage(f"{star} {hit.rank:>2}  {hit.passage}  {hit.score:.4g}  ", hit.text, console, "dim")
    if hit.matches:
        console.print(Text(INDENT + _words(hit.matches, console.width - len(INDENT)), "cyan"), soft_wrap=True)


def _print_passage(named: str, text: str, console: Console, style: str = "") -> None:
    """What names a passage, whole, and as much of its text as there is room for."""
    line, excerpt = Text(printable(named)), Text(printable(text), style)
    excerpt.truncate(max(0, console.width - line.cell_len), overflow="ellipsis")
    console.print(line.append_text(excerpt), soft_wrap=True)


def _words(matches: Sequence[Match], room: int) -> str:
    """As many of the heaviest words as there is room for, one at least, and how many more there are."""
    named = [f"{printable(match.term)} {match.score:.3g}" for match in matches]
    for shown in range(min(len(named), MATCHES), 0, -1):
        more = len(named) - shown
        line = " + ".join([*named[:shown], *([f"and {more} more"] if more else [])])
        if Text(line).cell_len <= room:
            break
    return line


def _missed(found: RetrieverView) -> str:
    """Where the relevant passages stand that are not shown."""
    below = {name: rank for name, rank in found.gold_ranks.items() if rank is None or rank > len(found.hits)}
    return ", ".join(
        f"* {printable(name)} {'not found' if rank is None else f'at {rank}'}" for name, rank in below.items()
    )
