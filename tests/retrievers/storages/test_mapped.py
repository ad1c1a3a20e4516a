"""Memory-mapped storages: served under a limit below their size, and weighed by what is resident of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from bench.records.schema import Memory, StageResult
from bench.run import weights
from bench.stage import cgroup
from retrievers.storages.codecs.mapping import mapped_array, mapped_file
from tests.benchmarks.mapped import Case, dense, holds, served

MB = 10**6
FORGOTTEN = Memory(private=3 * MB, private_file=2 * MB, shared=0, peak=None, peak_above_start=None, source="known")


def rounds(**facts):
    """One round of serving a storage of 500 MB of which 3 MB are resident."""
    return [StageResult(stage="search", status="ok", ledger={"vectors": 500 * MB}, load_memory=FORGOTTEN, facts=facts)]


def test_a_mapped_storage_is_no_contradiction():
    """
    Of mapped files less may be resident than the ledger says: that is told, and not withheld. So where nobody can tell
    what is mapped.
    """
    measured = {"memory_mapped": 1, "mapped_bytes": 500 * MB, "mapped_resident_bytes": 2 * MB}
    unknown, _ = weights.footprint(rounds(memory_mapped=1), None, "storage")

    weight, flags = weights.footprint(rounds(**measured), None, "storage")

    assert [] == flags
    assert FORGOTTEN == weight.resident == unknown.resident


@pytest.mark.parametrize("facts", [{}, {"memory_mapped": 0}, {"memory_mapped": None}])
def test_a_loaded_one_is(facts):
    """
    Who does not say that it maps its files has to hold its ledger.
    """
    weight, flags = weights.footprint(rounds(**facts), None, "storage")

    assert weight.resident is None
    assert [
        "ledger: resident growth of the storage, 3,000,000 bytes, lies below its ledger of 500,000,000: withheld"
    ] == flags


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are exact on Linux only")
def test_serving_more_than_the_limit(tmp_path):
    """
    A mapped storage of twice its memory limit serves the very hits of brute force under a control group where one can
    be made, and under RLIMIT_DATA; its pages are seen as a file's. Loaded instead, it has no room.
    """
    case = Case("Flat()", "Flat(mmap=True)", lambda: dense(350_000, 384))

    grouped, by_data, loaded = served(case, tmp_path)

    assert [True] * 3 == [holds([case], found) for found in (grouped, by_data, loaded)]
    with cgroup.memory_cgroup(MB) as group:
        expected = group.version if group else "rlimit-data"
    assert [expected, "rlimit-data"] == [grouped.result.limited_by, by_data.result.limited_by]
    memory = by_data.result.load_memory
    assert memory.private_file + memory.shared >= 0.98 * 2 * by_data.limit
    assert memory.private - memory.private_file < 0.1 * by_data.limit


@pytest.mark.parametrize("array", [np.arange(6, dtype=np.float32).reshape(2, 3), np.empty((0, 3), np.uint8)])
def test_mapped_arrays(tmp_path, array):
    """
    A mapped array is the one that was saved, also one without a number, and cannot be written to.
    """
    np.save(tmp_path / "array.npy", array)

    found = mapped_array(tmp_path / "array.npy")

    assert np.array_equal(array, found)
    assert array.dtype == found.dtype
    assert type(found) is np.ndarray
    assert not found.flags.writeable


def test_mapped_files(tmp_path):
    """
    A mapped file shows its bytes.
    """
    (tmp_path / "file").write_bytes(b"abc")

    assert b"abc" == mapped_file(tmp_path / "file")[:]
