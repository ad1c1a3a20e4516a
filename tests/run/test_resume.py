"""A run that is killed, at any stage and any moment, goes on where it was and comes to the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bench.errors import InputError
from bench.instruments import environment
from bench.records import run_folder
from bench.records.journal import Writer, opened
from bench.records.schema import Measurement, RunRecord, digest
from tests.helpers.tiny import journal, registry, run, suite, tiny_set, without_times

STAGES = {
    "encode": 'DyingEncoder("encode", "{flag}") @ Exact()',
    "query": 'DyingEncoder("load", "{flag}") @ Exact()',
    "build": 'Constant() @ Dies("build", "{flag}")',
    "search: load": 'Constant() @ Dies("load", "{flag}")',
    "search: search": 'Constant() @ Dies("search", "{flag}")',
}
SPYING = '''
import json
from pathlib import Path

from retrievers.contract import Spelled, no_hits


class Spy(Spelled):
    """An engine that looks for judgments, and writes down what it found."""

    def __init__(self, sets: str, seen: str) -> None:
        self.sets, self.seen = sets, seen

    def look(self):
        with Path(self.seen).open("a") as file:
            for path in Path(self.sets).iterdir():
                file.write(json.dumps(json.loads(path.read_bytes())["qrels"]) + "\\n")

    def index(self, passages):
        self.look()

    def search(self, queries, k):
        self.look()
        return no_hits(len(queries), k)
'''


def cells_of(folder: Path) -> list[Measurement]:
    """Every line of a run's measurements, also those that a later one replaces."""
    return run_folder.lines(folder / run_folder.MEASUREMENTS, Measurement)


