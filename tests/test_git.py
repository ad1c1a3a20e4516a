"""Git as the harness calls it."""

from __future__ import annotations

import subprocess

import pytest

from bench.errors import InputError
from bench.git import git, text


@pytest.fixture
def repository(tmp_path):
    """A repository of one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a file").write_text("one")
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "."), (*own, "commit", "-qm", "first")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def test_what_it_prints_is_bytes(repository):
    """
    What a command printed comes as bytes, for names that are no text; its exit code is the caller's to read.
    """
    listed, missing = git(repository, "ls-files", "-z"), git(repository, "rev-parse", "--verify", "-q", "nowhere")

    assert (0, b"a file\0") == (listed.returncode, listed.stdout)
    assert (1, "") == (missing.returncode, text(missing.stdout))


def test_what_a_hook_sets_names_no_other_repository(repository, tmp_path, monkeypatch):
    """
    Inside a hook git's variables name the hook's repository: a command is of the folder that it was asked for.
    """
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert str(repository) == text(git(repository, "rev-parse", "--show-toplevel").stdout)


def test_no_program_of_the_users_is_started(repository, tmp_path):
    """
    A monitor of files that the user's settings name is not run.
    """
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch '{tmp_path / 'ran'}'\n")
    monitor.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(monitor)], cwd=repository, check=True)

    found = git(repository, "status", "--porcelain")

    assert (0, b"", False) == (found.returncode, found.stdout, (tmp_path / "ran").exists())


def test_a_machine_without_git(repository, monkeypatch):
    """
    Where git is not installed that is said, with the folder it was wanted for.
    """
    monkeypatch.setenv("PATH", str(repository))

    with pytest.raises(InputError, match=r"repository: expected git to be installed, found: No such file"):
        git(repository, "status")
