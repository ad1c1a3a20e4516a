"""What is said of a machine for what was observed of it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.calibration import quiet
from bench.calibration.other_work import Shares
from bench.calibration.quiet import Observation, findings
from bench.calibration.same_work import Repeats
from bench.calibration.settings import CpuSettings

MS = 1_000_000  # nanoseconds
STEADY = CpuSettings(("performance",), False, (2000.0, 2000.0), "tsc")


def rounds(*tails_ms: float) -> list[np.ndarray]:
    """Rounds of 90 repeats of 1 ms, and 10 that take so long."""
    return [np.array([MS] * 90 + [int(tail * MS)] * 10, np.int64) for tail in tails_ms]


def observed(**differences: object) -> Observation:
    """A machine on which nothing else runs, but for what is given."""
    usual = Observation(
        cores=2,
        load_average=0.1,
        other_work=Shares(others=0.01),
        repeats=Repeats(rounds(1.01, 1.01, 1.01), waited=0.001, stolen=0.0),
        clock_step_ns=30,
        settings=STEADY,
    )
    return usual._replace(**differences)


def said(seen: Observation) -> dict[str, tuple[str, str, str]]:
    return {finding.name: (finding.verdict, finding.found, finding.advice) for finding in findings(seen)}


def test_a_quiet_machine():
    """
    Where nothing else runs and nothing is left to vary, all is quiet and there is nothing to do.
    """
    found = findings(observed())

    assert {("quiet", "")} == {(finding.verdict, finding.advice) for finding in found}
    assert [] == quiet.noisy(found)


def test_other_work():
    """
    Each kind of other work is said with its number and what to do, the busiest processes by name.
    """
    busy = observed(
        load_average=1.5,
        other_work=Shares(others=0.49, busiest=(("cc1", 0.97), ("python3", 0.02))),
        repeats=Repeats(rounds(1.01, 1.01, 1.01), waited=0.312, stolen=0.05),
    )

    found = said(busy)

    assert ("noisy", "31.2% of the time without a core", "close other programs") == found["CPU wait"]
    assert ("noisy", "5.0% taken by the host") == found["CPU steal"][:2]
    assert ("may vary", "1.50 on 2 cores, the last minute", "wait until other programs are done") == found[
        "load average"
    ]
    expected = ("noisy", "49% of all cores", "close other programs: cc1 97% of a core, python3 2% of a core")
    assert expected == found["other processes"]
    assert ["CPU wait", "CPU steal", "other processes"] == quiet.noisy(findings(busy))


def test_other_work_that_cannot_be_seen():
    """
    Work of processes outside the container, whose names are not seen from inside, is said to be so.
    """
    _, _, advice = said(observed(other_work=Shares(others=0.5)))["other processes"]

    assert "close other programs; none of them can be seen from here" == advice


def test_a_tail_that_moves():
    """
    Where the p95 differs from round to round, more rounds are advised, by how much it moves.
    """
    found = said(observed(repeats=Repeats(rounds(1.2, 1.5, 1.8))))

    assert ("noisy", "p95 is 1.50 times p50") == found["same work p95/p50"][:2]
    expected = ("noisy", "moves by 20% between rounds", "the p95 of this machine moves by 20%: prefer --rounds 10")
    assert expected == found["same work p95"]
    assert "quiet" == found["same work"][0]


def test_the_same_work_that_differs():
    """
    The median absolute deviation is a share of the median, 6 % where half of the repeats lie that far from it.
    """
    times = np.array([94, 94, 100, 106, 106], np.int64) * MS

    verdict, found, _ = said(observed(repeats=Repeats([times, times])))["same work"]

    assert ("noisy", "p50 100 ms, median deviation 6.0%") == (verdict, found)


def test_a_coarse_clock():
    """
    A clock of coarse steps is said with its source and the shortest time that can be read by it.
    """
    settings = STEADY._replace(clock_source="hpet")

    found = said(observed(clock_step_ns=1_000, settings=settings))["clock"]

    assert ("noisy", "steps of 1,000 ns (hpet)", "read no time below 50 µs") == found


def test_settings_that_let_speed_vary():
    """
    A governor, turbo or a span of frequencies may let speed vary, which alone makes no machine noisy.
    """
    seen = observed(settings=CpuSettings(("performance", "powersave"), True, (800.0, 4200.0), "tsc"))

    found = said(seen)

    assert ("may vary", "performance, powersave", "cpupower frequency-set -g performance") == found["governor"]
    assert ("may vary", "on") == found["turbo"][:2]
    assert ("may vary", "800 to 4,200 MHz") == found["frequency"][:2]
    assert [] == quiet.noisy(findings(seen))


@pytest.mark.parametrize("name", ["CPU wait", "CPU steal", "load average", "governor", "turbo", "frequency"])
def test_what_is_unknown(name):
    """
    What the system does not say is unknown, and neither quiet nor noisy.
    """
    found = said(observed(load_average=None, repeats=Repeats(rounds(1.01, 1.01)), settings=CpuSettings()))

    assert ("unknown", "unknown", "") == found[name]


def test_values_and_limits():
    """
    A finding that was measured has its number, and the limit from which on it is no longer quiet.
    """
    (wait,) = (finding for finding in findings(observed()) if finding.name == "CPU wait")

    assert (0.001, 0.02) == (wait.value, wait.limit)
