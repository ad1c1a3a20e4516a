"""The gate: what it lets pass, what it refuses, and how it says so."""

from __future__ import annotations

import functools
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.commands.gate import gate
from bench.errors import InputError
from bench.gate import reference
from bench.gate.judge import GateVerdict, judge
from bench.gate.speed import Speed
from bench.records import run_folder
from bench.run import suite as suites
from bench.run.suite import Gate
from tests.helpers import command
from tests.helpers.tiny import registry, run, suite

EXACT, HALF = "Constant() @ Exact()", "Constant() @ Half()"
BUDGET = "gate.budget: expected a time such as"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of an exact and of an approximate retriever, never written to."""
    home = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(home / "cache"))
        run(suite(EXACT, HALF), home / "run")
    return home / "run"


@pytest.fixture
def other(ran, tmp_path):
    """A copy of the run, to be changed."""
    return shutil.copytree(ran, tmp_path / "other")


def cell(folder: Path, spelling: str = EXACT):
    return next(m for m in run_folder.read(folder).measurements if m.retriever == spelling)


def rewrite(folder: Path, spelling: str = EXACT, **fields: object) -> None:
    """Change what a run recorded of a cell; without fields the cell is gone."""
    found = run_folder.read(folder).measurements
    kept = [msgspec.structs.replace(m, **fields) if m.retriever == spelling else m for m in found]
    kept = [m for m in kept if fields or m.retriever != spelling]
    (folder / run_folder.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in kept))


def requery(folder: Path, changes: dict[int, float], spelling: str = EXACT, measure: str = "nDCG@10") -> None:
    """Change the values of some queries, and the mean with them."""
    m = cell(folder, spelling)
    path = folder / "quality" / f"{m.cell}.npz"
    with np.load(path) as arrays:
        values = dict(arrays)
    for query, change in changes.items():
        values[measure][query] += change
    np.savez_compressed(path, **values)
    rewrite(folder, spelling, quality={**m.quality, measure: float(values[measure].mean())})


def reledger(folder: Path, change: int) -> None:
    """Make a storage heavier or lighter by so many bytes."""
    weight = cell(folder).storage_weight
    rewrite(
        folder,
        storage_weight=msgspec.structs.replace(weight, ledger={"vectors": 1000 + change}, disk_bytes=weight.disk_bytes),
    )


def elsewhere(folder: Path, **fields: object) -> None:
    """Change what a run says of its machine."""
    path = folder / run_folder.ENVIRONMENT
    path.write_bytes(run_folder.pretty(msgspec.structs.replace(run_folder.read(folder).environment, **fields)))


def judged(old: Path, new: Path, policy: Gate = Gate(), **options: object) -> GateVerdict:  # noqa: B008  # frozen
    return judge(compare(run_folder.read(old), run_folder.read(new)), policy, "nDCG@10", **options)


def failed(judgment: GateVerdict) -> list[tuple[str, str]]:
    """(retriever, name) of every finding that failed."""
    return [(c.retriever, f.name) for c in judgment.cells for f in c.findings if f.outcome == "fail"]


call = functools.partial(command.call, gate)


class TestReference:
    @pytest.mark.slow
    def test_the_same_run(self, ran, tmp_path):
        """
        A run passes beside the reference that was made from it, in one line that says what was compared.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        found = judged(tmp_path / "reference", ran)

        assert "gate: pass - 2 cells; quality equal, bytes equal, speed not compared (no --ab)" == found.line
        assert ["pass", "pass"] == [c.outcome for c in found.cells]

    @pytest.mark.slow
    @pytest.mark.parametrize("decision", ["pass", "slower"])
    def test_what_remembers_decides_no_speed(self, ran, other, decision):
        """
        The speed of a cell that answers repeated queries faster than new ones is undecided, and it is said why.
        """
        rewrite(other, flags=("remembers: it does",))
        speed = Speed(decision=decision, rounds=5, old=1.0, new=1.0, ratio=1.0, bounds=(0.9, 1.1))

        found = judged(ran, other, speeds={cell(other).cell: speed})

        (finding,) = (f for c in found.cells for f in c.findings if f.kind == "speed" and f.outcome != "skipped")
        assert ("pass", "undecided") == (found.outcome, finding.outcome)
        assert finding.said.endswith("; new: repeated queries are answered faster than new ones")

    @pytest.mark.slow
    def test_one_query_worse(self, ran, other):
        """
        On the same environment the change of one query's value fails, and says how many queries changed.
        """
        requery(other, {0: -0.001})

        found = judged(ran, other)

        assert [(EXACT, "nDCG@10")] == failed(found)
        assert "fail" == found.outcome
        assert "(1 queries worse, 0 better)" in found.line

    def test_the_mean_unmoved(self, ran, other):
        """
        Two queries that change and leave the mean as it was fail too.
        """
        requery(other, {0: -0.25, 1: 0.25})

        found = judged(ran, other)

        assert [(EXACT, "nDCG@10")] == failed(found)

    def test_better_and_unexplained(self, ran, other):
        """
        The gate is two-sided: an improvement fails until it is blessed, and says so.
        """
        requery(other, {19: 0.5})

        found = judged(ran, other)

        assert [(EXACT, "nDCG@10")] == failed(found)
        assert "better, and unexplained: bless it with --accept" in found.line

    def test_a_measure_that_is_not_gated(self, ran, other):
        """
        Only the primary measure is held, unless the policy names others.
        """
        requery(other, {0: -0.5}, measure="R@100")

        assert [] == failed(judged(ran, other))
        assert [(EXACT, "R@100")] == failed(judged(ran, other, Gate(measures=("nDCG@10", "R@100"))))

    def test_another_environment(self, ran, other):
        """
        Elsewhere a mean may move as far as the policy allows, because near ties may swap; and no further.
        """
        elsewhere(other, libraries={"numpy": "0.1"})
        requery(other, {0: 0.1})  # of 20 queries: 0.005

        near = judged(ran, other)
        far = judged(ran, other, Gate(quality=0.004))

        assert [] == failed(near)
        assert any("libraries.numpy" in note for note in near.notes)
        assert [(EXACT, "nDCG@10")] == failed(far)

    @pytest.mark.parametrize(
        "fields", [{"commit": "f" * 40}, {"code_sha256": "0"}, {"kernel": "9"}, {"installed_sha256": "0"}]
    )
    def test_the_same_environment(self, ran, other, fields):
        """
        Another commit is not another environment: what changed between commits is what the gate is for.
        """
        elsewhere(other, **fields)
        requery(other, {0: 0.1})

        assert [(EXACT, "nDCG@10")] == failed(judged(ran, other))

    def test_an_approximate_retriever(self, ran, other):
        """
        An approximate retriever has the policy's tolerance also on the same environment.
        """
        requery(other, {0: -0.1}, HALF)

        assert [] == failed(judged(ran, other))
        assert [(HALF, "nDCG@10")] == failed(judged(ran, other, Gate(quality=0.001)))

    @pytest.mark.parametrize(("change", "said"), [(10, "+1.00%"), (-1, "better, and unexplained")])
    def test_bytes(self, ran, other, tmp_path, change, said):
        """
        A single byte more or fewer fails; fewer is to be blessed.
        """
        reledger(other, 0)
        reference.accept(run_folder.read(other), tmp_path / "reference")
        reledger(other, change)

        found = judged(tmp_path / "reference", other)

        assert [(EXACT, "ledger_bytes")] == failed(found)
        assert said in found.line

    def test_bytes_that_may_change(self, ran, other, tmp_path):
        """
        Bytes may change by the share that the policy names.
        """
        reledger(other, 0)
        reference.accept(run_folder.read(other), tmp_path / "reference")
        reledger(other, 10)

        assert [] == failed(judged(tmp_path / "reference", other, Gate(bytes=0.01)))

    def test_bytes_no_longer_told(self, ran, other, tmp_path):
        """
        A ledger that the reference has and the run has not fails.
        """
        reledger(other, 0)
        reference.accept(run_folder.read(other), tmp_path / "reference")
        rewrite(other, storage_weight=None)

        assert (EXACT, "ledger_bytes") in failed(judged(tmp_path / "reference", other))

    def test_a_measure_no_longer_there(self, ran, other):
        """
        Quality that the reference has and the run has not fails.
        """
        rewrite(other, quality=None)

        assert [(EXACT, "nDCG@10")] == failed(judged(ran, other))

    def test_a_cell_that_broke(self, ran, other):
        """
        A cell that was ok in the reference and is not any more fails with its reason.
        """
        rewrite(other, status="out-of-memory", reason="build needed more than its limit")

        found = judged(ran, other)

        assert [(EXACT, "status")] == failed(found)
        assert "build needed more than its limit" in found.line

    def test_a_cell_that_was_broken(self, ran, other):
        """
        A cell that failed in the reference too passes, and is said.
        """
        for folder in (other,):
            rewrite(folder, status="failed", reason="no")

        found = judged(other, ran)

        assert [] == failed(found)
        assert "skipped" == next(c.outcome for c in found.cells if c.retriever == EXACT)
        assert "1 without a counterpart" in found.line
        assert [(EXACT, "status")] == failed(judged(other, ran, strict=True))

    def test_cells_without_a_counterpart(self, ran, other):
        """
        A new cell and a cell that is gone are said; they fail only where it is strict.
        """
        rewrite(other, HALF)

        new, gone = judged(other, ran), judged(ran, other)

        assert ("pass", "pass") == (new.outcome, gone.outcome)
        assert "1 without a counterpart" in new.line
        assert ("fail", "fail") == (judged(other, ran, strict=True).outcome, judged(ran, other, strict=True).outcome)

    @pytest.mark.parametrize("field", [{"passage_set_sha256": "0" * 64}, {"n_distractors": 7}])
    def test_other_passages(self, ran, other, field):
        """
        A cell that was measured on other passages than the reference's, of the same name, fails until it is blessed.
        """
        rewrite(other, **field)

        found = judged(ran, other)

        assert [(EXACT, "status")] == failed(found)
        assert "bless it with --accept" in found.line

    def test_nothing_is_held(self, ran, other):
        """
        A reference that no cell of the run is held to is no pass; a revision that had no such cell yet is.
        """
        for spelling in (EXACT, HALF):
            rewrite(other, spelling, retriever=f"Another{spelling}")

        beside_a_reference, beside_a_revision = judged(other, ran), judged(other, ran, speeds={})

        assert ("fail", "pass") == (beside_a_reference.outcome, beside_a_revision.outcome)
        assert "none held to the reference" in beside_a_reference.line

    def test_an_unfinished_run(self, ran, other, tmp_path):
        """
        A cell of the run's own suite that it has not measured fails, however few the reference has.
        """
        rewrite(other, HALF)
        reference.accept(run_folder.read(other), tmp_path / "reference")

        result = call(other, "--reference", tmp_path / "reference")

        assert 1 == result.exit_code
        assert f"{HALF} on tiny: status not measured: the run has not ended" in result.stdout.splitlines()[-1]

    def test_the_code_of_an_adapter(self, ran, other):
        """
        Of an adapter whose code has changed quality is exact all the same: that is what the gate is for.
        """
        record = run_folder.read(other).record
        changed = msgspec.structs.replace(record, identities=dict.fromkeys(record.identities, "changed"))
        (other / run_folder.RUN).write_bytes(run_folder.pretty(changed))
        requery(other, {0: 0.1})

        assert [(EXACT, "nDCG@10")] == failed(judged(ran, other))

    def test_no_cell(self, ran, other):
        """
        A run and a reference without any cell is no pass.
        """
        (other / run_folder.MEASUREMENTS).write_bytes(b"")

        assert "fail" == judged(other, other).outcome

    def test_other_hardware(self, ran, other):
        """
        On other hardware speed is not compared, which is said and fails nothing.
        """
        elsewhere(other, cpu="another")

        found = judged(ran, other)

        assert "pass" == found.outcome
        assert any("speed is not compared across hardware: cpu" in note for note in found.notes)

    @pytest.mark.parametrize(("share", "is_other"), [(1.019, False), (0.981, False), (1.03, True)])
    def test_memory_of_a_machine(self, ran, other, share, is_other):
        """
        Machines of one kind tell a little more or less memory: 2 % of it is the same hardware.
        """
        elsewhere(other, memory_bytes=int(run_folder.read(other).environment.memory_bytes * share))

        notes = judged(ran, other).notes

        assert is_other == any("memory_bytes" in note for note in notes)

    def test_other_conditions(self, ran, other):
        """
        A condition of the suite that differs from the reference's is named.
        """
        record = run_folder.read(other).record
        changed = msgspec.structs.replace(record, suite={**record.suite, "queries": 3, "name": "renamed"})
        (other / run_folder.RUN).write_bytes(run_folder.pretty(changed))

        (note,) = judged(ran, other).notes

        assert note == "made under other conditions than the reference: suite.queries differ"


