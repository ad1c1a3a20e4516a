"""What a deployment takes, held to a script that does the same."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.stage import process
from bench.stage.child import Allowed
from bench.stage.job import Job
from retrievers.registry import installed, parse
from tests.helpers.places import PLUGINS
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

CLOSE = 0.05
QUERIES = 50
TIME = shutil.which("time", path="/usr/bin:/bin")
# ten lines of a user's, whose answers nobody times
SCRIPT = """
import json, sys
from pathlib import Path
from retrievers.{encoder_module} import {encoder}
from retrievers.storages.{storage_module} import {storage}
encoder, storage = {encoder}({option}), {storage}()
encoder.load(Path("encoder"))
storage.load(Path("storage"))
for query in json.loads(Path("queries").read_text())[:50]:
    storage.search(encoder.encode([query], "query"), 10)
"""
# a parent that is small: on Linux a child's ru_maxrss begins with its parent's
SMALL_PARENT = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
print("Maximum resident set size (kbytes):", os.wait4(child, 0)[2].ru_maxrss, file=sys.stderr)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="exact accounts are Linux's")


def maximum_resident(script: str, folder: Path) -> int:
    """What the system says that a script took at most, in bytes."""
    (folder / "script.py").write_text(script)
    measured = [TIME, "-v"] if TIME else [sys.executable, "-I", "-S", "-c", SMALL_PARENT]
    done = subprocess.run(
        [*measured, sys.executable, "-P", "script.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    return int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)[1]) * 1024


def deployed(folder: Path, encoder: str, storage: str) -> int | None:
    """What the stage says, of the same saved parts."""
    job = Job(
        stage="deploy",
        encoder=encoder,
        storage=storage,
        entries=tuple((e.group, e.name, e.target, e.package) for e in installed().entries.values()),
        queries=str(folder / "queries"),
        encoder_folder=str(folder / "encoder"),
        storage_folder=str(folder / "storage"),
        sample=tuple(range(QUERIES)),
        result=str(folder / "work" / "result.json"),
    )
    result = process.run(job, folder / "work", Allowed(1, 8 * 10**9, 120))
    assert ("ok", "") == (result.status, result.reason)
    return result.deployment_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "encoder_module", "storage", "storage_module"),
    [
        ("BM25()", "encoders.lexical", "CSR()", "csr"),
        ('BiEncoder("all-MiniLM-L6-v2")', "encoders.biencoder", "Flat()", "flat"),
    ],
)
def test_a_deployment_takes_what_a_script_takes(
    tmp_path, monkeypatch, encoder, encoder_module, storage, storage_module
):
    """
    The bytes of a deployment lie within 5 % of what the system tells of a script of ten lines that does the same.
    """
    if "BiEncoder" in encoder and importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("needs sentence-transformers, of the extra `dense`")
    for name in process.THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    tiny = tiny_set(n_passages=200, n_queries=QUERIES)
    (tmp_path / "queries").write_bytes(msgspec.json.encode(tiny.queries))
    pair = parse(f"{encoder} @ {storage}", installed())
    pair.index(tiny.passages)
    for part, name in ((pair.encoder, "encoder"), (pair.storage, "storage")):
        (tmp_path / name).mkdir()
        part.save(tmp_path / name)
    name, _, option = encoder.removesuffix(")").partition("(")
    script = SCRIPT.format(
        encoder=name,
        option=option,
        encoder_module=encoder_module,
        storage=storage.removesuffix("()"),
        storage_module=storage_module,
    )

    told = maximum_resident(script, tmp_path)

    assert pytest.approx(told, rel=CLOSE) == deployed(tmp_path, encoder, storage)


@pytest.mark.slow
def test_once_a_cell(tmp_path, monkeypatch):
    """
    A cell that is timed is deployed once, however many rounds it has, an engine and what cannot be saved too.
    """
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    cells = suite("Constant() @ Exact()", "Constant() @ Unsaved()", "Scan()", rounds=2, modes=("single",))

    found = run(cells, tmp_path / "run")

    sizes = [cell.deployment_bytes for cell in found.values()]
    assert [True] * 3 == [size is not None and 10**7 < size < 10**9 for size in sizes]
    assert 3 == sum(stage.task.startswith("deploy") for stage in journal(tmp_path / "run"))


@pytest.mark.slow
def test_what_cannot_be_deployed(tmp_path, monkeypatch):
    """
    Parts that work alone and not in one process keep their figures; what a deployment takes is unknown, and is flagged.
    """
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    takes = PLUGINS / "takes.py"
    cells = suite("Crowding() @ Lonely()", modes=("single",))

    cell = run(cells, tmp_path / "run", known=registry(takes), plugins=[takes])["Crowding() @ Lonely()"]

    assert ("ok", None) == (cell.status, cell.deployment_bytes)
    expected = "memory: its deployment was not weighed: failed: RuntimeError: not alone"
    assert 1 == len([flag for flag in cell.flags if flag.startswith(expected)])
    assert cell.single is not None
