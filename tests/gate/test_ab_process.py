"""One side of an A/B as a process: asked by the name that its Sparring knows, refused where it has none, ended."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from bench.errors import InputError
from bench.gate import ab_process
from bench.gate.ab_process import ABSide, ask_in_turns
from bench.gate.ab_worker import ABJob, Answer, Request

# A side that takes its turn as many times as it is asked for rounds, tells when it had it, and may end at one of them.
IN_TURNS = """
import json, os, sys, time
from bench.stage.turns import Turns
os.chdir({folder!r})
for line in sys.stdin:
    wanted = json.loads(line)
    own = Turns(*wanted["turns"])
    for slice in range(wanted["round"]):
        own.take((slice, 0, 0))
        if {name!r} == "dies":
            sys.exit("no more")
        with open("asked.txt", "a") as file:
            file.write({name!r} + chr(10))
        own.give((slice + 1, 0, 0))
    print(json.dumps({{"milliseconds": 1.0}}), flush=True)
"""


@pytest.fixture
def side(tmp_path):
    """Makes a started side that takes turns; ended with the test."""
    made = []

    def make(name: str) -> ABSide:
        (tmp_path / f"{name}.py").write_text(IN_TURNS.format(folder=str(tmp_path), name=name))
        python = tmp_path / name
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / name}.py"\n')
        python.chmod(0o755)
        job = ABJob(suite={}, folder=str(tmp_path), round_seconds=0.1, parent=os.getpid())
        made.append(ABSide(name, job, tmp_path / f"{name}.log", str(python)))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.end()


class TestInTurns:
    def test_the_first_begins(self, tmp_path, side):
        """
        Both are asked at once, work in turn, and are answered in the order in which they were asked.
        """
        asked = [(side(name), Request(cell="x", round=3)) for name in ("one", "two")]

        assert [Answer(milliseconds=1.0)] * 2 == ask_in_turns(asked, 30)
        assert ["one", "two"] * 3 == (tmp_path / "asked.txt").read_text().split()

    def test_one_that_has_more_to_do(self, tmp_path, side):
        """
        Whoever is left goes on alone.
        """
        asked = [(side("one"), Request(cell="x", round=1)), (side("two"), Request(cell="x", round=5))]

        ask_in_turns(asked, 30)

        assert ["one", *["two"] * 5] == (tmp_path / "asked.txt").read_text().split()

    @pytest.mark.parametrize("names", [("dies", "two"), ("one", "dies")])
    def test_one_that_ends(self, side, names):
        """
        A side that ends is named, and nobody waits for it.
        """
        asked = [(side(name), Request(cell="x", round=3)) for name in names]

        with pytest.raises(InputError, match=r"(?s)dies: .*no more"):
            ask_in_turns(asked, 30)

    def test_sides_that_say_nothing(self, side):
        """
        Both together have so many seconds.
        """
        asked = [(side(name), Request(cell="x", round=100_000_000)) for name in ("one", "two")]

        with pytest.raises(InputError, match=r"one: no answer within"):
            ask_in_turns(asked, 0.5)


class TestABSide:
    @pytest.mark.parametrize("gate", ["gate.py", "gate/__init__.py"])
    def test_a_sparring_that_calls_its_module_otherwise(self, tmp_path, gate):
        """
        A side whose Sparring has the module of a side under its earlier name is asked for it by that.
        """
        for name, code in ((gate, ""), ("side.py", "import sys; print('{}' if __name__ == '__main__' else sys.argv)")):
            path = tmp_path / "bench" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        (tmp_path / "bench" / "__init__.py").touch()
        job = ABJob(suite={}, folder=str(tmp_path), round_seconds=0.1, parent=os.getpid())
        side = ABSide("v1", job, tmp_path / "side.log", environment=os.environ | {"PYTHONPATH": str(tmp_path)})

        side.start()

        assert Answer() == side.known(30)
        side.end()

    @pytest.mark.parametrize("found", [{}, {"__init__.py": ""}, {"__init__.py": "", "gate.py": ""}])
    def test_an_older_sparring(self, tmp_path, found):
        """
        A side whose Sparring can be none, or that has no Sparring, says so.
        """
        for name, code in found.items():
            (tmp_path / "bench").mkdir(exist_ok=True)
            (tmp_path / "bench" / name).write_text(code)
        paths = {"PYTHONPATH": str(tmp_path), "PYTHONNOUSERSITE": "1"}
        python = tmp_path / "python"  # without what is installed here
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
        python.chmod(0o755)
        job = ABJob(suite={}, folder=str(tmp_path), round_seconds=0.1, parent=os.getpid())
        side = ABSide("v1", job, tmp_path / "side.log", str(python), environment=os.environ | paths)

        side.start()
        with pytest.raises(InputError, match=r"v1: expected a Sparring that can be one side of an A/B"):
            side.known(30)
        side.end()

    def test_a_side_that_says_nothing(self, tmp_path, monkeypatch):
        """
        Every wait has an end, and what does not end itself is ended.
        """
        python = tmp_path / "python"
        monkeypatch.setattr(ab_process, "END_SECONDS", 0.2)
        python.write_text("#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n")
        python.chmod(0o755)
        job = ABJob(suite={}, folder=str(tmp_path), round_seconds=0.1, parent=os.getpid())
        side = ABSide("v1", job, tmp_path / "side.log", str(python))

        side.start()
        with pytest.raises(InputError, match=r"v1: no answer within 0.2 s"):
            side.known(0.2)
        side.end()

        assert not psutil.pid_exists(side.process.pid)
