"""The word overlap of a run's sets, kept once its last child has ended."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.instruments.word_overlap import word_overlap
from bench.records import run_folder
from bench.records.kept_overlap import overlap_file, read_overlap
from bench.run import imported, word_overlaps
from bench.run.outside_run import OutsideRun
from bench.run.word_overlaps import keep
from tests.helpers.tiny import run, suite, tiny_set

CELL = "Constant() @ Exact()"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sets").mkdir()
    return tmp_path


def test_it_is_kept_once(folder):
    """
    What is kept of the same texts and judgments stays; of other judgments, or damaged, it is made anew.
    """
    passage_set = tiny_set(6, 4)
    path = overlap_file(folder, "tiny")

    keep([passage_set], folder)
    assert word_overlap(passage_set).tolist() == read_overlap(folder, passage_set).tolist()
    first = path.stat().st_mtime_ns
    keep([passage_set], folder)
    assert first == path.stat().st_mtime_ns

    path.write_bytes(b"damaged")
    keep([passage_set], folder)
    assert 4 == len(read_overlap(folder, passage_set))
    other = msgspec.structs.replace(passage_set, qrels={"q0": {"p1": 1}}, sha256="other")
    keep([other], folder)
    assert 1 == len(read_overlap(folder, other))


@pytest.mark.parametrize(
    "changes",
    [{"qrels": None}, {"passages": (), "queries": ()}, {"vectors": "some.hdf5"}, {"qrels": {}}],
    ids=["unjudged", "as a run keeps it", "vectors", "nothing judged"],
)
def test_what_has_none(folder, changes):
    """
    A set without judgments, without texts, or of vectors has no word overlap, and no file.
    """
    keep([msgspec.structs.replace(tiny_set(), **changes)], folder)

    assert [] == list((folder / "sets").iterdir())


def test_a_large_set_is_left_out_and_said(folder, monkeypatch):
    """
    A set whose analysis would take long is left out, which is said; one that takes a while is said too.
    """
    said = []
    monkeypatch.setattr(word_overlaps, "MOST_BYTES", 100)
    keep([tiny_set()], folder, said.append)
    monkeypatch.setattr(word_overlaps, "MOST_BYTES", 10_000)
    monkeypatch.setattr(word_overlaps, "WORTH_SAYING", 100)

    assert [] == list((folder / "sets").iterdir())
    keep([tiny_set()], folder, said.append)
    assert overlap_file(folder, "tiny").is_file()
    assert ["tiny: no word overlap", "tiny: word overlap of queries"] == [
        line[:n] for line, n in zip(said, (21, 29), strict=True)
    ]


def test_an_imported_run_has_it_where_there_are_texts(tmp_path):
    """
    A run made elsewhere keeps the overlap of the set that it was scored on; one that is scored beside a run, whose
    texts are not kept, does not.
    """
    theirs = OutsideRun(name="theirs", origin="a.run", scores={"q0": {"p0": 1.0}})
    bare = msgspec.structs.replace(tiny_set(), passages=(), queries=())

    imported.import_runs([theirs], tiny_set(), 100, tmp_path / "whole")
    imported.import_runs([theirs], bare, 100, tmp_path / "bare")

    assert 20 == len(read_overlap(tmp_path / "whole", run_folder.read_set(tmp_path / "whole", "tiny")))
    assert not overlap_file(tmp_path / "bare", "tiny").exists()


@pytest.mark.slow
def test_a_run_keeps_it(tmp_path, monkeypatch):
    """
    A run has the overlap of its set when it ends, and that of other judgments once it has gone on with them.
    """
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "run"

    run(suite(CELL), home)
    assert word_overlap(tiny_set()).tolist() == kept_of(home).tolist()

    other = msgspec.structs.replace(tiny_set(), qrels={"q0": {"p7": 1}}, sha256="other")
    run(suite(CELL), home, other)
    assert [pytest.approx(word_overlap(other)[0])] == kept_of(home).tolist()
    assert kept_of(home)[0] < 1


def kept_of(home: Path) -> np.ndarray | None:
    return read_overlap(home, run_folder.read_set(home, "tiny"))
