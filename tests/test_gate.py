"""The gate: what it lets pass, what it refuses, and how it says so."""

from __future__ import annotations

import functools
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import command
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from tiny import registry, run, suite

from bench import reference, store
from bench import suite as suites
from bench.commands.gate import gate
from bench.compare import compare
from bench.errors import InputError
from bench.gate import CellVerdict, Finding, Judgment, judge
from bench.report import verdicts
from bench.speed import FEWEST_ROUNDS, decided, decision_of
from bench.suite import Gate

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
    return next(m for m in store.read(folder).measurements if m.retriever == spelling)


def rewrite(folder: Path, spelling: str = EXACT, **fields: object) -> None:
    """Change what a run recorded of a cell; without fields the cell is gone."""
    found = store.read(folder).measurements
    kept = [msgspec.structs.replace(m, **fields) if m.retriever == spelling else m for m in found]
    kept = [m for m in kept if fields or m.retriever != spelling]
    (folder / store.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in kept))


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
    path = folder / store.ENVIRONMENT
    path.write_bytes(store.pretty(msgspec.structs.replace(store.read(folder).environment, **fields)))


def judged(old: Path, new: Path, policy: Gate = Gate(), **options: object) -> Judgment:  # noqa: B008  # frozen
    return judge(compare(store.read(old), store.read(new)), policy, "nDCG@10", **options)


def failed(judgment: Judgment) -> list[tuple[str, str]]:
    """(retriever, name) of every finding that failed."""
    return [(c.retriever, f.name) for c in judgment.cells for f in c.findings if f.outcome == "fail"]


call = functools.partial(command.call, gate)


