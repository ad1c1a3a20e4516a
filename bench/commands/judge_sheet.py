"""`sparring judge-sheet`: what the retrievers of a run found, for somebody to judge."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import completion, read_run, write_file

if TYPE_CHECKING:
    from bench.analysis.pooling import Sheet

FEW = 10  # queries that are a sitting's work


def judge_sheet(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The sheet: a new file that ends in .csv.")
    ],
    passages: Annotated[
        str | None,
        typer.Option(
            metavar="SET", help="The passage set, where the run has several.", autocompletion=completion.datasets
        ),
    ] = None,
    queries: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many queries: those on which retrievers agree least.")
    ] = 50,
    top: Annotated[
        int, typer.Option("-k", "--top", metavar="N", min=1, help="Passages of each retriever for a query.")
    ] = 10,
    at_random: Annotated[
        bool, typer.Option("--random", help="A random sample of the queries: what it shows holds for all.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also pairs that the run has judgments of.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the order, and of what is drawn.")] = 7,
) -> None:
    """
    Write what was found as a sheet to judge, blind.

    Of the queries on which retrievers agree least, what each put first: shuffled, and nothing tells who found it.

    Fill in the column `grade` (0: not relevant, 1 and more: relevant, blank: not judged), then run again with --qrels.
    """
    from bench.analysis.pooling import sheet
    from bench.errors import InputError
    from bench.formats.judge_sheet import write

    if output.suffix.lower() != ".csv":
        raise InputError(f"-o: expected a name that ends in .csv, found {output}")
    if os.path.lexists(output):
        raise InputError(f"-o: expected a new file, found {output}, which may be graded already: choose another name")
    found = sheet(
        read_run(folder),
        passage_set=passages,
        k=top,
        n_queries=queries,
        seed=seed,
        at_random=at_random,
        again=again,
    )
    write_file(output, write(found.pairs), "-o")
    _tell(found, output, at_random=at_random)


def _tell(found: Sheet, path: Path, *, at_random: bool) -> None:
    """What is in the sheet and what to do with it, on standard error."""
    from bench.report.text import printable

    which = "drawn at random" if at_random else "those that differ most"
    of = f"{found.n_queries:,} queries (of {found.of_queries:,}), {which}"
    said = [f"{found.passage_set}: {len(found.pairs):,} pairs of {of}"]
    if not at_random and found.n_queries < found.of_queries:
        said.append("a mean over these queries is theirs alone; --random draws queries that stand for all")
    if found.n_queries > FEW:
        share = round(len(found.pairs) * FEW / found.n_queries)
        said.append(f"for fewer pairs: --queries {FEW} has about {share:,} of them, a lower -k fewer still")
    if found.n_judged:
        said.append(f"left out: {found.n_judged:,} pairs that have a judgment")
    if found.n_unknown:
        said.append(f"left out: {found.n_unknown:,} pairs of passages that are not in the set")
    if found.licence and found.licence != "not stated":
        said.append(f"licence {found.licence}; who passes the sheet on, keeps to it")
    again = f"run again with --qrels {shlex.quote(str(path))}"
    then = f"{again} beside the --qrels that the run had" if found.adds else again
    said.append(f"grade them (0: not relevant, 1 or more: relevant, blank: not judged), then {then}")
    for line in said:
        typer.echo(printable(line), err=True)