@pytest.mark.slow
class TestKilledWorkers:
    @pytest.fixture(scope="class")
    @staticmethod
    def runs(tmp_path_factory):
        """Measurements with every stage's worker killed, the lines then, the same run again, and an undisturbed one."""
        home = tmp_path_factory.mktemp("workers")
        flag = home / "kill"
        cells = suite("Constant() @ Exact()", *(spelling.format(flag=flag) for spelling in STAGES.values()), rounds=2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARRING_CACHE", str(home / "cache"))
            flag.touch()
            killed = run(cells, home / "run")
            lines = cells_of(home / "run")
            flag.unlink()
            resumed = run(cells, home / "run")
            patch.setenv("SPARRING_CACHE", str(home / "another-cache"))
            undisturbed = run(cells, home / "undisturbed")
        named = {stage: spelling.format(flag=flag) for stage, spelling in STAGES.items()}
        return home, named, killed, lines, resumed, undisturbed

    @pytest.mark.slow
    @pytest.mark.parametrize("stage", STAGES)
    def test_a_killed_worker_costs_its_cell_alone(self, runs, stage):
        """
        A worker killed with -9, at whatever stage, is its own cell's failure, and names the signal.
        """
        _, named, killed, _, _, _ = runs

        cell = killed[named[stage]]

        assert ("failed", f"{stage.split(':')[0]} was ended by SIGKILL") == (cell.status, cell.reason)
        assert "ok" == killed["Constant() @ Exact()"].status

    @pytest.mark.slow
    @pytest.mark.parametrize("stage", STAGES)
    def test_the_same_run_again_measures_it(self, runs, stage):
        """
        Once nothing kills it any more, the same run comes to what it would have come to undisturbed.
        """
        _, named, _, _, resumed, undisturbed = runs

        cell = resumed[named[stage]]

        assert "ok" == cell.status
        assert without_times(undisturbed[named[stage]]) == without_times(cell)

    def test_what_was_finished_is_kept(self, runs):
        """
        A finished cell's line stays as it was, and no cell is counted twice.
        """
        home, named, killed, lines, resumed, _ = runs

        now = cells_of(home / "run")

        assert lines == now[: len(lines)]
        assert killed["Constant() @ Exact()"] == resumed["Constant() @ Exact()"]
        assert 1 == sum(line.retriever == "Constant() @ Exact()" for line in now)
        assert dict.fromkeys(named.values(), 1) | {"Constant() @ Exact()": 1} == Counter(
            line.retriever for line in now if line.status == "ok"
        )
        assert len(resumed) == len(run_folder.read(home / "run").measurements)


class TestFolders:
    def test_a_second_run_into_one_folder_is_refused(self, tmp_path, monkeypatch):
        """
        While one run holds a folder another is refused, before it has changed anything.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        cells = suite("Constant() @ Exact()")
        whole = msgspec.to_builtins(cells)
        record = RunRecord(suite_sha256=digest(cells), suite=whole, passage_sets={}, plugins=(), made="")

        with opened(tmp_path / "run", record, environment.collect()):
            before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
            with pytest.raises(InputError, match="another run is writing into it"):
                run(cells, tmp_path / "run")

        assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}

    @pytest.mark.slow
    def test_another_suite_is_refused(self, tmp_path, monkeypatch):
        """
        A folder made from one suite takes no other: what differs is named.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        run(suite("Constant() @ Exact()"), tmp_path / "run")

        with pytest.raises(InputError, match="expected seed = 7, as it was begun, found 8"):
            run(suite("Constant() @ Exact()", seed=8), tmp_path / "run")

    @pytest.mark.slow
    def test_a_build_that_was_not_journalled_is_done_again(self, tmp_path, monkeypatch):
        """
        Killed after a built storage was put in its place and before the journal told so, a run builds it anew.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        cells = suite("Constant() @ Exact()")
        finished = Writer.finished

        def killed(self, task, result):
            if task.startswith("build"):
                raise KeyboardInterrupt
            finished(self, task, result)

        with monkeypatch.context() as patch:
            patch.setattr(Writer, "finished", killed)
            with pytest.raises(KeyboardInterrupt):
                run(cells, tmp_path / "run")
        assert [] != [path for path in (tmp_path / "run" / "work").rglob("n") if path.is_file()]

        again = run(cells, tmp_path / "run")

        assert "ok" == again["Constant() @ Exact()"].status
        assert {1} == set(Counter(line.task for line in journal(tmp_path / "run")).values())

    @pytest.mark.slow
    def test_a_run_killed_while_it_tidied_up(self, tmp_path, monkeypatch):
        """
        Killed after its last measurement and before its scratch folder was gone, a run only tidies up.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        cells = suite("Constant() @ Exact()")
        first = run(cells, tmp_path / "run", known=registry())
        left = tmp_path / "run" / "work" / "0123.old"
        left.mkdir(parents=True)

        assert first == run(cells, tmp_path / "run")

        assert not left.parent.exists()


class TestJudgments:
    @pytest.mark.slow
    def test_no_child_finds_them(self, tmp_path, monkeypatch):
        """
        While an engine is built and searched the run folder holds no judgment of its set; once the run has ended it
        does.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        (tmp_path / "spy.py").write_text(SPYING)
        seen = tmp_path / "seen"

        found = run(suite(f'Spy("{tmp_path}/run/sets", "{seen}")'), tmp_path / "run", plugins=[tmp_path / "spy.py"])

        assert ["ok"] == [cell.status for cell in found.values()]
        assert {"{}"} == set(seen.read_text().splitlines())
        assert tiny_set().qrels == run_folder.read_set(tmp_path / "run", "tiny").qrels

    @pytest.mark.slow
    def test_a_killed_run_is_mended(self, tmp_path, monkeypatch):
        """
        What a killed run left without judgments is whole once the same command has run, also where nothing is left to
        do.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        first = run(suite("Constant() @ Exact()"), tmp_path / "run")
        run_folder.write_set(tmp_path / "run", tiny_set(), withheld=True)  # as one leaves them that gets SIGKILL

        again = run(suite("Constant() @ Exact()"), tmp_path / "run")

        assert first == again
        assert tiny_set().qrels == run_folder.read_set(tmp_path / "run", "tiny").qrels


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    """
    Ctrl-C ends the run with 130 and a line that names its folder; the same command goes on from there.
    """
    folder = tmp_path / "run"
    command = [
        *(sys.executable, "-c", "from bench.cli import main; main()", "run", "--passages", "primer"),
        *("TfIdf() @ CSR()", "BM25() @ CSR()", "--rounds", "1", "--queries", "20", "-o", str(folder)),
    ]
    environment = {**os.environ, "SPARRING_CACHE": str(tmp_path / "cache")}
    child = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would all that is started from there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while child.poll() is None and not (folder / "stages.jsonl").exists():
        time.sleep(0.02)

    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    assert 130 == child.returncode
    assert f"stopped; the same command with -o {folder} goes on from here" in said
    assert 0 == again.returncode, again.stderr
