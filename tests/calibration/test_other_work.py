"""Other work on a machine: shares between two readings of its accounts."""

from __future__ import annotations

import pytest

from bench.calibration import other_work
from bench.calibration.other_work import OtherWork, Shares


def reading(clock: float, **fields: object) -> other_work._Seconds:
    usual = {"busy": 0.0, "own": 0.0, "stolen": 0.0, "waiting": 0.0, "processes": {}}
    return other_work._Seconds(clock=clock, **(usual | fields))


def test_shares_of_the_time_between():
    """
    Others took what all cores worked less what we took; the host and waiting are shares of the time itself.
    """
    before = reading(100.0, busy=50.0, own=5.0, stolen=1.0, waiting=3.0)
    after = reading(110.0, busy=62.0, own=9.0, stolen=1.5, waiting=5.0)

    found = other_work.between(before, after, cores=2)

    assert Shares(others=0.4, stolen=0.05, waiting=0.2) == found


def test_what_is_not_told():
    """
    Where the system tells neither steal nor pressure, both are None, and the others' share stands for contention.
    """
    before, after = (reading(clock, busy=clock, stolen=None, waiting=None) for clock in (0.0, 10.0))

    found = other_work.between(before, after, cores=4)

    assert (None, None) == (found.stolen, found.waiting)
    assert found.others == found.contention == 0.25


@pytest.mark.parametrize(("stolen", "expected"), [(0.01, 0.03), (0.5, 0.5)])
def test_contention_is_the_worse_of_waiting_and_steal(stolen, expected):
    """
    A process may lack a core for another process or for the host; how busy others are tells less, and is left out.
    """
    assert expected == Shares(others=0.9, stolen=stolen, waiting=0.03).contention


def test_the_busiest():
    """
    The three processes that took most of a core, most first; those that began or hardly worked are left out.
    """
    before = {1: ("a", 0.0), 2: ("b", 5.0), 3: ("c", 1.0), 4: ("d", 0.0), 5: ("idle", 7.0), 7: ("x", 0.0)}
    after = {
        1: ("a", 1.0),
        2: ("b", 14.0),
        3: ("c", 3.0),
        4: ("d", 0.5),
        5: ("idle", 7.1),
        6: ("new", 9.0),
        7: ("y", 8.0),
    }

    found = other_work.between(reading(0.0, processes=before), reading(10.0, processes=after), cores=1)

    assert (("b", 0.9), ("c", 0.2), ("a", 0.1)) == found.busiest


def test_pressure(tmp_path):
    """
    The kernel's pressure file tells microseconds; one that is not there or says otherwise is unknown.
    """
    told, odd = tmp_path / "cpu", tmp_path / "odd"
    told.write_text("some avg10=56.34 avg60=54.26 avg300=40.39 total=2500000\nfull avg10=0.00 total=0\n")
    odd.write_text("full avg10=0.00 total=0\n")

    assert [2.5, None, None] == [other_work.waited(path) for path in (told, odd, tmp_path / "none")]


def test_a_machine_has_shares():
    """
    Of the machine that this runs on the others' share is a share, and this process is none of the others.
    """
    found = OtherWork(named=True).shares()

    assert 0.0 <= found.others <= 1.0
    assert len(found.busiest) <= 3
