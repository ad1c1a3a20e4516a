"""What a shell completes: asked by a real bash, with the function that the command gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bench.commands import completion
from tests.helpers.places import ROOT

STORAGES = ("COO", "CSC", "CSR", "Faiss", "Flat", "Packed", "Usearch")
# As bash calls the function at a press of Tab: the words so far, the last one begun.
ASK = r"""
eval "$(_SPARRING_COMPLETE=source_bash sparring)"
ask() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _sparring_completion sparring
  echo "${COMPREPLY[*]}"
}
ask sparring da
ask sparring run --passages prim
ask sparring datasets scifact-
ask sparring run fir
ask sparring run '"BM25() @ CS'
ask sparring table --format mark
ask sparring show --pa
ask sparring run --plugin
ask sparring plot fron
ask sparring import bm25.run --passages scifact-
"""


@pytest.fixture
def bash(tmp_path):
    """Bash, with this command on its path."""
    found = shutil.which("bash") or pytest.skip("no bash")
    command = tmp_path / "bin" / "sparring"
    command.parent.mkdir()
    program = "import sys; sys.argv[0] = 'sparring'; from bench.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "{program}" "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    def run(script: str) -> list[str]:
        ended = subprocess.run(
            [found, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        assert "" == ended.stderr
        return ended.stdout.splitlines()

    return run


@pytest.mark.slow
def test_bash(bash):
    """
    Bash completes commands, options, passage sets, suites, formats, and within quotes the adapters of a spelling.
    """
    assert [
        "datasets",
        "primer primer-ko",
        "scifact-train",
        "first",
        "BM25() @ CSC() BM25() @ CSR()",
        "markdown",
        "--passages",
        "--plugin",
        "frontier",
        "scifact-train",
    ] == [line.replace("\t", " ") for line in bash(ASK)]


@pytest.mark.slow
def test_what_would_be_installed(bash):
    """
    --show-completion prints the function that --install-completion installs.
    """
    lines = bash("sparring --show-completion bash 2>/dev/null || _SPARRING_COMPLETE=source_bash sparring")

    assert "complete -o default -F _sparring_completion sparring" in lines


@pytest.mark.parametrize(
    ("line", "incomplete", "expected"),
    [
        ('sparring run "B', "B", ["BM25()", "BiEncoder()"]),
        ('sparring run "Tf', "Tf", [f"TfIdf() @ {storage}()" for storage in STORAGES]),
        ('sparring run "BM25()', "BM25()", [f"BM25() @ {storage}()" for storage in STORAGES]),
        ("sparring run 'Rank", "Rank", ["RankBM25()"]),
        ('sparring run "BM25()@P', "BM25()@P", ["BM25()@Packed()"]),
        ('sparring run "BM25(k1=1.2) @ Fl', "BM25(k1=1.2) @ Fl", ["BM25(k1=1.2) @ Flat()"]),
        ('sparring run "BM25() @ Rank', "BM25() @ Rank", []),
        ('sparring run "x', "x", []),
        ("sparring run BM", "BM", []),
        ('sparring run "a" BM', "BM", []),
    ],
)
def test_spellings(monkeypatch, line, incomplete, expected):
    """
    Within quotes encoders and engines are completed, behind an encoder storages; without quotes a shell would take the
    parentheses.
    """
    monkeypatch.delenv("_TYPER_COMPLETE_ARGS", raising=False)
    monkeypatch.setenv("COMP_WORDS", line)

    assert expected == completion.spellings(incomplete)


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [("CS", ["CSC()", "CSR()"]), ("BM", ["BM25()"]), ("Wo", ["Words()"]), ("BM25() @ CSR", ["BM25() @ CSR()"])],
)
def test_what_check_takes(monkeypatch, incomplete, expected):
    """
    An adapter of any kind is completed alone, and a pairing too.
    """
    monkeypatch.setenv("COMP_WORDS", f'sparring check "{incomplete}')

    assert expected == completion.adapters(incomplete)


def test_names():
    """
    Names are those that begin as it was begun, in order.
    """
    assert ["first", "frontier"] == completion.suites("f")
    assert ["temperatures", "towers"] == completion.recipes("t")
    assert ["squad", "squad-train"] == completion.datasets("squad")
    assert ["csv"] == completion.among(("markdown", "csv"))("c")
