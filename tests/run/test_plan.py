"""What a run would take, told before it: bytes, peak and time, and which cells are over the limits."""

from __future__ import annotations

import io
import json
import tempfile

import msgspec
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bench import cli
from bench.errors import InputError
from bench.instruments import latency
from bench.progress import Range
from bench.records.schema import Stage
from bench.report.console.plan import bytes_predicted, print_plan
from bench.run import estimate
from bench.run import runner as runs
from bench.run.durations import Alike
from bench.run.estimate import Encoding, SearchEstimate
from bench.run.over_limits import over_limits
from bench.run.plan import PlannedCell, PlannedSet, plan
from bench.run.prediction import Prediction, Shape, predict
from bench.run.suite import Limits
from retrievers.contract import Spelled
from retrievers.storages.flat import Flat
from tests.helpers.tiny import registry, run, suite, tiny_set


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def planned():
    """One cell that would run and one that is refused, in numbers that were set by hand."""
    runs = PlannedCell(
        passage_set="zoo",
        retriever="BM25() @ CSR()",
        encoder="BM25()",
        storage="CSR()",
        status=None,
        reason=None,
        n_passages=1000,
        dims=2000,
        nonzeros=30_000,
        shape="counted",
        predicted_ledger={"values": 120_000, "indices": 120_000, "offsets": 4004},
        predicted_bytes=244_004,
        counted=True,
        peak_build_bytes=1_500_000,
        seconds=20.0,
        seconds_range=(10.0, 40.0),
        peak_encode_bytes=3_000_000,
        encoder_seconds=10.0,
        encoder_seconds_range=(10.0, 10.0),
    )
    refused = msgspec.structs.replace(
        runs,
        retriever="BM25() @ Flat()",
        storage="Flat()",
        status="over-budget",
        reason="Flat() would take 8,000,000 bytes, the limit is 1,000,000",
        predicted_ledger={"vectors": 8_000_000},
        predicted_bytes=8_000_000,
        peak_build_bytes=None,
        seconds=None,
        seconds_range=None,
    )
    seconds = Range(20.0, 30.0, 50.0)
    return PlannedSet(passage_set="zoo", n_passages=1000, n_queries=9, cells=(runs, refused), seconds=seconds)


def printed(*sets: PlannedSet) -> str:
    out = io.StringIO()
    print_plan(sets, Console(file=out, width=100))
    return out.getvalue()


class TestPredict:
    @pytest.mark.parametrize("nonzeros", [25, None])
    def test_a_ledger_follows_from_the_size(self, nonzeros):
        """
        Three passages of ten dims take 4 bytes a dimension in Flat, however many of their numbers are zero.
        """
        told = predict(Flat(), 3, Shape(10, nonzeros, "counted"), suite("BM25() @ Flat()"))

        assert ({"vectors": 120}, "ok", "") == told

    def test_what_is_over_the_limit_is_refused(self):
        """
        A ledger over the suite's limit is over-budget, with both numbers, and is told all the same.
        """
        small = suite("BM25() @ Flat()", limits=Limits(memory="1KB"))

        told = predict(Flat(), 100, Shape(10, None, "counted"), small)

        assert ("over-budget", {"vectors": 4000}) == (told.status, told.ledger)
        assert "Flat() would take 4,000 bytes, the limit is 1,000" == told.reason

    def test_what_predicts_nothing_is_not_refused(self):
        """
        An adapter without predict_ledger has no prediction.
        """
        assert (None, "ok", "") == predict(Spelled(), 100, Shape(10, None, "counted"), suite("BM25() @ CSR()"))