class TestAccept:
    @pytest.mark.slow
    def test_what_a_reference_holds(self, ran, tmp_path):
        """
        A reference has no text, no hits, no times, no ids of passages; what it has is named in it.
        """
        folder = tmp_path / "reference"

        reference.accept(run_folder.read(ran), folder)

        names = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
        assert {"run.json", "environment.json", "measurements.jsonl", "sets", "quality"} == names
        assert () == run_folder.read_set(folder, "tiny").passage_ids
        for m in run_folder.read(folder).measurements:
            assert ["quality"] == list(m.files)
            assert (folder / m.files["quality"]).is_file()

    def test_a_reference_is_replaced(self, ran, other, tmp_path):
        """
        Accepting another run replaces the reference whole: no file of the first stays.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        (folder / "quality" / "stale.npz").touch()
        requery(other, {0: -0.5})

        reference.accept(run_folder.read(other), folder)

        assert "pass" == judged(folder, other).outcome
        assert not (folder / "quality" / "stale.npz").exists()
        assert [folder] == [path for path in tmp_path.iterdir() if "reference" in path.name]

    def test_a_failed_replacement(self, ran, other, tmp_path, monkeypatch):
        """
        Where the new reference cannot be put in its place the old one is there again, and nothing beside it.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        replace = Path.replace

        def full(path, target):
            if path.name.endswith(".part"):
                raise OSError(28, "No space left on device")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(InputError, match="cannot be written: No space left"):
            reference.accept(run_folder.read(other), folder)

        assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert [folder] == list(tmp_path.glob("*reference*")) + list(tmp_path.glob(".reference*"))

    def test_other_files_beside_a_reference(self, ran, tmp_path):
        """
        A file of the user's in the reference's folder would go with it: it is named, and nothing is touched.
        """
        folder = tmp_path / "reference"
        reference.accept(run_folder.read(ran), folder)
        (folder / "README.md").write_text("mine")

        with pytest.raises(InputError, match=r"found README\.md.*move them elsewhere"):
            reference.accept(run_folder.read(ran), folder)

        assert "mine" == (folder / "README.md").read_text()

    def test_a_link_to_a_reference(self, ran, other, tmp_path):
        """
        Where the folder is a link, it stays one, and what it names is replaced.
        """
        reference.accept(run_folder.read(ran), tmp_path / "kept")
        (tmp_path / "reference").symlink_to(tmp_path / "kept")
        requery(other, {0: -0.5})

        reference.accept(run_folder.read(other), tmp_path / "reference")

        assert (tmp_path / "reference").is_symlink()
        assert "pass" == judged(tmp_path / "kept", other).outcome

    def test_what_accepting_changes(self, ran, other):
        """
        Every quality figure and byte count that changes is told.
        """
        requery(other, {0: -1.0})  # of 20 queries: 0.05

        (line,) = reference.changes(compare(run_folder.read(ran), run_folder.read(other)))

        was, now = (cell(folder).quality["nDCG@10"] for folder in (ran, other))
        assert f"{EXACT} on tiny: nDCG@10 {was:.6g} -> {now:.6g}" == line

    @pytest.mark.parametrize("kind", ["file", "other files", "run"])
    def test_a_folder_that_is_no_reference(self, ran, other, tmp_path, kind):
        """
        A file, a folder of other files and a whole run are not overwritten.
        """
        folder = other if kind == "run" else tmp_path / "place"
        if kind == "file":
            folder.write_text("mine")
        elif kind == "other files":
            folder.mkdir()
            (folder / "mine").write_text("mine")

        with pytest.raises(InputError, match="expected"):
            reference.accept(run_folder.read(ran), folder)

        assert folder.exists()


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

    def test_the_policy_of_the_run(self, ran, other, tmp_path):
        """
        The policy is the one of the suite that the run was made from.
        """
        requery(other, {0: -0.5}, measure="R@100")
        record = run_folder.read(other).record
        strict = {**record.suite, "gate": {"measures": ["R@100"]}}
        (other / run_folder.RUN).write_bytes(run_folder.pretty(msgspec.structs.replace(record, suite=strict)))
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        assert 1 == call(other, "--reference", tmp_path / "reference").exit_code

    def test_no_reference_yet(self, ran, tmp_path):
        """
        Where there is no reference the message says how to make one.
        """
        with pytest.raises(InputError, match=f"--accept --reference {tmp_path / 'none'}"):
            call(ran, "--reference", tmp_path / "none")

    @pytest.mark.parametrize(
        "options",
        [(), ("--accept",), ("--ab", "HEAD", "--accept"), ("--ab", "HEAD", "--reference", "x"), ("-o", "x")],
    )
    def test_usage(self, ran, options):
        """
        What does not go together is a usage error.
        """
        assert 2 == call(ran, *options).exit_code


