"""Writing into the folder of a run: one writer, one suite, one machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.lock import LOCK
from bench.records import growth, journal, run_folder
from tests.helpers.begun import begin, contents, environment, measurement, record, stage


@pytest.fixture
def begun(tmp_path):
    """A run folder with two cells, and one stage in its journal."""
    return begin(tmp_path / "run")


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


def test_a_plugin_seen_from_elsewhere_goes_on(tmp_path):
    """
    The same plug-in file under another path, as from another folder, is the same run; another content is not.
    """
    with journal.opened(tmp_path / "run", record(plugins=("ours/mine.py sha256:1",)), environment()):
        pass

    with journal.opened(tmp_path / "run", record(plugins=("/far/ours/mine.py sha256:1",)), environment()) as writer:
        assert {} == writer.measurements
    with (
        pytest.raises(InputError, match="plugins differs"),
        journal.opened(tmp_path / "run", record(plugins=("ours/mine.py sha256:2",)), environment()),
    ):
        pass


def test_a_plugin_seen_from_elsewhere_is_recorded_once():
    """
    A run that has grown records each plug-in file once, by the path that it was last seen under.
    """
    held = growth.Held(record(plugins=("ours/mine.py sha256:1", "other.py sha256:2")), environment(), ())

    grown = growth.merged(held, record(plugins=("/far/ours/mine.py sha256:1",)), ())

    assert ("other.py sha256:2", "/far/ours/mine.py sha256:1") == grown.plugins


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpu": "Another CPU"}, r"cpu was .*, is Another CPU\)"),
        ({"cores": 96}, r"cores was \d+, is 96"),
        ({"code_sha256": "0"}, r"\(Sparring's own code has changed\)"),
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


def test_a_library_more_is_no_other_environment(begun):
    """
    What was not there before is in no number of before: it is recorded, and nothing is refused.
    """
    more = environment(libraries=environment().libraries | {"bm25s": "9.9"}, installed_sha256="0")

    with journal.opened(begun, record(), more) as writer:
        assert ["a", "b"] == list(writer.measurements)

    assert more.libraries == run_folder.read(begun).environment.libraries


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
    What a gate refuses decides no number: a run goes on under another policy, and its record has the new one.
    """
    suite = record().suite | {"gate": {"bytes": 0.5}}

    with journal.opened(begun, record(suite=suite), environment(), was=record()):
        pass

    assert {"bytes": 0.5} == run_folder.read(begun).record.suite["gate"]
    assert run_folder.read(begun).record.suite_sha256 == record().suite_sha256


def test_what_has_grown_meanwhile(begun):
    """
    Where another run has changed the record since it was read, nothing is written.
    """
    before = contents(begun)

    with (
        pytest.raises(InputError, match="found another run's changes; run it again"),
        journal.opened(begun, record(), environment(), was=record(made="another time")),
    ):
        pass

    assert before == contents(begun)


def test_put_away_in_two_goes(tmp_path, monkeypatch):
    """
    A kill while a run's files are put away loses none: what is left goes into a folder of its own the next time.
    """
    folder = begin(tmp_path / "run")
    before = {name for name in contents(folder) if name != LOCK}
    replace, moved = Path.replace, []

    def killed(path, target):
        if len(moved) == 3:
            raise KeyboardInterrupt
        moved.append(path.name)
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt), journal.opened(folder, record(), environment(), fresh=True):
            pass

    with journal.opened(folder, record(), environment(), fresh=True) as writer:
        assert {} == writer.measurements

    away = {name.partition("/")[2] for name in contents(folder) if name.startswith("old-")}
    assert before <= away
    assert (folder / "old-1" / run_folder.RUN).is_file()


def test_a_stage_that_is_taken_back(begun):
    """
    What is lost counts no longer, for who goes on and for who reads; done again, it does.
    """
    with journal.opened(begun, record(), environment()) as writer:
        writer.forgets("build-1", "its file is gone")
        writer.forgets("never-run", "nothing to take back")
        assert {} == writer.stages
    assert {} == run_folder.stages(begun)

    with journal.opened(begun, record(), environment()) as writer:
        assert {} == writer.stages
        writer.finished("build-1", stage(build_seconds=2.0))
    assert 2.0 == run_folder.stages(begun)["build-1"].build_seconds


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
