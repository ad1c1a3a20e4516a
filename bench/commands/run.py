"""`sparring run`: a suite, or retrievers on passage sets."""

from __future__ import annotations

import datetime
import shlex
import sys
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import CELL_FAILED, OK, Plugin, file_options, run_options, standard_output, stoppable

if TYPE_CHECKING:
    from bench.commands.run_request import RunRequest
    from bench.run.runner import RunOutcome


def run(
    what: run_options.What = None,
    passages: run_options.Passages = None,
    text: file_options.Text = None,
    title: file_options.Title = None,
    identifier: file_options.Identifier = None,
    parent: file_options.Parent = None,
    queries: run_options.Queries = None,
    query_text: file_options.QueryText = None,
    query_id: file_options.QueryId = None,
    delimiter: file_options.Delimiter = None,
    qrels: file_options.Qrels = None,
    language: file_options.Language = None,
    rounds: run_options.Rounds = None,
    threads: run_options.Threads = None,
    seed: run_options.Seed = None,
    distractors: run_options.Distractors = None,
    mode: run_options.ModeNames = None,
    rate: run_options.Rate = None,
    p99: run_options.P99 = None,
    stop: run_options.Stop = None,
    measure: run_options.Measure = None,
    exclude: run_options.Exclude = None,
    seconds: run_options.Seconds = None,
    idle: run_options.Idle = None,
    memory: run_options.Memory = None,
    plugin: Plugin = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="The run folder; what was measured there stays, and the run goes on.",
            show_default="results/ and date, time and suite",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew in the run folder; what is there goes to a folder old-1 in it.")
    ] = False,
) -> None:
    """Run a suite, or retrievers on passage sets; print the table."""
    options = run_options.RunOptions(
        what=what,
        passages=passages,
        text=text,
        title=title,
        identifier=identifier,
        parent=parent,
        queries=queries,
        query_text=query_text,
        query_id=query_id,
        delimiter=delimiter,
        qrels=qrels,
        language=language,
        rounds=rounds,
        threads=threads,
        seed=seed,
        distractors=distractors,
        mode=mode,
        rate=rate,
        p99=p99,
        stop=stop,
        measure=measure,
        exclude=exclude,
        seconds=seconds,
        idle=idle,
        memory=memory,
        plugin=plugin,
    )
    outcome = _run(options.request(), output, fresh=fresh)
    raise typer.Exit(CELL_FAILED if outcome.failed else OK)


def _run(request: RunRequest, output: Path | None, *, fresh: bool) -> RunOutcome:
    """Run it, print its table and verdict on standard output, and how it went on standard error."""
    from bench.records import run_folder
    from bench.report.console.agreement import disagreements, holes
    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole
    from bench.report.render import terminal

    folder = output or _dated(request.suite.name, datetime.datetime.now())
    console = standard_output()
    with shown(SafeConsole(stderr=True)) as progress:
        from bench.run.runner import run as run_suite

        for doubt in request.doubts():
            progress.says(doubt)
        with stoppable(progress.says, f"the same command with -o {folder} goes on from here"):
            outcome = run_suite(
                request.suite,
                request.sets,
                folder,
                request.registry,
                plugins=request.plugins,
                progress=progress,
                command=("sparring", *sys.argv[1:]),
                columns=request.columns,
                fresh=fresh,
            )
    done = run_folder.read(folder)
    terminal.table([done], console)
    disagreements(done, request.sets, console)
    terminal.verdict([done], console)
    for line in holes(done, request.graded):
        typer.echo(line, err=True)
    _tell(outcome, folder, several=len(request.sets) > 1)
    return outcome


def _tell(outcome: RunOutcome, folder: Path, *, several: bool) -> None:
    """How a run went, on standard error; several: passage sets."""
    from bench.records.schema import UNTRIED
    from bench.report.console.plan import bytes_predicted
    from bench.report.numbers import between, duration
    from bench.report.text import printable

    typer.echo(
        f"{outcome.measured_share:.0%} of {outcome.wall_seconds:.0f} s were spent in measured stages; "
        f"records in {printable(str(folder))}",
        err=True,
    )
    weighed = bytes_predicted(outcome.measurements)
    if weighed is not None:
        typer.echo(printable(weighed), err=True)
    if outcome.predicted is not None:
        after = outcome.wall_seconds - outcome.rehearsed_seconds
        typer.echo(f"predicted {between(outcome.predicted)}, taken {duration(after)} after the rehearsal", err=True)
    if command := _picture(outcome, folder):
        typer.echo(f"picture: {printable(command)}", err=True)
    if outcome.failed:
        first = next(m for m in outcome.measurements if m.status not in ("ok", *UNTRIED))
        cell = f"{first.passage_set}: {first.retriever}" if several else first.retriever
        typer.echo(f"why it failed: sparring explain {printable(shlex.join([str(folder), cell]))}", err=True)


def _picture(outcome: RunOutcome, folder: Path) -> str:
    """The command that draws the frontier of the first set that has one; empty where none has."""
    drawn = dict.fromkeys(m.passage_set for m in outcome.measurements if m.status == "ok" and m.quality and m.single)
    several = len({m.passage_set for m in outcome.measurements}) > 1
    chosen = [word for name in list(drawn)[:1] if several for word in ("--passages", name)]
    return shlex.join(["sparring", "plot", "frontier", str(folder), *chosen, "-o", "frontier.svg"]) if drawn else ""


def _dated(name: str, now: datetime.datetime) -> Path:
    """results/<date>-<name>, which git ignores; where that is taken, -2, -3 ... is added."""
    first = Path("results") / f"{now:%Y-%m-%d-%H%M%S}-{name}"
    numbered = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return next(place for place in chain((first,), numbered) if not place.exists())