class TestPolicy:
    def test_of_a_suite(self):
        """
        The table [gate] of a suite is its policy; what it leaves out has a default.
        """
        text = (
            'name = "a"\npassages = ["primer"]\n[[cells]]\nretrievers = ["X()"]\n[gate]\nbytes = 0.1\nbudget = "2m"\n'
        )

        found = suites.parse(text, "here").gate

        assert (0.1, 120.0, 0.05) == (found.bytes, found.budget_seconds, found.slower)

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("slow = 1", "unknown key 'slow'.*slower"),
            ("slower = -1", "gate.slower: expected a number of at least 0"),
            ('budget = "ninety"', BUDGET),
            ('measures = ["R@7"]', "gate.measures: expected some of the measures"),
            ("install = 'pip \"'", "gate: No closing quotation"),
        ],
    )
    def test_what_is_refused(self, line, said):
        """
        A policy that cannot be meant is refused with its key.
        """
        text = f'name = "a"\npassages = ["primer"]\n[[cells]]\nretrievers = ["X()"]\n[gate]\n{line}\n'

        with pytest.raises(InputError, match=said):
            suites.parse(text, "here")

    def test_no_part_of_the_cells(self, tmp_path, monkeypatch):
        """
        Changing the policy changes no cell's key: what was measured stays measured.
        """
        from bench.run.cells import make_cells
        from tests.helpers.tiny import tiny_set

        bare = suite(EXACT)
        with_policy = msgspec.structs.replace(bare, gate=Gate(bytes=0.5))

        keys = [make_cells(one, [tiny_set()], registry())[0].key for one in (bare, with_policy)]

        assert keys[0] == keys[1]
