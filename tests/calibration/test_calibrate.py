"""What a calibration came to: its sentence, its tables, its JSON, and how the command ends."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from bench.calibration import calibrate as calibration
from bench.calibration.figures import KnownFigure
from bench.calibration.quiet import Noise
from bench.calibration.summary import Calibration
from bench.commands.calibrate import calibrate
from bench.report.console.calibration import print_calibration
from tests.helpers.command import call
from tests.helpers.records import run_of

QUIET = Noise(name="CPU wait", found="0.1% of the time without a core", verdict="quiet", value=0.001, limit=0.02)
NOISY = Noise(
    name="load average",
    found="3.10 on 2 cores, the last minute",
    verdict="noisy",
    advice="wait until other programs are done",
    value=1.55,
    limit=0.5,
)
VARYING = Noise(name="turbo", found="on", verdict="may vary", advice="turn it off")
UNKNOWN = Noise(name="governor", found="unknown", verdict="unknown")
HOLDS = KnownFigure(name="search p50", unit="ms", known=5.0, reported=5.01, bound=0.1)
OFF = KnownFigure(name="joint p50", unit="ms", known=7.0, reported=7.5, bound=0.14)
BUSY = KnownFigure(
    name="wait of BM25", unit="ms", known=0.0, reported=4.0, bound=0.2, contention=0.25, contention_limit=0.005
)
ENDED = KnownFigure(name="loaded", unit="end", known="out-of-memory", reported="ok", reason="it was not limited")


def calibrated(*found: Noise | KnownFigure) -> Calibration:
    return Calibration(
        findings=tuple(each for each in found if isinstance(each, Noise)),
        figures=tuple(each for each in found if isinstance(each, KnownFigure)),
        environment=run_of().environment,
        seconds=100.0,
    )


def printed(one: Calibration) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_calibration(one, console)
    return console.file.getvalue()


class TestSentence:
    def test_quiet_and_true(self):
        """
        A quiet machine with true instruments; what may vary or is unknown changes nothing.
        """
        found = calibrated(QUIET, VARYING, UNKNOWN, HOLDS).sentence

        assert "Quiet and true: times, bytes and quality hold here." == found

    def test_noisy(self):
        """
        On a machine that is not quiet times are read with care, and what is not quiet is named.
        """
        found = calibrated(QUIET, NOISY, HOLDS).sentence

        assert (
            "Not quiet (load average): times here are to be read with care; the instruments are true, "
            "quality and bytes hold." == found
        )

    def test_off(self):
        """
        An instrument that is off is named, beside one that was not decided too.
        """
        found = calibrated(QUIET, HOLDS, OFF, BUSY).sentence

        assert "Quiet, and an instrument is off: joint p50: do not trust such figures here." == found

    def test_undecided(self):
        """
        A figure that the machine was too busy for is named, and is not called off.
        """
        found = calibrated(NOISY, HOLDS, BUSY).sentence

        assert (
            "Not quiet (load average), and the machine was too busy to decide on wait of BM25: "
            "times here are to be read with care, quality and bytes hold." == found
        )


class TestTables:
    def test_the_machine(self):
        """
        Each finding stands on a line with its verdict and what to do.
        """
        lines = printed(calibrated(QUIET, NOISY, UNKNOWN)).splitlines()

        cells = [re.split(" {2,}", line.strip()) for line in lines]
        assert ["CPU wait", "0.1% of the time without a core", "quiet"] in cells
        assert [
            "load average",
            "3.10 on 2 cores, the last minute",
            "noisy",
            "wait until other programs are done",
        ] in cells
        assert ["governor", "unknown"] in cells

    def test_the_instruments(self):
        """
        Each figure stands on a line: known, reported, bound, unit, verdict; words have no bound.
        """
        lines = [line.split() for line in printed(calibrated(HOLDS, OFF, ENDED)).splitlines()]

        assert ["search", "p50", "5.000", "5.010", "0.100", "ms", "holds"] in lines
        assert ["joint", "p50", "7.000", "7.500", "0.140", "ms", "off"] in lines
        assert ["loaded", "out-of-memory", "ok", "-", "end", "off:", "it", "was", "not", "limited"] in lines

    def test_a_busy_machine(self):
        """
        What was not decided says why; what held the second time says that there was a first.
        """
        again = KnownFigure(name="single p50", unit="ms", known=7.0, reported=7.0, repeated=True)

        shown = printed(calibrated(BUSY, again))

        assert "not decided: the machine was busy" in shown
        assert "holds, measured twice" in shown

    def test_the_sentence_comes_last(self):
        """
        The last line is the sentence.
        """
        one = calibrated(NOISY, OFF)

        assert one.sentence == printed(one).splitlines()[-1]


class TestCommand:
    @pytest.mark.parametrize(
        ("found", "code"),
        [((QUIET, HOLDS), 0), ((NOISY, HOLDS), 0), ((NOISY, BUSY), 0), ((QUIET, OFF), 1), ((ENDED,), 1)],
    )
    def test_exit_codes(self, monkeypatch, found, code):
        """
        An instrument that is off ends with 1; noise alone, and what noise left undecided, with 0.
        """
        monkeypatch.setattr(calibration, "calibrate", lambda progress: calibrated(*found))

        ended = call(calibrate)

        assert code == ended.exit_code

    @pytest.mark.parametrize(
        ("found", "quiet", "true"),
        [((QUIET, HOLDS), True, True), ((NOISY, BUSY), False, None), ((QUIET, BUSY, OFF), True, False)],
    )
    def test_json(self, monkeypatch, found, quiet, true):
        """
        One JSON object on stdout: the sentence, whether it is quiet, whether it is true (null: not decided), and all
        that was found; nothing else.
        """
        monkeypatch.setattr(calibration, "calibrate", lambda progress: calibrated(*found))

        told = json.loads(call(calibrate, "--json").stdout)

        assert ["sentence", "quiet", "true", "findings", "figures", "seconds", "environment"] == list(told)
        assert (quiet, true) == (told["quiet"], told["true"])
        assert calibrated(*found).sentence == told["sentence"]
        assert len(found) == len(told["findings"]) + len(told["figures"])

    def test_a_figure_in_json(self, monkeypatch):
        """
        A figure has what it is made of, and what follows from it.
        """
        monkeypatch.setattr(calibration, "calibrate", lambda progress: calibrated(BUSY))

        (figure,) = json.loads(call(calibrate, "--json").stdout)["figures"]

        assert {
            "name": "wait of BM25",
            "unit": "ms",
            "known": 0.0,
            "reported": 4.0,
            "bound": 0.2,
            "contention": 0.25,
            "contention_limit": 0.005,
            "repeated": False,
            "reason": "",
            "measurable": True,
            "difference": 4.0,
            "verdict": "not decided",
        } == figure
