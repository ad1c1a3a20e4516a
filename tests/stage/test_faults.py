"""Faults, whole: the command is run, something goes wrong, and nothing else comes to harm."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.lock import LOCK
from bench.records import run_folder
from bench.records.schema import Measurement
from bench.stage import cgroup, child, cleanup, failure, matrices
from tests.benchmarks import faults
from tests.benchmarks.faults import BLOWS, SOUND, Fault
from tests.helpers.disks import disk
from tests.helpers.places import KNOWN, PLUGINS
from tests.helpers.zoo import write_set

FAULTY = PLUGINS / "faulty.py"
COMMAND = (sys.executable, "-P", "-c", "from bench.cli import main; main()")
PARTS = ("encode", "query", "build", "search", "joint", "deploy")
WORD = "SPARRING_FAULTS"  # a variable that every process started here has


class Home:
    """A folder with a tiny passage set in which the command is run, with a cache and a place for temporary files."""

    def __init__(self, folder: Path, room: Path | None = None) -> None:
        self.folder, room = folder, room or folder
        self.out, self.cache, self.temporary = room / "out", room / "cache", folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.runs: list[int] = []  # process ids
        write_set(folder / "zoo")
        kept = {name: value for name, value in os.environ.items() if name != "SPARRING_DATA"}
        self.environment = kept | {
            "SPARRING_CACHE": str(self.cache),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            WORD: str(folder),
        }

    def run(
        self,
        *retrievers: str,
        joint: bool = False,
        seconds: int = 120,
        memory: str = "4GB",
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run some cells; joint: the one thing that is timed. What the command ended with and said."""
        (self.folder / "suite.toml").write_text(f"""
name = "faults"
passages = ["./zoo"]
rounds = 1
modes = {'["joint"]' if joint else "[]"}
encode_threads = 1
limits = {{ seconds = {seconds}, memory = "{memory}" }}
cells = [{{ retrievers = {json.dumps(retrievers)} }}]
""")
        with subprocess.Popen(
            [*COMMAND, "run", "suite.toml", "--plugin", str(KNOWN), "--plugin", str(FAULTY), "-o", str(self.out)],
            cwd=self.folder,
            env=self.environment | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            self.runs.append(process.pid)
            try:
                stdout, stderr = process.communicate(timeout=300)
            finally:
                process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def copied(self, folder: Path) -> Home:
        """Another with the same runs and cache."""
        home = Home(folder)
        shutil.copytree(self.out, home.out)
        shutil.copytree(self.cache, home.cache)
        return home

    def found(self) -> dict[str, Measurement]:
        return {cell.retriever: cell for cell in run_folder.read(self.out).measurements}

    def lines(self) -> dict[str, bytes]:
        """What is recorded, line for line."""
        names = (run_folder.STAGES, run_folder.MEASUREMENTS)
        return {name: (self.out / name).read_bytes() for name in names if (self.out / name).exists()}

    def hits(self, retriever: str = SOUND) -> list[object]:
        hits = run_folder.read_hits(self.out, self.found()[retriever].cell)
        return [hits.rows.tolist(), hits.scores.tolist()]

    def left(self) -> list[str]:
        """Processes, control groups and files that a run should not leave."""
        rest = [*self.temporary.iterdir(), *self.cache.rglob("*.part*"), *self.out.rglob("*.part*")]
        rest += self.scratch()
        rest += [group for run in self.runs for group in groups_of(run)]
        return [*map(str, rest), *self.processes()]

    def scratch(self) -> list[Path]:
        """All of the scratch folder but the builds of cells that failed, which wait to be tried again."""
        work, builds = self.out / "work", list((self.out / "work").glob("*/build-*"))
        if not builds or all(cell.status == "ok" for cell in self.found().values()):
            return [path for path in (work,) if path.exists()]
        known = {*builds, *(path.parent for path in builds), *(path.parent / "stages" for path in builds)}
        known |= {path.parent / "stages" / path.name for path in builds}
        return [path for pattern in ("*", "*/*", "*/stages/*") for path in work.glob(pattern) if path not in known]

    def processes(self) -> list[str]:
        """What of this place is still alive; the kernel may take a moment to end it."""
        for _ in range(100):
            if not self._alive():
                break
            time.sleep(0.05)
        return self._alive()

    def _alive(self) -> list[str]:
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and f"{WORD}={self.folder}".encode() in (folder / "environ").read_bytes():
                    found.append(f"{folder.name}: {(folder / 'cmdline').read_bytes()!r}")
        return found


def groups_of(run: int) -> list[Path]:
    """The control groups that a run made and that are still there: other runs beside it have their own."""
    return [group for parent, _, _ in cgroup.parents() for group in parent.glob(f"sparring-{run}-*")]


def text_of(reason: str) -> str:
    """A reason without the place in the plug-in, and of a long row of one letter its ends."""
    return re.sub(r"x{6,}", "xxx...xxx", re.sub(r" \(faulty\.py:\d+ in \w+\)$", "", reason))


def told(fault: Fault, cell: Measurement) -> bool:
    """Whether a cell came to what its row says."""
    expected = ".*".join(map(re.escape, fault.reason.replace("xxx...xxx", "\0").split(faults.LEFT_OUT)))
    expected = expected.replace("\0", re.escape("xxx...xxx"))
    flags = [flag for flag in cell.flags if flag.startswith("did not close")]
    return bool(
        cell.status == fault.status
        and re.fullmatch(expected, text_of(cell.reason), re.DOTALL)
        and flags == ([fault.flag] if fault.flag else [])
    )


def named(rows: Sequence[Fault]) -> list[str]:
    return [fault.retriever for fault in rows]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The sound cell, run alone."""
    home = Home(tmp_path_factory.mktemp("alone"))
    done = home.run(SOUND)
    assert 0 == done.returncode, done.stderr
    return home


class TestAdapters:
    ROWS = (*faults.PRINTING, *faults.RAISING, *faults.ENDING, *faults.HANDING_BACK, *faults.STAGES)

    @pytest.fixture(scope="class")
    @staticmethod
    def many(tmp_path_factory):
        """One run of every faulty adapter, and of a sound one."""
        home = Home(tmp_path_factory.mktemp("many"))
        return home, home.run(SOUND, *named(TestAdapters.ROWS), joint=True)

    @pytest.mark.slow
    @pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.done)
    def test_each_fault_is_typed(self, many, fault):
        """
        Whatever an adapter does is a status of its own cell, with a reason that tells it, or a flag.
        """
        home, _ = many

        cell = home.found()[fault.retriever]

        assert told(fault, cell), (cell.status, cell.reason[:3000], cell.flags, cell.output)

    @pytest.mark.slow
    def test_the_rest_is_unharmed(self, many, alone):
        """
        The sound cell finds what it finds alone, no process and no temporary file is left, and the answer on stdout is
        the table: what an adapter prints is none of it.
        """
        home, done = many

        assert alone.hits() == home.hits()
        assert [] == home.left()
        assert 3 == done.returncode
        assert "prints when it is imported" not in done.stdout
        assert sum(path.stat().st_size for path in home.out.rglob("*")) < 2_000_000

    @pytest.mark.slow
    def test_both_of_a_fork_write_once(self, many):
        """
        Where an adapter forks in the middle of a search, the hits are those of a sound one.
        """
        home, _ = many

        assert home.hits(faults.engine("prints")) == home.hits(faults.engine("forks and answers"))

    @pytest.mark.slow
    def test_limits(self, tmp_path, alone):
        """
        A cell that takes all memory, and one that cannot be asked to end, are ended at their limits.
        """
        home = Home(tmp_path)

        done = home.run(SOUND, *named(faults.LIMITED), seconds=faults.SECONDS, memory=faults.MEMORY)

        cells = home.found()
        assert [] == [cells[fault.retriever] for fault in faults.LIMITED if not told(fault, cells[fault.retriever])]
        assert 3 == done.returncode
        assert alone.hits() == home.hits()
        assert [] == home.left()

    @pytest.mark.slow
    def test_what_fills_the_disk_makes_room_again(self, tmp_path, alone):
        """
        A cell that saves more than the disk takes fails, and what it wrote is gone before the next stage.
        """
        with disk(tmp_path / "disk", "12M") as room:
            home = Home(tmp_path / "home", room)

            done = home.run(*named(faults.FULL), SOUND)

            (fault,) = faults.FULL
            assert told(fault, home.found()[fault.retriever]), home.found()[fault.retriever].reason
            assert 3 == done.returncode
            assert alone.hits() == home.hits()
            assert [] == home.left()

    @pytest.mark.slow
    def test_what_is_not_caught(self, tmp_path, alone):
        """
        A cell that removes what others saved makes them fail, with a reason; the same command measures them then.
        """
        home = Home(tmp_path)
        harmful, sound = faults.HARMFUL
        home.run(sound.retriever, harmful.retriever)
        first = home.found()

        again = home.run(sound.retriever, harmful.retriever)

        assert all(told(fault, first[fault.retriever]) for fault in (harmful, sound)), first
        assert 0 == again.returncode, again.stderr
        assert alone.hits() == home.hits()


class TestRuns:
    @pytest.mark.slow
    @pytest.mark.parametrize(("blow", "number"), [("killed", signal.SIGKILL), ("terminated", signal.SIGTERM)])
    def test_ended_at_each_stage(self, tmp_path, alone, blow, number):
        """
        Ended at one stage after another, a run leaves no process each time, loses nothing that it recorded, does
        nothing twice, and comes to the same.
        """
        home = Home(tmp_path)

        options = f'{int(number)}, "{tmp_path}/done"'
        cells = SOUND, f"EndingEncoder({options}) @ EndingStorage({options})"
        recorded: dict[str, bytes] = {}

        for _ in PARTS:
            done = home.run(*cells, joint=True)

            assert BLOWS[blow].code == done.returncode, done.stderr
            assert BLOWS[blow].said in done.stderr
            assert [] == home.processes()
            assert recorded == {name: home.lines()[name][: len(lines)] for name, lines in recorded.items()}
            recorded = home.lines()
        done = home.run(*cells, joint=True)

        assert 0 == done.returncode, done.stderr
        assert {f"done-{stage}" for stage in PARTS} == {path.name for path in tmp_path.glob("done-*")}
        assert recorded == {name: home.lines()[name][: len(lines)] for name, lines in recorded.items()}
        tasks = run_folder.lines(home.out / run_folder.STAGES, run_folder.FinishedStage)
        assert {1} == set(Counter(line.task for line in tasks).values())
        assert alone.hits() == home.hits()
        assert [] == home.left()

    @pytest.mark.slow
    def test_a_full_disk(self, tmp_path, alone):
        """
        Where the disk of a run is full the run stops with a message, or its cells fail with that reason; what it
        recorded stays, and with room made the same command goes on.
        """
        with disk(tmp_path / "disk", "12M") as room:
            home = Home(tmp_path / "home", room)
            cells = "BM25() @ Brute()", faults.engine(f"full {room}"), SOUND
            done = home.run(*cells)
            stages = home.lines()[run_folder.STAGES]
            (room / "ballast").unlink()

            again = home.run(*cells)

            assert BLOWS["full"].code == done.returncode, done.stderr
            assert BLOWS["full"].said in done.stderr
            assert "Traceback" not in done.stderr
            assert 0 == again.returncode, again.stderr
            assert home.lines()[run_folder.STAGES].startswith(stages[: stages.rfind(b"\n") + 1])
            assert alone.hits() == home.hits()

    @pytest.mark.slow
    def test_a_disk_that_cannot_be_written(self, tmp_path):
        """
        A run folder or a cache on a disk that is mounted to be read is a message and exit code 2.
        """
        with disk(tmp_path / "disk", "1M") as room:
            subprocess.run(["mount", "-o", "remount,ro", str(room)], check=True)
            folder, cache = Home(tmp_path / "one"), Home(tmp_path / "two")
            folder.out = room / "out"

            of_folder = folder.run(SOUND)
            of_cache = cache.run(SOUND, environment={"SPARRING_CACHE": str(room / "cache")})

            for done, blow in ((of_folder, BLOWS["read-only"]), (of_cache, BLOWS["read-only cache"])):
                assert blow.code == done.returncode
                assert blow.said in done.stderr
                assert "Traceback" not in done.stderr
            assert [[], []] == [folder.processes(), cache.processes()]

    @pytest.mark.slow
    def test_two_in_one_folder(self, tmp_path, alone):
        """
        While a run holds its folder another command into it is refused, and changes nothing.
        """
        home = alone.copied(tmp_path)
        before = {path: path.read_bytes() for path in home.out.rglob("*") if path.is_file()}

        with (home.out / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = home.run(SOUND)

        assert BLOWS["second"].code == done.returncode
        assert BLOWS["second"].said in done.stderr
        assert before == {path: path.read_bytes() for path in home.out.rglob("*") if path.is_file()}

    @pytest.mark.slow
    def test_torn_lines(self, tmp_path, alone):
        """
        The torn last line of the journal, and of the measurements, counts as none; what it told is done again.
        """
        home = alone.copied(tmp_path)
        whole = {}
        for name in (run_folder.STAGES, run_folder.MEASUREMENTS):
            content = (home.out / name).read_bytes()
            whole[name] = content[: content[:-1].rfind(b"\n") + 1]
            (home.out / name).write_bytes(content[:-20])

        done = home.run(SOUND)

        assert BLOWS["torn"].code == done.returncode, done.stderr
        assert BLOWS["torn"].said in done.stderr
        assert all(lines.startswith(whole[name]) for name, lines in home.lines().items())
        assert alone.hits() == home.hits()
        assert ["ok"] == [cell.status for cell in home.found().values()]
        assert [] == home.left()

    @pytest.mark.slow
    def test_corrupted_matrices(self, tmp_path, alone):
        """
        A cached matrix of which any file is cut, changed by a bit or missing counts as none, and is made again.
        """
        home = alone.copied(tmp_path)
        finals = list((home.cache / "matrices").iterdir())  # of passages and of queries
        files = {path: path.read_bytes() for final in finals for path in final.rglob("*") if path.is_file()}
        for path, content in files.items():
            (final,) = (final for final in finals if path.is_relative_to(final))
            flipped = bytes([content[0] ^ 1]) + content[1:]
            for harm in (content[:-1], flipped, None):
                path.unlink() if harm is None else path.write_bytes(harm)
                assert matrices.find(final) is None, (path.name, harm)
            path.write_bytes(content)
        assert [True, True] == [matrices.find(final) is not None for final in finals]
        next(path for path in files if path.name.startswith(f"{matrices.PASSAGES}.")).unlink()
        shutil.rmtree(home.out)

        done = home.run(SOUND)

        assert BLOWS["corrupted"].code == done.returncode, done.stderr
        assert not home.found()[SOUND].reused_matrix
        vectors = {path: content for path, content in files.items() if path.suffix == ".npy"}
        assert vectors == {path: path.read_bytes() for path in vectors}
        assert alone.hits() == home.hits()
        assert [] == home.left()

    @pytest.mark.slow
    def test_a_clock_that_jumps(self, tmp_path, alone):
        """
        Times are told by a clock that does not jump with the wall's: with that one hours off at every look, each
        duration is still one of seconds, and the hits are the same.
        """
        home = Home(tmp_path)
        (tmp_path / "clock").mkdir()
        (tmp_path / "clock" / "sitecustomize.py").write_text(
            "import itertools, time\n"
            "look, look_ns, hours = time.time, time.time_ns, itertools.cycle((0, 5, -3))\n"
            "time.time = lambda: look() + 3600 * next(hours)\n"
            "time.time_ns = lambda: look_ns() + 3600 * 10**9 * next(hours)\n"
        )

        path = os.pathsep.join(filter(None, (str(tmp_path / "clock"), os.environ.get("PYTHONPATH"))))
        done = home.run(SOUND, joint=True, environment={"PYTHONPATH": path})

        cell = home.found()[SOUND]
        assert BLOWS["clock"].code == done.returncode, done.stderr
        seconds = [cell.encode_seconds, cell.build_seconds, cell.load_seconds]
        stages = run_folder.lines(home.out / run_folder.STAGES, run_folder.FinishedStage)
        assert all(0 < each < 600 for each in [*seconds, *(line.result.process_seconds for line in stages)])
        with np.load(home.out / cell.files["joint-0"]) as times:
            assert 0 < times["joint"].min() <= times["joint"].max() < 600 * 10**9
        assert alone.hits() == home.hits()
        assert [] == home.left()


def test_what_a_killed_run_left_is_removed(tmp_path, monkeypatch):
    """
    The processes and temporary files of a run that is gone are ended and removed by the next stage; those of a run
    that lives, and of other machines, are let be.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    marks = [f"{cleanup._home()}{ended.pid}-gone", f"{cleanup._home()}{os.getpid()}-ours", "sparring-elsewhere-1-9-x"]
    sleeping = [sys.executable, "-c", "import time; time.sleep(3600)"]
    started = [
        subprocess.Popen(sleeping, env={**os.environ, cleanup.MARK: mark}, start_new_session=True) for mark in marks
    ]
    for mark in marks:
        (tmp_path / mark).mkdir()

    with cleanup.removed():
        pass
    alive = [process.poll() is None for process in started]
    for process in started:
        process.kill()
        process.wait()

    assert [False, True, True] == alive
    assert sorted(marks[1:]) == sorted(path.name for path in tmp_path.iterdir())


def test_where_the_kernel_does_not_tell(tmp_path, monkeypatch):
    """
    Where no process can be waited for by a file descriptor, a child's end is seen all the same, and so is its limit.
    """
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    code = "import time; print('a line', flush=True); time.sleep({})"

    def ends(sleeps: float, limit: float) -> tuple[str, tuple[str, ...]]:
        command = [sys.executable, "-c", code.format(sleeps)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            output = child.ChildOutput(process)
            over = output.read_until_it_ends(child.TimeLimit(limit))
            process.kill()
            output.read()
            return over, output.last_lines()

    assert ("", ("a line",)) == ends(0, limit=60)
    assert "its time is over" == ends(3600, limit=0.2)[0]


def test_what_nobody_can_print_to_anymore():
    """
    To show an exception where there is nothing to show it on is no error of its own.
    """
    with contextlib.redirect_stderr(io.StringIO()) as closed:
        closed.close()
        try:
            raise ValueError("broken on purpose")
        except ValueError:
            failure.show()


def test_the_page_is_made_of_the_rows():
    """
    results/faults.md says what is tested here; `python -m tests.benchmarks.faults` writes it.
    """
    assert faults.page() == faults.PAGE.read_text(encoding="utf-8")
