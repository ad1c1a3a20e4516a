"""The raw times of a run folder, text to ids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.raw_times import are_on_disk, text_to_ids
from bench.errors import InputError
from bench.instruments.modes import Rounds, Settings
from bench.instruments.modes import text_to_ids as of_rounds
from bench.records.run_folder import Run
from tests.helpers.records import measurement, run_of

ENCODE = ([[10, 20], [30, 40]], [[1, 2]])  # of each round, passes of two queries
SEARCH = ([[5, 6]], [[7, 8], [9, 9]])


def run_folder(folder, encode=ENCODE, search=SEARCH, **changes) -> Run:
    """A cell of two rounds of two stages, whose files lie in a folder."""
    (folder / "samples").mkdir()
    files = {}
    for stage, rounds in (("query", encode), ("search", search)):
        for number, times in enumerate(rounds):
            files[f"{stage}-{number}"] = f"samples/{stage}-{number}.npz"
            np.savez(folder / "samples" / f"{stage}-{number}.npz", single=np.array(times, np.int64))
    return replace(run_of(measurement(files=files, **changes)), folder=folder)


def test_stages_are_added_up_as_the_harness_does(tmp_path):
    """
    Encode and search of each query are added up round by round, as far as both have passes: what the record is of.
    """
    run = run_folder(tmp_path)
    (m,) = run.measurements
    arrays = {"query": [np.array(times) for times in ENCODE], "search": [np.array(times) for times in SEARCH]}
    rounds = Rounds(
        samples=lambda stage, _: arrays[stage],
        cold_ms={},
        paired=True,
        whole="search",
        n_queries=2,
        settings=Settings(),
    )

    found = text_to_ids(run, m)

    assert [[[15, 26]], [[8, 10]]] == [times.tolist() for times in found]
    assert [times.tolist() for times in of_rounds(rounds)] == [times.tolist() for times in found]


def test_an_engine_has_one_stage(tmp_path):
    """
    The times of an engine are those of its search.
    """
    run = run_folder(tmp_path, encoder=None, storage=None)

    assert [SEARCH[0], SEARCH[1]] == [times.tolist() for times in text_to_ids(run, run.measurements[0])]


def test_other_times_of_the_same_files(tmp_path):
    """
    What the files do not hold is no times; what the record does not name is not on disk.
    """
    run = run_folder(tmp_path)
    (m,) = run.measurements

    assert [] == text_to_ids(run, m, "new")
    assert are_on_disk(run, m)
    assert not are_on_disk(run, measurement())
    (tmp_path / "samples" / "query-1.npz").unlink()
    assert not are_on_disk(run, m)
    with pytest.raises(InputError, match=r"query-1\.npz: expected raw times"):
        text_to_ids(run, m)


@pytest.mark.parametrize("search", [([[5, 6, 7]], [[7, 8]]), ([5, 6], [[7, 8]])])
def test_damaged_times_are_an_error(tmp_path, search):
    """
    Times of other queries in each stage, or of no passes, are damaged and are not added up.
    """
    run = run_folder(tmp_path, search=search)

    with pytest.raises(
        InputError, match=r"of the same queries in each stage, found arrays of shape .* they are damaged"
    ):
        text_to_ids(run, run.measurements[0])
