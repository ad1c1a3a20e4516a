"""`sparring table`: the table of one or several runs, and the tables of pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import OK, Json, read_run, registry_with, standard_output

if TYPE_CHECKING:
    from bench.records.run_folder import Run
    from bench.report.render.table import Asked

DIFFERS = 1  # the exit code of a page whose tables are not those of the records
FORMATS = ("--json", "--csv", "--markdown", "--latex", "--html")
SHAPES = ("--labels", "--pivot", "--columns", "--published")


class Across(StrEnum):
    """What `--pivot` puts across."""

    RETRIEVER = "retriever"
    ENCODER = "encoder"
    STORAGE = "storage"
    PASSAGES = "passages"
    MEASURE = "measure"
    THREADS = "threads"
    NAME = "name"
    RUN = "run"


def table(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; with --check or --write Markdown pages.")],
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX: booktabs, conditions in the caption.")] = False,
    html: Annotated[bool, typer.Option("--html", help="One web page that needs no other file.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, every field.")] = False,
    cite: Annotated[
        bool, typer.Option("--cite", help="BibTeX of sets, models and measures; with --latex cited and appended.")
    ] = False,
    labels: Annotated[bool, typer.Option("--labels", help="The primary measure by the queries' labels.")] = False,
    pivot: Annotated[
        Across | None,
        typer.Option(
            "--pivot",
            help="One table of one measure: these across, what they do not tell apart down. storage, without "
            "--measure: for each encoder, what its storages lose, take and weigh.",
        ),
    ] = None,
    measure: Annotated[
        str | None, typer.Option("--measure", help="What --pivot shows.", show_default="the suite's primary measure")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="What to show, in this order: R@10,single_p50_ms,ledger_bytes.")
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="With 95 % intervals.")] = False,
    published: Annotated[bool, typer.Option("--published", help="Ours against published figures alone.")] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="With --pivot storage: draw it into this file (extra report).")
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="A file with adapters: say where it is no longer what ran.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare the tables in pages with their records: exit code 1 if they differ."),
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Make the tables in pages anew, in place.")] = False,
) -> None:
    """Print the table of some runs, or check those in pages."""
    from bench.report import citations
    from bench.report.render import table as tables

    refuse(
        {
            "--json": as_json,
            "--csv": csv,
            "--markdown": markdown,
            "--latex": latex,
            "--html": html,
            "--labels": labels,
            "--pivot": pivot,
            "--columns": columns,
            "--published": published,
            "--intervals": intervals,
            "--measure": measure,
            "--cite": cite,
            "--svg": svg,
            "--plugin": plugin,
            "--check": check,
            "--write": write,
        }
    )
    if check or write:
        raise typer.Exit(pages(runs, write=write))
    registry_with(plugin)  # a plug-in that can not be loaded is told before any table
    read = [read_run(folder) for folder in runs]
    for line in changed_plugins(read, plugin or []):
        typer.echo(line, err=True)
    shape = asked(labels, pivot, measure, columns, intervals, published)
    if svg is not None:
        draw(read, svg)
    elif as_json:
        typer.echo(tables.as_json(read))
    elif csv:
        typer.echo(tables.csv(read), nl=False)
    elif latex:
        typer.echo(tables.latex(read, cite=cite, **shape), nl=False)
    elif cite:
        typer.echo("\n".join(citations.entries(read).values()), nl=False)
    elif html:
        typer.echo(tables.html(read, **shape), nl=False)
    elif markdown:
        typer.echo(tables.markdown(read, **shape), nl=False)
    else:
        terminal(read, shape)


def refuse(options: Mapping[str, object]) -> None:
    """A usage error for options that do not go together."""
    given = [name for name, value in options.items() if value]

    def of(*names: str) -> list[str]:
        return [name for name in given if name in names]

    if of("--check", "--write") and len(given) > 1:
        raise typer.BadParameter(f"--check and --write take pages and nothing else, found {', '.join(given)}")
    for group in (FORMATS, SHAPES):
        if len(of(*group)) > 1:
            raise typer.BadParameter(f"{' and '.join(of(*group))} exclude each other")
    if of("--json", "--csv") and (shapes := of(*SHAPES, "--intervals")):
        raise typer.BadParameter(f"{shapes[0]} is for a reader: leave it out with --json and --csv")
    if of("--cite") and of(*FORMATS) not in ([], ["--latex"]):
        raise typer.BadParameter("--cite stands alone, or with --latex")
    if of("--intervals") and of("--labels", "--published"):
        raise typer.BadParameter("--intervals is for tables of measures: leave out --labels and --published")
    if of("--measure") and not of("--pivot"):
        raise typer.BadParameter("--measure is what --pivot shows: name what stands across, --pivot retriever")
    svg = options["--svg"]
    if isinstance(svg, Path) and svg.suffix != ".svg":
        raise typer.BadParameter(f"--svg writes an SVG: expected a name that ends in .svg, found {svg.name}")
    if svg and (options["--pivot"] is not Across.STORAGE or of("--measure", *FORMATS)):
        raise typer.BadParameter("--svg draws --pivot storage: give it that, and neither --measure nor a format")


def asked(
    labels: bool, pivot: Across | None, measure: str | None, columns: str | None, intervals: bool, published: bool
) -> Asked:
    """What of the runs is shown."""
    from bench.report.tables.pivot import Pivot

    return {
        "by_label": labels,
        "pivot": None if pivot is None else Pivot(pivot.value, measure),
        "intervals": intervals,
        "columns": None if columns is None else [key.strip() for key in columns.split(",")],
        "published": published,
    }


def terminal(runs: Sequence[Run], shape: Asked) -> None:
    """Draw the tables, and of sets that nobody has judged where their retrievers disagree."""
    from bench.records import run_folder
    from bench.report.console.agreement import disagreements
    from bench.report.render import table as tables

    console = standard_output()
    tables.terminal(runs, console, **shape)
    if shape["pivot"] is not None or shape["published"]:
        return
    for run in runs:
        unjudged = {m.passage_set for m in run.measurements if m.status == "ok" and m.n_judged is None}
        disagreements(run, [run_folder.read_set(run.folder, name) for name in unjudged], console)


def pages(paths: Sequence[Path], *, write: bool) -> int:
    """Compare the tables in Markdown pages with their records, or write them: the exit code."""
    from bench.report import pages as check
    from bench.report.text import printable

    made = [(path, *check.made_anew(path, in_page)) for path in paths]  # a bad marker is told before any is written
    for path, old, new in made:
        if write and new != old:
            check.write(path, new)
            typer.echo(f"{printable(str(path))}: written", err=True)
        elif new != old:
            typer.echo("\n".join(map(printable, check.difference(path, old, new).splitlines())))
    return DIFFERS if not write and any(new != old for _, old, new in made) else OK


def in_page(arguments: Sequence[str], folder: Path) -> str:
    """The Markdown that `sparring table` prints of some words; run folders are relative to `folder`."""
    from bench.errors import InputError
    from bench.report.render import table as tables

    app = typer.Typer(add_completion=False)
    app.command()(table)
    try:
        given = typer.main.get_command(app).make_context("sparring table", list(arguments)).params
        shown = ("labels", "pivot", "measure", "columns", "intervals", "published")
        refuse({f"--{name}": given[name] for name in (*shown, "svg")})
    except (Exception, typer.Exit) as error:  # of the parser's several kinds; --help ends it
        raise InputError(f"expected what `sparring table` takes, found {' '.join(arguments)!r}: {error}") from error
    others = set(given) - {"runs", "markdown", *shown}
    if unfit := [f"--{name.removeprefix('as_')}" for name in others if given[name]]:
        raise InputError(f"a table in a page is Markdown: leave out {', '.join(sorted(unfit))}")
    runs = [read_run(folder / run) for run in given["runs"]]
    return tables.markdown(runs, **asked(*(given[name] for name in shown)))


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write the picture of the runs' storages, and say where it is; InputError where it can not be written there."""
    from bench.errors import InputError
    from bench.report.charts import storages
    from bench.report.text import printable

    drawn = storages.svg(runs)
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--svg: expected a file that can be written, found {path}: {error.strerror}") from error
    typer.echo(printable(str(path)))


def changed_plugins(runs: Sequence[Run], plugins: Sequence[Path]) -> list[str]:
    """One line for each run that had a plug-in file of the same name and of another content than now."""
    from bench.report.text import printable

    said = []
    for plugin in plugins:
        now = hashlib.sha256(plugin.read_bytes()).hexdigest()
        for run in runs:
            had = [line.rpartition(" sha256:") for line in run.record.plugins]
            if any(Path(path).name == plugin.name and sha256 != now for path, _, sha256 in had):
                folder = printable(str(run.folder))
                said.append(f"{folder}: {plugin.name} has changed since: its rows are of what it was; run it again")
    return said
