"""Places that a run writes to and that are taken from it on its way: an end in words, with what to do."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.helpers.command import SPARRING

PLUGIN = """
import shutil
from pathlib import Path

import numpy as np
from retrievers.contract import Spelled


class Removes(Spelled):
    'Encodes, and takes a folder away with all that is in it.'

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def fit(self, passages):
        shutil.rmtree(self.folder)

    def encode(self, texts, role):
        return np.ones((len(texts), 2), np.float32)
"""


def ended(folder, *arguments, limit=""):
    """A command in a folder, under a limit of the shell's."""
    command = ["bash", "-c", f'{limit} exec "$@"', "bash", *SPARRING, *map(str, arguments)]
    environment = os.environ | {"SPARRING_CACHE": str(folder / "cache")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_a_run_folder_that_is_removed(tmp_path):
    """
    A run folder that goes while it is written to ends the run with 2, says what became of it, and is not half there.
    """
    (tmp_path / "mine.py").write_text(PLUGIN)

    done = ended(
        tmp_path,
        *("run", "--passages", "primer", f'Removes("{tmp_path / "out"}") @ Flat()', "BM25() @ CSR()"),
        *("--plugin", "mine.py", "--rounds", "1", "--mode", "single", "-o", "out"),
    )

    assert 2 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert "out: expected it to stay while it is written, found it gone" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_files_that_may_not_grow(tmp_path):
    """
    A limit on the size of files ends the run in words; without it the same command goes on.
    """
    asked = ("run", "--passages", "primer", "TfIdf() @ CSR()", "--rounds", "1", "--mode", "single", "-o", "out")

    stopped = ended(tmp_path, *asked, limit="ulimit -f 8;")
    done = ended(tmp_path, *asked)

    assert stopped.returncode in (2, 3), stopped.stderr
    assert "Traceback (most recent call last)" not in stopped.stderr
    assert "File too large" in stopped.stderr + stopped.stdout
    assert 0 == done.returncode, done.stderr
