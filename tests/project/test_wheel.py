"""The wheel: what is in it, and that it works where nothing but it and its dependencies is."""

from __future__ import annotations

import json
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.helpers.command import ran
from tests.helpers.places import ROOT

SUITE = """
name = "smallest"
passages = ["primer"]
measures = ["R@10"]
primary = "R@10"
baseline = "BM25() @ CSR()"
rounds = 1
queries = 20
modes = ["single"]
[[cells]]
encoders = ["BM25()"]
storages = ["CSR()"]
"""


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of commands of a fresh environment: the wheel is installed, its dependencies are lent by this one."""
    folder = tmp_path_factory.mktemp("environment")
    ran(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    commands = folder / "bin"
    python = commands / "python"
    ran(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-index", "--no-deps", wheel),
        cwd=folder,
    )
    own = Path(ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A folder named in a .pth comes last, and no .pth inside it is read: the editable install stays unknown.
    lent = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (own / "lent.pth").write_text("".join(f"{path}\n" for path in lent))
    return commands


def test_members(wheel):
    """
    Every member lies under bench/, retrievers/ or the wheel's own dist-info; the sets and suites that ship are there.
    """
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.partition("/")[0] for name in names}
    assert {"bench", "retrievers", *(top for top in tops if top.endswith(".dist-info"))} == tops
    assert 3 == len(tops)
    expected = {f"bench/{path.relative_to(ROOT)}" for path in (ROOT / "datasets").rglob("*") if path.is_file()}
    expected |= {str(path.relative_to(ROOT)) for path in (ROOT / "bench").rglob("*.toml")}
    assert {"bench/datasets/primer.toml", "bench/run/suites/first.toml"} <= expected
    assert set() == expected - set(names)
    assert [] == [name for name in names if name.startswith("bench/datasets/") and name.endswith((".py", ".pyc"))]


@pytest.mark.slow
def test_help(installed, tmp_path):
    """
    The installed command says what it does.
    """
    assert "Sparse and dense retrievers" in ran(installed / "sparring", "--help", cwd=tmp_path)


def test_shipped_sets(installed, tmp_path):
    """
    The installed package finds the sets that ship inside itself, and nothing of the checkout.
    """
    program = (
        "import retrievers; from bench.passages import cards as c; print(c.__file__, retrievers.__file__, c.shipped())"
    )

    places = ran(installed / "python", "-c", program, cwd=tmp_path).split()

    assert [True] * 3 == [Path(place).is_relative_to(installed.parent) for place in places]


@pytest.mark.slow
def test_smallest_suite(installed, tmp_path):
    """
    The installed command runs a suite on the set that ships.
    """
    (tmp_path / "smallest.toml").write_text(SUITE)

    cache = str(tmp_path / "cache")

    ran(installed / "sparring", "run", "smallest.toml", "-o", "out", cwd=tmp_path, SPARRING_CACHE=cache)

    (row,) = json.loads(ran(installed / "sparring", "table", "out", "--json", cwd=tmp_path))
    assert ("ok", "primer", "BM25() @ CSR()") == (row["status"], row["passage_set"], row["retriever"])
    assert row["R@10"] > 0.5
