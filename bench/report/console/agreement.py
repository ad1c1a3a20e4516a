"""What a run without judgments can say: how far its retrievers agree, where they do not, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bench.analysis import pooling
from bench.analysis.disagreement import K, Ranker, agreement, least_agreed, not_shared, rankers
from bench.instruments import quality
from bench.passages.passage_set import PassageSet, id_of
from bench.passages.titles import text_of, title_apart, title_of
from bench.records.run_folder import Run
from bench.report.console.lines import print_cut
from bench.report.numbers import share
from bench.report.text import printable

MOST = 5  # queries
MOST_PASSAGES = 4  # of a query
SHEET, MORE = "sheet.csv", "more.csv"


def disagreements(run: Run, passage_sets: Sequence[PassageSet], console: Console) -> None:
    """
    For each set without judgments how far its rankers agree, the queries on which they agree least, and the next step.

    Of a query stands what not all of them put among their first ten, with who did and at which rank; a line is as wide
    as the console. Sets that a run kept have no texts: their queries and passages are shown by id.
    """
    for passage_set in passage_sets:
        found = rankers(run, passage_set.name) if passage_set.qrels is None else []
        if not found:
            continue
        n = len(passage_set.query_ids)
        said = f"{passage_set.name}: nobody has judged its {n:,} queries, so which retriever is better is not known"
        console.print(Text(f"\n{printable(said)}"), soft_wrap=True)
        if len(found) > 1:
            _print_rankers(found, console)
            _print_least_agreed(found, passage_set, console)
        elif len(found[0].cells) > 1:
            console.print(Text(f"all find the same: {printable(name_of(found[0]))}"), soft_wrap=True)
        if passage_set.vectors is None and not any(m.n_distractors for m in found[0].cells):
            _print_next(run, passage_set.name, console)


def _print_rankers(found: Sequence[Ranker], console: Console) -> None:
    """How far they agree on the whole, and the letter of each."""
    mean = share(float(agreement([ranker.hits[0] for ranker in found]).mean()))
    said = f"agreement {mean} (share of the shorter top {K} that the other has too, mean of all pairs and queries) of"
    console.print(Text(said), soft_wrap=True)
    for position, ranker in enumerate(found):
        console.print(Text(f"  {letter(position)}  {printable(name_of(ranker))}"), soft_wrap=True)


def letter(position: int) -> str:
    """A, B, ... Z, AA, BB ..."""
    return chr(ord("A") + position % 26) * (position // 26 + 1)


def name_of(ranker: Ranker) -> str:
    """Its cells by one name: `BM25() @ CSR(), CSC(), Packed() (overlap .998); RankBM25()`."""
    parts: dict[str, dict[str, None]] = {}  # encoder or engine -> its storages, as an ordered set
    for m, overlap in zip(ranker.cells, ranker.overlaps(K), strict=True):
        storages = parts.setdefault(m.encoder or m.retriever, {})
        if m.encoder is not None and m.storage is not None:
            storages[m.storage + ("" if overlap == 1 else f" (overlap {share(overlap)})")] = None
    return "; ".join(f"{name} @ {', '.join(storages)}" if storages else name for name, storages in parts.items())


def _print_least_agreed(found: Sequence[Ranker], passage_set: PassageSet, console: Console) -> None:
    hits = [ranker.hits[0] for ranker in found]
    agreements = agreement(hits)
    least = least_agreed(agreements, MOST)
    if not least:
        same = all(bool((quality.overlap(hits[0], other, K) == 1).all()) for other in hits[1:])
        said = (
            f"all find the same passages in every top {K}, in another order"
            if same
            else f"no top {K} goes against another: where one is shorter, the other has all of it"
        )
        console.print(Text(said), soft_wrap=True)
        return
    said = f"queries most disagreed on, and what not all have among their first {K} (A 2: A has it at rank 2)"
    console.print(Text(said), soft_wrap=True)
    for query in least:
        text = passage_set.queries[query] if passage_set.queries else ""
        print_cut(f"  {agreements[query]:.2f}  {passage_set.query_ids[query]}: ", text, console)
        shown = not_shared(hits, query)[:MOST_PASSAGES]
        finders = [", ".join(f"{letter(at)} {rank}" for at, rank in sorted(ranks.items())) for _, ranks in shown]
        width = max(map(len, finders))
        for (row, _), who in zip(shown, finders, strict=True):
            print_cut(f"        {who:<{width}}  {id_of(passage_set, row)}  ", _text(passage_set, row), console, "dim")


def _text(passage_set: PassageSet, row: int) -> str:
    return title_apart(text_of(passage_set, row), title_of(passage_set, row))


def _print_next(run: Run, passage_set: str, console: Console) -> None:
    """The commands that lead to judgments."""
    by_hand = any(word.startswith("--passages") for word in run.record.command)  # a suite takes no --qrels
    again = "the same run again with" if by_hand else "run its retrievers with --passages and"
    console.print(Text(f"next: {_judge_sheet(run, passage_set, SHEET)}"), soft_wrap=True)
    console.print(Text(f"grade the pairs in it, then {again} --qrels {SHEET}"), soft_wrap=True)


def _judge_sheet(run: Run, passage_set: str, path: str, *options: object) -> str:
    """The command that writes the sheet of a set."""
    chosen = ["--passages", passage_set] if len(run.record.passage_sets) > 1 else []
    return printable(shlex.join(["sparring", "judge-sheet", str(run.folder), *chosen, *map(str, options), "-o", path]))


def holes(run: Run, passage_sets: Sequence[PassageSet]) -> list[str]:
    """
    Of each set whose judgments also say what is not relevant, how many of each retriever's first ten have none.

    They count as not relevant, so that a retriever which was not in the pool comes off too badly.
    """
    lines = []
    for passage_set in passage_sets:
        counts, n_queries = pooling.holes(run, passage_set)
        missing = ", ".join(f"{name} {found:,} of {of:,}" for name, (found, of) in counts.items() if found)
        if missing:
            lines.append(f"{passage_set.name}: unjudged among the first {K}, and so not relevant: {missing}")
            lines.append(f"to judge these too: {_judge_sheet(run, passage_set.name, MORE, '--queries', n_queries)}")
        elif counts:
            lines.append(f"{passage_set.name}: every passage among the first {K} of a judged query is judged")
    return [printable(line) for line in lines]
