"""`sparring plot`: a picture of some runs, and the pictures of pages."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bench.commands import OK, completion, read_run, write_file
from bench.report.charts.kinds import KINDS, Choice
from bench.report.costs import DEFAULT, NAMES

if TYPE_CHECKING:
    from bench.records.run_folder import Run
    from bench.report.pages import Picture

DIFFERS = 1  # the exit code of a page whose pictures are not those of the records
FORMATS = (".svg", ".png")
LISTED = "; ".join(f"{name}: {kind.shows}" for name, kind in KINDS.items())

OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="The file: .svg, or .png (extra report).", show_default=False),
]
PassagesOption = Annotated[
    str | None,
    typer.Option(
        "--passages",
        metavar="SET",
        help="The passage set that is drawn.",
        show_default="the only one",
        autocompletion=completion.datasets,
    ),
]
MeasureOption = Annotated[
    str | None,
    typer.Option(
        "--measure", metavar="MEASURE", help="The measure that is drawn.", show_default="the suite's primary measure"
    ),
]
CostOption = Annotated[
    str | None,
    typer.Option(
        "--cost",
        metavar="COST",
        help=f"What frontier and growth are drawn against: {', '.join(NAMES)}.",
        show_default=DEFAULT,
        autocompletion=completion.among(NAMES),
    ),
]
PricesOption = Annotated[
    Path | None,
    typer.Option(
        "--prices", metavar="FILE", help="Prices of memory and cores (TOML), for --cost price.", show_default=False
    ),
]


class PlotRequest(NamedTuple):
    """What is to be drawn."""

    kind: str
    runs: list[Path]
    choice: Choice
    output: Path


def plot(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND RUN...",
            help=f"A kind of picture and run folders; with --check pages. {LISTED}.",
            autocompletion=completion.among(KINDS),
        ),
    ],
    output: OutputOption = None,
    passages: PassagesOption = None,
    measure: MeasureOption = None,
    cost: CostOption = None,
    prices: PricesOption = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Draw the pictures of Markdown pages anew: exit code 1 if a file differs."),
    ] = False,
) -> None:
    """
    Draw some runs as SVG or PNG, or check the pictures of pages.

    Of runs of several sizes (`sparring run --distractors`):

    \b
    sparring plot growth small large --cost bytes -o growth.svg

    Of runs, or folders of runs, by the date they were made:

    \b
    sparring plot history results --measure R@10 -o history.svg

    Of one run:

    \b
    sparring plot latency results/mine -o latency.svg
    sparring plot memory results/mine -o memory.svg
    sparring plot labels results/mine -o labels.svg

    Of a measure by the words that query and relevant passage share:

    \b
    sparring plot overlap results/mine --passages scifact -o overlap.svg

    A picture of a page stands after its command, files relative to the page, and is held to its records by --check:

    \b
    <!-- sparring plot frontier published --passages scifact -o frontier.svg -->
    ![Quality against time](frontier.svg)
    sparring plot --check README.md
    """
    if check:
        if any(given is not None for given in (output, passages, measure, cost, prices)):
            raise typer.BadParameter("--check takes pages and nothing else")
        raise typer.Exit(pages([Path(page) for page in what]))
    request = understood(what, output, _choice(passages, measure, cost, prices))
    svg = drawn(request)
    write_file(request.output, svg if request.output.suffix == ".svg" else as_png(svg), "-o")


def _choice(passages: str | None, measure: str | None, cost: str | None, prices: Path | None) -> Choice:
    return Choice(passages, measure, cost, None if prices is None else str(prices))


def understood(what: Sequence[str], output: Path | None, choice: Choice) -> PlotRequest:
    """What the words ask for; a usage error where something is missing."""
    if output is None or output.suffix not in FORMATS:
        found = "none" if output is None else output.name
        raise typer.BadParameter(f"-o: expected a name that ends in {' or '.join(FORMATS)}, found {found}")
    if len(what) < 2:
        raise typer.BadParameter(f"expected KIND RUN..., found {' '.join(what)!r}; kinds: {', '.join(KINDS)}")
    return PlotRequest(what[0], [Path(run) for run in what[1:]], choice, output)


def drawn(request: PlotRequest) -> str:
    """The picture as SVG."""
    from bench.report.charts import kinds

    return kinds.svg(request.kind, _runs(request), request.choice)


def _runs(request: PlotRequest) -> list[Run]:
    """The runs that are drawn; of a kind that takes folders of them, what was skipped in these is said on stderr."""
    if request.kind not in KINDS or not KINDS[request.kind].of_folders:
        return [read_run(folder) for folder in request.runs]
    from bench.analysis.history import of_folders
    from bench.report.text import printable

    versions, skipped = of_folders(request.runs)
    for line in skipped:
        typer.echo(printable(line), err=True)
    return [version.run for version in versions]


def as_png(svg: str) -> bytes:
    """The picture as PNG; InputError without the extra `report`."""
    from bench.errors import InputError
    from bench.report.charts.png import png

    try:
        return png(svg)
    except ImportError as error:
        raise InputError(f"-o: {error}") from error


# Pictures in pages


def pages(paths: Sequence[Path]) -> int:
    """Draw the pictures of Markdown pages anew and compare them with their files: the exit code."""
    from bench.report import pages as check
    from bench.report.text import printable

    found = [(page, picture) for page in paths for picture in check.pictures(page)]
    told = [said for page, picture in found if (said := problem(page, picture)) is not None]
    for line in told:
        typer.echo(printable(line))
    return DIFFERS if told else OK


def problem(page: Path, picture: Picture) -> str | None:
    """What is wrong with the file of a picture, in a line; None where it is what its records give."""
    from bench.errors import InputError

    where = f"{page}:{picture.line + 1}"
    try:
        request = in_page(picture, page.parent)
        svg = drawn(request)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    try:
        old = request.output.read_bytes()
    except OSError:
        old = None
    if old == svg.encode():
        return None
    found = "is not there" if old is None else "is not what its records give"
    words = [request.kind, *map(str, request.runs)]
    words += [word for name, value in request.choice._asdict().items() if value for word in (f"--{name}", value)]
    again = shlex.join(["sparring", "plot", *words, "-o", str(request.output)])
    return f"{where}: {request.output} {found}; draw it anew: {again}"


def in_page(picture: Picture, folder: Path) -> PlotRequest:
    """What the marker of a picture asks for, its files relative to `folder`; InputError for one that is none."""
    from bench.errors import InputError

    app = typer.Typer(add_completion=False)
    app.command()(plot)
    try:
        given = typer.main.get_command(app).make_context("sparring plot", list(picture.arguments)).params
        request = understood(given["what"], given["output"], _choice(*map(given.get, Choice._fields)))
    except Exception as error:  # of the parser's several kinds; --help ends it by one too
        words = " ".join(picture.arguments)
        raise InputError(f"expected what `sparring plot` takes, found {words!r}: {error}") from error
    if given["check"] or request.output.suffix != ".svg":
        raise InputError("a picture in a page is an SVG that is drawn: leave out --check, and name a file .svg")
    if str(request.output) not in picture.below:
        raise InputError(f"expected the picture {request.output} below its marker, found {picture.below or 'nothing'}")
    choice = request.choice
    if choice.prices is not None:
        choice = choice._replace(prices=str(folder / choice.prices))
    runs = [folder / run for run in request.runs]
    return request._replace(runs=runs, output=folder / request.output, choice=choice)
