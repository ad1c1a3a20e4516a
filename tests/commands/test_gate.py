"""`sparring gate`: its exit codes, what it prints, and the files it writes."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest

from bench.commands.gate import gate
from bench.errors import InputError
from bench.gate import reference
from bench.gate.verdict import GateVerdict
from bench.records import run_folder
from bench.report.render.markdown import escaped
from tests.helpers import command
from tests.helpers.gated import EXACT, HALF, requery, rewrite

call = functools.partial(command.call, gate)


class TestCommand:
    @pytest.mark.slow
    def test_accept_then_gate(self, ran, other, tmp_path):
        """
        The first run is accepted; the next passes with exit code 0, a worse one fails with 1, and the line comes last.
        """
        folder = tmp_path / "reference"

        first = call(ran, "--accept", "--reference", folder)
        good = call(other, "--reference", folder)
        requery(other, {0: -0.5})
        bad = call(other, "--reference", folder)
        blessed = call(other, "--reference", folder, "--accept")
        after = call(other, "--reference", folder)

        assert (0, 0, 1, 0, 0) == tuple(r.exit_code for r in (first, good, bad, blessed, after))
        assert "gate: pass - 2 cells" in good.stdout.splitlines()[-1]
        assert "gate: fail - 1 of 2 cells" in bad.stdout.splitlines()[-1]
        assert f"{EXACT} on tiny: nDCG@10" in blessed.stdout
        assert "1 changes" in blessed.stdout

    def test_next_steps(self, ran, other, tmp_path):
        """
        Below the table of a run that got worse stand what to look at and how it is accepted, once; not of one that
        passes, or got better.
        """
        folder, query = tmp_path / "reference", "the first 'q0'"
        reference.accept(run_folder.read(ran), folder)
        good = call(other, "--reference", folder)
        requery(other, {19: 0.5})
        better = call(other, "--reference", folder)
        requery(other, {0: -0.5})
        requery(other, {0: -0.5}, HALF)

        bad = call(other, "--reference", folder, "--markdown", tmp_path / "m.md")

        steps = [
            f"what it finds now: sparring show {other} q0",
            f"where that is meant: sparring gate {other} --accept --reference {folder}",
        ]
        assert query in bad.stdout
        assert steps == bad.stdout.splitlines()[-3:-1]
        assert 1 == bad.stdout.count("where that is meant")
        assert "where that is meant" not in good.stdout + better.stdout + (tmp_path / "m.md").read_text()

    def test_files(self, ran, other, tmp_path, monkeypatch):
        """
        A summary in markdown, JUnit's XML, GitHub's step summary and its annotations are written as asked for.
        """
        requery(other, {0: -0.5})
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        asked = ("--markdown", tmp_path / "m.md", "--junit", tmp_path / "j.xml")
        result = call(other, "--reference", tmp_path / "reference", *asked)

        assert 1 == result.exit_code
        assert (tmp_path / "m.md").read_text() in (tmp_path / "summary").read_text()
        assert "fail | tiny | `Constant() @ Exact()`" in (tmp_path / "m.md").read_text()
        assert 1 == len(ET.parse(tmp_path / "j.xml").findall(".//failure"))
        assert any(
            line.startswith("::error title=Constant() @ Exact() on tiny::") for line in result.stdout.split("\n")
        )

    def test_a_summary_that_cannot_be_written(self, ran, tmp_path, monkeypatch):
        """
        Where GitHub's step summary cannot be written the verdict stands, with a note.
        """
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary"))
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        result = call(ran, "--reference", tmp_path / "reference")

        assert 0 == result.exit_code
        assert "note: no summary" in result.stderr

    def test_accept_into_the_present_folder(self, ran, tmp_path, monkeypatch):
        """
        The reference may be the folder that the command is given in.
        """
        (tmp_path / "reference").mkdir()
        monkeypatch.chdir(tmp_path / "reference")

        result = call(ran, "--accept", "--reference", ".")

        assert 0 == result.exit_code
        assert (tmp_path / "reference" / run_folder.RUN).is_file()

    def test_a_policy_that_cannot_be_read(self, ran, other, tmp_path):
        """
        A record whose policy has a key of another Sparring's is an input error, and no verdict.
        """
        record = run_folder.read(other).record
        odd = msgspec.structs.replace(record, suite={**record.suite, "gate": {"colour": "red"}})
        (other / run_folder.RUN).write_bytes(run_folder.pretty(odd))
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        with pytest.raises(InputError, match=r"expected a \[gate\] .* found: .*colour"):
            call(other, "--reference", tmp_path / "reference")

    def test_json(self, ran, tmp_path):
        """
        With --json stdout is one object: the outcome, the line, and the findings of every cell.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        result = call(ran, "--reference", tmp_path / "reference", "--json")

        found = msgspec.json.decode(result.stdout, type=GateVerdict)
        assert ("pass", 2) == (found.outcome, len(found.cells))

    def test_a_plugin_that_has_changed(self, ran, other, tmp_path):
        """
        A plug-in file that is another now than in the run is noted; one that is as it was, or gone, is not.
        """
        engines = [tmp_path / f"{name}.py" for name in ("engine", "same", "gone")]
        for engine in engines:
            engine.write_text("old")
        sha256 = hashlib.sha256(b"old").hexdigest()
        record = run_folder.read(other).record
        made = msgspec.structs.replace(record, plugins=tuple(f"{engine} sha256:{sha256}" for engine in engines))
        (other / run_folder.RUN).write_bytes(run_folder.pretty(made))
        reference.accept(run_folder.read(ran), tmp_path / "reference")
        engines[0].write_text("new")
        engines[2].unlink()
        note = "engine.py has changed since this run: run it again"

        told = call(other, "--reference", tmp_path / "reference", "--markdown", tmp_path / "m.md")
        found = json.loads(call(other, "--reference", tmp_path / "reference", "--json").stdout)

        assert (0, [note]) == (told.exit_code, found["notes"])
        assert f"note: {note}" in told.stdout.splitlines()
        assert f"- {escaped(note)}" in (tmp_path / "m.md").read_text()
        assert "same.py" not in told.stdout
        assert "gone.py" not in told.stdout

    def test_a_mistyped_reference(self, ran, tmp_path):
        """
        A folder of a name like it that holds a reference is named; a run and a folder of files are not.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")
        (tmp_path / "refrenc").mkdir()
        shutil.copytree(ran, tmp_path / "refrencee")

        with pytest.raises(InputError, match=r"found none\. Did you mean reference\? Else `sparring gate .* --accept"):
            call(ran, "--reference", tmp_path / "refrence")

    @pytest.mark.parametrize("path", ["{}", "./{}", "{}/../{}", "link"])
    def test_a_run_beside_itself(self, other, monkeypatch, path):
        """
        A run that is its own reference, by whatever path, would hold nothing: it is refused.
        """
        monkeypatch.chdir(other.parent)
        (other.parent / "link").symlink_to(other)

        with pytest.raises(InputError, match="expected another folder than the reference, found the same one"):
            call(other.name, "--reference", path.format(*[other.name] * 2))

    def test_swapped(self, ran, other, tmp_path):
        """
        A reference in the run's place is told from a run: nothing of it has been measured.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        with pytest.raises(InputError, match="expected a run with its hits, found an accepted reference"):
            call(tmp_path / "reference", "--reference", other)

    def test_no_reference_yet(self, ran, tmp_path):
        """
        Where there is no reference the message says how to make one.
        """
        with pytest.raises(InputError, match=f"--accept --reference {tmp_path / 'none'}"):
            call(ran, "--reference", tmp_path / "none")

    @pytest.mark.parametrize(
        "options",
        [
            (),
            ("--accept",),
            ("--ab", "HEAD", "--accept"),
            ("--ab", "HEAD", "--reference", "x"),
            ("-o", "x"),
            ("--accept", "--reference", "x", "--json"),
            ("--accept", "--reference", "x", "--junit", "x.xml"),
        ],
    )
    def test_usage(self, ran, options):
        """
        What does not go together is a usage error.
        """
        assert 2 == call(ran, *options).exit_code

    def test_an_unfinished_run(self, ran, other, tmp_path):
        """
        A cell of the run's own suite that it has not measured fails, however few the reference has.
        """
        rewrite(other, HALF)
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        result = call(other, "--reference", tmp_path / "reference")

        assert 1 == result.exit_code
        assert f"{HALF} on tiny: status not measured: the run has not ended" in result.stdout.splitlines()[-1]

    def test_a_reference_that_is_not_whole(self, ran, other, tmp_path):
        """
        A reference that lacks a cell of its own is refused, and so is accepting such a run: it would hold less.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")
        rewrite(tmp_path / "reference", HALF)
        rewrite(other, HALF)

        for options in (
            (ran, "--reference", tmp_path / "reference"),
            (other, "--accept", "--reference", tmp_path / "b"),
        ):
            with pytest.raises(
                InputError, match="expected each cell of its own, found 1 not measured, the first Const"
            ):
                call(*options)
        assert not (tmp_path / "b").exists()

    @pytest.mark.parametrize(
        "damage", [lambda v: v * np.nan, lambda v: v[:, None], lambda v: v[:-1], lambda v: v.astype(str)]
    )
    def test_damaged_values(self, ran, other, tmp_path, damage):
        """
        Values of queries that are no finite numbers, one each, are compared with none and accepted by none.
        """
        path = next((other / "quality").glob("*.npz"))
        with np.load(path) as arrays:
            found = dict(arrays)
        np.savez(path, **found | {"nDCG@10": damage(found["nDCG@10"])})
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        assert 1 == call(other, "--reference", tmp_path / "reference").exit_code
        with pytest.raises(InputError, match="expected one finite number for every judged query"):
            call(other, "--accept", "--reference", tmp_path / "reference")