class TestSpeedDecision:
    def test_too_few_rounds(self):
        """
        Before five pairs of rounds nothing is decided, however slow they are.
        """
        assert ("undecided", None) == decision_of([np.log(9.0)] * (FEWEST_ROUNDS - 1), 0.05)

    def test_slower(self):
        """
        A clear slowdown of a fifth is slower, by its trimmed mean and its bounds.
        """
        ratios = np.log([1.18, 1.19, 1.20, 1.21, 1.22])

        decision, (low, high) = decision_of(ratios, 0.05)

        assert "slower" == decision
        assert 0 < low < 0.182 < high  # ln 1.2

    def test_bounds(self):
        """
        Of 0, 1, 2, 3, 4 the plain mean is surer: 2, with a spread of sqrt(10 / 4) and four degrees of freedom.
        """
        decision, (low, high) = decision_of([0.0, 1.0, 2.0, 3.0, 4.0], 0.05)

        assert "undecided" == decision
        error = np.sqrt(2.5 / 5)
        assert pytest.approx(2 - 7.173182220 * error) == low  # t(0.999, 4)
        assert pytest.approx(2 + 3.746947388 * error) == high  # t(0.99, 4)

    def test_trimmed_bounds(self):
        """
        With a burst the trimmed mean is surer: of -90, 0, 0, 1, 2, 3, 4, 4, 94, 94 the middle six have the mean 14/6.

        Winsorised to 0 and 4, two at either end, they spread by sqrt(sum of squares about 2.2 / 9), over 0.6.
        """
        ratios = [-90.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 94.0, 94.0]

        _, (low, high) = decision_of(ratios, 0.05)

        winsorised = [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]
        error = np.sqrt(sum((x - 2.2) ** 2 for x in winsorised) / 9 / 10) / 0.6
        assert pytest.approx(14 / 6 - 5.893429531 * error) == low  # t(0.999, 5)
        assert pytest.approx(14 / 6 + 3.364929997 * error) == high  # t(0.99, 5)

    def test_as_fast_as_before(self):
        """
        What is surely not slower by the smallest difference passes.
        """
        decision, _ = decision_of([0.001, -0.002, 0.003, 0.0, -0.001], 0.05)

        assert "pass" == decision

    def test_surely_slower_by_too_little(self):
        """
        A growth that is sure, and below the smallest difference, passes.
        """
        decision, (low, _) = decision_of(np.log([1.020, 1.021, 1.019, 1.020, 1.020]), 0.05)

        assert low > 0
        assert "pass" == decision

    def test_a_burst_decides_nothing(self):
        """
        One pair that a neighbour disturbed, either way, changes no verdict of the others.
        """
        calm = [0.001, -0.002, 0.003, 0.0, -0.001, 0.002]

        assert "pass" == decision_of([*calm, 2.0], 0.05)[0]
        assert "slower" == decision_of([*(0.3 + x for x in calm), -2.0], 0.05)[0]

    def test_fewer_milliseconds_than_matter(self):
        """
        A growth below the policy's milliseconds passes, whatever its share.
        """
        old, new = [0.010] * 5, [0.020] * 5

        assert "slower" == decided(old, new, Gate()).decision
        assert "pass" == decided(old, new, Gate(milliseconds=0.5)).decision

    def test_what_is_told(self):
        """
        The ratio is the median over pairs of rounds, the times are the medians of each side.
        """
        speed = decided([1.0, 2.0, 4.0, 1.0, 2.0], [2.0, 4.0, 8.0, 2.0, 4.0], Gate())

        assert (5, 2.0, 4.0, 2.0) == (speed.rounds, speed.old, speed.new, pytest.approx(speed.ratio))
        assert pytest.approx((2.0, 2.0)) == speed.bounds

    @given(st.lists(st.floats(-1, 1), min_size=FEWEST_ROUNDS, max_size=20))
    @settings_of(deadline=None)
    def test_swapping_the_sides(self, ratios):
        """
        Both sides are never slower than one another, and the order of the rounds does not matter.
        """
        decision, bounds = decision_of(ratios, 0.05)

        assert (decision, pytest.approx(bounds)) == decision_of(ratios[::-1], 0.05)
        assert "slower" != decision or "slower" != decision_of([-x for x in ratios], 0.05)[0]

    def test_alike_sides_are_let_be(self):
        """
        Of 2,000 seeded A/A pairs of sides, with bursts, looked at after every round, hardly one is called slower.
        """
        random = np.random.default_rng(3)
        noise = random.normal(0, 0.03, (2000, 16))
        noise += (random.random(noise.shape) < 0.1) * random.normal(0, 0.5, noise.shape)

        slower = [any(decision_of(one[:n], 0.05)[0] == "slower" for n in range(5, 17, 2)) for one in noise]

        assert sum(slower) <= 5

    def test_a_tenth_slower_is_caught(self):
        """
        Of 500 seeded sides slower by a tenth, nine in ten and more are caught within 16 rounds.
        """
        noise = np.random.default_rng(4).normal(np.log(1.1), 0.03, (500, 16))

        slower = [any(decision_of(one[:n], 0.05)[0] == "slower" for n in range(5, 17, 2)) for one in noise]

        assert sum(slower) >= 475


