"""What an adapter takes is its weight, wherever it takes it: held to 64 MiB over the same adapter without them."""

from __future__ import annotations

import sys

import msgspec
import pytest

from bench.records.schema import StageResult
from bench.stage import process
from bench.stage.child import Allowed
from bench.stage.job import Job
from tests.helpers.places import PLUGINS
from tests.helpers.tiny import registry

MIB = 2**20
TAKEN, CLOSE = 64 * MIB, 2 * MIB
TAKES = PLUGINS / "takes.py"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="exact accounts are Linux's")


@pytest.fixture
def search(tmp_path):
    """A search by an engine, in a child of its own, of one query that its warm-up does not ask."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "n").write_text("5")
    for name, texts in (("passages", ["a text"] * 5), ("queries", ["late"] * 3), ("warm", ["early"] * 3)):
        (tmp_path / name).write_bytes(msgspec.json.encode(texts))

    def searched(spelling: str, plugin=TAKES, **fields) -> StageResult:
        job = Job(
            stage="search",
            storage=spelling,
            engine=True,
            entries=tuple((e.group, e.name, e.target, e.package) for e in registry(plugin).entries.values()),
            passages=str(tmp_path / "passages"),
            queries=str(tmp_path / "queries"),
            warm=str(tmp_path / "warm"),
            hits=str(tmp_path / "hits" / "h.npz"),
            storage_folder=str(tmp_path / "engine"),
            result=str(tmp_path / "work" / "result.json"),
            n_passages=5,
            sample=(0, 1, 2),
            modes=("single",),
            round_seconds=0.01,
        )
        (tmp_path / "hits").mkdir(exist_ok=True)
        job = msgspec.structs.replace(job, **fields)
        result = process.run(job, tmp_path / "work", Allowed(1, 4 * 10**9, 60))
        assert ("ok", "") == (result.status, result.reason)
        return result

    return searched


@pytest.mark.slow
@pytest.mark.parametrize("when", ["prepare", "load", "process", "fork"])
def test_what_is_taken_before_the_first_query(search, when):
    """
    What an adapter takes when it is prepared or loaded, itself or in a process that it starts, is resident memory.
    """
    without, taken = (search(f'Takes("{when}", {nbytes})').load_memory for nbytes in (1, TAKEN))

    assert pytest.approx(TAKEN, abs=CLOSE) == taken.resident - without.resident


@pytest.mark.slow
def test_what_is_taken_at_import(search, tmp_path):
    """
    So is what the file of an adapter takes when it is imported.
    """
    source = TAKES.read_text(encoding="utf-8")
    greedy = tmp_path / "greedy.py"
    greedy.write_text(source.replace("\n\n\nclass", f"\n\nGREED = np.ones({TAKEN}, np.uint8)\n\n\nclass", 1))

    without, taken = search("Takes()").load_memory, search("Takes()", greedy).load_memory

    assert pytest.approx(TAKEN, abs=CLOSE) == taken.resident - without.resident


@pytest.mark.slow
def test_a_process_is_its_children_too(search):
    """
    Of the bytes in processes that it starts it is told that they are theirs; a fork counts what it has written to.
    """
    taken = [search(f'Takes("{when}", {TAKEN})').load_memory.children for when in ("process", "fork")]

    assert [pytest.approx(TAKEN, abs=8 * MIB)] * 2 == taken


@pytest.mark.slow
def test_what_is_taken_later(search):
    """
    What it takes once it is weighed is in the peak above that, and in what it kept of answering queries.
    """
    without, taken = (search(f'Takes("late", {nbytes})') for nbytes in (1, TAKEN))

    peaks = taken.timed_memory.peak_above_start - without.timed_memory.peak_above_start
    assert pytest.approx(TAKEN, abs=CLOSE) == peaks
    assert pytest.approx(TAKEN, abs=CLOSE) == taken.timed_memory.resident - without.timed_memory.resident
    assert pytest.approx(without.load_memory.resident, abs=CLOSE) == taken.load_memory.resident


@pytest.mark.slow
def test_libraries_are_no_weight(search, tmp_path):
    """
    What an adapter imports of other distributions weighs nothing once it is known: it is told apart.
    """
    source = TAKES.read_text(encoding="utf-8")
    large = tmp_path / "large.py"
    large.write_text(source.replace("import numpy as np\n", "import numpy as np\nimport pandas\n", 1))

    made = search("Takes()", large, stage="build", storage_folder=None, hits=None)
    known, unknown = (search("Takes()", large, runtime=modules) for modules in (made.runtime, ()))

    assert "pandas" in made.runtime
    assert known.load_memory.resident < 2 * MIB
    assert known.runtime_memory.resident > unknown.load_memory.resident > 10 * MIB
