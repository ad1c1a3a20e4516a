"""What an adapter runs on, and what is its own."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from types import ModuleType

from bench.stage import runtime
from bench.stage.job import Job

FOLDER = "/lib/python3/site-packages"


def job(*entries: tuple[str, str, str, str], storage: str = "Mine()") -> Job:
    return Job(stage="build", storage=storage, entries=entries, result="")


def module(name: str, folder: str = FOLDER) -> ModuleType:
    """A module whose file lies in a folder."""
    made = ModuleType(name)
    made.__file__ = f"{folder}/{name}.py"
    return made


def imported(*names: str) -> dict[str, ModuleType]:
    return {name: module(name) for name in names}


def test_libraries_in_order():
    """
    A part runs on the modules of installed distributions that were imported, in that order; not on Python's own, ours
    or those of its file.
    """
    found = imported("numpy", "bench.errors", "retrievers.contract", "pandas", "__main__", "sparring_plugin_mine")
    found["json"] = module("json", "/lib/python3")

    told = runtime.modules(job(("storages", "Mine", "/home/me/mine.py:Mine", "/home/me/mine.py")), found)

    assert ("numpy", "pandas") == told


def test_an_adapters_own_package():
    """
    The package of an adapter that the job spells is its own, also the package of one that it nests; another's is not.
    """
    entries = (
        ("storages", "Mine", "mine.parts:Mine", "mine-package"),
        ("storages", "Nested", "nested:Nested", "nested-package"),
        ("storages", "Other", "other:Other", "other-package"),
    )

    told = runtime.modules(job(*entries, storage="Mine(Nested())"), imported("mine", "mine.parts", "nested", "other"))

    assert ("other",) == told


def test_a_distribution_is_one(monkeypatch):
    """
    Whatever a distribution installs beside the package of its adapter is the adapter's own.
    """

    class Distribution:
        files = (Path("mine/__init__.py"), Path("_mine_data.py"), Path("mine-1.dist-info/RECORD"))

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())

    told = runtime.modules(job(("storages", "Mine", "mine:Mine", "mine")), imported("mine", "_mine_data", "numpy"))

    assert ("numpy",) == told


def test_modules_that_are_none():
    """
    What has no file, and what is no module at all, is left out and asked nothing.
    """

    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("was asked")

    found = imported("numpy") | {"lazy": Lazy("lazy"), "nothing": None, "number": 3}

    assert ("numpy",) == runtime.modules(job(), found)