class TestReference:
    def test_the_same_run(self, ran, tmp_path):
        """
        A run passes beside the reference that was made from it, in one line that says what was compared.
        """
        reference.accept(store.read(ran), tmp_path / "reference")

        found = judged(tmp_path / "reference", ran)

        assert "gate: pass - 2 cells; quality equal, bytes equal, speed not compared (no --ab)" == found.line
        assert ["pass", "pass"] == [c.outcome for c in found.cells]

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
        reference.accept(store.read(other), tmp_path / "reference")
        reledger(other, change)

        found = judged(tmp_path / "reference", other)

        assert [(EXACT, "ledger_bytes")] == failed(found)
        assert said in found.line

    def test_bytes_that_may_change(self, ran, other, tmp_path):
        """
        Bytes may change by the share that the policy names.
        """
        reledger(other, 0)
        reference.accept(store.read(other), tmp_path / "reference")
        reledger(other, 10)

        assert [] == failed(judged(tmp_path / "reference", other, Gate(bytes=0.01)))

    def test_bytes_no_longer_told(self, ran, other, tmp_path):
        """
        A ledger that the reference has and the run has not fails.
        """
        reledger(other, 0)
        reference.accept(store.read(other), tmp_path / "reference")
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

    def test_cells_without_a_counterpart(self, ran, other):
        """
        A new cell and a cell that is gone are said; they fail only where it is strict.
        """
        rewrite(other, HALF)

        new, gone = judged(other, ran), judged(ran, other)

        assert ("pass", "pass") == (new.outcome, gone.outcome)
        assert "1 without a counterpart" in new.line
        assert ("fail", "fail") == (judged(other, ran, strict=True).outcome, judged(ran, other, strict=True).outcome)

    def test_no_cell(self, ran, other):
        """
        A run and a reference without any cell is no pass.
        """
        (other / store.MEASUREMENTS).write_bytes(b"")

        assert "fail" == judged(other, other).outcome

    def test_other_hardware(self, ran, other):
        """
        On other hardware speed is not compared, which is said and fails nothing.
        """
        elsewhere(other, cpu="another")

        found = judged(ran, other)

        assert "pass" == found.outcome
        assert any("speed is not compared across hardware: cpu" in note for note in found.notes)

    def test_other_conditions(self, ran, other):
        """
        A condition of the suite that differs from the reference's is named.
        """
        record = store.read(other).record
        changed = msgspec.structs.replace(record, suite={**record.suite, "queries": 3, "name": "renamed"})
        (other / store.RUN).write_bytes(store.pretty(changed))

        (note,) = judged(ran, other).notes

        assert note == "made under other conditions than the reference: suite.queries differ"


class TestAccept:
    def test_what_a_reference_holds(self, ran, tmp_path):
        """
        A reference has no text, no hits, no times, no ids of passages; what it has is named in it.
        """
        folder = tmp_path / "reference"

        reference.accept(store.read(ran), folder)

        names = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
        assert {"run.json", "environment.json", "measurements.jsonl", "sets", "quality"} == names
        assert () == store.read_set(folder, "tiny").passage_ids
        for m in store.read(folder).measurements:
            assert ["quality"] == list(m.files)
            assert (folder / m.files["quality"]).is_file()

    def test_a_reference_is_replaced(self, ran, other, tmp_path):
        """
        Accepting another run replaces the reference whole: no file of the first stays.
        """
        folder = tmp_path / "reference"
        reference.accept(store.read(ran), folder)
        (folder / "quality" / "stale.npz").touch()
        requery(other, {0: -0.5})

        reference.accept(store.read(other), folder)

        assert "pass" == judged(folder, other).outcome
        assert not (folder / "quality" / "stale.npz").exists()
        assert [folder] == [path for path in tmp_path.iterdir() if "reference" in path.name]

    def test_what_accepting_changes(self, ran, other):
        """
        Every quality figure and byte count that changes is told.
        """
        requery(other, {0: -1.0})  # of 20 queries: 0.05

        (line,) = reference.changes(compare(store.read(ran), store.read(other)))

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
            reference.accept(store.read(ran), folder)

        assert folder.exists()


class TestCommand:
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
        reference.accept(store.read(ran), tmp_path / "reference")

        asked = ("--markdown", tmp_path / "m.md", "--junit", tmp_path / "j.xml")
        result = call(other, "--reference", tmp_path / "reference", *asked)

        assert 1 == result.exit_code
        assert (tmp_path / "m.md").read_text() in (tmp_path / "summary").read_text()
        assert "fail | tiny | `Constant() @ Exact()`" in (tmp_path / "m.md").read_text()
        assert 1 == len(ET.parse(tmp_path / "j.xml").findall(".//failure"))
        assert any(
            line.startswith("::error title=Constant() @ Exact() on tiny::") for line in result.stdout.split("\n")
        )

    def test_json(self, ran, tmp_path):
        """
        With --json stdout is one object: the outcome, the line, and the findings of every cell.
        """
        reference.accept(store.read(ran), tmp_path / "reference")

        result = call(ran, "--reference", tmp_path / "reference", "--json")

        found = msgspec.json.decode(result.stdout, type=Judgment)
        assert ("pass", 2) == (found.outcome, len(found.cells))

    def test_the_policy_of_the_run(self, ran, other, tmp_path):
        """
        The policy is the one of the suite that the run was made from.
        """
        requery(other, {0: -0.5}, measure="R@100")
        record = store.read(other).record
        strict = {**record.suite, "gate": {"measures": ["R@100"]}}
        (other / store.RUN).write_bytes(store.pretty(msgspec.structs.replace(record, suite=strict)))
        reference.accept(store.read(ran), tmp_path / "reference")

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


