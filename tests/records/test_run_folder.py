"""The folder a run lives in, read: whole lines, and nothing that names another place."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.passages.loader import PassageSet
from bench.records import journal, run_folder
from tests.helpers.begun import begin, contents, environment, measurement, record, stage


@pytest.fixture
def begun(tmp_path):
    """A run folder with two cells, and one stage in its journal."""
    return begin(tmp_path / "run")


def test_a_run_is_read_as_it_was_written(begun):
    """
    A run folder gives back its record, its environment and its measurements, in the order of their cells.
    """
    run = run_folder.read(begun)

    assert (record(), environment()) == (run.record, run.environment)
    assert (measurement(cell="a"), measurement(cell="b")) == run.measurements


def test_the_last_line_of_a_cell_counts(begun):
    """
    A correction is a new line: the last one of a cell is read, the file keeps all.
    """
    with journal.opened(begun, record(), environment()) as writer:
        writer.measured(measurement(cell="a", status="failed", reason="later"))

    assert [("a", "failed"), ("b", "ok")] == [(m.cell, m.status) for m in run_folder.read(begun).measurements]
    assert 3 == len((begun / run_folder.MEASUREMENTS).read_bytes().splitlines())


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_torn_last_line_is_dropped(begun, kept):
    """
    Of a file that was cut anywhere in its last line, the lines before are read; the next append begins a new line.
    """
    path = begun / run_folder.MEASUREMENTS
    line = msgspec.json.encode(measurement(cell="c"))
    whole = b"".join(msgspec.json.encode(measurement(cell=cell)) + b"\n" for cell in "ab")
    path.write_bytes(whole + line[: int(kept * len(line))])

    assert ["a", "b"] == [m.cell for m in run_folder.read(begun).measurements]

    with journal.opened(begun, record(), environment()) as writer:
        assert ["a", "b"] == list(writer.measurements)
        writer.measured(measurement(cell="d"))
    assert whole + msgspec.json.encode(measurement(cell="d")) + b"\n" == path.read_bytes()


def test_a_whole_line_without_its_newline_is_torn(begun):
    """
    The newline is what makes a line whole: what lacks it is measured again, never glued to the next.
    """
    path = begun / run_folder.STAGES
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))

    with journal.opened(begun, record(), environment()) as writer:
        assert {} == writer.stages
        writer.finished("build-2", stage(build_seconds=1.0))

    assert ["build-2"] == [json.loads(line)["task"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"{not json", "JSON is malformed"),
        (b'{"schema":"measurement/1"}', "missing required field"),
        (b'{"schema":"measurement/99"}', "measurement/99"),
        (b'{"schema":[]}', ""),
        (b'{"schema":{}}', ""),
        (b"[" * 100_000, "brackets within brackets"),
        (b'{"a":' * 100_000, "brackets within brackets"),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_a_broken_line_is_named(begun, broken, words):
    """
    A line that is none of ours, anywhere but at the torn end, is an InputError with its file and number.
    """
    path = begun / run_folder.MEASUREMENTS
    first, second = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, broken, second]) + b"\n")

    with pytest.raises(InputError, match=f"{run_folder.MEASUREMENTS}:2: expected Measurement, found: .*{words}"):
        run_folder.read(begun)
    with (
        pytest.raises(InputError, match=f"{run_folder.MEASUREMENTS}:2: "),
        journal.opened(begun, record(), environment()),
    ):
        pass


def test_line_separators_inside_a_text(begun):
    """
    Characters that some call line ends (U+2028, U+0085, form feed) do not cut a line in two.
    """
    reason = "one\u2028two\x85three\x0cfour\x1cfive"
    with journal.opened(begun, record(), environment()) as writer:
        writer.measured(measurement(cell="c", status="failed", reason=reason))

    assert reason == run_folder.read(begun).measurements[-1].reason


def test_no_run(tmp_path):
    """
    A folder that is no run says what makes one.
    """
    with pytest.raises(InputError, match=r"expected a run folder with run\.json, found none; `sparring run -o FOLDER`"):
        run_folder.read(tmp_path)


@pytest.mark.parametrize("name", [run_folder.RUN, run_folder.ENVIRONMENT])
def test_a_damaged_record(begun, name):
    """
    A run whose record or environment is damaged names the file.
    """
    (begun / name).write_bytes(b"{}")

    with pytest.raises(InputError, match=f"{name}: expected"):
        run_folder.read(begun)


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"schema": []}', b'{"schema": {}}', b"", b"\xff", b'{"a": "\xff"}', b"null", b"3"]
)
@pytest.mark.parametrize("name", [run_folder.RUN, run_folder.ENVIRONMENT])
def test_what_is_no_record(begun, name, content):
    """
    Whatever stands in a record's place, the file is named.
    """
    (begun / name).write_bytes(content)

    with pytest.raises(InputError, match=f"{name}: expected"):
        run_folder.read(begun)


def test_a_missing_environment(begun):
    """
    A run without its environment is refused by name: its numbers have no conditions.
    """
    (begun / run_folder.ENVIRONMENT).unlink()

    with pytest.raises(InputError, match=r"environment\.json: cannot be read: No such file"):
        run_folder.read(begun)


def test_hits(begun):
    """
    Hits are read back as positions and scores; a file that is missing or damaged is named.
    """
    np.savez(begun / "hits" / "a.npz", rows=np.array([[1, -1]], np.int32), scores=np.array([[2, -np.inf]], np.float32))
    (begun / "hits" / "b.npz").write_bytes(b"PK damaged")

    hits = run_folder.read_hits(begun, "a")

    assert ([[1, -1]], np.int64) == (hits.rows.tolist(), hits.rows.dtype)
    assert ([[2.0, -np.inf]], np.float32) == (hits.scores.tolist(), hits.scores.dtype)
    for cell in ("b", "c"):
        with pytest.raises(InputError, match=rf"hits/{cell}\.npz: expected the hits of cell {cell}"):
            run_folder.read_hits(begun, cell)


@pytest.mark.parametrize("rows", [np.zeros((1, 2)), np.full((2, 2), 99), np.zeros((2, 200))])
def test_hits_of_other_sizes(begun, rows):
    """
    Hits of fewer queries, of passages that are not there, or deeper than was asked, are no hits of the cell.
    """
    cell = measurement(cell="a", n_queries=2, n_passages=5, k=2, depth=2)
    run_folder.write_set(begun, zoo())
    cell = msgspec.structs.replace(cell, passage_set=zoo().name)
    np.savez(begun / "hits" / "a.npz", rows=rows.astype(np.int32), scores=np.zeros(rows.shape, np.float32))

    with pytest.raises(InputError, match=r"hits/a\.npz: expected hits of 2 queries among .* passages, found"):
        run_folder.ranking(begun, cell)


def test_hits_cut_short(begun):
    """
    A file of hits that was cut short is named, too.
    """
    path = begun / "hits" / "a.npz"
    np.savez_compressed(path, rows=np.arange(1000, dtype=np.int32), scores=np.arange(1000, dtype=np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    with pytest.raises(InputError, match="expected the hits of cell a"):
        run_folder.read_hits(begun, "a")


def zoo(**changes) -> PassageSet:
    known = PassageSet(
        name="zoo",
        title="zoo",
        language="en",
        licence="CC0",
        citation="",
        sha256="00",
        passage_ids=("p1",),
        passages=("a secret passage",),
        query_ids=("q1",),
        queries=("a secret query",),
        qrels={"q1": {"p1": 1}},
    )
    return msgspec.structs.replace(known, **changes)


def test_no_text_is_kept(begun):
    """
    A run keeps a passage set's ids and judgments; its texts are the collection's.
    """
    passage_set = zoo()

    run_folder.write_set(begun, passage_set)

    assert msgspec.structs.replace(passage_set, passages=(), queries=()) == run_folder.read_set(begun, "zoo")
    assert b"secret" not in b"".join(contents(begun).values())


def test_judgments_are_withheld(begun):
    """
    While its children run a set has no judgments, nor what follows from them; who needs none reads it, who does is told
    to wait. Afterwards it is whole, also where the run broke.
    """
    passage_set = zoo(labels=("p1 is meant",), clusters=("p1",), articles=("p1",))

    with pytest.raises(KeyboardInterrupt), run_folder.judgments_withheld(begun, [passage_set]):  # noqa: PT012
        kept = json.loads(run_folder.set_file(begun, "zoo").read_bytes())
        bare = run_folder.read_set(begun, "zoo", judged=False)
        with pytest.raises(InputError, match=r"expected the judgments of zoo, found none yet: .* let it go on"):
            run_folder.read_set(begun, "zoo")
        raise KeyboardInterrupt

    assert ({}, None, None, None) == tuple(kept[name] for name in ("qrels", "labels", "clusters", "articles"))
    assert ("zoo", ("q1",), ("p1",)) == (bare.title, bare.query_ids, bare.passage_ids)
    assert {"q1": {"p1": 1}} == run_folder.read_set(begun, "zoo").qrels


def test_nothing_is_withheld_of_a_set_without_judgments(begun):
    """
    A set that nobody has judged reads the same while its children run.
    """
    with run_folder.judgments_withheld(begun, [zoo(qrels=None, labels=("a kind",))]):
        kept = run_folder.read_set(begun, "zoo")

    assert (None, ("a kind",)) == (kept.qrels, kept.labels)
