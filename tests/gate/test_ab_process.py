"""One side of an A/B as a process: asked by the name that its Sparring knows, refused where it has none, ended."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from bench.errors import InputError
from bench.gate import ab_process
from bench.gate.ab_process import ABSide
from bench.gate.ab_worker import ABJob, Answer


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