class TestReports:
    JUDGMENT = Judgment(
        outcome="fail",
        line="gate: fail - 1 of 2 cells",
        cells=(
            CellVerdict(
                passage_set="a|b",
                retriever='X("<p>\n")',
                outcome="fail",
                findings=(
                    Finding(kind="quality", name="R@1", outcome="fail", said="100 % <worse> & 1\n\x1b[31m,:"),
                    Finding(kind="bytes", name="ledger_bytes", outcome="pass", said="8, alike"),
                ),
            ),
            CellVerdict(
                passage_set="c",
                retriever="Y()",
                outcome="undecided",
                findings=(Finding(kind="speed", name="single_p50_ms", outcome="undecided", said="x1.02"),),
            ),
        ),
        notes=("a <b>",),
    )

    def test_junit(self):
        """
        JUnit's XML reads back: a case a finding, failures and skips counted, no character that XML refuses.
        """
        root = ET.fromstring(verdicts.junit(self.JUDGMENT))  # our own

        suite = root.find("testsuite")
        counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
        assert ["3", "1", "0", "1"] == counts == [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
        first, second, third = suite.iter("testcase")
        assert ('a|b.X("<p> ")', "R@1") == (first.get("classname"), first.get("name"))
        assert "100 % <worse> & 1 \N{REPLACEMENT CHARACTER}[31m,:" == first.find("failure").get("message")
        assert [] == list(second)
        assert "undecided: x1.02" == third.find("skipped").get("message")

    @given(st.text())
    @settings_of(deadline=None)
    def test_any_text_is_xml(self, text):
        """
        Whatever an adapter is called, the XML can be read.
        """
        cells = (msgspec.structs.replace(self.JUDGMENT.cells[0], retriever=text),)

        ET.fromstring(verdicts.junit(msgspec.structs.replace(self.JUDGMENT, cells=cells)))  # our own

    def test_workflow_commands(self):
        """
        GitHub's annotations: a line each, with the escapes that it asks for.
        """
        error, warning, last = verdicts.workflow_commands(self.JUDGMENT)

        assert error == ('::error title=X("<p> ") on a|b::R@1 100 %25 <worse> & 1 \N{REPLACEMENT CHARACTER}[31m,:')
        assert "::warning title=Y() on c::single_p50_ms x1.02" == warning
        assert "::error title=sparring gate::gate: fail - 1 of 2 cells" == last

    def test_markdown(self):
        """
        The summary is the line, one row a cell, and the notes; a bar or a tag in a name breaks no row.
        """
        lines = verdicts.markdown(self.JUDGMENT).splitlines()

        assert "**gate: fail - 1 of 2 cells**" == lines[0]
        row = next(line for line in lines if line.startswith("| fail"))
        assert 5 == row.replace("\\|", "").count("|")
        assert "- a \\<b\\>" == lines[-1]


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
        A policy that can not be meant is refused with its key.
        """
        text = f'name = "a"\npassages = ["primer"]\n[[cells]]\nretrievers = ["X()"]\n[gate]\n{line}\n'

        with pytest.raises(InputError, match=said):
            suites.parse(text, "here")

    def test_no_part_of_the_cells(self, tmp_path, monkeypatch):
        """
        Changing the policy changes no cell's key: what was measured stays measured.
        """
        from tiny import tiny_set

        from bench.cells import make_cells

        bare = suite(EXACT)
        with_policy = msgspec.structs.replace(bare, gate=Gate(bytes=0.5))

        keys = [make_cells(one, [tiny_set()], registry())[0].key for one in (bare, with_policy)]

        assert keys[0] == keys[1]
