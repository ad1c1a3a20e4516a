"""New adapters: what a package begins as, and that it passes its own CI where nothing but the core is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import InputError
from bench.scaffold import create as new
from bench.scaffold.create import LONGEST, Kind, create, package_of
from retrievers.registry import Entry, Registry
from tests.helpers.places import ROOT

NAMES = {
    Kind.ENCODER: "Trigrams",
    Kind.STORAGE: "HalfFloats",
    Kind.RETRIEVER: "SharedWords",
    Kind.ANALYSER: "CamelCase",
}


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("Trigrams", "sparring-trigrams"),
        ("SharedWords", "sparring-shared-words"),
        ("HTTPIndex", "sparring-http-index"),
        ("BM25L", "sparring-bm25l"),
        ("BM25MyIndex", "sparring-bm25-my-index"),
    ],
)
def test_package_of(name, package):
    """
    A package is called sparring- and the words of the class, in lower case.
    """
    assert package == package_of(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trigrams", "found 'trigrams'. Did you mean Trigrams?"),
        ("my_index", "found 'my_index'. Did you mean MyIndex?"),
        ("class", "found 'class'. Did you mean Class?"),
        ("2nd", "found '2nd'. Did you mean Nd?"),
        ("../Up", "found '../Up'. Did you mean Up?"),
        ("", "found ''"),
        ("Ähnlich", "found 'Ähnlich'. Did you mean Ahnlich?"),
        ("L" * (LONGEST + 1), f"Did you mean {'L' * LONGEST}?"),
        ("None", "found 'None', which Python uses"),
        ("Exception", "found 'Exception', which Python uses"),
        ("Hits", "found 'Hits', which the code that it begins with uses"),
        ("Check", "found 'Check', which the code that it begins with uses"),
    ],
)
def test_refused_names(name, said, tmp_path):
    """
    A name that cannot be a class's own is refused, with the nearest that could, and nothing is made.
    """
    with pytest.raises(InputError, match=re.escape(said)):
        create(Kind.RETRIEVER, name, tmp_path / "new", Registry())

    assert [] == list(tmp_path.iterdir())


def test_taken_name(tmp_path):
    """
    A name that a package has already, in whichever group, is refused, and the package named.
    """
    registry = Registry()
    registry.add(Entry("storages", "Trigrams", "theirs:Trigrams", "their-package"))

    with pytest.raises(InputError, match="found 'Trigrams', which is one of the storages of package 'their-package'"):
        create(Kind.ENCODER, "Trigrams", tmp_path / "new", registry)


def test_existing_folder(tmp_path):
    """
    A folder that is there is never written to, even when it is empty.
    """
    with pytest.raises(InputError, match="expected nothing there, found a folder"):
        create(Kind.ENCODER, "Trigrams", tmp_path, Registry())

    assert [] == list(tmp_path.iterdir())


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    """
    Where the last step fails nothing of the package is left, and the message says where.
    """

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)

    with pytest.raises(InputError, match=r"new: expected to make it, found .*No space left on device"):
        create(Kind.ENCODER, "Trigrams", tmp_path / "new", Registry())

    assert [] == list(tmp_path.iterdir())


def test_file_in_the_way(tmp_path):
    """
    A folder inside a file cannot be made, and the message says so.
    """
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="file/new: expected to make it, found "):
        create(Kind.ENCODER, "Trigrams", tmp_path / "file" / "new", Registry())


@pytest.mark.parametrize("name", ["A", "L" * LONGEST])
@pytest.mark.parametrize("kind", Kind)
def test_formatted(kind, name, tmp_path):
    """
    Short names and long ones give code that is formatted and without a remark by its own settings, nothing unfilled.
    """
    create(kind, name, tmp_path / "new", Registry())

    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert 8 == len(texts)
    assert [] == [found for text in texts for found in re.findall(r"@\w+@", text)]
    for command in (("check",), ("format", "--check")):
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache"],
            cwd=tmp_path / "new",
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_command(sparring, tmp_path):
    """
    The command makes the folder, named after the class or as asked, and prints what to type next.
    """
    first = sparring("new", "encoder", "Trigrams", cwd=tmp_path)
    second = sparring("new", "analyser", "CamelCase", "-o", "my own/folder", cwd=tmp_path)

    assert [
        "cd sparring-trigrams && pip install -e '.[test]'",
        "pytest && sparring check 'Trigrams()'",
        "sparring run suite.toml",
    ] == first.stdout.splitlines()[:3]
    assert second.stdout.startswith("cd 'my own/folder' && pip install")
    assert (tmp_path / "sparring-trigrams" / "src" / "sparring_trigrams" / "__init__.py").is_file()
    assert (tmp_path / "my own" / "folder" / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (None, None),
        ('{"url": "file:///home/me/my%20code", "dir_info": {"editable": true}}', "/home/me/my code"),
        (
            '{"url": "file:///tmp/sparring-0.1.0-py3-none-any.whl", "archive_info": {}}',
            "/tmp/sparring-0.1.0-py3-none-any.whl",
        ),
        (
            '{"url": "https://example.org/sparring-0.1.0.tar.gz", "archive_info": {}}',
            "https://example.org/sparring-0.1.0.tar.gz",
        ),
        (
            '{"url": "https://example.org/sparring", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "git+https://example.org/sparring@abc",
        ),
    ],
)
def test_where_sparring_came_from(recorded, expected, monkeypatch):
    """
    Where Sparring came from no package index, what `pip install` takes to get it elsewhere is told.
    """

    class Recorded:
        def read_text(self, name: str) -> str | None:
            return recorded if name == "direct_url.json" else None

    monkeypatch.setattr(new.metadata, "distribution", lambda name: Recorded())

    assert expected == new.origin()


def test_steps_that_get_sparring(monkeypatch, tmp_path):
    """
    The printed steps end with how to get Sparring into another environment, where no index has it.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new, "origin", lambda: "/home/me/my code")

    printed = CliRunner().invoke(app, ["new", "encoder", "Trigrams"]).stdout.splitlines()

    assert "# where sparring is not installed yet, first: pip install '/home/me/my code'" == printed[-1]


