"""The folder a run lives in: whole lines, one writer, one suite, one machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.lock import LOCK
from bench.passages.loader import PassageSet
from bench.records import journal, run_folder
from bench.records.schema import Environment, Measurement, RunRecord, StageResult
from bench.records.upgrades import decode
from tests.helpers.places import RECORDS


def environment(**changes) -> Environment:
    return msgspec.structs.replace(decode((RECORDS / "environment-1.json").read_bytes(), Environment), **changes)


def record(**changes) -> RunRecord:
    return msgspec.structs.replace(decode((RECORDS / "run-1.json").read_bytes(), RunRecord), **changes)


def measurement(**changes) -> Measurement:
    line = (RECORDS / "measurement-1.jsonl").read_bytes().splitlines()[0]
    return msgspec.structs.replace(decode(line, Measurement), **changes)


def stage(**changes) -> StageResult:
    return msgspec.structs.replace(StageResult(stage="build", status="ok"), **changes)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def begun(tmp_path):
    """A run folder with two cells, and one stage in its journal."""
    folder = tmp_path / "run"
    with journal.opened(folder, record(), environment()) as writer:
        writer.finished("build-1", stage())
        writer.measured(measurement(cell="a"))
        writer.measured(measurement(cell="b"))
    return folder


# Reading


def test_a_run_is_read_as_it_was_written(begun):
    """
    A run folder gives back its record, its environment and its measurements, in the order of their cells.
    """
    run = run_folder.read(begun)

    assert (record(), environment()) == (run.record, run.environment)
    assert (measurement(cell="a"), measurement(cell="b")) == run.measurements


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"quality": "../../others.npz"}},
        {"files": {"hits": "/etc/hostname"}},
        {"passage_set": "../../set"},
        {"passage_set": ".."},
        {"cell": "a/b"},
    ],
)
def test_what_names_other_folders_is_refused(begun, changes):
    """
    A record whose files or names lead out of the run's folder is refused: the run may be a stranger's.
    """
    with journal.opened(begun, record(), environment()) as writer:
        writer.measured(measurement(**({"cell": "c"} | changes)))

    with pytest.raises(InputError, match="within the run's folder"):
        run_folder.read(begun)


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


# Writing


def test_one_writer(begun):
    """
    A folder that another process is writing into is refused, and can be had once that process is gone.
    """
    program = (
        "import fcntl, sys; lock = open(sys.argv[1], 'a'); fcntl.flock(lock, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(begun / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert "held\n" == other.stdout.readline()
        before = contents(begun)

        with (
            pytest.raises(InputError, match="another run is writing into it"),
            journal.opened(begun, record(), environment()),
        ):
            pass

        assert before == contents(begun)
        other.kill()

    with journal.opened(begun, record(), environment()) as writer:
        assert ["a", "b"] == list(writer.measurements)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"suite_sha256": "0", "suite": record().suite | {"seed": 8, "rounds": 5}},
            r"suite differs \(rounds, seed\)",
        ),
        ({"suite_sha256": "0", "suite": {**record().suite, "new": 1}}, r"suite differs \(new\)"),
        ({"passage_sets": {"primer": "0"}}, "passage_sets differs"),
        ({"plugins": ("another.py",)}, "plugins differs"),
    ],
)
def test_another_suite_is_refused(begun, changes, words):
    """
    A folder that holds another suite, other passage sets or other plug-ins is refused, naming what differs.
    """
    before = contents(begun)

    with pytest.raises(InputError, match=words), journal.opened(begun, record(**changes), environment()):
        pass

    assert before == contents(begun)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpu": "Another CPU"}, r"cpu was .*, is Another CPU\)"),
        ({"cores": 96}, r"cores was \d+, is 96"),
        ({"code_sha256": "0"}, r"\(Sparring's own code has changed\)"),
        ({"installed_sha256": "0"}, r"\(the installed packages have changed\).* begin another folder with -o"),
        (
            {"libraries": environment().libraries | {"numpy": "9.9"}, "installed_sha256": "0"},
            r"\(numpy was [\d.]+, is 9\.9\)",
        ),
    ],
)
def test_another_environment_is_refused(begun, changes, words):
    """
    A folder begun on another machine or with other software is refused, naming each field with both values, or what
    a hash is of.
    """
    before = contents(begun)

    with pytest.raises(InputError, match=words), journal.opened(begun, record(), environment(**changes)):
        pass

    assert before == contents(begun)


def test_a_commit_alone_is_no_other_environment(begun):
    """
    A commit that changed no code of ours resumes: the code's own hash decides.
    """
    with journal.opened(begun, record(), environment(commit="0" * 40, dirty=None)) as writer:
        assert ["a", "b"] == list(writer.measurements)


def test_other_cpus_of_the_same_machine_go_on(tmp_path):
    """
    Which of its CPUs a run may use, and how fast their clock is at the moment, keeps it from nothing; how fast it was
    when the last child ended is recorded.
    """
    known = environment(affinity=(0, 1), mhz=2000.0)
    with journal.opened(tmp_path / "run", record(), known) as writer:
        writer.ended(1500.0)

    with journal.opened(tmp_path / "run", record(), environment(affinity=(2, 3), mhz=3000.0)) as writer:
        writer.ended(1600.0)

    kept = run_folder.read(tmp_path / "run").environment
    assert ((0, 1), 2000.0, 1600.0) == (kept.affinity, kept.mhz, kept.mhz_end)


def test_another_policy_of_the_gate(begun):
    """
    What a gate refuses decides no number: a run resumes under another policy, and its record has the new one.
    """
    suite = record().suite | {"gate": {"bytes": 0.5}}

    with journal.opened(begun, record(suite=suite), environment()):
        pass

    assert {"bytes": 0.5} == run_folder.read(begun).record.suite["gate"]
    assert run_folder.read(begun).record.suite_sha256 == record().suite_sha256


def test_foreign_files(tmp_path):
    """
    A folder that holds something else is refused and stays as it was; so is a file in the folder's place.
    """
    (tmp_path / "thesis.tex").write_text("years of work")
    before = contents(tmp_path)

    for path in (tmp_path, tmp_path / "thesis.tex", tmp_path / "thesis.tex" / "run"):
        with pytest.raises(InputError, match="run folder"), journal.opened(path, record(), environment()):
            pass

    assert before == contents(tmp_path)


@pytest.mark.parametrize("left", [(), ("lock",), ("lock", "environment.json"), ("lock", ".run.json.1.part")])
def test_killed_at_the_very_beginning(tmp_path, left):
    """
    What a run leaves that was killed before its record was whole can be begun anew.
    """
    for name in left:
        (tmp_path / name).write_text("{")

    with journal.opened(tmp_path, record(), environment()) as writer:
        writer.measured(measurement(cell="a"))

    assert ["a"] == [m.cell for m in run_folder.read(tmp_path).measurements]
