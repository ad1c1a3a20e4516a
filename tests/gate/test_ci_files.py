"""The files by which other people's CI runs the gate: GitHub's action and workflow, and GitLab's job."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.actions import ACTION, SHELL, action_steps, content, ran
from tests.helpers.places import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "sparring.yml"
GITLAB = ROOT / ".gitlab" / "sparring.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# A command that writes down how it was called; `sparring run` ends with $RUN_CODE.
STUB = """#!/bin/sh
{ printf '%s\\037' "${0##*/}" "$@"; echo; } >> "$CALLS"
[ "$1" != run ] || exit "${RUN_CODE:-0}"
"""
REPORTS = "--markdown sparring-gate/summary.md --junit sparring-gate/junit.xml"
ODD = "a b$(touch hit)`touch hit`;touch hit;'\"*"  # what a shell must not read


def gitlab_steps(**variables: str) -> list[tuple[str, dict[str, str]]]:
    """The same of GitLab's job."""
    job = content(GITLAB)[".sparring"]
    assert set(variables) <= set(job["variables"])
    return [(script, job["variables"] | variables) for script in job["script"]]


@pytest.fixture
def stubs(tmp_path):
    """A folder with a `sparring` and a `python` that write down how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "work").mkdir()
    for name in ("sparring", "python"):
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    return folder


def called(
    steps: list[tuple[str, dict[str, str]]], stubs: Path, code: int = 0, shell: tuple[str, ...] = SHELL
) -> tuple[int, list[list[str]]]:
    """The exit code of the first step that failed, or 0, and every command that was called, in order."""
    calls = stubs.parent / "calls"
    folder = stubs.parent / "work"
    for script, variables in steps:
        ended = ran(script, variables | {"CALLS": str(calls), "RUN_CODE": str(code)}, folder, stubs, shell)
        if ended.returncode:
            break
    assert not (folder / "hit").exists()
    lines = calls.read_text().splitlines() if calls.exists() else []
    short = [line.replace(str(stubs.parent / "runner") + "/", "") for line in lines]
    return ended.returncode, [line.split("\037")[:-1] for line in short]


def strings(value: object) -> Iterator[tuple[str, str]]:
    """Every (key, text) of a file, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [(str(key), inner)] if isinstance(inner, str) else strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from [("", inner)] if isinstance(inner, str) else strings(inner)