def test_command_refuses(sparring, tmp_path):
    """
    A name in lower case ends the command with one message and code 2.
    """
    ended = sparring("new", "encoder", "trigrams", cwd=tmp_path)

    assert 2 == ended.returncode
    assert ended.stderr.startswith("sparring: new encoder: expected the name of a class such as Trigrams")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A way to run a line of a shell in a fresh environment that has nothing but the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("fresh")
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARRING_DATA")}
    kept |= {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "MYPY_CACHE_DIR": str(folder / "mypy"),  # of all kinds, so that numpy's types are read once
        "SPARRING_CACHE": str(folder / "cache"),
    }

    def run(line: str, cwd: Path) -> str:
        """What it printed; it ended well."""
        ended = subprocess.run(
            ["bash", "-ec", line], cwd=cwd, env=kept, capture_output=True, text=True, timeout=300, check=False
        )
        assert 0 == ended.returncode, f"{line}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    run(f"'{sys.executable}' -m hatchling build -t wheel -d '{folder / 'wheel'}'", ROOT)
    run(f"'{sys.executable}' -m venv --without-pip '{folder}'", folder)
    run(f"'{sys.executable}' -m pip --python bin/python install --quiet --no-compile pip wheel/*.whl", folder)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_own_ci(kind, fresh, tmp_path):
    """
    A new package of each kind passes every step of its own CI file in a fresh environment: it is installed there, is
    formatted and typed, keeps the contract, is listed, and has its row in the table of its suite.
    """
    name = NAMES[kind]
    package = tmp_path / package_of(name)
    fresh(f"sparring new {kind} {name}", tmp_path)
    steps = re.findall(r"- run: (.+)", (package / ".github" / "workflows" / "test.yml").read_text())

    assert 7 == len(steps)
    for step in steps:
        # One round of one mode is enough to see that it runs.
        fresh(step + (" --rounds 1 --mode single -o out" if step.startswith("sparring run") else ""), package)

    listed = json.loads(fresh("sparring retrievers --json", package))
    assert [str(kind)] == [row["kind"] for row in listed if row["package"] == package.name]
    rows = json.loads(fresh("sparring table out --json", package))
    (row,) = [row for row in rows if f"{name}()" in row["retriever"]]
    assert "ok" == row["status"]
    assert row["R@10"] > 0.5
