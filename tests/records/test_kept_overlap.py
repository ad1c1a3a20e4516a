"""Word overlap as a run folder keeps it."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.records import kept_overlap, run_folder
from bench.records.kept_overlap import overlap_file, read_overlap, write_overlap
from tests.helpers.tiny import tiny_set

SHARES = np.array([0.25, np.nan, 1.0])


@pytest.fixture
def kept(tmp_path):
    """A set of three judged queries, and its overlap in a folder."""
    passage_set = tiny_set(5, 3)
    (tmp_path / "sets").mkdir()
    write_overlap(tmp_path, passage_set, SHARES)
    return passage_set


def test_it_is_read_as_it_was_written(tmp_path, kept):
    """
    The shares of every judged query come back, unknown ones as such; of a set that has none there is none.
    """
    found = read_overlap(tmp_path, kept)

    assert (np.float64, [0.25, 1.0]) == (found.dtype, found[[0, 2]].tolist())
    assert math.isnan(found[1])
    assert read_overlap(tmp_path, tiny_set(name="other")) is None


def test_that_of_other_judgments_is_none(tmp_path, kept):
    """
    What was kept of other texts or judgments under the same name does not count.
    """
    assert read_overlap(tmp_path, msgspec.structs.replace(kept, sha256="other")) is None


@pytest.mark.parametrize(
    "arrays",
    [
        {"overlap": SHARES[:2]},
        {"overlap": SHARES * 2},
        {"overlap": SHARES - 1},
        {"overlap": SHARES.astype(np.float32)},
        {"overlap": np.array(["a", "b", "c"])},
        {"overlap": np.full(3, np.inf)},
        {},
    ],
)
def test_damaged_arrays_are_named(tmp_path, kept, arrays):
    """
    Shares of another number of queries, beyond 0 to 1, of another type, or none: the file is named.
    """
    np.savez(overlap_file(tmp_path, "tiny"), passage_set_sha256=np.array(kept.sha256), **arrays)

    with pytest.raises(InputError, match=r"sets/tiny\.overlap\.npz: expected a share for each of 3 judged queries"):
        read_overlap(tmp_path, kept)


def test_a_damaged_file_is_named(tmp_path, kept):
    """
    A file that is no archive, or whose arrays are objects, is refused by name.
    """
    overlap_file(tmp_path, "tiny").write_bytes(b"PK damaged")
    with pytest.raises(InputError, match=r"sets/tiny\.overlap\.npz: expected the word overlap of every judged query"):
        read_overlap(tmp_path, kept)
    np.savez(overlap_file(tmp_path, "tiny"), overlap=np.array([{}], object))
    with pytest.raises(InputError, match="holds objects"):
        read_overlap(tmp_path, kept)


def test_it_is_withheld_with_the_judgments(tmp_path, kept):
    """
    While children run there is none in the folder, as it tells of judgments; afterwards it is there again.
    """
    before = overlap_file(tmp_path, "tiny").read_bytes()

    with pytest.raises(KeyboardInterrupt), run_folder.judgments_withheld(tmp_path, [kept]):  # noqa: PT012
        seen = [path.name for path in (tmp_path / "sets").iterdir()]
        raise KeyboardInterrupt

    assert ["tiny.json"] == seen
    assert before == overlap_file(tmp_path, "tiny").read_bytes()
    assert kept_overlap.OVERLAP in np.load(overlap_file(tmp_path, "tiny")).files