class TestPlan:
    @pytest.mark.slow
    def test_a_plan_is_what_the_run_does(self, tmp_path):
        """
        Ledgers are predicted to the byte, an engine's from its growth, and no folder is left.
        """
        chosen = suite("BM25() @ CSR()", "BM25() @ Flat()", "RankBM25()")

        (told,) = plan(chosen, [tiny_set()], registry())
        found = run(chosen, tmp_path / "run")

        by_name = {cell.retriever: cell for cell in told.cells}
        for name in ("BM25() @ CSR()", "BM25() @ Flat()"):
            assert found[name].storage_weight.ledger == by_name[name].predicted_ledger
            assert found[name].predicted_ledger == by_name[name].predicted_ledger
            assert by_name[name].counted
            assert (None, "counted") == (by_name[name].status, by_name[name].shape)
        engine = by_name["RankBM25()"]
        assert engine.predicted_bytes == pytest.approx(found["RankBM25()"].storage_weight.ledger_bytes, rel=0.02)
        assert (None, False, None) == (engine.predicted_ledger, engine.counted, engine.shape)
        assert told.seconds.low > sum(cell.seconds_range[0] for cell in told.cells) > 0
        assert not list(tmp_path.glob("temporary/*"))

    @pytest.mark.slow
    def test_what_is_in_the_cache_is_not_guessed(self, tmp_path):
        """
        A matrix that an earlier run left is what its size is told from, and what encoding took is what it took then.
        """
        chosen = suite("BM25() @ CSR()")
        measured = run(chosen, tmp_path / "run")["BM25() @ CSR()"]

        (found,) = plan(chosen, [tiny_set()], registry())

        cell = found.cells[0]
        assert ("cached", measured.shape[1], measured.nonzeros) == (cell.shape, cell.dims, cell.nonzeros)
        assert measured.encode_memory.peak_above_start == cell.peak_encode_bytes

    @pytest.mark.slow
    def test_a_lexical_encoder_counts_all_passages(self, tmp_path, monkeypatch):
        """
        Where a rehearsal ends before all passages are tried, they are encoded into the cache, and counted; a run finds
        the matrix there. One that would take too long is predicted from its share.
        """
        larger = tiny_set(n_passages=300)
        chosen = suite("BM25() @ CSR()")
        monkeypatch.setattr(estimate, "largest", lambda facts: 64)

        (counted,) = plan(chosen, [larger], registry())
        again = run(chosen, tmp_path / "run", larger)["BM25() @ CSR()"]
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "other"))
        monkeypatch.setattr(estimate, "COUNTED_SECONDS", 0.0)
        (predicted,) = plan(chosen, [larger], registry())

        assert ("counted", True) == (counted.cells[0].shape, counted.cells[0].counted)
        assert again.storage_weight.ledger == counted.cells[0].predicted_ledger
        assert again.reused_matrix
        assert ("predicted", False) == (predicted.cells[0].shape, predicted.cells[0].counted)

    @pytest.mark.slow
    def test_what_breaks_breaks_its_own_row(self, tmp_path):
        """
        An encoder that cannot be made and one whose rehearsal fails say so; the others are told.
        """
        (tmp_path / "modules.json").write_text("[")
        (tmp_path / "model.safetensors").write_bytes(b"none")
        chosen = suite(f'BiEncoder("{tmp_path}") @ Flat()', "Constant() @ Refuses()", "Constant() @ Exact()")

        (found,) = plan(chosen, [tiny_set()], registry())

        broken, unsupported, sound = found.cells
        assert "failed" == broken.status
        assert broken.reason
        assert "unsupported" == unsupported.status
        assert None is sound.status

    def test_a_suite_that_cannot_run_cannot_be_planned(self):
        """
        A baseline that is none of the cells is an InputError, before any child starts.
        """
        with pytest.raises(InputError, match="baseline: expected one of the cells"):
            plan(suite("BM25() @ CSR()", baseline="TfIdf() @ CSR()"), [tiny_set()], registry())


class TestOverLimits:
    def test_an_estimate_over_a_limit_is_said(self):
        """
        Peak and longest stage of a cell and of its encoder are held to the limits of one stage; a cell's seconds are of
        several stages, and what is in the cache needs no more memory.
        """
        chosen = suite("BM25() @ CSR()", limits=Limits(seconds=60.0, memory="1MB"))

        def taking(stage: Stage, seconds: float, number: int = 1) -> dict[Stage, Alike]:
            return {stage: Alike(Range.exactly(seconds), number)}

        within = SearchEstimate(Prediction(), taking("search", 60.0, 10), peak_bytes=1_000_000)
        over = SearchEstimate(Prediction(), taking("build", 61.0), peak_bytes=1_000_001)
        encoding = Encoding(taking("encode", 600.0), 2_000_000)
        cached = Encoding(taking("query", 6.0), 2_000_000, encoded=True)

        peak, time = over_limits(over, cached, chosen)
        of_encoder = list(over_limits(within, encoding, chosen))

        assert "peak over the limit: about 1,000,001 bytes of 1,000,000: --memory lifts it" == peak
        assert "time over the limit: about 61 s in one stage of 60: --seconds lifts it" == time
        assert of_encoder[1].endswith("--seconds lifts it; what is encoded by then is kept")
        assert ["encoding: peak over the limit", "encoding: time over the limit"] == [
            said.partition(": about")[0] for said in of_encoder
        ]
        assert [] == list(over_limits(within, None, chosen))
        assert [] == list(over_limits(over, encoding, suite("BM25() @ CSR()", limits=Limits(memory="1GB"))))

    @pytest.mark.slow
    def test_an_estimate_refuses_nothing(self, monkeypatch):
        """
        A cell whose longest stage is predicted over the limit would run all the same, and has the warning.
        """
        monkeypatch.setattr(latency, "SECONDS_A_ROUND", 100.0)
        timed = suite("BM25() @ CSR()", modes=("single",), limits=Limits(seconds=60.0, memory="4GB"))

        (found,) = plan(timed, [tiny_set()], registry())

        (cell,) = found.cells
        assert None is cell.status
        assert ["encoding: time over the limit", "time over the limit"] == [
            said.partition(": about")[0] for said in cell.warnings
        ]


