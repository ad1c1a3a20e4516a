"""The steps of GitHub's action, and a step as its runner runs it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.helpers.places import ROOT

ACTION = ROOT / "action.yml"
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # as GitHub's runner starts `shell: bash`


def content(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def action_steps(**inputs: str) -> list[tuple[str, dict[str, str]]]:
    """The script of each step of the action, in order, and its variables, as GitHub makes them from the inputs."""
    action = content(ACTION)
    given = {name: one.get("default", "") for name, one in action["inputs"].items()}
    assert set(inputs) <= set(given)
    given |= inputs
    found = []
    for step in action["runs"]["steps"]:
        if "run" in step:
            named = {name: re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value) for name, value in step["env"].items()}
            found.append((step["run"], {name: given[match[1]] for name, match in named.items()}))
    return found


def ran(
    script: str, variables: Mapping[str, str], folder: Path, bin_folder: Path, shell: tuple[str, ...] = SHELL
) -> subprocess.CompletedProcess[str]:
    """A step's script, run in a folder with its variables, and commands of a folder first on PATH."""
    temporary = folder.parent / "runner"
    temporary.mkdir(exist_ok=True)
    file = temporary / "script.sh"
    file.write_text(script)
    runner = {
        "RUNNER_TEMP": str(temporary),
        "GITHUB_OUTPUT": str(temporary / "output"),
        "GITHUB_ACTION_PATH": str(ROOT),
    }
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*shell, str(file)],
        cwd=folder,
        env={**os.environ, "PATH": path} | runner | dict(variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
