"""What of the machine and the software a record holds."""

from __future__ import annotations

import shutil

import pytest

import bench
from bench.instruments import environment, processor
from tests.helpers.places import ROOT

PACKAGES = ("bench", "retrievers")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Both packages copied elsewhere, as if Sparring ran from there."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    return tmp_path


@pytest.mark.slow
def test_the_hash_of_the_code_follows_every_file(copied):
    """
    The hash differs as soon as any Python file of either package differs, and is the same again when it does not.
    """
    whole = environment.code_sha256(*PACKAGES)
    paths = [path for package in PACKAGES for path in (copied / package).rglob("*.py")]
    hashes = {whole}

    for path in paths:
        code = path.read_bytes()
        path.write_bytes(code + b"#")
        hashes.add(environment.code_sha256(*PACKAGES))
        path.write_bytes(code)

    assert len(hashes) == 1 + len(paths)
    assert whole == environment.code_sha256(*PACKAGES)
    assert len(list((ROOT / "bench").rglob("*.py"))) + len(list((ROOT / "retrievers").rglob("*.py"))) == len(paths)


def test_a_file_that_comes_or_moves_counts(copied):
    """
    A new file, empty as it may be, and one under another name are other code.
    """
    hashes = [environment.code_sha256("bench")]
    (copied / "bench" / "one_more.py").touch()
    hashes.append(environment.code_sha256("bench"))
    (copied / "bench" / "one_more.py").rename(copied / "bench" / "renamed.py")
    hashes.append(environment.code_sha256("bench"))

    assert len(set(hashes)) == 3


def test_the_hash_of_nothing_is_an_error(copied):
    """
    A package without code is an error: its hash would be the same for ever.
    """
    shutil.rmtree(copied / "retrievers")

    with pytest.raises(RuntimeError, match=r"retrievers: expected the code of retrievers, found no Python file"):
        environment.code_sha256(*PACKAGES)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout: these files are not in a git repository")
def test_the_checkout_is_told():
    """
    In a checkout a record names its commit, and whether files have changed since.
    """
    found = environment.collect()

    assert (40, True) == (len(found.commit or ""), isinstance(found.dirty, bool))


def test_the_processor_is_told(monkeypatch):
    """
    A record has the processor's generation, caches, governor and clock beside its name, and the CPUs that may be used.
    """
    monkeypatch.setattr(processor, "caches", lambda: {"L2": 1024})
    monkeypatch.setattr(processor, "governor", lambda: "powersave")
    monkeypatch.setattr(processor, "mhz", lambda: 800.0)

    found = environment.collect()

    assert ({"L2": 1024}, "powersave", 800.0) == (found.caches, found.governor, found.mhz)
    assert (processor.stepping(), processor.affinity()) == (found.cpu_stepping, found.affinity)
