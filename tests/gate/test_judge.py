"""The gate: what it lets pass, what it refuses, and how it says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.gate import reference
from bench.gate.verdict import GateVerdict
from bench.records import run_folder
from bench.run.suite import Gate
from tests.helpers.gated import EXACT, HALF, cell, judged, requery, rewrite


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


def failed(judgment: GateVerdict) -> list[tuple[str, str]]:
    """(retriever, name) of every finding that failed."""
    return [(c.retriever, f.name) for c in judgment.cells for f in c.findings if f.outcome == "fail"]


class TestReference:
    @pytest.mark.slow
    def test_the_same_run(self, ran, tmp_path):
        """
        A run passes beside the reference that was made from it, in one line that says what was compared.
        """
        reference.accept(run_folder.read(ran), tmp_path / "reference")

        found = judged(tmp_path / "reference", ran)

        held = "nDCG@10, R@1, R@10, R@100, RR@10 equal on 20 queries"
        assert f"gate: pass - 2 cells; {held}, bytes equal, speed and memory not compared (no --ab)" == found.line
        assert ["pass", "pass"] == [c.outcome for c in found.cells]

    @pytest.mark.slow
    def test_one_query_worse(self, ran, other):
        """
        On the same environment the change of one query's value fails, and says how many queries changed.
        """
        requery(other, {0: -0.001})

        found = judged(ran, other)

        assert [(EXACT, "nDCG@10")] == failed(found)
        assert "fail" == found.outcome
        assert "(1 queries worse, the first 'q0', 0 better)" in found.line

    def test_every_figure_that_failed(self, ran, other):
        """
        The line tells the first figure of a cell that failed, and names all others, each once.
        """
        requery(other, {0: -0.5})
        requery(other, {0: -0.5}, measure="R@100")
        requery(other, {0: -0.5, 1: -0.5}, HALF, "R@1")

        assert judged(ran, other).line.endswith("; failed too: R@100")

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

    def test_a_measure_that_is_not_primary(self, ran, other):
        """
        Every measure of the suite is held, unless the policy names some.
        """
        requery(other, {0: -0.5}, measure="R@100")

        assert [(EXACT, "R@100")] == failed(judged(ran, other))
        assert [] == failed(judged(ran, other, Gate(measures=("nDCG@10", "R@10"))))

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

    @pytest.mark.parametrize(
        ("change", "outcome"), [(-0.0005, "pass"), (-0.007, "fail"), (0.007, "pass"), (0.2, "fail")]
    )
    def test_non_inferior(self, ran, other, change, outcome):
        """
        Where a loss that is accepted is named, one that is not surely smaller has to be small; gains stay two-sided.
        """
        requery(other, dict.fromkeys(range(20), change), HALF)
        lost = judged(ran, other, Gate(non_inferior=0.005))

        assert outcome == next(c.outcome for c in lost.cells if c.retriever == HALF)

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

        assert {(EXACT, name) for name in ("nDCG@10", "R@1", "R@10", "R@100", "RR@10")} == set(
            failed(judged(ran, other))
        )

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
        Old cells of which none is held to is no pass; a revision that had none yet is.
        """
        for spelling in (EXACT, HALF):
            rewrite(other, spelling, retriever=f"Another{spelling}")
        beside_others = [judged(other, ran, speeds=speeds) for speeds in (None, {})]
        for spelling in (EXACT, HALF):
            rewrite(other, f"Another{spelling}")
        beside_none = judged(other, ran, speeds={})

        assert ["fail", "fail", "pass"] == [found.outcome for found in (*beside_others, beside_none)]
        assert all("none held to the reference" in found.line for found in beside_others)

    @pytest.mark.parametrize(
        ("up", "down", "outcome"), [(0, 2, "pass"), (0, 4, "fail"), (1, 5, "pass"), (1, 6, "fail"), (1, 15, "fail")]
    )
    def test_more_losses_than_chance_makes(self, ran, other, up, down, outcome):
        """
        Elsewhere a mean may move a little, but not by losses that ties, which swap both ways, do not make.
        """
        elsewhere(other, libraries={"numpy": "0.1"})
        requery(other, dict.fromkeys(range(down), -0.01) | dict.fromkeys(range(down, down + up), 0.01))

        assert outcome == judged(ran, other).outcome

    def test_a_retriever_that_is_exact_no_more(self, ran, other):
        """
        What was exact gets no tolerance by saying that it is approximate.
        """
        requery(other, {0: -0.1})
        rewrite(other, exact=False)

        assert [(EXACT, "exact")] == failed(judged(ran, other))

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
