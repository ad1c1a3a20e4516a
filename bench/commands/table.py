"""`sparring table`: the table of one or several runs, and the tables of pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import OK, Json, chosen_format, one_of, read_run, registry_with, standard_output, write_file
from bench.report.render.formats import FORMATS, TERMINAL, refusal
from bench.report.view import AXES, DEFAULT, Pivot, View

if TYPE_CHECKING:
    from bench.analysis.prices import Prices
    from bench.records.run_folder import Run

COMMA = re.compile(r",(?![^()]*\))")  # none within a measure's own options
DIFFERS = 1  # the exit code of a page whose tables are not those of the records
FLAGS = ("markdown", "latex", "html", "csv", "json")  # each is --format with its name

# As these formats were asked for before --format.
Markdown = Annotated[bool, typer.Option("--markdown", hidden=True)]
Latex = Annotated[bool, typer.Option("--latex", hidden=True)]
Html = Annotated[bool, typer.Option("--html", hidden=True)]
Csv = Annotated[bool, typer.Option("--csv", hidden=True)]


@dataclass(frozen=True)
class Options:
    """What of the runs is shown, as it was typed."""

    labels: bool
    pivot: str | None
    columns: str | None
    wide: bool
    published: bool
    measure: str | None
    intervals: bool
    cite: bool
    svg: Path | None
    prices: Path | None

    def view(self, format_name: str, folder: Path = Path()) -> View:
        """
        The same for a table; a usage error for options that do not go together, or not with the format.

        folder: what the file of prices is relative to.
        """
        said = refusal(vars(self), format_name)
        if said is None and self.svg is not None:
            said = _refused_picture(self.svg, self.pivot, self.measure)
        if said is not None:
            raise typer.BadParameter(said)
        axis = next((axis for axis in AXES if axis == self.pivot), None)
        return View(
            labels=self.labels,
            pivot=None if axis is None else Pivot(axis, self.measure),
            columns=None if self.columns is None else tuple(name.strip() for name in COMMA.split(self.columns)),
            wide=self.wide,
            published=self.published,
            intervals=self.intervals,
            cite=self.cite,
            prices=None if self.prices is None else _prices(folder / self.prices),
        )


def _prices(path: Path) -> Prices:
    from bench.analysis.prices import read

    return read(path)


def _refused_picture(path: Path, pivot: str | None, measure: str | None) -> str | None:
    if path.suffix != ".svg":
        return f"--svg writes an SVG: expected a name that ends in .svg, found {path.name}"
    if pivot != "storage" or measure is not None:
        found = f"--pivot {pivot}" + (f" --measure {measure}" if measure else "")
        return f"--svg draws --pivot storage: expected that without --measure, found {found}"
    return None


Keys = Annotated[
    str | None,
    typer.Option("--columns", metavar="KEYS", help="Headings or keys of --json, in this order: R@10,p50,ledger_bytes."),
]
Measure = Annotated[
    str | None,
    typer.Option("--measure", metavar="KEY", help="What --pivot shows.", show_default="the suite's primary measure"),
]
Svg = Annotated[
    Path | None, typer.Option("--svg", metavar="FILE", help="With --pivot storage: draw it into this file.")
]
PricesFile = Annotated[
    Path | None,
    typer.Option(
        "--prices", metavar="FILE", help="What each cell costs by the prices of memory and cores in this TOML file."
    ),
]
PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A file with adapters: say where it is no longer what ran."),
]


def table(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; with --check or --write Markdown pages.")
    ],
    format_name: Annotated[
        str | None, one_of("--format", FORMATS, "By default terminal; csv and json have every figure.")
    ] = None,
    json: Json = False,
    wide: Annotated[bool, typer.Option("--wide", help="Every column that has a value.")] = False,
    columns: Keys = None,
    labels: Annotated[bool, typer.Option("--labels", help="The primary measure by the queries' labels.")] = False,
    published: Annotated[bool, typer.Option("--published", help="Ours against published figures alone.")] = False,
    pivot: Annotated[
        str | None,
        one_of(
            "--pivot",
            AXES,
            "One table of one measure: these across, what they do not tell apart down. storage, without --measure: for "
            "each encoder, what its storages lose, take and weigh.",
        ),
    ] = None,
    measure: Measure = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="95 % intervals of every figure.")] = False,
    cite: Annotated[
        bool, typer.Option("--cite", help="Sources as BibTeX; with --format latex cited and appended.")
    ] = False,
    svg: Svg = None,
    prices: PricesFile = None,
    plugin: PluginFiles = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare tables in pages with their records; exit code 1 if they differ.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Make the tables in pages anew, in place.")] = False,
    markdown: Markdown = False,
    latex: Latex = False,
    html: Html = False,
    csv: Csv = False,
) -> None:
    """Print the table of some runs, or check those in pages."""
    flags = dict(zip(FLAGS, (markdown, latex, html, csv, json), strict=True))
    options = Options(labels, pivot, columns, wide, published, measure, intervals, cite, svg, prices)
    if check or write:
        given: dict[str, object] = {"format": format_name, "plugin": plugin, **flags, **vars(options)}
        _refuse_beside_pages([name for name, value in given.items() if value], both=check and write)
        raise typer.Exit(in_pages(runs, write=write))
    name = _format(format_name, flags, options)
    view = options.view(name)
    registry_with(plugin)  # a plug-in that cannot be loaded is told before any table
    read = [read_run(folder) for folder in runs]
    for line in (*without_cells(read), *changed_plugins(read, plugin or [])):
        typer.echo(line, err=True)
    if svg is not None:
        draw_storages(read, svg)
    elif name == TERMINAL:
        terminal_table(read, view)
    else:
        typer.echo(FORMATS[name].write(read, view), nl=False)


def _refuse_beside_pages(given: Sequence[str], *, both: bool) -> None:
    """What a table in a page shows stands in its marker."""
    if given or both:
        found = ", ".join(f"--{name}" for name in given) or "both"
        raise typer.BadParameter(f"--check and --write take pages and nothing else, found {found}")


def _format(given: str | None, flags: Mapping[str, bool], options: Options) -> str:
    """The format that is asked for; sources alone are BibTeX."""
    return chosen_format(given, flags, default="bibtex" if options.cite else TERMINAL)


def terminal_table(runs: Sequence[Run], view: View) -> None:
    """Draw the tables, of sets that nobody has judged where their retrievers disagree, and the verdict."""
    from bench.records import run_folder
    from bench.report.console.agreement import disagreements
    from bench.report.render import terminal

    console = standard_output()
    terminal.table(runs, console, view)
    if view.pivot is not None or view.published:
        return
    for run in runs:
        unjudged = {m.passage_set for m in run.measurements if m.status == "ok" and m.n_judged is None}
        disagreements(run, [run_folder.read_set(run.folder, name, judged=False) for name in unjudged], console)
    terminal.verdict(runs, console, view)


def in_pages(paths: Sequence[Path], *, write: bool) -> int:
    """Compare the tables in Markdown pages with their records, or write them: the exit code."""
    from bench.report import pages
    from bench.report.text import printable

    made = [(path, *pages.made_anew(path, in_page)) for path in paths]  # a bad marker is told before any is written
    for path, old, new in made:
        if write and new != old:
            pages.write(path, new)
            typer.echo(f"{printable(str(path))}: written", err=True)
        elif new != old:
            typer.echo("\n".join(map(printable, pages.difference(path, old, new).splitlines())))
    return DIFFERS if not write and any(new != old for _, old, new in made) else OK


def in_page(arguments: Sequence[str], folder: Path) -> str:
    """The Markdown that `sparring table` prints of some words; run folders and prices are relative to `folder`."""
    from bench.errors import InputError
    from bench.report.render import markdown

    app = typer.Typer(add_completion=False)
    app.command()(table)
    try:
        given = typer.main.get_command(app).make_context("sparring table", list(arguments)).params
        options = Options(**{field.name: given[field.name] for field in fields(Options)})
        name = _format(given["format_name"], {flag: given[flag] for flag in FLAGS}, options)
        unfit = [f"--{option}" for option in ("cite", "svg", "plugin", "check", "write") if given[option]]
        view = DEFAULT if unfit else options.view("markdown" if name == TERMINAL else name, folder)
    except Exception as error:  # of the parser's several kinds; --help ends it by one too
        raise InputError(f"expected what `sparring table` takes, found {' '.join(arguments)!r}: {error}") from error
    if unfit or name not in (TERMINAL, "markdown"):
        raise InputError(f"expected a table in Markdown, found {', '.join(unfit) or f'--format {name}'}")
    return markdown.table([read_run(folder / run) for run in given["runs"]], view)


def draw_storages(runs: Sequence[Run], path: Path) -> None:
    """The picture of the runs' storages; InputError where it cannot be written there."""
    from bench.report.charts import kinds

    write_file(path, kinds.svg("storage", runs, kinds.Choice()), "--svg")


def without_cells(runs: Sequence[Run]) -> Iterator[str]:
    """Of each run that has no measured cell, that it has none: its table is empty."""
    from bench.report.text import printable

    yield from (printable(f"{run.folder}: no cell is measured yet") for run in runs if not run.measurements)


def changed_plugins(runs: Sequence[Run], plugins: Sequence[Path]) -> list[str]:
    """One line for each run that had a plug-in file of the same name and of another content than now."""
    from bench.report.text import printable

    said = []
    for plugin in plugins:
        now = hashlib.sha256(plugin.read_bytes()).hexdigest()
        for run in runs:
            if any(Path(path).name == plugin.name and sha256 != now for path, sha256 in run.record.plugin_hashes):
                folder = printable(str(run.folder))
                said.append(f"{folder}: {plugin.name} has changed since: its rows are of what it was; run it again")
    return said
