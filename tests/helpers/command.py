"""A command of the command line: in this process, or ended in another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from click.testing import Result
from typer.testing import CliRunner

SPARRING = (sys.executable, "-P", "-c", "from bench.cli import main; main()")  # a process of its own


def call(command: Callable[..., None], *arguments: object) -> Result:
    """Its exit code and output; what it raises is raised."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def said(ended: subprocess.CompletedProcess[str]) -> str:
    """What a refused command said on stderr, on one line; that it was refused as it should be."""
    assert 2 == ended.returncode, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "" == ended.stdout
    return " ".join(ended.stderr.split())


def ran(*command: object, cwd: Path, **environment: str) -> str:
    """What a command printed, that ended well; no variable leads Python back to the checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARRING_DATA")}
    ended = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return ended.stdout
