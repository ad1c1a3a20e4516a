"""The CPU instrument: whose work counts."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.instruments import cpu, processor


@pytest.fixture
def left():
    """A process that has left the tree of the one that started it, and says which stage it is of."""
    command = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
    started = subprocess.run(
        command, env=os.environ | {cpu.STAGE: "a test"}, capture_output=True, text=True, check=True
    )
    process = int(started.stdout)
    yield process
    os.kill(process, signal.SIGKILL)


class TestSpent:
    def test_no_more_than_there_are_cores(self):
        """
        More threads than cores, all of them ready, count no more than as many as there are cores.
        """
        n_cores = processor.cores()
        with ThreadPoolExecutor(n_cores + 2) as pool:
            spent = cpu.Spent()
            for _ in pool.map(lambda block: hashlib.sha256(block).digest(), [bytes(2**22)] * 4 * (n_cores + 2)):
                pass
            wall, at_work, ready = spent.so_far()

        assert 0 < at_work
        assert 0 <= ready <= max(0.0, n_cores * wall - at_work)

    @pytest.mark.parametrize(("so_far", "share"), [((2.0, 0.5, 1.5), 0.75), ((2.0, 2.0, 0.0), 0), ((0.0, 0.0, 0.0), 0)])
    def test_what_others_had(self, monkeypatch, so_far, share):
        """
        Of the time that threads worked or could have worked, the share in which they had no core.
        """
        spent = cpu.Spent()
        monkeypatch.setattr(spent, "so_far", lambda: so_far)

        assert share == spent.without_core()


class TestDescendants:
    def test_what_is_started(self):
        """
        A process that was started is found as long as it runs.
        """
        with subprocess.Popen(["sleep", "60"]) as child:
            found = cpu.descendants()
            child.kill()

        assert child.pid in found
        assert child.pid not in cpu.descendants()

    def test_what_left_the_tree(self, left, monkeypatch):
        """
        In a stage a process that has left the tree is found by the stage that it is of; elsewhere it is nobody's.
        """
        outside = cpu.descendants()
        monkeypatch.setattr(cpu, "_MARK", f"{cpu.STAGE}=a test".encode())

        inside = cpu.descendants()

        assert left not in outside
        assert left in inside
        assert os.getpid() not in inside
