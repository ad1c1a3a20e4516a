"""A child that does nothing is seen, by a clock that stands where it is set."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.stage import reported
from bench.stage.idle import BUSY, Idle
from bench.stage.job import Job


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def job(tmp_path):
    (tmp_path / "stage").mkdir()
    return Job(stage="encode", entries=(), result=str(tmp_path / "stage" / "result.json"), out=str(tmp_path / "out"))


@contextlib.contextmanager
def child(program):
    """A process that is ended with the block, however that ends."""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def sleeper():
    with child("import time; time.sleep(600)") as process:
        yield process.pid


@pytest.fixture
def watch(job, sleeper, monkeypatch):
    clock = Clock()
    idle = Idle(job, sleeper, clock)
    monkeypatch.setattr(idle, "_cpu_seconds", lambda: idle.taken)
    idle.taken = 1.0
    clock.now = 1.0
    idle.seconds()  # what there is when it is first looked at is no sign of life later
    return idle, clock


def test_nothing_at_all(watch):
    """
    One that takes no time and writes nothing has done nothing since it was last seen to.
    """
    idle, clock = watch

    clock.now = 301.0
    assert 300.0 == idle.seconds()
    clock.now = 601.0
    assert 600.0 == idle.seconds()


def test_cpu_time(watch):
    """
    Time that it takes is progress; what threads take that only poll is none.
    """
    idle, clock = watch

    clock.now, idle.taken = 301.0, idle.taken + 300 * BUSY / 2
    assert 300.0 == idle.seconds()
    clock.now, idle.taken = 401.0, idle.taken + 400 * BUSY
    assert 0.0 == idle.seconds()


def test_a_file_that_grows(watch, job):
    """
    Any file in the folders that it writes.
    """
    idle, clock = watch
    place = Path(job.out) / "deep" / "index.bin"
    place.parent.mkdir(parents=True)

    place.write_bytes(b"1")
    clock.now = 301.0
    assert 0.0 == idle.seconds()
    clock.now = 401.0
    assert 100.0 == idle.seconds()
    place.write_bytes(b"12")
    assert 0.0 == idle.seconds()


def test_a_finished_block(watch, job):
    """
    What a child reports of itself, even if it waits for another machine to do the work.
    """
    idle, clock = watch
    clock.now = 301.0
    idle.seconds()

    found = reported.Reported(done=256, total=1000, share=0.3, kept=0, kept_share=0.0, seconds=200.0)
    reported.report(job, found)

    assert 0.0 == idle.seconds()


def test_a_process_that_works_is_seen_to(job):
    """
    The kernel's own account of a process that is busy, and of one that has ended.
    """
    clock = Clock()
    with child("while True: sum(range(1000))") as process:
        idle = Idle(job, process.pid, clock)
        clock.now, until = 1e-6, time.monotonic() + 60
        while idle.seconds() and time.monotonic() < until:  # the kernel accounts for it now and then
            time.sleep(0.01)
        assert 0.0 == idle.seconds()
    clock.now = 10.0
    assert 0.0 <= idle.seconds() <= 10.0
