"""Plug-in files that a suite names: where they are looked for, and how a run records them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from bench.commands.run_options import RunOptions
from bench.errors import InputError
from bench.passages import loader
from bench.records import run_folder
from bench.run import runner
from bench.run import suite as suites
from bench.run.cells import make_cells
from retrievers.registry import PluginError
from tests.helpers.engines import ENGINE
from tests.helpers.zoo import SUITE as ZOO
from tests.helpers.zoo import write_set

SUITE = (
    ZOO
    + """plugins = [%s]
[[cells]]
retrievers = ["Mine()"]
"""
)
MINE = ENGINE + "class Mine(Engine): pass\n"
OTHER = ENGINE.replace("class Engine", "class Other")


@pytest.fixture
def project(tmp_path, monkeypatch, cache):
    """The present folder: a set, a suite in a folder beside its plug-in, another plug-in."""
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "zoo")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "mine.py").write_text(MINE)
    (tmp_path / "other.py").write_text(OTHER)
    written(tmp_path, '"mine.py"')
    return tmp_path


def written(folder: Path, plugins: str) -> None:
    (folder / "ours" / "suite.toml").write_text(SUITE % plugins)


def request(*plugins: Path, suite: str = "ours/suite.toml"):
    """What `run` and `plan` are asked for."""
    given = dict.fromkeys(RunOptions.__dataclass_fields__)
    return RunOptions(**given | {"what": [suite], "plugin": list(plugins)}).request()


def test_paths_are_relative_to_the_suites_own_file(project, monkeypatch):
    """
    Wherever the command is run, the file beside the suite is taken; it is told as seen from there.
    """
    found = [request().plugins]
    monkeypatch.chdir(project / "ours")
    (project / "ours" / "zoo").symlink_to(project / "zoo")
    found.append(request(suite="suite.toml").plugins)
    (project / "far").mkdir()
    monkeypatch.chdir(project / "far")
    (project / "far" / "zoo").symlink_to(project / "zoo")
    found.append(request(suite="../ours/suite.toml").plugins)

    assert [[Path("ours/mine.py")], [Path("mine.py")], [project / "ours" / "mine.py"]] == found


def test_the_command_line_adds_files(project):
    """
    --plugin adds to those of the suite; one that both name is there once, and adapters of both can be spelled.
    """
    asked = request(Path("other.py"), project / "ours" / "mine.py")

    assert [Path("ours/mine.py"), Path("other.py")] == asked.plugins
    assert {"Mine", "Other"} <= asked.registry.spelled()


def test_an_absolute_path(project):
    """
    A path that is whole is taken as it is.
    """
    written(project, f'"{project / "other.py"}", "../ours/mine.py"')

    assert [Path("other.py"), Path("ours/mine.py")] == request().plugins


@pytest.mark.slow
def test_they_are_recorded_as_those_of_the_command_line(project):
    """
    A run of a suite that names its file, and one of the same suite with --plugin, have the very same record, and the
    second goes on where the first ended.
    """
    asked = request()
    outcome = runner.run(asked.suite, asked.sets, project / "run", asked.registry, plugins=asked.plugins)
    first = run_folder.read(project / "run").record
    written(project, "")
    other = request(Path("ours/mine.py"))
    runner.run(other.suite, other.sets, project / "run", other.registry, plugins=other.plugins)
    second = run_folder.read(project / "run")

    assert ["ok"] == [m.status for m in outcome.measurements]
    assert (f"ours/mine.py sha256:{hashlib.sha256(MINE.encode()).hexdigest()}",) == first.plugins
    assert (first, 1) == (second.record, len(second.measurements))
    assert [] == first.suite["plugins"]


def test_a_cell_is_the_same_one(project):
    """
    Cells have the names in records and files that they have without the key.
    """
    suite = suites.load("ours/suite.toml")
    sets = [loader.load("./zoo")]
    keys = [
        make_cells(one, sets, request().registry)[0].key for one in (suite, msgspec.structs.replace(suite, plugins=()))
    ]

    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("plugins", "error", "said"),
    [
        ('"none.py"', PluginError, r"plug-in file .*/ours/none\.py: expected a Python file, found none"),
        ('"../ours"', InputError, r"plugins: expected Python files, relative to the suite's own, found '\.\./ours'"),
        ('"mine.txt"', InputError, r"plugins: expected Python files, relative to the suite's own, found 'mine\.txt'"),
        ('"a\\u0000.py"', InputError, r"plugins: expected Python files"),
        ("1", InputError, r"suite\.toml: Expected `str`, got `int` - at `\$\.plugins"),
    ],
)
def test_what_is_no_file_is_refused(project, plugins, error, said):
    """
    A file that is not there, and what is none of Python's, are named.
    """
    written(project, plugins)

    with pytest.raises(error, match=said):
        request()
