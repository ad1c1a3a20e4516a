"""The history: versions from folders and from git."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from bench.analysis.history import of_folders, of_git
from bench.errors import InputError
from bench.records import run_folder
from tests.helpers.histories import cell, commit, git, write
from tests.helpers.histories import repository as repository_in
from tests.helpers.places import RECORDS


@pytest.fixture
def repository(tmp_path):
    return repository_in(tmp_path / "repository")


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
        A run that cannot be read is said and skipped, the others are told.
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
        A version that cannot be read, and one that removed the folder, are said with their commits and skipped.
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


def test_versions_are_values(repository):
    """
    A version read out of git has no folder on the disk: nothing was checked out for it.
    """
    found, _ = of_git(repository / "reference")

    assert not any(one.run.folder.exists() for one in found)
    assert found[0] == replace(found[0])
