"""The `sparring` command: thin, and nothing heavy is imported before a command needs it."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bench.formats.table import Columns
    from bench.store import Run
    from bench.suite import Suite
    from retrievers.registry import Registry

OK, INPUT_ERROR, CELL_FAILED = 0, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
NEWEST = 3  # runs that are named where one has to be chosen
PIPE_WIDTH = 120  # columns of a table that is no terminal's

app = typer.Typer(
    name="sparring",
    help="Sparse and dense retrievers in the same ring: recall, latency and memory over the same passages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"sparring {metadata.version('sparring')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # told before any command is asked for
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


Plugin = Annotated[list[Path] | None, typer.Option("--plugin", help="A Python file with adapters; repeatable.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")]


@app.command()
def run(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="A suite (a name or a TOML file); with --passages: retrievers, 'BM25() @ CSR()'."),
    ] = None,
    passages: Annotated[
        list[str] | None,
        typer.Option(
            "--passages", help="A passage set: a name, a BEIR folder, a SQuAD-style .json, a table; repeatable."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The run folder; the same suite resumes.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Of a table: the column of the passages' text.")] = None,
    title: Annotated[str | None, typer.Option(help="Of a table: the column of the passages' titles.")] = None,
    identifier: Annotated[str | None, typer.Option("--id", help="Of a table: the column of the passages' ids.")] = None,
    queries: Annotated[
        list[str] | None,
        typer.Option(
            "--queries", help="Of a table: the file of queries. A number: how many queries are timed at most."
        ),
    ] = None,
    query_text: Annotated[str | None, typer.Option(help="Of a file of queries: the column of their text.")] = None,
    query_id: Annotated[str | None, typer.Option(help="Of a file of queries: the column of their ids.")] = None,
    qrels: Annotated[Path | None, typer.Option(help="Of a table or a folder: the file of judgments.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of one's own passages (ISO 639-1).")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of every cell.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of asking and serving.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of samples and order.")] = None,
    mode: Annotated[list[str] | None, typer.Option(help="single, batch, joint; repeatable.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.001, help="Limit of time of one stage.")] = None,
    memory: Annotated[str | None, typer.Option(help='Limit of memory of one stage, "8GB".')] = None,
    plugin: Plugin = None,
) -> None:
    """Run a suite, or retrievers on passage sets, and print the table."""
    from rich.console import Console

    from bench import cache, corpora, store, suite
    from bench.report import table as tables
    from bench.report.agreement import disagreements
    from bench.report.plain import printable
    from bench.report.progress import shown
    from retrievers.analysers import unstemmed

    numbers, file = _numbers(queries or [])
    changes = {"rounds": rounds, "threads": threads, "seed": seed, "queries": numbers, "modes": mode}
    limits = {"seconds": seconds, "memory": memory}
    chosen = suite.changed(_suite(what or [], passages or []), changes, limits)
    own = {"text": text, "title": title, "id": identifier, "language": language, "qrels": str(qrels) if qrels else None}
    asked = {"queries": file, "query_text": query_text, "query_id": query_id}
    columns = _columns(own | asked, passages or [])
    registry = _registry(plugin)
    sets = [corpora.load(name, columns=None if corpora.has_card(name) else columns) for name in chosen.passages]
    cache.prepared()
    folder = output or _dated(chosen.name, datetime.datetime.now())
    console = _console()
    with shown(Console(stderr=True)) as progress:
        from bench.run import run as run_suite

        for passage_set in sets:
            if passage_set.unknown_judgments:
                said = "judgments that name a passage or query that is not there"
                progress.says(f"{passage_set.name}: {said}: {passage_set.unknown_judgments:,}")
            if unstemmed(passage_set.language):
                said = f"no stemmer for {passage_set.language!r}: words are not stemmed"
                progress.says(f"{passage_set.name}: {said}")
        try:
            outcome = run_suite(chosen, sets, folder, registry, plugins=plugin or [], progress=progress)
        except KeyboardInterrupt:
            progress.says(f"stopped; the same command with -o {folder} goes on from here")
            raise typer.Exit(INTERRUPTED) from None
    done = [store.read(folder)]
    tables.terminal(done, console)
    disagreements(done[0], sets, console)
    typer.echo(
        f"{outcome.measured_share:.0%} of {outcome.wall_seconds:.0f} s were spent in measured stages; "
        f"records in {printable(str(folder))}",
        err=True,
    )
    raise typer.Exit(CELL_FAILED if outcome.failed else OK)


@app.command()
def table(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every field.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="The primary measure by the queries' labels.")] = False,
) -> None:
    """Print the table of one or several runs."""
    from bench import store
    from bench.report import table as tables
    from bench.report.agreement import disagreements

    if as_json + markdown + csv > 1:
        raise typer.BadParameter("--json, --markdown and --csv exclude each other")
    if labels and (as_json or csv):
        raise typer.BadParameter("--labels is for a terminal or --markdown: leave it out with --json and --csv")
    read = [_read(folder) for folder in runs]
    if as_json:
        typer.echo(tables.as_json(read))
    elif csv:
        typer.echo(tables.csv(read), nl=False)
    elif markdown:
        typer.echo(tables.markdown(read, by_label=labels), nl=False)
    else:
        console = _console()
        tables.terminal(read, console, by_label=labels)
        for each in read:
            names = {m.passage_set for m in each.measurements}
            disagreements(each, [store.read_set(each.folder, name) for name in names], console)


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the passage sets that have a card, and whether their files are at hand."""
    from rich.console import Console

    from bench import cards
    from bench.report.lists import print_sets
    from bench.report.plain import printable

    found = {name: cards.card(name) for name in cards.names()}
    rows = [
        {
            "name": name,
            "language": card.language,
            "passages": card.counts.passages,
            "queries": card.counts.queries,
            "judgments": card.counts.judgments,
            "at_hand": cards.at_hand(card),
            "title": card.title,
        }
        for name, card in found.items()
    ]
    if as_json:
        _echo_json([row | {"licence": card.licence} for row, card in zip(rows, found.values(), strict=True)])
        return
    print_sets(rows, Console())
    if not all(row["at_hand"] for row in rows):
        *named, cached, _ = map(str, cards.folders())
        places = f"SPARRING_DATA ({', '.join(named) or 'not set'}) and in {cached}"
        typer.echo(f"Files are looked for in the folders of {printable(places)}.", err=True)