class TestOverBudget:
    @pytest.mark.slow
    def test_an_absurd_cell_is_refused_and_keeps_what_was_predicted(self, tmp_path, monkeypatch):
        """
        TF-IDF held dense under a small limit is an over-budget record with its predicted ledger, by plan and by run.
        """
        words = tiny_set(n_passages=9000)
        chosen = suite("TfIdf() @ CSR()", "TfIdf() @ Flat()", limits=Limits(seconds=60.0, memory="300MB"))
        expected = {"vectors": 9000 * 9001 * 4}  # every passage has a word of its own, and one that all have
        monkeypatch.setattr(runs, "FEWEST_PASSAGES", 10_000)  # so that the run rehearses nothing itself

        found = run(chosen, tmp_path / "run", words)
        (planned,) = plan(chosen, [words], registry())

        record = found["TfIdf() @ Flat()"]
        assert ["ok", "over-budget"] == [m.status for m in found.values()]
        assert ("over-budget", expected) == (record.status, record.predicted_ledger)
        assert "the limit is 300,000,000" in record.reason
        assert (record.status, record.reason, expected) == (
            planned.cells[1].status,
            planned.cells[1].reason,
            planned.cells[1].predicted_ledger,
        )


class TestPrinted:
    def test_a_table_says_what_is_refused_and_why(self, planned):
        """
        Bytes, peak and time of each cell, the reason of a refusal, and what all comes to.
        """
        said = " ".join(printed(planned).split())

        assert "zoo: 1,000 passages, 9 queries" in said
        assert "BM25() @ CSR() 0.244 1.50 20 s (10 to 40 s)" in said
        assert "over-budget: Flat() would take 8,000,000 bytes, the limit is 1,000,000" in said
        assert (
            "BM25(): 2,000 dims, 30,000 non-zeros (counted); passages and queries encoded in 10 s, peak 3.00 MB" in said
        )
        assert "2 cells, 1 over-budget; indexes 0.244 MB in all; about 30 s (20 to 50 s)" in said

    def test_a_warning_stands_in_its_line(self, planned):
        """
        An estimate over a limit is said below its cell, which is counted among what would run.
        """
        first, second = planned.cells
        warned = msgspec.structs.replace(first, warnings=("peak over the limit: about 9 bytes of 8",))

        lines = printed(msgspec.structs.replace(planned, cells=(warned, second))).splitlines()

        at = next(number for number, line in enumerate(lines) if line.startswith("BM25() @ CSR()"))
        assert "peak over the limit: about 9 bytes of 8" == lines[at + 1].strip()
        assert any(line.startswith("2 cells, 1 over-budget, 1 perhaps over the limits;") for line in lines)

    def test_an_estimate_is_marked(self, planned):
        """
        What does not follow from the matrix as it will be has a ~ before it.
        """
        about = tuple(msgspec.structs.replace(cell, counted=False) for cell in planned.cells)

        assert "~0.244" in printed(msgspec.structs.replace(planned, cells=about))
        assert "~0.244" not in printed(planned)

    def test_several_sets_are_summed(self, planned):
        """
        The last line tells what all passage sets come to.
        """
        assert (
            "all passage sets: 4 cells, 2 over-budget; indexes 0.488 MB in all; about 60 s (40 s to 2 min)"
            in printed(planned, planned)
        )


@pytest.mark.slow
def test_a_run_says_how_near_its_predictions_came(tmp_path):
    """
    After a run: how many index sizes were predicted within 2 %, and which was furthest off, unless all were; nothing
    where none was both predicted and weighed.
    """
    (right,) = run(suite("BM25() @ CSR()"), tmp_path / "run").values()
    more = {name: 2 * nbytes for name, nbytes in right.predicted_ledger.items()}
    wrong = msgspec.structs.replace(right, predicted_ledger=more, retriever="Other() @ CSR()")
    nothing = msgspec.structs.replace(right, predicted_ledger=None)
    weighed = right.storage_weight.ledger_bytes

    near = msgspec.structs.replace(right, predicted_ledger={"values": round(weighed * 1.01)})
    assert "all index sizes (1) were predicted to the byte" == bytes_predicted([right, nothing])
    assert "all index sizes (2) were predicted within 2%" == bytes_predicted([right, near])
    assert (
        "1 of 2 index sizes were predicted within 2%; furthest off: tiny: Other() @ CSR(), "
        f"predicted {2 * weighed:,} bytes, "
        f"weighed {weighed:,} (+100.0%)" == bytes_predicted([right, wrong])
    )
    assert bytes_predicted([nothing]) is None


@pytest.mark.slow
def test_the_command_takes_what_run_takes():
    """
    `sparring plan` has every option of `sparring run` but its folder, and answers with one JSON array.
    """
    options = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in typer.main.get_command(cli.app).commands.items()
    }

    ended = CliRunner().invoke(cli.app, ["plan", "--passages", "primer", "TfIdf() @ CSR()", "--rounds", "1", "--json"])

    assert {"-o", "--output", "--fresh"} == options["run"] - options["plan"]
    assert {"--json", "--power", "--pilot"} == options["plan"] - options["run"]
    (row,) = json.loads(ended.stdout)
    assert 0 == ended.exit_code
    assert ("primer", "TfIdf() @ CSR()", None) == (row["passage_set"], row["retriever"], row["status"])
    assert sum(row["predicted_ledger"].values()) == row["predicted_bytes"]
