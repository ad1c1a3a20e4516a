"""One query of a run, for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from bench.analysis.show import Hit, Match, QueryView, RetrieverView
from bench.passages.titles import title_apart
from bench.report.console.lines import print_cut
from bench.report.text import printable

MATCHES = 8  # words of a hit, at most
INDENT = " " * 8  # of the words below a hit
SAME_SCORE = 5e-3  # relative, and near 0 absolute: what weights in 8 bits may lose


def print_query(shown: QueryView, console: Console) -> None:
    """
    The query, its relevant passages, and what each retriever put first; a star marks a relevant one.

    Retrievers that put the same first stand above it together, the scores those of the first: an index may round them.
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
        print_cut(f"* {passage}{graded}  ", title_apart(text, shown.titles.get(passage, "")), console)
    for alike in _alike(shown.found):
        names = "\n".join(printable(found.retriever) for found in alike)
        console.print(Text(f"\n{names}", "bold"), soft_wrap=True)
        _print_found(alike[0], shown.titles, console)


def _alike(found: Sequence[RetrieverView]) -> list[list[RetrieverView]]:
    """What was found, that of which the same is to be told together; in the order of the first of each."""
    groups: list[list[RetrieverView]] = []
    for one in found:
        group = next((group for group in groups if _same(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def _same(one: RetrieverView, other: RetrieverView) -> bool:
    """Whether two found the same, by scores that differ by no more than an index rounds."""
    return (
        one._replace(retriever="", hits=[], gold_ranks={}) == other._replace(retriever="", hits=[], gold_ranks={})
        and _missed(one) == _missed(other)
        and len(one.hits) == len(other.hits)
        and all(map(_same_hit, one.hits, other.hits))
    )


def _same_hit(one: Hit, other: Hit) -> bool:
    words = [None if hit.matches is None else [match.term for match in hit.matches] for hit in (one, other)]
    return (
        one.passage == other.passage
        and words[0] == words[1]
        and math.isclose(one.score, other.score, rel_tol=SAME_SCORE, abs_tol=SAME_SCORE)
    )


def _print_found(found: RetrieverView, titles: Mapping[str, str], console: Console) -> None:
    if found.status != "ok":
        console.print(Text(printable(f"  {found.status}: {found.said}"), "red"), soft_wrap=True)
        return
    if not found.hits and found.is_asked:
        console.print(Text("  found nothing"))
    for hit in found.hits:
        _print_hit(hit, titles.get(hit.passage, ""), console)
    if missed := _missed(found):
        console.print(Text(f"  {missed}", "dim"), soft_wrap=True)
    if found.said:
        console.print(Text(f"  {printable(found.said)}", "yellow"), soft_wrap=True)


def _print_hit(hit: Hit, title: str, console: Console) -> None:
    star = "*" if hit.grade is not None and hit.grade > 0 else " "
    text = title_apart(hit.text, title)
    print_cut(f"{star} {hit.rank:>2}  {hit.passage}  {hit.score:.4g}  ", text, console, "dim")
    if hit.matches:
        console.print(Text(INDENT + _words(hit.matches, console.width - len(INDENT)), "cyan"), soft_wrap=True)


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
