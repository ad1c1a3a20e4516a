"""`sparring run`: a suite, or retrievers on passage sets."""

from __future__ import annotations

import datetime
import functools
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import Signature, signature
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from bench.commands import CELL_FAILED, OK, Plugin, registry_with, standard_output, stoppable

if TYPE_CHECKING:
    from bench.formats.table import Columns
    from bench.passages.passage_set import PassageSet
    from bench.run.suite import Suite
    from retrievers.registry import Registry

OF_SUITE = "or the suite's"


class Asked(NamedTuple):
    """What is to be run: what the options of `run`, and of `plan`, come to."""

    suite: Suite
    sets: list[PassageSet]
    registry: Registry
    plugins: list[Path]
    columns: Columns | None  # how one's own files were read

    def doubts(self) -> list[str]:
        """What a reader should know of the passage sets before their numbers, a line each."""
        return list(_doubts(self.suite.passages, self.sets))


def asked(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="A suite (a name or a TOML file); with --passages: retrievers, 'BM25() @ CSR()'."),
    ] = None,
    passages: Annotated[
        list[str] | None,
        typer.Option(
            "--passages",
            help="A passage set: a name, a BEIR folder, a SQuAD-style .json, a table, vectors (.hdf5); repeatable.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Of a table: the column of the passages' text.", show_default="text")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Of a table: the column of the passages' titles.", show_default="none")
    ] = None,
    identifier: Annotated[
        str | None,
        typer.Option("--id", help="Of a table: the column of the passages' ids.", show_default="row numbers from 1"),
    ] = None,
    queries: Annotated[
        list[str] | None,
        typer.Option(
            "--queries",
            help="Of a table: the file of queries. A number: how many queries are timed at most.",
            show_default=f"500 are timed, {OF_SUITE}",
        ),
    ] = None,
    query_text: Annotated[str | None, typer.Option(help="Of a file of queries: the column of their text.")] = None,
    query_id: Annotated[str | None, typer.Option(help="Of a file of queries: the column of their ids.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Of a table or a folder: the file of judgments.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Language of one's own passages (ISO 639-1).", show_default="en")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds of every cell.", show_default=f"3, {OF_SUITE}")
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Threads of query encoding and search; repeatable: each in turn.", show_default=f"1, {OF_SUITE}"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of samples and order.", show_default=f"7, {OF_SUITE}")] = None,
    distractors: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Synthetic passages to grow every set by: for bytes and time only.",
            show_default=f"0, {OF_SUITE}",
        ),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(help="single, batch, joint, rate; repeatable.", show_default=f"single and batch, {OF_SUITE}"),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            help="Offered in mode rate: a share of a cell's own capacity, or queries a second (200/s).",
            show_default=f"70%, {OF_SUITE}",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.001, help="Limit of time of one stage.", show_default=f"600, {OF_SUITE}"),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Limit of memory of one stage.", show_default=f"8GB, {OF_SUITE}")
    ] = None,
    plugin: Plugin = None,
) -> Asked:
    """Read the suite, its passage sets and plug-ins. Raises InputError, PluginError or a usage error of typer's."""
    from bench import cache
    from bench.passages import loader
    from bench.run import suite

    numbers, file = _numbers(queries or [])
    changes: dict[str, object] = {"rounds": rounds, "threads": threads or None, "seed": seed, "queries": numbers}
    changes |= {"modes": mode, "rate": rate, "distractors": distractors}
    limits = {"seconds": seconds, "memory": memory}
    chosen = suite.changed(_suite(what or [], passages or []), changes, limits)
    own = {"text": text, "title": title, "id": identifier, "language": language, "qrels": str(qrels) if qrels else None}
    queried = {"queries": file, "query_text": query_text, "query_id": query_id}
    columns = _columns(own | queried, passages or [])
    registry = registry_with(plugin)
    sets = [loader.load(name, columns=None if loader.has_card(name) else columns) for name in chosen.passages]
    cache.prepared()
    return Asked(chosen, sets, registry, plugin or [], columns)


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of `asked` before its own: it is handed, first, what they come to."""
    options = signature(asked, eval_str=True).parameters.values()
    own = list(signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def whole(**given: Any) -> None:  # Any: values of options
        mine = {option.name: given.pop(option.name) for option in own}
        command(asked(**given), **mine)

    whole.__signature__ = Signature([*options, *own])  # type: ignore[attr-defined]  # where typer looks
    return whole


@asking
def run(
    todo: Asked,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The run folder; the same suite resumes.",
            show_default="results/ and date, time and suite",
        ),
    ] = None,
) -> None:
    """Run a suite, or retrievers on passage sets; print the table."""
    from rich.console import Console

    from bench.records import run_folder
    from bench.records.schema import UNTRIED
    from bench.report.console.agreement import disagreements
    from bench.report.console.plan import bytes_predicted
    from bench.report.console.progress import shown
    from bench.report.render import table as tables
    from bench.report.text import printable

    folder = output or _dated(todo.suite.name, datetime.datetime.now())
    console = standard_output()
    with shown(Console(stderr=True)) as progress:
        from bench.run.runner import run as run_suite

        for doubt in todo.doubts():
            progress.says(doubt)
        with stoppable(progress.says, f"the same command with -o {folder} goes on from here"):
            outcome = run_suite(
                todo.suite,
                todo.sets,
                folder,
                todo.registry,
                plugins=todo.plugins,
                progress=progress,
                command=("sparring", *sys.argv[1:]),
                columns=todo.columns,
            )
    done = [run_folder.read(folder)]
    tables.terminal(done, console)
    disagreements(done[0], todo.sets, console)
    typer.echo(
        f"{outcome.measured_share:.0%} of {outcome.wall_seconds:.0f} s were spent in measured stages; "
        f"records in {printable(str(folder))}",
        err=True,
    )
    weighed = bytes_predicted(outcome.measurements)
    if weighed is not None:
        typer.echo(printable(weighed), err=True)
    if outcome.predicted_seconds is not None:
        after = outcome.wall_seconds - outcome.rehearsed_seconds
        typer.echo(f"predicted {outcome.predicted_seconds:.0f} s, taken {after:.0f} s after the rehearsal", err=True)
    if outcome.failed:
        first = next(m for m in outcome.measurements if m.status not in ("ok", *UNTRIED))
        cell = f"{first.passage_set}: {first.retriever}" if len(todo.sets) > 1 else first.retriever
        typer.echo(f"why it failed: sparring explain {printable(shlex.join([str(folder), cell]))}", err=True)
    raise typer.Exit(CELL_FAILED if outcome.failed else OK)


def _doubts(names: Sequence[str], sets: Sequence[PassageSet]) -> Iterator[str]:
    """What a reader should know of passage sets before their numbers, a line each; names: as they were asked for."""
    from bench.passages import loader
    from bench.passages.scripts import unsuited
    from retrievers.analysers import unstemmed

    for name, found in zip(names, sets, strict=True):
        if found.unknown_judgments:
            said = "judgments that name a passage or query that is not there"
            yield f"{found.name}: {said}: {found.unknown_judgments:,}"
        if found.vectors is not None:
            continue
        if unstemmed(found.language):
            yield f"{found.name}: no stemmer for {found.language!r}: words are not stemmed"
        letters = None if loader.has_card(name) else unsuited(found.passages, found.language)
        if letters is not None:
            said = f"most letters are {letters}, and the language is {found.language!r}"
            yield f"{found.name}: {said}: name it with --language"


def _suite(what: list[str], passages: list[str]) -> Suite:
    from bench.passages import cards
    from bench.run import suite

    suites = [name for name in what if "(" not in name and (name in suite.shipped() or name.endswith(".toml"))]
    sets = [name for name in what if name in cards.names() and name not in suites and not Path(name).is_file()]
    spelled = [name for name in what if "(" in name and not Path(name).is_file()]
    if passages:
        if not what:
            raise typer.BadParameter("with --passages, at least one retriever is expected: 'BM25() @ CSR()'")
        if suites:
            raise typer.BadParameter(f"{suites[0]} is a suite: run it without --passages")
        return suite.from_retrievers(passages, what)
    if sets:
        raise typer.BadParameter(f"{sets[0]} is a passage set: sparring run --passages {sets[0]} RETRIEVER")
    if spelled:
        raise typer.BadParameter(f"{spelled[0]} is a retriever: add --passages NAME")
    if len(what) != 1:
        raise typer.BadParameter(
            f"expected one suite ({', '.join(suite.shipped())}, or a TOML file), found {len(what)}; "
            "retrievers are run with --passages"
        )
    return suite.load(what[0])


def _numbers(values: list[str]) -> tuple[int | None, str | None]:
    """`--queries` takes a number (how many are timed) and a file (what is asked): (number, file)."""
    numbers = [int(value) for value in values if re.fullmatch(r"[0-9]+", value)]
    files = [value for value in values if not re.fullmatch(r"[0-9]+", value)]
    if len(numbers) > 1 or len(files) > 1:
        raise typer.BadParameter("--queries takes one file and one number at most")
    return next(iter(numbers), None), next(iter(files), None)


def _columns(given: dict[str, str | None], passages: Sequence[str]) -> Columns | None:
    """How one's own files are read; None where nothing was said. InputError where no own file is there to take it."""
    from bench.errors import InputError
    from bench.passages.loader import Columns, has_card

    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        return None
    if all(map(has_card, passages)):  # a suite names no --passages
        options = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        raise InputError(
            f"{options}: expected only with --passages and a path to one's own files, found "
            f"{', '.join(passages) or 'a suite'}: leave {options} out, or give such a path"
        )
    return Columns(**named)


def _dated(name: str, now: datetime.datetime) -> Path:
    """results/<date>-<name>, which git ignores; where that is taken, -2, -3 ... is added."""
    first = Path("results") / f"{now:%Y-%m-%d-%H%M%S}-{name}"
    numbered = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return next(place for place in chain((first,), numbered) if not place.exists())
