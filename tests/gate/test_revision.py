"""A revision checked out beside the working tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.gate.revision import toplevel, worktree


def git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    command = ["git", "-C", str(folder), *own, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    """A git repository of one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "one").write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_other_worktrees_stay(repository, tmp_path):
    """
    A worktree of the user's own that is away for the moment (a disk that is not mounted) is not forgotten.
    """
    git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "away"))
    (tmp_path / "away").rename(tmp_path / "elsewhere")

    with worktree(repository, "HEAD") as tree:
        assert (tree / "one").is_file()

    assert not tree.exists()
    assert 2 == len(git(repository, "worktree", "list").splitlines())


def test_no_hook_runs(repository, tmp_path):
    """
    A hook of the user's repository is for the user's own checkouts: none runs.
    """
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    hook.chmod(0o755)

    with worktree(repository, "HEAD") as tree:
        assert (tree / "one").is_file()

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"])
def test_inside_a_hook(repository, tmp_path, monkeypatch, variable):
    """
    What git sets for its hooks would name another repository than the suite's: it counts nothing.
    """
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    paths = {"GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / "none", "GIT_PREFIX": "x/"}
    monkeypatch.setenv(variable, str(paths[variable]))

    with worktree(toplevel(repository), "HEAD") as tree:
        found = (tree / "one").read_text()

    assert "1" == found
    assert not (other / "none").exists()
