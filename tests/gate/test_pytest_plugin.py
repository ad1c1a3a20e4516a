"""The gate as tests of pytest: `pytest --sparring suite.toml`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.helpers.zoo import SUITE as ZOO
from tests.helpers.zoo import write_set

pytest_plugins = ["pytester"]

SUITE = (
    ZOO
    + """[[cells]]
retrievers = ["Mine( )", "BM25() @ CSR()"]
"""
)
PLUGIN = """
import numpy as np
from retrievers.contract import Spelled, no_hits

class Mine(Spelled):
    exact = True
    first = 0
    def index(self, passages):
        self.n = len(passages)
    def search(self, queries, k):
        hits = no_hits(len(queries), k)
        hits.rows[:, : self.n] = (np.arange(self.n) + self.first) % self.n
        hits.scores[:, : self.n] = -np.arange(self.n)
        return hits
    def ledger(self):
        return {"rows": 8 * self.n}
"""
MINE, BM25, GONE = "zoo: Mine()", "zoo: BM25() @ CSR()", "cells that are gone"
ASKED = ("--sparring", "suite.toml", "--sparring-plugin", "mine.py")
# Stands for the command: says what a file holds, and writes down what it was asked.
STUB = """
from pathlib import Path
from bench.gate import pytest_plugin

def called(folder, *arguments, allowed):
    with open("calls", "a") as file:
        file.write(" ".join(arguments) + chr(10))
    return Path("judgment.json").read_text()

