"""The history: versions from folders and from git, and what is told of each cell over time."""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.analysis.history import Version, of_folders, of_git
from bench.commands.history import history
from bench.errors import InputError
from bench.records import run_folder
from bench.records.schema import Footprint, Measurement
from bench.report.tables import history as timeline
from tests.helpers import command
from tests.helpers.places import RECORDS
from tests.helpers.records import failed, latency, measurement, run_of


def cell(value: float = 0.5, ledger: int = 1000, p50: float | None = 2.0, **changes) -> Measurement:
    """A cell with a primary measure, bytes and a time."""
    weight = Footprint(ledger={"vectors": ledger}, disk_bytes=None, resident=None)
    single = None if p50 is None else latency(p50)
    return measurement(**{"quality": {"nDCG@10": value}, "storage_weight": weight, "single": single} | changes)


def version(number: int, *cells: Measurement, cpu: str = "A CPU", **suite) -> Version:
    """The version of that day."""
    return Version(
        f"2026-01-{number:02}T00:00:00Z", f"{number:040}", False, f"v{number}", run_of(*cells, cpu=cpu, **suite)
    )


def write(folder: Path, *cells: Measurement, made: str = "2026-01-02T03:04:05+00:00", **changes) -> Path:
    """A run folder on disk, with its records alone."""
    run = run_of(*cells)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / run_folder.RUN).write_bytes(run_folder.pretty(msgspec.structs.replace(run.record, made=made)))
    (folder / run_folder.ENVIRONMENT).write_bytes(
        run_folder.pretty(msgspec.structs.replace(run.environment, **changes))
    )
    (folder / run_folder.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in cells))
    return folder


def git(folder: Path, *arguments: str, date: str = "2026-02-01T00:00:00+00:00") -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    subprocess.run(
        ["git", "-C", str(folder), *own, *arguments], env=os.environ | dates, check=True, capture_output=True
    )


def commit(folder: Path, subject: str, day: int) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", subject, date=f"2026-02-{day:02}T23:30:00-02:00")


