"""One query of a run, for a reader."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bench.report.plain import printable
from bench.show import Found, Hit, Shown

EXCERPT = 100  # characters of a passage
MATCHES = 8  # words of a hit


def print_query(shown: Shown, console: Console) -> None:
    """The query, its relevant passages, and what each retriever put first; a star marks a relevant one."""
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
        console.print(Text(f"* {printable(passage)}{graded}  {_excerpt(text)}"), soft_wrap=True)
    for found in shown.found:
        console.print(Text(f"\n{printable(found.retriever)}", "bold"), soft_wrap=True)
        if not found.hits:
            console.print(Text("  found nothing"))
        for hit in found.hits:
            _print_hit(hit, console)
        if missed := _missed(found):
            console.print(Text(f"  {missed}", "dim"), soft_wrap=True)
        if found.said:
            console.print(Text(f"  {printable(found.said)}", "yellow"), soft_wrap=True)


def _print_hit(hit: Hit, console: Console) -> None:
    star = "*" if hit.grade is not None and hit.grade > 0 else " "
    line = Text(f"{star} {hit.rank:>2}  {printable(hit.passage)}  {hit.score:.4g}  ")
    line.append(_excerpt(hit.text), "dim")
    console.print(line, soft_wrap=True)
    if hit.matches is not None:
        named = [f"{printable(match.term)} {match.score:.3g}" for match in hit.matches[:MATCHES]]
        more = len(hit.matches) - MATCHES
        named += [f"and {more} more"] if more > 0 else []
        console.print(Text(f"        {' + '.join(named)}", "cyan"), soft_wrap=True)


def _missed(found: Found) -> str:
    """Where the relevant passages stand that are not shown."""
    below = {name: rank for name, rank in found.gold_ranks.items() if rank is None or rank > len(found.hits)}
    return ", ".join(
        f"* {printable(name)} {'not found' if rank is None else f'at {rank}'}" for name, rank in below.items()
    )


def _excerpt(text: str) -> str:
    plain = printable(text)
    return plain if len(plain) <= EXCERPT else plain[: EXCERPT - 3] + "..."
