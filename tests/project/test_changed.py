"""Which tests `make check` runs."""

from __future__ import annotations

import subprocess

import pytest

from tests.helpers.places import ROOT
from tests.project.changed import ALWAYS, PAGES, changed, selected

ROOMS = ("bench", "retrievers")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("bench/instruments/latency.py", ["tests/instruments"]),
        ("bench/run/suites/first.toml", ["tests/run"]),
        ("bench/report/tables/trainings.py", ["tests/report", "tests/training/test_training.py"]),
        ("bench/gate/speed.py", ["tests/gate", "tests/statistics/test_sequential_speed.py"]),
        ("bench/cli.py", ["tests/commands"]),
        ("bench/errors.py", ["tests/test_errors.py", "tests/commands"]),
        (
            "bench/commands/compare.py",
            ["tests/project/test_docs.py", "tests/report/test_comparison.py"],
        ),
        ("retrievers/storages/search/kernels.py", ["tests/retrievers/storages"]),
        ("retrievers/conformance/hits.py", ["tests/retrievers/test_conformance.py"]),
        ("retrievers/analysers/words.py", ["tests/retrievers/test_analysers.py"]),
        ("retrievers/plugin.py", ["tests/retrievers/test_contract.py", "tests/retrievers/test_registry.py"]),
        ("tests/statistics/test_paired.py", ["tests/statistics/test_paired.py"]),
        ("tests/helpers/disks.py", ["tests/training/test_training_refused.py", "tests/stage/test_faults.py"]),
        ("datasets/primer.toml", ["tests/passages", *PAGES]),
        ("results/README.md", ["tests/report/test_table.py", *PAGES]),
        (".github/workflows/test.yml", ["tests/gate/test_ci_files.py"]),
    ],
)
def test_a_change_has_its_tests(file, expected):
    """
    A change in a wing has the wing's tests and those elsewhere that import its module, one in a test that test; the
    rules of the house are held always.
    """
    assert {*expected, *ALWAYS} <= set(selected([file]))


def test_what_no_test_reads():
    """
    A change that no test can see has the rules of the house alone.
    """
    assert set(ALWAYS) == set(selected(["LICENSE"]))


@pytest.mark.parametrize("file", ["tests/plugins/known.py", "tests/conftest.py", "tests/data/splade.toml", "Makefile"])
def test_what_all_tests_use(file):
    """
    What tests of any wing may read has all tests.
    """
    assert ["tests"] == selected([file])


def test_a_folder_holds_its_files():
    """
    A test file is not named beside its folder: pytest would run it twice.
    """
    found = selected(["bench/statistics/paired.py", "tests/statistics/test_paired.py"])

    assert "tests/statistics" in found
    assert [] == [path for path in found if path.startswith("tests/statistics/")]


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_has_tests(package):
    """
    Whatever module changes, there are tests for it beside those of the house.
    """
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")]
    without = [file for file in files if set(selected([file])) == set(ALWAYS)]

    assert [] == without


def test_what_has_changed(tmp_path):
    """
    Changed are files that differ from the last commit, staged or not, and new ones that git does not ignore.
    """
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for name in ("same.py", "edited.py", "staged.py"):
        (tmp_path / name).write_text("1")
    (tmp_path / ".gitignore").write_text("ignored.py")
    for arguments in (("init", "-q"), ("add", "."), (*own, "commit", "-qm", "first")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    for name in ("edited.py", "staged.py", "new file.py", "ignored.py"):
        (tmp_path / name).write_text("2")
    subprocess.run(["git", "add", "staged.py"], cwd=tmp_path, check=True)

    assert {"edited.py", "staged.py", "new file.py"} == set(changed(tmp_path))
