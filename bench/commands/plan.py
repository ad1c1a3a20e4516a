"""`sparring plan`: what a run would take, before anything of it is allocated."""

from __future__ import annotations

from bench.commands import Json, echo_json, standard_output
from bench.commands.run import Asked, asking


@asking
def plan(todo: Asked, as_json: Json = False) -> None:
    """
    Predict what a run would take: bytes, peak and time.

    It takes what `run` takes, tries every part on some passages, names cells over the limits, and records nothing.
    """
    from rich.console import Console

    from bench.report.console.plan import print_plan
    from bench.report.console.progress import shown
    from bench.run import plan as planning

    with shown(Console(stderr=True)) as progress:
        for doubt in todo.doubts():
            progress.says(doubt)
        planned = planning.plan(todo.suite, todo.sets, todo.registry, progress)
    if as_json:
        echo_json([cell for one in planned for cell in one.cells])
    else:
        print_plan(planned, standard_output())
