"""A seeded sample of bad inputs to whole commands, of which `make fuzz` tries thousands."""

from __future__ import annotations

import pytest

from tests.fuzz import home
from tests.fuzz.commands import cases, faults, plain, tried

SEED, TIMES = 18, 200


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return home.make(tmp_path_factory.mktemp("bad") / "home")


@pytest.mark.slow
def test_bad_inputs(template):
    """
    Whatever is wrong with it, a command ends in words, with a code of its own, and leaves nothing half-written.
    """
    assert [] == faults(SEED, TIMES, template)


@pytest.mark.slow
@pytest.mark.parametrize("command", home.COMMANDS[::8])  # `python -m tests.fuzz.commands` tries all
def test_the_commands_end_well(template, tmp_path, command):
    """
    A command that is spoilt would end well: what is spoilt is what it is refused for.
    """
    outcome, wrong = tried(plain(home.words(command)), template, tmp_path / "copy")

    assert (0, []) == (outcome.code, wrong), outcome.said


def test_cases_are_drawn():
    """
    The same seed draws the same, and each kind is as often there as another.
    """
    one, again = list(cases(3, 50)), list(cases(3, 50))

    assert [(case.words, case.variables, case.is_apart) for case in one] == [
        (case.words, case.variables, case.is_apart) for case in again
    ]
    assert {10} == {sum(case.kind == kind for case in one) for kind in {case.kind for case in one}}
    assert 5 == len({case.kind for case in one})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('x')", "exit code 70"),
        ("import sys; sys.exit(1)", "exit code 1"),
        ("import sys; print('Traceback (most recent call last)'); sys.exit(2)", "a traceback"),
        ("import sys; open('out.csv', 'w').close(); sys.exit(2)", "left ['out.csv']"),
        ("open('x.part', 'w').close()", "left ['x.part']"),
        ("import time; time.sleep(9)", "hung"),
        ("pass", "said and did nothing"),
        ("b'x' * (2**30 + 2**28)", "exit code 70"),
    ],
)
def test_what_is_wrong_is_seen(template, tmp_path, monkeypatch, code, said):
    """
    The search finds what it looks for: a command that does such a thing is a finding.
    """
    monkeypatch.setattr("bench.cli.main", lambda: exec(code))  # ours
    monkeypatch.setattr("tests.fuzz.commands.LONGEST", 3.0)

    _, found = tried(plain(["suites"]), template, tmp_path / "copy")

    assert any(said in fault for fault in found), found
