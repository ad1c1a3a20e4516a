"""The command: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from bench import cli
from bench.passages.loader import Columns
from bench.run.suite import Suite

# At start


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    """
    `--help` of the command, and of each of its commands, imports no numpy and nothing that is slower.
    """
    program = """
import sys
from bench.cli import app
for command in ("run", "table", "datasets", "retrievers", "export", "calibrate", None):
    try:
        app([*([command] if command else []), "--help"])
    except SystemExit as end:
        assert end.code == 0
heavy = {"numpy", "scipy", "pandas", "sklearn", "torch", "faiss", "msgspec", "psutil", "ir_measures"}
sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert 7 == ended.stdout.count("Usage: ")


def test_help_is_whole():
    """
    In 80 columns no command's line is cut, and `run --help` names every default that a suite has.
    """
    usual = Suite(name="usual", passages=(), cells=())
    values = {name: str(getattr(usual, name)) for name in ("rounds", "threads", "seed")}
    values |= {"queries": f"{usual.queries} are timed", "mode": " and ".join(usual.modes)}
    values |= {"idle": f"{usual.limits.idle:g}", "memory": usual.limits.memory}

    listed = CliRunner().invoke(cli.app, ["--help"], terminal_width=78).stdout  # what the command leaves of 80
    told = {option.name: option.show_default for option in get_command(cli.app).commands["run"].params}

    _, _, lines = listed.partition("Commands:\n")
    assert len(get_command(cli.app).commands) == len(lines.splitlines())
    assert [] == [line for line in lines.splitlines() if line.endswith("...")]
    assert {name: f"{value}, or the suite's" for name, value in values.items()} == {name: told[name] for name in values}
    assert (Columns().text, Columns().language) == (told["text"], told["language"])


# What there is


def test_datasets(sparring, tmp_path):
    """
    `datasets` lists every card, for people and as JSON, with whether its files are at hand.
    """
    ended = sparring("datasets", "--json", cwd=tmp_path)

    sets = {row["name"]: row for row in json.loads(ended.stdout)}
    assert {"language": "en", "passages": 150, "queries": 495, "at_hand": True}.items() <= sets["primer"].items()
    assert not sets["scifact"]["at_hand"]
    assert all(row["licence"] for row in sets.values())
    listed = sparring("datasets", cwd=tmp_path)
    assert [] == [row["title"] for row in sets.values() if row["title"] not in listed.stdout]
    assert listed.stderr.startswith("Files are looked for in the folders of SPARRING_DATA (not set) and in /")
    assert listed.stderr.endswith("/data.\n")


def test_retrievers(sparring, engines, tmp_path):
    """
    `retrievers` lists what can be spelled with its options, a plug-in's adapters with their file.
    """
    ended = sparring("retrievers", "--json", "--plugin", engines, cwd=tmp_path)

    rows = {row["spelling"].partition("(")[0]: row for row in json.loads(ended.stdout)}
    assert "BM25(k1=0.9, b=0.4" == rows["BM25"]["spelling"][:18]
    assert ("encoder", "sparring") == (rows["BM25"]["kind"], rows["BM25"]["package"])
    assert ("retriever", "Same(last=False)") == (rows["Same"]["kind"], rows["Same"]["spelling"])
    assert str(engines) == rows["Same"]["package"]


def test_an_error_of_ours(monkeypatch, capsys):
    """
    What is no one's mistake but ours has its traceback and a code of its own: 1 is the gate's word.
    """

    def broken(**_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert 70 == ended.value.code
    assert "RuntimeError: a mistake of ours" in capsys.readouterr().err


def test_version(sparring, tmp_path):
    """
    `--version` is the installed distribution's.
    """
    assert f"sparring {metadata.version('sparring')}\n" == sparring("--version", cwd=tmp_path).stdout
