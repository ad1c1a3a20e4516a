"""`sparring plan`: what a run would take, before anything of it is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import Json, Plugin, echo_json, file_options, read_run, run_options, standard_output

if TYPE_CHECKING:
    from bench.commands.run_request import RunRequest

Power = Annotated[
    bool, typer.Option("--power", help="Instead: which difference of quality the queries can show. Runs nothing.")
]
Pilot = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="With --power: an earlier run, whose paired differences tell how far these vary.",
        show_default="assumed",
    ),
]

UPPER_BOUNDS = "--stop: the times are upper bounds: a cell that is decided is asked no more queries"


def plan(
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
    power: Power = False,
    pilot: Pilot = None,
    as_json: Json = False,
) -> None:
    """
    Predict what a run would take: bytes, peak and time.

    It takes what `run` takes, tries every part on some passages, names cells over the limits, and records nothing.
    With --power it tries nothing: it says how small a difference the queries can show.
    """
    if pilot is not None and not power:
        raise typer.BadParameter(f"--pilot: expected with --power, found without: --power --pilot {pilot}")
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
    _told(options.request(), pilot, power=power, as_json=as_json)


def _told(request: RunRequest, pilot: Path | None, *, power: bool, as_json: bool) -> None:
    if power:
        _power(request, pilot, as_json=as_json)
    else:
        _plan(request, as_json=as_json)


def _power(request: RunRequest, pilot: Path | None, *, as_json: bool) -> None:
    from bench.analysis.planned_power import planned_power
    from bench.report.console.power import print_power

    rows = planned_power(request.suite, request.sets, None if pilot is None else read_run(pilot))
    if as_json:
        echo_json(rows)
    else:
        print_power(rows, standard_output())


def _plan(request: RunRequest, *, as_json: bool) -> None:
    """Print what is predicted on standard output, and how it goes on standard error."""
    from bench.report.console.plan import print_plan
    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole
    from bench.run import plan as planning

    with shown(SafeConsole(stderr=True)) as progress:
        for doubt in request.doubts():
            progress.says(doubt)
        if request.suite.stop is not None:
            progress.says(UPPER_BOUNDS)
        planned = planning.plan(request.suite, request.sets, request.registry, progress)
    if as_json:
        echo_json([cell for one in planned for cell in one.cells])
    else:
        print_plan(planned, standard_output())
