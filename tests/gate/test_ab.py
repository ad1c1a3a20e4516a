"""A/B: a revision in a worktree against the working tree, in processes that always end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from bench.analysis.compare import compare
from bench.errors import InputError
from bench.gate import ab, revision
from bench.gate.ab import run_ab
from bench.gate.judge import judge
from bench.records import run_folder
from bench.run import suite as suites
from bench.run.suite import Gate
from tests.helpers.engines import ENGINE
from tests.helpers.zoo import write_set

ENGINES = f"""{ENGINE}
class Same(Engine):
    ms = 0.3
"""
OLD = """
class Moved(Engine): pass
class Heavier(Engine): pass
class Broken(Engine): pass
class Gone(Engine): pass
"""
NEW = """
class Moved(Engine): first = 2
class Heavier(Engine): extra = 1
class Broken(Engine): broken = True
class Added(Engine): pass
"""
SUITE = """
name = "mine"
passages = ["./zoo"]
measures = ["R@1"]
primary = "R@1"
limits = { seconds = 30, memory = "2GB" }
[[cells]]
retrievers = [%s]
[gate]
budget = "%s"
%s
"""
SAME = suites.parse(SUITE % ('"Same()"', "1s", ""), "here")


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


def commit(folder: Path, code: str, retrievers: str, budget: str = "1s", gate: str = "") -> None:
    (folder / "mine.py").write_text(ENGINES + code)
    (folder / "suite.toml").write_text(SUITE % (retrievers, budget, gate))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a change")


@pytest.fixture
def repository(tmp_path, monkeypatch, cache):
    """A git repository with a passage set; the present folder. Temporary folders are made beside it."""
    folder = tmp_path / "repository"
    write_set(folder / "zoo")
    git(folder, "init", "-q")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(folder)
    return folder


def worktrees(folder: Path) -> int:
    found = subprocess.run(["git", "-C", str(folder), "worktree", "list"], capture_output=True, text=True, check=True)
    return len(found.stdout.splitlines())


def left_behind(folder: Path) -> list[str]:
    """What an A/B in that repository has left: folders, worktrees, processes."""
    left = [str(path) for path in (folder.parent / "scratch").iterdir()]
    left += ["worktree"] * (worktrees(folder) - 1)
    running = psutil.process_iter(["cmdline"])
    return left + [str(p) for p in running if any(str(folder.parent) in part for part in p.info["cmdline"] or ())]


def judged(ref: str, **options: object):
    with run_ab(Path("suite.toml"), ref, plugins=[Path("mine.py")], **options) as duel:
        return duel, judge(compare(duel.old, duel.new), duel.policy, "R@1", speeds=duel.speeds, notes=duel.notes)


@pytest.mark.parametrize("name", ["file", "file/runs", "full"])
def test_a_folder_for_the_runs_that_is_none(repository, name):
    """
    A place for the runs that is a file, lies in one or is not empty is refused, and what is there stays.
    """
    commit(repository, "", '"Same()"')
    (repository.parent / "full").mkdir()
    for path in ("file", "full/one"):
        (repository.parent / path).write_text("kept")

    with pytest.raises(InputError, match="expected an empty or new folder for both runs"):
        judged("HEAD", keep=repository.parent / name)

    assert ["kept"] * 2 == [(repository.parent / path).read_text() for path in ("file", "full/one")]
    assert [] == left_behind(repository)


class TestSides:
    @pytest.mark.slow
    def test_quality_bytes_and_a_crash(self, repository):
        """
        Each side runs its own revision's code and cells: what changed fails by its kind, what is alike passes.
        """
        commit(repository, OLD, '"Moved()", "Heavier()", "Broken()", "Gone()"')
        commit(repository, NEW, '"Moved()", "Heavier()", "Broken()", "Added()"')

        duel, found = judged("HEAD~1", keep=repository.parent / "kept")

        failed = {(c.retriever, f.name) for c in found.cells for f in c.findings if f.outcome == "fail"}
        assert {("Moved()", "R@1"), ("Heavier()", "ledger_bytes"), ("Broken()", "status")} == failed
        assert {"Added()", "Gone()"} == {c.retriever for c in found.cells if c.outcome == "skipped"}
        assert "no index today" in next(c for c in found.cells if c.retriever == "Broken()").findings[0].said
        assert ["undecided"] * 2 == [speed.decision for speed, *_ in duel.speeds.values()]
        assert 4 == len(run_folder.read(repository.parent / "kept" / "old").measurements)
        assert [] == left_behind(repository)

    @pytest.mark.slow
    def test_five_times_slower(self, repository):
        """
        A retriever of a fifth of the speed is caught.
        """
        commit(repository, "", '"Same()"', "60s")
        (repository / "mine.py").write_text(ENGINES.replace("ms = 0.3", "ms = 1.5"))

        duel, found = judged("HEAD")

        ((speed, *_),) = duel.speeds.values()
        assert ("single_p50_ms", "slower", 3) == (speed.name, speed.decision, speed.rounds)
        assert 4 < speed.ratio < 6
        assert "gate: fail - 1 of 1 cell" in found.line

    @pytest.mark.slow
    def test_other_cells_of_the_suite(self, repository):
        """
        A cell that is spelled otherwise at the revision is timed beside it, by its name, though no code differs; a
        suite of before 0.2.0 called that a label.
        """
        named = 'retrievers = ["TfIdf(sublinear=%s) @ CSR()"]\n%s = "ours"'
        for sublinear, key in (("False", "label"), ("True", "name")):
            text = SUITE % ("", "6s", "")
            (repository / "suite.toml").write_text(text.replace("retrievers = []", named % (sublinear, key)))
            git(repository, "add", ".")
            git(repository, "commit", "-qm", "a change")

        with run_ab(Path("suite.toml"), "HEAD~1") as duel:
            spelled = [duel.old.measurements[0].retriever, duel.new.measurements[0].retriever]

        assert [False, True] == ["sublinear=True" in spelling for spelling in spelled]
        assert 1 == len(duel.speeds)

    @pytest.mark.slow
    def test_plugins_of_the_suite(self, repository):
        """
        Each side takes the files that the suite names there and then, as its revision has them, from whatever folder.
        """
        (repository / "ours").mkdir()
        suite = SUITE % ('"Moved()"', "1s", "")
        for name, code in (("old", OLD), ("new", NEW)):
            (repository / "ours" / f"{name}.py").write_text(ENGINES + code)
            (repository / "ours" / "suite.toml").write_text(f'plugins = ["{name}.py"]\n{suite}')
            git(repository, "add", ".")
            git(repository, "commit", "-qm", "a change")
        (repository / "ours" / "old.py").unlink()

        with run_ab(Path("ours/suite.toml"), "HEAD~1") as duel:
            found = judge(compare(duel.old, duel.new), duel.policy, "R@1", speeds=duel.speeds, notes=duel.notes)

        assert ["fail"] == [cell.outcome for cell in found.cells]
        (recorded,) = (path for path, _ in duel.new.record.plugin_hashes)
        assert str(repository / "ours" / "new.py") == recorded
        assert ["old.py"] == [Path(path).name for path, _ in duel.old.record.plugin_hashes]
        assert [] == left_behind(repository)

    @pytest.mark.slow
    def test_installed_of_the_revision(self, repository):
        """
        With an install command the revision runs from an environment of its own, which inherits the present one. A
        module at its top that is called like one of Python's is imported by none of what makes that environment.
        """
        (repository / "logging.py").write_text("raise SystemExit('a module of the revision ran')\n")
        (repository / "setup").mkdir()
        (repository / "setup" / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "mine-of-a-test"\nversion = "1"\n'
            '[project.entry-points."sparring.retrievers"]\nOld = "mine_of_a_test:Old"\n'
            '[tool.hatch.build.targets.wheel]\ninclude = ["mine_of_a_test.py"]\n'
        )
        (repository / "setup" / "mine_of_a_test.py").write_text(ENGINES + "class Old(Engine): pass\n")
        install = 'install = "pip install -q --no-index --no-deps --no-build-isolation ./setup"'
        commit(repository, "", '"Old()"', gate=install)
        commit(repository, "", '"Same()"', gate=install)

        with run_ab(Path("suite.toml"), "HEAD~1", plugins=[Path("mine.py")]) as duel:
            (old,) = duel.old.measurements

        assert ("Old()", "ok") == (old.retriever, old.status)
        assert ("installed of the revision: mine-of-a-test",) == duel.notes
        assert [] == left_behind(repository)


def test_files_of_the_revision(repository, tmp_path):
    """
    A file of the suite is the revision's: of the suite as it was, which may name others; one outside of the repository
    is the same for both, and one that the revision lacks is told.
    """
    (tmp_path / "shared.py").write_text(ENGINES)
    (repository / "ours").mkdir()
    suite = SUITE % ('"Same()"', "1s", "")
    named = 'plugins = ["../mine.py", "../../shared.py", "later.py"]\n'
    tree = tmp_path / "tree"
    for folder in (repository, tree):
        (folder / "ours").mkdir(parents=True, exist_ok=True)
        (folder / "mine.py").write_text(ENGINES)
        (folder / "ours" / "suite.toml").write_text(named + suite)
    moved = ab._Checkout(repository, tree)

    former = ab._former(moved, repository / "ours" / "suite.toml", "v1")
    (tree / "ours" / "suite.toml").write_text(suite)
    without = ab._former(moved, repository / "ours" / "suite.toml", "v1")

    expected = [tree / "mine.py", tmp_path / "shared.py"], [tree / "ours" / "later.py"]
    assert expected == ab._past_plugins(moved, former, [repository / "mine.py"])
    assert () == without.plugins


class TestRefusals:
    def test_a_revision_that_is_none(self, repository):
        """
        A revision that git does not know is named, with what to do.
        """
        commit(repository, "", '"Same()"')

        with pytest.raises(InputError, match=r"'nowhere', which names none.*fetch"):
            judged("nowhere")

    def test_a_folder_without_git(self, tmp_path):
        """
        A suite outside any repository is refused.
        """
        (tmp_path / "suite.toml").write_text(SUITE % ('"Same()"', "1s", ""))

        with (
            pytest.raises(InputError, match="expected the suite to lie in a git repository"),
            run_ab(tmp_path / "suite.toml", "HEAD"),
        ):
            pass

    @pytest.mark.slow
    def test_an_installation_of_nothing(self, repository):
        """
        An install command that leaves nothing in the environment is refused: both sides would run the same code.
        """
        commit(repository, "", '"Same()"', gate="install = \"python -c 'print(1)'\"")

        with pytest.raises(InputError, match="found nothing installed there: both sides would run the same code"):
            judged("HEAD")

        assert [] == left_behind(repository)

    @pytest.mark.parametrize(
        ("install", "said"),
        [
            (
                "python -c 'print(\"no wheel\"); raise SystemExit(3)'",
                "exit code 3; the last lines it printed:\nno wheel",
            ),
            ("no-such-program-at-all", "could not be installed: No such file"),
        ],
    )
    def test_an_installation_that_fails(self, repository, monkeypatch, install, said):
        """
        An install command that fails, or is none, ends the gate with what it printed.
        """
        monkeypatch.setattr(revision, "VENV", ("-c", "pass"))  # making an environment takes seconds
        commit(repository, "", '"Same()"', gate=f"install = {json.dumps(install)}")

        with pytest.raises(InputError, match=said):
            judged("HEAD")

        assert [] == left_behind(repository)

    @pytest.mark.slow
    def test_the_working_tree_compared_with_itself(self, repository, monkeypatch):
        """
        A revision's side that imports tracked files of the working tree is refused: it would be the same code twice.
        """
        (repository / "shared_code.py").write_text("value = 1\n")
        commit(repository, "import shared_code\n", '"Same()"')
        monkeypatch.setenv("PYTHONPATH", str(repository))

        with pytest.raises(InputError, match=r"shared_code\.py of the working tree imported: say how it is installed"):
            judged("HEAD")

        assert [] == left_behind(repository)

    @pytest.mark.slow
    def test_the_working_tree_imported_late(self, repository, monkeypatch):
        """
        So is one whose adapters import them while they search: that happens in a process of its own.
        """
        (repository / "shared_code.py").write_text("value = 1\n")
        late = ENGINES.replace("        hits = no_hits", "        import shared_code\n        hits = no_hits")
        commit(repository, "", '"Same()"')
        (repository / "mine.py").write_text(late)
        git(repository, "commit", "-qam", "late")
        monkeypatch.setenv("PYTHONPATH", str(repository))

        with pytest.raises(InputError, match=r"shared_code\.py of the working tree imported: say how it is installed"):
            judged("HEAD")

        assert [] == left_behind(repository)

    def test_nothing_of_the_revision(self, repository, tmp_path):
        """
        Where nothing of the revision would run, both sides are the same: that is refused, not passed.
        """
        commit(repository, "", '"Same()"')
        elsewhere = tmp_path / "mine.py"
        elsewhere.write_text(ENGINES)

        with (
            pytest.raises(InputError, match=r"expected something of HEAD to run, found nothing .*\[gate\] install"),
            run_ab(Path("suite.toml"), "HEAD", plugins=[elsewhere]),
        ):
            pass

        assert [] == left_behind(repository)

    def test_two_sets_of_one_content(self, repository):
        """
        Two passage sets with the same content are refused by name: their cells could not be told apart.
        """
        write_set(repository / "twin")
        commit(repository, "", '"Same()"')
        suite = (repository / "suite.toml").read_text()
        (repository / "suite.toml").write_text(suite.replace('["./zoo"]', '["./zoo", "./twin"]'))

        with pytest.raises(InputError, match=r"zoo and .*twin with one content"):
            judged("HEAD")

        assert [] == left_behind(repository)

    def test_a_suite_that_cannot_be_read_there(self, repository):
        """
        A broken suite at the revision is said with the revision's name.
        """
        commit(repository, "", '"Same()"')
        (repository / "suite.toml").write_text("name = 3")
        git(repository, "commit", "-qam", "broken")
        (repository / "suite.toml").write_text(SUITE % ('"Same()"', "1s", ""))

        with pytest.raises(InputError, match=r"^HEAD: suite .*name"):
            judged("HEAD")

    @pytest.mark.slow
    def test_a_cell_that_the_working_tree_cannot_spell(self, repository):
        """
        A misspelled cell of the working tree is an error, and no cell that is gone.
        """
        commit(repository, "", '"Same()"')
        (repository / "suite.toml").write_text(SUITE % ('"Same()", "Sane()"', "1s", ""))

        with pytest.raises(InputError, match=r"the working tree: .*Sane"):
            judged("HEAD")

        assert [] == left_behind(repository)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped(repository, stop):
    """
    Ctrl-C, what a CI job is stopped with, and a closed terminal leave no worktree, no folder and no process.
    """
    commit(repository, "", '"Same()"', "60s")
    code = (
        f"import tempfile; tempfile.tempdir = {str(repository.parent / 'scratch')!r}\n"
        "import typer; from bench.commands.gate import gate; typer.run(gate)"
    )
    command = [sys.executable, "-P", "-c", code, "suite.toml", "--ab", "HEAD", "--plugin", "mine.py"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
    )
    scratch = repository.parent / "scratch"
    while process.poll() is None and not list(scratch.glob("*/runs/new/samples/search-*")):
        time.sleep(0.02)

    process.send_signal(stop)
    _, errors = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "stopped; the checkout is removed" in errors
    assert [] == left_behind(repository)


def test_a_side_is_told_what_an_older_one_knows(tmp_path):
    """
    Of a suite only what is not left at its default is told: a side of an older Sparring knows no newer key.
    """
    job = ab._job(SAME, tmp_path, [])

    assert {"name", "passages", "measures", "primary", "limits", "cells"} == set(job.suite)
    assert Gate(budget="1s") == SAME.gate