@app.command()
def retrievers(as_json: Json = False, plugin: Plugin = None) -> None:
    """List the encoders, storages, retrievers and analysers that can be spelled, with their options."""
    from rich.console import Console

    from bench.report.lists import adapters, print_adapters

    rows = adapters(_registry(plugin))
    if as_json:
        _echo_json(rows)
    else:
        print_adapters(rows, Console())


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write the TREC run files into.")],
) -> None:
    """Write each cell's hits as a TREC run file, and each passage set's qrels, for other tools to score."""
    from bench.export import export as export_run
    from bench.report.plain import printable

    for path in export_run(_read(folder), output):
        typer.echo(printable(str(path)))


def _console() -> Console:
    """Standard output as wide as the terminal; where there is none, wide enough for a table."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _echo_json(rows: object) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(rows).decode())


def _read(folder: Path) -> Run:
    """The run in a folder; InputError for a folder of runs names the newest of them."""
    from bench import store
    from bench.errors import InputError

    inside = {path.parent: path.stat().st_mtime for path in folder.glob(f"*/{store.RUN}")}
    if inside and not (folder / store.RUN).is_file():
        newest = ", ".join(map(str, sorted(inside, key=lambda run: -inside[run])[:NEWEST]))
        found = f"a folder of {len(inside)} runs"
        raise InputError(f"run {folder}: expected a run folder, found {found}: name one, the newest first: {newest}")
    return store.read(folder)


def _suite(what: list[str], passages: list[str]) -> Suite:
    from bench import cards, suite

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
    from bench.corpora import Columns, has_card
    from bench.errors import InputError

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


def _registry(plugins: list[Path] | None) -> Registry:
    from retrievers.registry import installed

    registry = installed()
    for path in plugins or []:
        registry.add_file(path)
    return registry


def _dated(name: str, now: datetime.datetime) -> Path:
    """results/<date>-<name>, which git ignores; where that is taken, -2, -3 ... is added."""
    first = Path("results") / f"{now:%Y-%m-%d-%H%M%S}-{name}"
    numbered = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return next(place for place in chain((first,), numbered) if not place.exists())


def main() -> None:
    """Run the command; a caller's mistake is one clear message and exit code 2."""
    try:
        app(standalone_mode=True)
    except Exception as error:
        from bench.errors import InputError
        from bench.report.plain import printable
        from retrievers.registry import PluginError, SpellingError

        if not isinstance(error, InputError | PluginError | SpellingError):
            raise
        lines = map(printable, str(error).split("\n"))  # our messages have lines, what they quote may have anything
        typer.echo("sparring: " + "\n".join(lines), err=True)
        sys.exit(INPUT_ERROR)
