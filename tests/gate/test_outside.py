"""A repository outside this one gates its own retriever, as its CI would: by the action's steps, and by pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.actions import action_steps
from tests.helpers.actions import ran as step_ran
from tests.helpers.command import ran

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "ours-of-a-test"
version = "1"
dependencies = ["sparring"]
[project.entry-points."sparring.retrievers"]
Ours = "ours_of_a_test:Ours"
[tool.hatch.build.targets.wheel]
include = ["ours_of_a_test.py"]
"""
OURS = """
import numpy as np
from retrievers.contract import Spelled, no_hits

class Ours(Spelled):
    exact = True

    def index(self, passages):
        self.words = [set(passage.lower().split()) for passage in passages]

    def search(self, queries, k):
        hits = no_hits(len(queries), k)
        for row, query in enumerate(queries):
            scores = np.array([len(words & set(query.lower().split())) for words in self.words], np.float32)
            best = np.argsort(-scores, kind="stable")[:k]
            best = best[scores[best] > 0]
            hits.rows[row, : len(best)] = best
            hits.scores[row, : len(best)] = scores[best]
        return hits

    def save(self, folder):
        (folder / "words").write_text("\\n".join(" ".join(sorted(words)) for words in self.words))

    def load(self, folder):
        self.words = [set(line.split(" ")) for line in (folder / "words").read_text().split("\\n")]

    def ledger(self):
        return {"words": sum(map(len, self.words))}
"""
WORSE = OURS.replace("[:k]", "[1:k]")  # the best passage is lost
HEAVIER = OURS.replace("sum(map(len, self.words))", "1 + sum(map(len, self.words))")
INSTALL = "python -m pip install --quiet --no-deps --no-build-isolation ."
SUITE = f"""
name = "ours"
passages = ["primer"]
measures = ["R@10"]
primary = "R@10"
rounds = 1
queries = 20
modes = []
[[cells]]
retrievers = ["Ours()"]
[gate]
budget = "0.1s"  # one pair of rounds: too few to decide anything
install = "{INSTALL}"
"""
CELL = "suite.toml::primer: Ours()"


@dataclass(frozen=True)
class Outside:
    """A repository of somebody else's, and the environment that its CI runs in."""

    folder: Path
    commands: Path
    variables: dict[str, str]

    def acted(self, **inputs: str) -> tuple[int, str]:
        """The action's steps, in order: the exit code of the one that failed, or 0, and all that was printed."""
        printed = ""
        for script, variables in action_steps(suite="suite.toml", install=INSTALL, **inputs):
            ended = step_ran(script, self.variables | variables, self.folder, self.commands)
            printed += ended.stdout + ended.stderr
            if ended.returncode:
                break
        return ended.returncode, printed

    def tested(self, *arguments: str) -> tuple[int, str]:
        """pytest with its options: exit code, and what was printed."""
        command = [str(self.commands / "python"), "-m", "pytest", "-rfs", "--sparring", "suite.toml", *arguments]
        path = f"{self.commands}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path} | self.variables
        ended = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr

    def junit(self) -> dict[str, str]:
        """What the action's JUnit file says of each thing that was held to the reference: pass, failure, skipped."""
        cases = ET.parse(self.folder.parent / "runner" / "sparring-gate" / "junit.xml").iter("testcase")
        return {case.attrib["name"]: case[0].tag if len(case) else "pass" for case in cases}


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def outside(wheel, tmp_path_factory):
    """The repository with a reference that the action's own report brought; Sparring is installed from its wheel."""
    home = tmp_path_factory.mktemp("outside")
    ran(sys.executable, "-m", "venv", "--without-pip", home / "environment", cwd=home)
    commands = home / "environment" / "bin"
    own = Path(
        ran(commands / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip()
    )
    # Dependencies are lent by this environment, all but Sparring itself: pip would think it was installed.
    lent = home / "lent"
    lent.mkdir()
    for folder in dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib")):
        for path in Path(folder).iterdir():
            if not path.name.startswith(("sparring", "_sparring", "__editable__")) and path.suffix != ".pth":
                (lent / path.name).symlink_to(path)
    (own / "lent.pth").write_text(f"{lent}\n")
    variables = {"SPARRING_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1", "PIP_NO_INDEX": "1", "COLUMNS": "200"}
    variables |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(home / "summary.md"), "SPARRING": str(wheel)}
    folder = home / "repository"
    folder.mkdir()
    for name, text in (("pyproject.toml", PYPROJECT), ("ours_of_a_test.py", OURS), ("suite.toml", SUITE)):
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "ours")
    made = Outside(folder, commands, variables)
    code, printed = made.acted(sparring=str(wheel), reference="reference")
    assert (2, True) == (code, "expected a reference run, found none" in printed), printed
    shutil.copytree(home / "runner" / "sparring-gate" / "reference", folder / "reference")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "the first reference")
    return made


@pytest.mark.parametrize(
    ("code", "failed", "said"),
    [
        (OURS, None, "gate: pass - 1 cell; R@10 equal on 495 queries, bytes equal"),
        (WORSE, "R@10", "queries worse, "),
        (HEAVIER, "ledger_bytes", "bytes (+0."),
    ],
    ids=["pass", "quality", "bytes"],
)
def test_held_to_a_reference(outside, wheel, code, failed, said):
    """
    A change of answers fails for quality, one of weight for bytes, no change passes: by the action and by pytest.
    """
    (outside.folder / "ours_of_a_test.py").write_text(code)

    acted, printed = outside.acted(sparring=str(wheel), reference="reference")
    tested, report = outside.tested("--sparring-reference", "reference")

    assert int(failed is not None) == acted, printed
    assert said in printed
    assert ("::error title=Ours() on primer::" in printed) == (failed is not None)
    assert [failed] * (failed is not None) == [name for name, what in outside.junit().items() if what == "failure"]
    assert said in (outside.folder.parent / "summary.md").read_text()
    assert int(failed is not None) == tested, report
    assert said in report
    assert (f"FAILED {CELL} - {failed}" in report) == (failed is not None)


def test_beside_a_revision(outside, wheel):
    """
    With too small a budget the speed is undecided, which says so and fails nothing: by the action and by pytest.
    """
    (outside.folder / "ours_of_a_test.py").write_text(OURS)

    acted, printed = outside.acted(sparring=str(wheel), ab="HEAD~1")
    tested, report = outside.tested("--sparring-ab", "HEAD~1")

    assert 0 == acted, printed
    assert "gate: pass - 1 cell; R@10 equal on 495 queries, bytes equal, p50 undecided in 1 of 1 (budget: " in printed
    assert "skipped" == outside.junit()["single_p50_ms"]
    assert 0 == tested, report
    assert "primer: Ours(): undecided: single_p50_ms x" in report
