"""`sparring plan`: what a run would take, before anything of it is allocated."""

from __future__ import annotations

from bench.commands import Json, echo_json, standard_output
from bench.commands.run_options import RunOptions, RunRequest, with_run_options


@with_run_options
def plan(options: RunOptions, as_json: Json = False) -> None:
    """
    Predict what a run would take: bytes, peak and time.

    It takes what `run` takes, tries every part on some passages, names cells over the limits, and records nothing.
    """
    _plan(options.request(), as_json=as_json)


def _plan(request: RunRequest, *, as_json: bool) -> None:
    """Print what is predicted on standard output, and how it goes on standard error."""
    from rich.console import Console

    from bench.report.console.plan import print_plan
    from bench.report.console.progress import shown
    from bench.run import plan as planning

    with shown(Console(stderr=True)) as progress:
        for doubt in request.doubts():
            progress.says(doubt)
        planned = planning.plan(request.suite, request.sets, request.registry, progress)
    if as_json:
        echo_json([cell for one in planned for cell in one.cells])
    else:
        print_plan(planned, standard_output())
