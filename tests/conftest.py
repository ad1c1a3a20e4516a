"""What several tests share: a tiny passage set, a cache of its own, and the command as a process."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # There are as many workers as cores, so each computes with one. Before torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

os.environ.pop("COLUMNS", None)  # tables are as wide as in a pipe, whatever shell the tests are started from

import numpy as np
import pytest

from bench.passages.loader import load
from bench.run import runner
from bench.run.suite import Limits
from tests.helpers.command import ran
from tests.helpers.gated import exact_and_half
from tests.helpers.places import KNOWN, PLUGINS, ROOT
from tests.helpers.run_folders import Folders, cell
from tests.helpers.server import serving
from tests.helpers.tiny import registry, suite
from tests.helpers.zoo import write_set

PROCESSES = {
    "sparring",
    "ring",
    "wheel",
    "primer_run",
}  # fixtures that start the command, make a run, or build the wheel
LONGEST = (
    "tests/run/test_resume.py",
    "tests/training/",
    "tests/retrievers/test_conformance.py",
    "tests/scaffold/",
    "tests/gate/",
    "tests/stage/",
)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    What starts the command as a process is slow, whichever test comes first and pays for what they share.

    The longest come first: at the end one worker would be left with them, and the other with nothing.
    """
    for item in items:
        if PROCESSES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and no folder of data."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPARRING_CACHE", str(folder))
    monkeypatch.delenv("SPARRING_DATA", raising=False)
    return folder


@pytest.fixture
def data(cache) -> Path:
    """The cache's data folder."""
    return cache / "data"


@pytest.fixture
def alone(cache, monkeypatch):
    """A cache of the test's own, no folder of data, and no proxy between."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The cache of the hub's client, empty."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def no_network(monkeypatch):
    """The hub cannot be reached."""
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)


@pytest.fixture
def server():
    """A web server on this machine, that answers as a test tells it."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def engines():
    """A file of engines that cost nothing."""
    return PLUGINS / "engines.py"


@pytest.fixture
def zoo(tmp_path):
    """A BEIR folder of four passages, three queries and their judgments."""
    return write_set(tmp_path / "zoo")


@pytest.fixture
def book(tmp_path, monkeypatch):
    """
    A SQuAD-style file of 30 articles in the present folder: a paragraph is some words, a question is other words for
    three of them, which only training can tell.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    rng = random.Random(3)
    data = []
    for article in range(30):
        paragraphs = []
        for paragraph in range(2):
            words = rng.sample(range(20), 5)
            asked = [" ".join(f"ask{w}" for w in rng.sample(words, 3)) for _ in range(3)]
            paragraphs.append(
                {
                    "context": " ".join(f"tell{w}" for w in words) + f" {article}-{paragraph}",
                    "qas": [
                        {"id": f"{article}-{paragraph}-{n}", "question": text, "answers": []}
                        for n, text in enumerate(asked)
                    ],
                }
            )
        data.append({"title": f"article {article}", "paragraphs": paragraphs})
    (tmp_path / "book.json").write_text(json.dumps({"data": data}))
    return tmp_path


@pytest.fixture(scope="session")
def sparring(tmp_path_factory):
    """The command as a process of its own, run in a folder; its caches are the test session's."""
    home = tmp_path_factory.mktemp("cache")

    def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "SPARRING_DATA"}
        return subprocess.run(
            [sys.executable, "-P", "-c", "from bench.cli import main; main()", *map(str, arguments)],
            cwd=cwd,
            env=environment | {"SPARRING_CACHE": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def ring(tmp_path_factory, sparring):
    """
    A real run of two retrievers on the tiny set, once for all tests that read it: never written to.

    The folder `out` beside the passage set `zoo`; `arguments` are those that made it, `finished` how it ended.
    """
    folder = tmp_path_factory.mktemp("ring")
    write_set(folder / "zoo")
    arguments = ("run", "Constant() @ Spin(0.01)", "BM25() @ Unsaved()", "--passages", "./zoo", "--plugin", KNOWN)
    arguments = (*arguments, "--rounds", 1, "--queries", 20, "-o", "out")
    return Ring(folder, arguments, sparring(*arguments, cwd=folder))


class Ring:
    """A finished run: where, by what, and how it ended."""

    def __init__(self, folder: Path, arguments: tuple[object, ...], finished: subprocess.CompletedProcess[str]) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.arguments = arguments
        self.finished = finished


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture
def folders(tmp_path):
    """Run folders on the tiny set, written by hand."""
    return Folders(tmp_path)


@pytest.fixture
def moved(folders):
    """Two runs on a BEIR folder of three queries: of the second the first hit goes, the third is not judged alike."""
    collection = write_set(folders.root / "zoo")
    folders.passage_set = load(str(collection))
    zoo = {"passages": [str(collection)]}
    known = cell(passage_set="zoo", n_queries=3, passage_set_sha256=folders.passage_set.sha256)
    old = folders.run("old", known, values={"nDCG@10": np.array([1.0, 1.0, 0.5])}, rows=[[0], [1], [3]], **zoo)
    new = folders.run("new", known, values={"nDCG@10": np.array([1.0, 0.0, 1.0])}, rows=[[0], [0], [2]], **zoo)
    return old, new


@pytest.fixture(scope="session")
def primer_run(tmp_path_factory):
    """A run of a sparse pair, a dense one and an engine on primer, with its cache."""
    folder = tmp_path_factory.mktemp("explained")
    chosen = suite(
        *("BM25() @ CSR()", "Constant() @ Exact()", "RankBM25()"),
        passages="primer",
        rounds=2,
        modes=("single",),
        limits=Limits(seconds=60.0, memory="4GB"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(folder / "cache"))
        command = ("sparring", "run", "--passages", "primer")
        runner.run(chosen, [load("primer")], folder / "run", registry(), plugins=[KNOWN], command=command)
    return folder


@pytest.fixture(scope="session", name="ran")
def _exact_and_half(tmp_path_factory):
    """A run of an exact and of an approximate retriever, for the gate to judge; never written to."""
    return exact_and_half(tmp_path_factory.mktemp("ran"))


@pytest.fixture
def other(ran, tmp_path):
    """A copy of that run, to be changed."""
    return shutil.copytree(ran, tmp_path / "other")
