"""`sparring calibrate`: whether this machine is quiet, and whether the instruments tell the truth on it."""

from __future__ import annotations

import typer

from bench.commands import OK, JsonObject, echo_json, standard_output, stoppable

OFF = 1  # an instrument is off


def calibrate(as_json: JsonObject = False) -> None:
    """
    Check this machine: is it quiet, are the instruments true?

    Looks at other work and at settings, then measures cells and processes of known cost. Takes under 3 minutes on two
    cores that are idle, longer on busy ones, where what other work disturbed is measured a second time; 1 GB of memory
    and 1 GB of disk. Exit code 1 where an instrument is off its bound; noise alone is no reason.
    """
    from bench.calibration.calibrate import calibrate as calibrated
    from bench.report.console.calibration import print_calibration
    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole

    with shown(SafeConsole(stderr=True)) as progress, stoppable(progress.says, "nothing is kept"):
        calibration = calibrated(progress)
    if as_json:
        echo_json(calibration.as_json())
    else:
        print_calibration(calibration, standard_output())
    raise typer.Exit(OFF if calibration.off else OK)