pytest_plugin._called = called
"""


@pytest.fixture
def project(pytester, monkeypatch, cache):
    """A project with a passage set, a plug-in, a suite and a test of its own; the present folder."""
    write_set(pytester.path / "zoo")
    (pytester.path / "suite.toml").write_text(SUITE)
    (pytester.path / "mine.py").write_text(PLUGIN)
    (pytester.path / "ref").mkdir()
    (pytester.path / "ref" / "run.json").touch()  # where it is a reference in name alone, nothing reads it
    pytester.makepyfile("def test_own(): pass")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # a test's own pytest runs in one process
    # Whatever is installed here, the plug-ins are those that a test names.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return pytester


def called(project, *arguments: str):
    return project.runpytest_subprocess("-p", "bench.gate.pytest_plugin", "-p", "no:cacheprovider", *arguments)


def finding(outcome: str, said: str, name: str = "R@1") -> dict[str, object]:
    return {"kind": "quality", "name": name, "outcome": outcome, "said": said, "old": None, "new": None}


def judged(project, *cells: tuple[str, str, list[dict[str, object]]], notes: tuple[str, ...] = ()) -> None:
    """Let the gate say so of (retriever, outcome, findings) on the set, instead of measuring."""
    project.makeconftest(STUB)
    said = [
        {"passage_set": "zoo", "retriever": retriever, "threads": 1, "outcome": outcome, "findings": findings}
        for retriever, outcome, findings in cells
    ]
    judgment = {"outcome": "pass", "line": "gate: the line", "cells": said, "notes": notes, "environment": []}
    (project.path / "judgment.json").write_text(json.dumps(judgment))


PASSED = ("Mine()", "pass", [finding("pass", "0.5000, every query alike")])
BOTH = (PASSED, ("BM25() @ CSR()", "pass", [finding("pass", "1.0000, every query alike")]))


class TestItems:
    @pytest.mark.slow
    def test_collection(self, project):
        """
        Each cell is an item under the suite's file, named as it is spelled; collecting them runs no gate.
        """
        found = called(project, *ASKED, "--sparring-reference", "ref", "--collect-only", "-q")

        names = [line for line in found.outlines if line.startswith("suite.toml")]
        assert [f"suite.toml::{name}" for name in (MINE, BM25, GONE)] == names
        assert 1 == sum(line.endswith("::test_own") for line in found.outlines)

    @pytest.mark.slow
    def test_threads(self, project):
        """
        Where a suite measures under several numbers of threads, each is an item.
        """
        (project.path / "suite.toml").write_text(SUITE.replace("rounds = 1", "rounds = 1\nthreads = [1, 2]"))
        judged(project, *BOTH)

        found = called(project, *ASKED, "--sparring-reference", "ref", "-rA")

        found.stdout.fnmatch_lines([f"PASSED suite.toml::{MINE} (threads=1)"])
        found.stdout.fnmatch_lines(["*Mine() (threads=2)*", "the gate says nothing of it: gate: the line"])

    @pytest.mark.slow
    def test_one_item(self, project):
        """
        An item is run by its name, beside no other; the file is not collected twice where it is named itself.
        """
        judged(project, *BOTH)

        one = called(project, *ASKED, "--sparring-reference", "ref", f"suite.toml::{MINE}")
        twice = called(project, *ASKED, "--sparring-reference", "ref", ".", "suite.toml")

        one.assert_outcomes(passed=1)
        twice.assert_outcomes(passed=4)


class TestOutcomes:
    @pytest.mark.slow
    def test_passed(self, project):
        """
        Cells that pass are tests that pass, the gate runs once for all, and its line and notes are told at the end.
        """
        judged(project, *BOTH, notes=("of no matter",))

        found = called(project, *ASKED, "--sparring-reference", "ref")

        found.assert_outcomes(passed=4)
        found.stdout.fnmatch_lines(["*= sparring =*", "note: of no matter", "gate: the line"])
        calls = (project.path / "calls").read_text().splitlines()
        assert ["run --plugin mine.py", "gate --json --reference ref --"] == [
            calls[0][: calls[0].index(" -o ")],
            calls[1].rpartition(" ")[0],
        ]

    @pytest.mark.slow
    def test_plugins_of_the_suite(self, project):
        """
        A suite that names its plug-in file needs no option.
        """
        (project.path / "suite.toml").write_text(f'plugins = ["mine.py"]\n{SUITE}')

        found = called(project, "--sparring", "suite.toml", "--sparring-reference", "ref", "--collect-only", "-q")

        found.stdout.fnmatch_lines([f"suite.toml::{MINE}", f"suite.toml::{BM25}"])

    @pytest.mark.slow
    def test_failed(self, project):
        """
        A cell that fails is a test that fails in the gate's own words, without a traceback.
        """
        moved = "1.0000 -> 0.6667 (1 queries worse, 0 better)"
        findings = [finding("pass", "of no matter", "ledger_bytes"), finding("fail", moved)]
        judged(project, PASSED, ("BM25() @ CSR()", "fail", findings))

        found = called(project, *ASKED, "--sparring-reference", "ref")

        found.assert_outcomes(passed=3, failed=1)
        found.stdout.fnmatch_lines([f"*{BM25}*", f"R@1 {moved}", f"FAILED suite.toml::{BM25} - R@1 1.0000*"])
        found.stdout.no_fnmatch_line("*Traceback*")
        found.stdout.no_fnmatch_line("*pytest_plugin.py*")
        found.stdout.no_fnmatch_line("*of no matter*")

    @pytest.mark.slow
    @pytest.mark.parametrize("outcome", ["undecided", "skipped"])
    def test_not_decided(self, project, outcome):
        """
        A cell that is undecided, or has no counterpart, is skipped with the reason, and fails nothing.
        """
        judged(project, PASSED, ("BM25() @ CSR()", outcome, [finding(outcome, "x1.02, 3 pairs", "single_p50_ms")]))

        found = called(project, *ASKED, "--sparring-ab", "main", "-rs")

        found.assert_outcomes(passed=3, skipped=1)
        found.stdout.fnmatch_lines([f"SKIPPED*{BM25}: {outcome}: single_p50_ms x1.02, 3 pairs"])
        assert ["gate --json --ab main --plugin mine.py -- suite.toml"] == (
            (project.path / "calls").read_text().splitlines()
        )

    @pytest.mark.slow
    def test_gone(self, project):
        """
        Cells that the reference alone has are told by an item of their own: skipped, or failed where it is strict.
        """
        judged(project, *BOTH, ("Old()", "skipped", [finding("skipped", "the run has no such cell", "reference")]))
        lenient = called(project, *ASKED, "--sparring-reference", "ref", "-rs")
        judged(project, *BOTH, ("Old()", "fail", [finding("fail", "the run has no such cell", "reference")]))
        strict = called(project, *ASKED, "--sparring-reference", "ref", "--sparring-strict")

        lenient.assert_outcomes(passed=3, skipped=1)
        lenient.stdout.fnmatch_lines([f"SKIPPED*{GONE}: skipped: zoo: Old() the run has no such cell"])
        strict.assert_outcomes(passed=3, failed=1)
        strict.stdout.fnmatch_lines(["zoo: Old() the run has no such cell"])
        assert "--strict" in (project.path / "calls").read_text().splitlines()[-1]


class TestForReal:
    def test_a_reference(self, project, sparring):
        """
        A retriever that is as it was passes, one whose answers moved fails; the run is kept where that is asked for.
        """
        sparring("run", "suite.toml", "--plugin", "mine.py", "-o", "run", cwd=project.path)
        sparring("gate", "run", "--accept", "--reference", "own", cwd=project.path)
        (project.path / "mine.py").write_text(PLUGIN.replace("first = 0", "first = 2"))

        found = called(project, *ASKED, "--sparring-reference", "own", "--sparring-output", "kept")

        found.assert_outcomes(passed=3, failed=1)
        found.stdout.fnmatch_lines(
            ["R@1 0.3333 -> 0.3333 (1 queries worse, the first 'q1', 1 better)", "gate: fail - 1 of 2*"]
        )
        assert (project.path / "kept" / "run.json").is_file()

    @pytest.mark.slow
    def test_a_gate_that_cannot_run(self, project):
        """
        Where the gate cannot run, every item fails with what the command said.
        """
        found = called(project, *ASKED, "--sparring-ab", "main")

        found.assert_outcomes(passed=1, failed=3)
        found.stdout.fnmatch_lines(["ended with exit code 2:", "sparring: --ab: expected the suite to lie in a git*"])

    @pytest.mark.slow
    def test_stopped(self, project):
        """
        Ctrl-C ends the gate's process with all it started.
        """
        slow = PLUGIN.replace("self.n = len(passages)", "import time; time.sleep(600)")
        (project.path / "mine.py").write_text(slow)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "bench.gate.pytest_plugin",
            *ASKED,
            "--sparring-reference",
            "ref",
        ]
        process = subprocess.Popen(
            command,
            cwd=project.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
        )
        asked = psutil.Process(process.pid)
        while process.poll() is None and len(started := asked.children(recursive=True)) < 2:
            time.sleep(0.02)

        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        _, alive = psutil.wait_procs(started, timeout=30)

        assert 2 == process.returncode  # interrupted, as pytest has it
        assert [] == alive


class TestBesideOthers:
    @pytest.mark.slow
    def test_pytest_benchmark(self, project):
        """
        pytest-benchmark's options keep working: alone it skips the gate, and its JSON holds its own benchmarks.
        """
        project.makepyfile("def test_timed(benchmark): benchmark(len, 'abc')")
        judged(project, *BOTH)
        asked = (*ASKED, "--sparring-reference", "ref", "-p", "pytest_benchmark.plugin", "--benchmark-disable-gc")

        only = called(project, *asked, "--benchmark-only")
        assert not (project.path / "calls").exists()
        with_json = called(project, *asked, "--benchmark-json", "times.json", "--benchmark-max-time=0.01")
        skipped = called(project, *asked, "--benchmark-skip")

        only.assert_outcomes(passed=1, skipped=3)
        with_json.assert_outcomes(passed=4)
        skipped.assert_outcomes(passed=3, skipped=1)
        times = json.loads((project.path / "times.json").read_text())
        assert ["test_timed"] == [one["name"] for one in times["benchmarks"]]

    @pytest.mark.slow
    def test_junit(self, project):
        """
        pytest's own JUnit file has a case a cell.
        """
        judged(project, PASSED, ("BM25() @ CSR()", "fail", [finding("fail", "worse")]))

        called(project, *ASKED, "--sparring-reference", "ref", "--junitxml", "junit.xml")

        written = (project.path / "junit.xml").read_text()
        assert f'name="{MINE}"' in written
        assert f'name="{BM25}"' in written
        assert "R@1 worse" in written

    def test_it_costs_nothing(self, project):
        """
        Where it is not asked for, the plug-in imports nothing heavy, and collects nothing.
        """
        project.makepyfile(
            "import sys\n"
            "def test_light():\n"
            "    heavy = {'numpy', 'scipy', 'msgspec', 'typer', 'bench.run.suite', 'retrievers'}\n"
            "    assert 'bench.gate.pytest_plugin' in sys.modules\n"
            "    assert set() == heavy & set(sys.modules)\n"
        )

        found = called(project)

        found.assert_outcomes(passed=1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--sparring", "none.toml", "--sparring-ab", "main"), "expected a suite's TOML file, found no file none"),
            ((*ASKED, "--sparring-reference", "zoo"), "expected a reference, found none in zoo: make it and commit it"),
            (("--sparring", "suite.toml"), "expected one of --sparring-reference DIR and --sparring-ab REF"),
            ((*ASKED, "--sparring-ab", "a", "--sparring-reference", "b"), "expected one of --sparring-reference DIR"),
        ],
    )
    def test_usage(self, project, arguments, said):
        """
        A suite that is none, and neither or both of reference and revision are usage errors.
        """
        found = called(project, *arguments)

        assert pytest.ExitCode.USAGE_ERROR == found.ret
        assert said in "\n".join(found.errlines)

    def test_a_suite_that_stops(self, project):
        """
        A suite that stops what is decided is refused before anything is measured; beside a revision all is asked.
        """
        stops = SUITE.replace("rounds = 1", 'rounds = 1\nstop = "decided"\nbaseline = "BM25() @ CSR()"')
        (project.path / "suite.toml").write_text(stops)
        judged(project, *BOTH)

        found = called(project, *ASKED, "--sparring-reference", "ref")
        beside = called(project, *ASKED, "--sparring-ab", "main", "--collect-only", "-q")

        assert pytest.ExitCode.USAGE_ERROR == found.ret
        assert "--sparring: expected every query asked of every cell, found stop = 'decided'" in found.stderr.str()
        assert not (project.path / "calls").exists()
        assert pytest.ExitCode.OK == beside.ret

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--sparring", "suite.toml"), "*unknown name 'Mine'*of yours: --sparring-plugin FILE*"),
            ((*ASKED, "--sparring-plugin", "none.py"), "--sparring: plug-in file *none.py: expected a Python file*"),
        ],
    )
    def test_cells_that_cannot_be_told(self, project, arguments, said):
        """
        A retriever or a plug-in that is none is an error of the suite's file, told without a traceback.
        """
        found = called(project, *arguments, "--sparring-ab", "main")

        found.assert_outcomes(errors=1)
        found.stdout.fnmatch_lines([said])
        found.stdout.no_fnmatch_line("*pytest_plugin.py*")

    def test_in_parallel(self, project):
        """
        Beside other tests that run at the same time nothing could be measured.
        """
        project.makeconftest("def pytest_addoption(parser): parser.addoption('--numprocesses', type=int)")

        found = called(project, *ASKED, "--sparring-ab", "main", "--numprocesses", "2")

        assert pytest.ExitCode.USAGE_ERROR == found.ret
        found.stderr.fnmatch_lines(["*measures time and memory: leave out -n*"])