@pytest.fixture
def repository(tmp_path):
    """A git repository with two versions of a reference, .5 and then .6."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    write(folder / "reference", cell(0.5))
    commit(folder, "the first", 1)
    (folder / "other").write_text("of no matter")
    commit(folder, "nothing of it", 2)
    write(folder / "reference", cell(0.6))
    commit(folder, "better", 3)
    return folder


call = functools.partial(command.call, history)


class TestFolders:
    def test_order(self, tmp_path):
        """
        Runs stand in the order they were made, whatever their zone, and however they were named on the command line.
        """
        write(tmp_path / "runs" / "a", cell(), made="2026-01-02T01:00:00+00:00")
        write(tmp_path / "runs" / "b", cell(), made="2026-01-02T01:30:00+01:00")
        write(tmp_path / "c", cell(), made="2026-01-01T00:00:00+00:00", dirty=True)

        found, skipped = of_folders([tmp_path / "runs", tmp_path / "c", tmp_path / "c"])

        assert ["c", "b", "a"] == [one.name for one in found]
        assert "2026-01-02T00:30:00Z" == found[1].date
        assert [True, False, False] == [one.dirty for one in found]
        assert [] == skipped

    def test_a_broken_run(self, tmp_path):
        """
        A run that can not be read is said and skipped, the others are told.
        """
        write(tmp_path / "good", cell())
        (write(tmp_path / "bad", cell()) / run_folder.MEASUREMENTS).write_text("{}\n")
        write(tmp_path / "undated", cell(), made="yesterday")

        found, skipped = of_folders([tmp_path])

        assert ["good"] == [one.name for one in found]
        assert 2 == len(skipped)
        assert "bad/measurements.jsonl:1: expected Measurement" in skipped[0]
        assert "yesterday" in skipped[1]

    def test_no_run(self, tmp_path):
        """
        A folder without a run is refused.
        """
        with pytest.raises(InputError, match="expected a run folder, or a folder of runs, found neither in"):
            of_folders([tmp_path])


class TestGit:
    def test_versions(self, repository):
        """
        Every commit that changed the folder is a version: the oldest first, its date in UTC, its subject the name.
        """
        found, skipped = of_git(repository / "reference")

        assert ["the first", "better"] == [one.name for one in found]
        assert ["2026-02-02T01:30:00Z", "2026-02-04T01:30:00Z"] == [one.date for one in found]
        assert [0.5, 0.6] == [one.run.measurements[0].quality["nDCG@10"] for one in found]
        assert all(one.commit is not None and 40 == len(one.commit) for one in found)
        assert [] == skipped

    def test_committed_alone(self, repository):
        """
        What lies in the working tree is not read, also where the folder is gone from it.
        """
        write(repository / "reference", cell(0.9))
        changed, _ = of_git(repository / "reference")
        shutil.rmtree(repository / "reference")
        gone, _ = of_git(repository / "reference")

        assert [0.5, 0.6] == [one.run.measurements[0].quality["nDCG@10"] for one in changed]
        assert 2 == len(gone)

    def test_broken_and_removed_versions(self, repository):
        """
        A version that can not be read, and one that removed the folder, are said with their commits and skipped.
        """
        (repository / "reference" / run_folder.MEASUREMENTS).write_bytes(b"version https://git-lfs\xff\n")
        commit(repository, "corrupt", 4)
        (repository / "reference" / run_folder.ENVIRONMENT).unlink()
        commit(repository, "half of it", 5)
        shutil.rmtree(repository / "reference")
        commit(repository, "away", 6)
        write(repository / "reference", cell(0.7))
        commit(repository, "again", 7)

        found, skipped = of_git(repository / "reference")

        assert ["the first", "better", "again"] == [one.name for one in found]
        assert [True] * 3 == [
            f"({day})" in line for day, line in zip(("2026-02-05", "2026-02-06", "2026-02-07"), skipped, strict=True)
        ]
        assert "holds no environment.json" in skipped[1]
        assert "it was removed" in skipped[2]

    def test_an_older_record(self, repository):
        """
        A record of the first version of its format is read as a present one.
        """
        for name, file in (("run-1.json", run_folder.RUN), ("environment-1.json", run_folder.ENVIRONMENT)):
            shutil.copyfile(RECORDS / name, repository / "reference" / file)
        shutil.copyfile(RECORDS / "measurement-1.jsonl", repository / "reference" / run_folder.MEASUREMENTS)
        commit(repository, "as it was", 4)

        found, skipped = of_git(repository / "reference")

        assert [] == skipped
        assert "BM25() @ CSR()" in {m.retriever for m in found[-1].run.measurements}

    @pytest.mark.parametrize("name", ["ref [1]*", ":(exclude)x", "-p", "réf"])
    def test_odd_names(self, repository, name):
        """
        A folder's name is a name: no pattern, no option.
        """
        write(repository / name, cell(0.8))
        commit(repository, "odd", 4)

        found, _ = of_git(repository / name)

        assert ["odd"] == [one.name for one in found]

    def test_the_top_of_a_repository(self, tmp_path):
        """
        A repository whose top is the run itself has a history too.
        """
        write(tmp_path / "whole", cell())
        git(tmp_path / "whole", "init", "-q")
        commit(tmp_path / "whole", "all", 1)

        found, _ = of_git(tmp_path / "whole")

        assert ["all"] == [one.name for one in found]

    def test_through_a_link(self, repository, tmp_path):
        """
        A path through a link to the repository is found in it.
        """
        (tmp_path / "link").symlink_to(repository)

        found, _ = of_git(tmp_path / "link" / "reference")

        assert 2 == len(found)

    def test_nothing_of_the_repository_is_executed(self, repository, tmp_path):
        """
        Programs that a repository's settings and attributes name (text conversions, monitors, checks) do not run.
        """
        program = tmp_path / "program"
        program.write_text(f'#!/bin/sh\ntouch {tmp_path / "ran"}\ncat "$1"\n')
        program.chmod(0o755)
        for name in (
            "diff.own.textconv",
            "filter.own.smudge",
            "core.fsmonitor",
            "gpg.program",
            "core.pager",
            "diff.external",
        ):
            git(repository, "config", name, str(program))
        git(repository, "config", "log.showSignature", "true")
        (repository / ".git" / "info").mkdir(exist_ok=True)
        (repository / ".git" / "info" / "attributes").write_text("* diff=own filter=own\n")

        found, _ = of_git(repository / "reference")

        assert 2 == len(found)
        assert not (tmp_path / "ran").exists()

    def test_a_shallow_clone(self, repository, tmp_path):
        """
        A shallow clone says that older versions are not there.
        """
        git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")

        found, skipped = of_git(tmp_path / "shallow" / "reference")

        assert ["better"] == [one.name for one in found]
        assert "a shallow clone" in skipped[0]

    def test_refusals(self, repository, tmp_path):
        """
        A folder without git, and one that no commit has, are refused.
        """
        (tmp_path / "bare").mkdir()
        git(tmp_path / "bare", "init", "-q")

        with pytest.raises(InputError, match=r"expected a run or a reference committed in .*nowhere, found none"):
            of_git(repository / "nowhere")
        with pytest.raises(InputError, match="expected a git repository with commits"):
            of_git(tmp_path / "outside")
        with pytest.raises(InputError, match="expected a git repository with commits"):
            of_git(tmp_path / "bare" / "x")


class TestLines:
    def test_changes(self):
        """
        Each line tells how far it is from the one before: .5 to .6, 1,000 to 900 bytes, 2 to 3 ms.
        """
        first, second = timeline.lines([version(1, cell(0.5)), version(2, cell(0.6, 900, 3.0))])

        assert (None, None, None) == (first.value_change, first.ledger_bytes_change, first.single_p50_ms_change)
        assert ("nDCG@10", 0.6, pytest.approx(0.1)) == (second.measure, second.value, second.value_change)
        assert (900, -100) == (second.ledger_bytes, second.ledger_bytes_change)
        assert (3.0, 1.0) == (second.single_p50_ms, second.single_p50_ms_change)

    def test_other_hardware(self):
        """
        Where the hardware changes the line is marked, and times are not compared; quality and bytes are.
        """
        _, second = timeline.lines([version(1, cell()), version(2, cell(0.6, 900, 9.0), cpu="Another")])

        assert ("cpu",) == second.differs
        assert (9.0, None) == (second.single_p50_ms, second.single_p50_ms_change)
        assert -100 == second.ledger_bytes_change

    def test_other_passages(self):
        """
        On other passages under the same name nothing is compared.
        """
        _, second = timeline.lines([version(1, cell()), version(2, cell(0.6, passage_set_sha256="11"))])

        assert ("passage_set_sha256",) == second.differs
        assert (None, None, None) == (second.value_change, second.ledger_bytes_change, second.single_p50_ms_change)

    def test_a_failure_between(self):
        """
        A cell that failed has a line without figures; the next one is held to the last that was measured.
        """
        broken = failed(storage_weight=None, single=None)

        _, second, third = timeline.lines([version(1, cell(0.5)), version(2, broken), version(3, cell(0.7))])

        assert ("failed", "it broke", None, None) == (second.status, second.reason, second.value, second.value_change)
        assert pytest.approx(0.2) == third.value_change

    def test_cells(self):
        """
        Cells are known by passage set, label or else spelling, and threads; a version may lack any.
        """
        versions = [
            version(1, cell(), cell(label="mine", retriever="X()")),
            version(2, cell(label="mine", retriever="X(k=2)"), cell(threads=2)),
        ]

        found = [(line.name, line.label or line.retriever, line.threads) for line in timeline.lines(versions)]

        assert [
            ("v1", "BM25() @ CSR()", 1),
            ("v1", "mine", 1),
            ("v2", "mine", 1),
            ("v2", "BM25() @ CSR()", 2),
        ] == found

    def test_the_measure(self):
        """
        The newest suite's primary measure is told of every version, or any key that a table has.
        """
        both = {"nDCG@10": 0.5, "R@10": 0.25}
        versions = [version(1, cell(quality=both)), version(2, cell(quality=both), primary="R@10")]

        assert [("R@10", 0.25)] * 2 == [(line.measure, line.value) for line in timeline.lines(versions)]
        assert [1000, 1000] == [line.value for line in timeline.lines(versions, "ledger_bytes")]
        with pytest.raises(InputError, match=r"expected one of .*R@10.*found 'MRR'"):
            timeline.lines(versions, "MRR")

    def test_a_time_as_the_measure(self):
        """
        A time that was asked for is not compared across hardware either.
        """
        versions = [
            version(1, cell()),
            version(2, cell(p50=9.0), cpu="Another"),
            version(3, cell(p50=8.0), cpu="Another"),
        ]

        assert [None, None, -1.0] == [line.value_change for line in timeline.lines(versions, "single_p50_ms")]


class TestCommand:
    def test_a_table(self, tmp_path):
        """
        A table a cell: a line a version, its change, a mark where the hardware changed, what was skipped below.
        """
        write(tmp_path / "a", cell(0.5, 1_000_000, 2.0), made="2026-01-01T00:00:00+00:00")
        write(tmp_path / "b", cell(0.5, 1_000_104, 3.0), made="2026-01-02T00:00:00+00:00", dirty=True)
        write(tmp_path / "c", cell(0.4996, 1_000_104, 3.0), made="2026-01-03T00:00:00+00:00", cpu="Another")
        (write(tmp_path / "d", cell()) / run_folder.RUN).write_text("{}")

        said = call(tmp_path).stdout.splitlines()

        assert "primer: BM25() @ CSR()" == said[0]
        shown = [" ".join(line.split()) for line in said]
        assert "2026-01-01 01234567 a .5000 1.00 2.00" in shown
        assert "2026-01-02 01234567+ b .5000 = 1.00 +104 B 3.00 +50.0%" in shown
        assert "2026-01-03 01234567 c* .4996 -.0004 1.00 = 3.00" in shown
        assert "* 2026-01-03: other hardware: cpu" in shown
        assert any(line.startswith("skipped: ") and "/d/run.json" in line for line in shown)

    def test_no_column_is_lost_at_80(self, repository, monkeypatch):
        """
        A terminal of 80 columns holds every column, however long a commit's message is.
        """
        write(repository / "reference", cell(0.7))
        commit(repository, "a message of many words " * 9, 4)
        monkeypatch.setattr("bench.commands.PIPE_WIDTH", 80)

        assert "no room" not in call("--committed", repository / "reference").stdout

    def test_unstable_times(self, tmp_path):
        """
        A time of an unstable cell is marked, and the mark explained.
        """
        write(tmp_path / "a", cell(flags=("unstable: rounds differ",)))

        said = call(tmp_path).stdout

        assert "2.00~" in said
        assert "~: an unstable time" in said

    def test_a_changed_spelling(self, tmp_path):
        """
        Under a label a retriever may change, and the line where it did says so.
        """
        write(tmp_path / "a", cell(label="mine"), made="2026-01-01T00:00:00+00:00")
        write(tmp_path / "b", cell(label="mine", retriever="New()"), made="2026-01-02T00:00:00+00:00")

        said = call(tmp_path).stdout

        assert "primer: mine: New()" in said
        assert "now New()" in said

    def test_committed_as_data(self, repository):
        """
        --json is an array of flat objects and --csv the same lines; skipped versions go to stderr.
        """
        (repository / "reference" / run_folder.RUN).write_text("[]")
        commit(repository, "corrupt", 4)

        asked = call("--committed", "--json", repository / "reference")
        as_csv = call("--committed", "--csv", repository / "reference")

        rows = json.loads(asked.stdout)
        assert [("the first", 0.5, None), ("better", 0.6, pytest.approx(0.1))] == [
            (row["name"], row["value"], row["value_change"]) for row in rows
        ]
        assert set(timeline.Line.__struct_fields__) == set(rows[0])
        table = list(csv.DictReader(io.StringIO(as_csv.stdout)))
        assert [("the first", "0.5", ""), ("better", "0.6")] == [
            (table[0]["name"], table[0]["value"], table[0]["value_change"]),
            (table[1]["name"], table[1]["value"]),
        ]
        assert "skipped: " in asked.stderr

    def test_markdown(self, repository):
        """
        --markdown is a table of a page, without anything that a commit's message could smuggle into it.
        """
        write(repository / "reference", cell(0.7))
        commit(repository, "a | <b>bold\x1b[31m</b>", 4)

        said = call("--committed", "--markdown", repository / "reference").stdout

        assert "| date | commit | version | nDCG@10 | change |" in said
        assert r"a \| \<b\>bold" in said
        assert "\x1b" not in said

    def test_refusals(self, repository):
        """
        Two forms at once, and several folders with --committed, are usage errors; a run without a cell is refused.
        """
        empty = write(repository / "empty")

        assert 2 == call("--json", "--csv", repository).exit_code
        assert 2 == call("--committed", repository, repository).exit_code
        with pytest.raises(InputError, match="expected a finished cell, found none"):
            call(empty)


def test_versions_are_values(repository):
    """
    A version read out of git has no folder on the disk: nothing was checked out for it.
    """
    found, _ = of_git(repository / "reference")

    assert not any(one.run.folder.exists() for one in found)
    assert found[0] == replace(found[0])