class TestLint:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("schema", "paths"),
        [
            (("vendor.github-actions",), [ACTION]),
            (("vendor.github-workflows",), WORKFLOWS),
            (("custom.github-workflows-require-timeout",), WORKFLOWS),
            (("vendor.gitlab-ci", "--data-transform", "gitlab-ci"), [GITLAB]),
        ],
    )
    def test_schemas(self, schema, paths):
        """
        Action, workflows and GitLab's job are as their published schemas say, and every job has a time limit.
        """
        pytest.importorskip("check_jsonschema")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, *map(str, paths)]

        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        assert 0 == ended.returncode, ended.stdout + ended.stderr

    def test_security(self):
        """
        zizmor, offline, finds nothing in action and workflows: no injection, no excess permission, no kept credential.
        """
        program = Path(sys.executable).with_name("zizmor")
        if not program.exists():
            pytest.skip("zizmor is not installed: pip install zizmor")
        options = ("--offline", "--no-progress", "--quiet", "--strict-collection")

        command = [str(program), *options, "--format", "plain", "action.yml", ".github/workflows"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

        assert 0 == ended.returncode, ended.stdout + ended.stderr

    @pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
    def test_no_script_is_made_of_inputs(self, path):
        """
        No script holds an expression: what a user gives reaches the shell as a variable alone.
        """
        assert [] == [text for key, text in strings(content(path)) if key == "run" and "${{" in text]

    @pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
    def test_only_actions_of_github(self, path):
        """
        No action of a third party is used: GitHub's own by major version, and ours.
        """
        used = [text for key, text in strings(content(path)) if key == "uses"]

        assert [] == [one for one in used if not re.fullmatch(r"actions/[\w-]+@v\d+|\./\.sparring-action", one)]

    def test_permissions(self):
        """
        The reusable workflow may read the repository, and nothing else.
        """
        workflow = content(WORKFLOW)

        assert {} == workflow["permissions"]
        assert {"contents": "read"} == workflow["jobs"]["gate"]["permissions"]

    def test_the_workflow_hands_on_every_input(self):
        """
        The reusable workflow has the action's inputs and defaults, save where Sparring comes from, and hands on all.
        """
        action, workflow = content(ACTION), content(WORKFLOW)
        inputs = workflow[True]["workflow_call"]["inputs"]  # YAML 1.1 reads the key `on` so
        handed = workflow["jobs"]["gate"]["steps"][-1]["with"]

        assert set(action["inputs"]) - {"sparring"} == set(handed)
        assert {name: f"${{{{ inputs.{name} }}}}" for name in handed} == handed
        assert {name: action["inputs"][name].get("default") for name in handed} == {
            name: inputs[name].get("default") for name in handed
        }


class TestAction:
    def test_install(self, stubs):
        """
        Sparring is installed of the action's own version, then the user's package by the user's command.
        """
        install, _ = action_steps(suite="s.toml", install="python setup && python again")

        code, calls = called([install], stubs)

        assert 0 == code
        assert ["-m", "pip", "install", "--disable-pip-version-check", str(ROOT)] == calls[0][1:]
        assert [["python", "setup"], ["python", "again"]] == calls[1:]

    def test_another_sparring(self, stubs):
        """
        What pip installs Sparring from may be named.
        """
        install, _ = action_steps(suite="s.toml", sparring="sparring==1; touch hit")

        _, (call,) = called([install], stubs)

        assert "sparring==1; touch hit" == call[-1]

    def test_reference(self, stubs):
        """
        With a reference the suite is run, the run is kept as a reference in the report, and is held to the reference.
        """
        _, gate = action_steps(suite="s.toml", reference="ref", plugins="a.py\nb c.py\n", arguments="--strict")

        code, calls = called([gate], stubs)

        assert 0 == code
        assert [
            "sparring run -o sparring-run --plugin a.py --plugin b c.py -- s.toml",
            "sparring gate --accept --reference sparring-gate/reference -- sparring-run",
            f"sparring gate --reference ref {REPORTS} --strict -- sparring-run",
        ] == [" ".join(call) for call in calls]
        assert "report=" in (stubs.parent / "runner" / "output").read_text()

    def test_revision(self, stubs):
        """
        With a revision both sides are measured by the gate.
        """
        _, gate = action_steps(suite="s.toml", ab="origin/main", plugins="a.py")

        _, calls = called([gate], stubs)

        assert [f"sparring gate --ab origin/main --plugin a.py {REPORTS} -- s.toml"] == [
            " ".join(call) for call in calls
        ]

    @pytest.mark.parametrize("inputs", [{}, {"reference": "ref", "ab": "main"}])
    def test_neither_or_both(self, stubs, inputs):
        """
        A reference or a revision has to be named, and one of them alone.
        """
        _, gate = action_steps(suite="s.toml", **inputs)

        assert (2, []) == called([gate], stubs)

    def test_a_failed_cell_is_the_gates_to_judge(self, stubs):
        """
        A run in which a cell failed (3) is judged by the gate; one that never began (2) ends the step.
        """
        _, gate = action_steps(suite="s.toml", reference="ref")

        judged, calls = called([gate], stubs, code=3)
        (stubs.parent / "calls").unlink()
        refused, few = called([gate], stubs, code=2)

        assert (0, 3) == (judged, len(calls))
        assert (2, 1) == (refused, len(few))

    def test_odd_inputs(self, stubs):
        """
        Whatever an input holds is handed on as it is; no shell reads it.
        """
        _, gate = action_steps(suite=ODD, reference=ODD, plugins=f"{ODD}\n-x", arguments=ODD)

        code, calls = called([gate], stubs)

        assert 0 == code
        assert ["--plugin", ODD, "--plugin", "-x", "--", ODD] == calls[0][4:]
        assert ["--reference", ODD] == calls[2][2:4]
        assert ODD == calls[2][-3]


class TestGitLab:
    @pytest.mark.parametrize("shell", [SHELL, ("sh", "-e")], ids=["bash", "sh"])
    def test_the_same_commands(self, stubs, shell):
        """
        GitLab's job calls what GitHub's action calls, in bash and in a plain shell, options in whatever order.
        """
        given = {"reference": f"ref {ODD}", "plugins": "a.py\nb c.py", "arguments": "--strict"}
        names = {"reference": "SPARRING_REFERENCE", "plugins": "SPARRING_PLUGINS", "arguments": "SPARRING_ARGUMENTS"}
        others = {names[name]: value for name, value in given.items()}

        _, action = called(action_steps(suite="s.toml", sparring="x", **given), stubs)
        (stubs.parent / "calls").unlink()
        code, gitlab = called(gitlab_steps(SPARRING="x", SPARRING_SUITE="s.toml", **others), stubs, shell=shell)

        assert 0 == code
        assert 4 == len(gitlab)
        assert [sorted(call) for call in action] == [sorted(call) for call in gitlab]

    def test_revision(self, stubs):
        """
        With a revision both sides are measured by the gate.
        """
        _, gate = gitlab_steps(
            SPARRING="x", SPARRING_SUITE="s.toml", SPARRING_AB="origin/main", SPARRING_PLUGINS="a.py"
        )

        _, calls = called([gate], stubs, shell=("sh", "-e"))

        assert [f"sparring gate {REPORTS} --ab origin/main --plugin a.py -- s.toml"] == [
            " ".join(call) for call in calls
        ]

    @pytest.mark.parametrize("variables", [{}, {"SPARRING_REFERENCE": "ref", "SPARRING_AB": "main"}])
    def test_neither_or_both(self, stubs, variables):
        """
        A reference or a revision has to be named, and one of them alone; and where Sparring comes from.
        """
        install, gate = gitlab_steps(SPARRING_SUITE="s.toml", **variables)

        assert (2, []) == called([gate], stubs, shell=("sh", "-e"))
        assert called([install], stubs)[0] > 0

    def test_the_report(self):
        """
        GitLab is given JUnit's XML, and the report's folder also of a job that failed.
        """
        artifacts = content(GITLAB)[".sparring"]["artifacts"]

        assert {
            "when": "always",
            "paths": ["sparring-gate"],
            "reports": {"junit": "sparring-gate/junit.xml"},
        } == artifacts
