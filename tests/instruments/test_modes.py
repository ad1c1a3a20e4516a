"""The latency modes: one value each, over which all who check, time, record, estimate and show modes iterate."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest

from bench.instruments import latency, modes
from bench.instruments.modes import MODES, Mode, Pace, Scope, Settings
from bench.records.schema import Latency, Measurement, StageResult
from bench.report import rows
from bench.run import measurement
from bench.run.cells import make_cells
from bench.run.estimate import estimate
from bench.run.runner import begun
from bench.run.suite import parse
from bench.run.tasks import Work
from bench.stage import outputs, process, worker
from tests.helpers.places import ROOT
from tests.helpers.records import measurement as record
from tests.helpers.tiny import registry, suite, tiny_set

TOML = 'name = "toy"\npassages = ["primer"]\nmodes = ["twice"]\n[[cells]]\nretrievers = ["BM25() @ CSR()"]\n'


def twice(target: modes.Target) -> dict[str, np.ndarray]:
    """Each query two times in a row, in one sample."""

    def ask(query: int) -> object:
        target.one(query)
        return target.one(query)

    return {"twice": latency.single(ask, target.n_queries, target.seconds, target.keep)}


TWICE = Mode(
    name="twice",
    help="each query two times in a row",
    scopes=("part", "engine"),
    loop=twice,
    summary=lambda rounds: {"twice": latency.summary(rounds.samples("search", "twice"))},
    seconds=lambda pace: 2 * pace.one,
    fields=("twice",),
    keys={"twice_p50_ms": "twice.p50"},
    unmeasured="twice: not measured",
)


@pytest.fixture
def toy(monkeypatch):
    """A mode more: its value, and its field in the record under a tag of its own."""
    wider = msgspec.defstruct(
        "Wider",
        [("twice", Latency | None, None)],
        bases=(Measurement,),
        frozen=True,
        kw_only=True,
        tag_field="schema",
        tag="measurement/toy",
    )
    monkeypatch.setitem(MODES, "twice", TWICE)
    monkeypatch.setattr(measurement, "Measurement", wider)


@pytest.fixture
def in_this_process(monkeypatch, tmp_path):
    """Children are done here, where the toy mode is known."""

    def run(job, folder, allowed, **_) -> StageResult:
        folder.mkdir(parents=True, exist_ok=True)
        result = worker.attempt(job)
        outputs.place(job)
        return msgspec.structs.replace(result, threads=allowed.threads)

    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(process, "run", run)


class TestOneMore:
    """A mode is a value and a field of the record: nothing else names it."""

    def test_a_suite_names_it(self, toy):
        """
        A suite may name the mode, and none that is not registered.
        """
        assert ("twice",) == parse(TOML, "toy.toml").modes

    @pytest.mark.usefixtures("in_this_process", "toy")
    def test_a_run_measures_it(self, tmp_path):
        """
        A child times it, its samples are kept, the record has its figure and a row its key; no other mode has one.
        """
        one = suite("RankBM25()", modes=("twice",))
        with begun(one, [tiny_set()], tmp_path / "run", registry()) as (runner, cells):
            runner.round_seconds = 0.001
            runner.run(cells)

        (found,) = runner.writer.measurements.values()
        with np.load(tmp_path / "run" / found.files["search-0"]) as samples:
            names = set(samples)
        assert ("ok", {"new", "again", "fresh", "twice"}) == (found.status, names)
        assert found.twice.p50 == rows.row(found)["twice_p50_ms"]
        assert [None, None, None, None] == [found.single, found.batch_qps, found.joint, found.rate]
        assert "1 of the 3 rounds that a latency needs" in found.flags

    @pytest.mark.usefixtures("in_this_process", "toy")
    def test_a_cell_without_it_says_so(self, tmp_path):
        """
        A cell that has no figure of a mode that was asked for has the mode's own flag.
        """
        MODES["twice"] = TWICE._replace(scopes=())
        one = suite("RankBM25()", modes=("twice",))

        with begun(one, [tiny_set()], tmp_path / "run", registry()) as (runner, cells):
            runner.run(cells)

        (found,) = runner.writer.measurements.values()
        assert "twice: not measured" in found.flags

    @pytest.mark.usefixtures("toy")
    def test_an_estimate_counts_it(self, monkeypatch, tmp_path):
        """
        What its loops take is added to each stage in which they are run: a pass over new queries, then two passes of
        each part's own; and a mode at all makes a stage that answers the four as a deployment would.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
        facts = {
            True: {"make 100": 1.0, "one 100": 0.25, "every 100": 0.0},
            False: {"make 100": 1.0, "one 100": 0.5, "every 100": 0.0},
        }

        def seconds(*names: str) -> dict[str, float]:
            chosen = msgspec.structs.replace(suite("Constant() @ Exact()", modes=names), queries=4)
            passage_set = tiny_set(n_passages=100, n_queries=10)
            work = Work(chosen, tmp_path / "-".join(("run", *names)), registry(), passage_set)

            def attempt(task) -> StageResult:
                return StageResult(stage="rehearse", status="ok", facts=facts[task.job.encoder is not None])

            found = estimate(make_cells(chosen, [passage_set], registry()), work, attempt).seconds
            return {name: each.likely for name, each in found.items()}

        without, with_it = seconds(), seconds("twice")

        assert {"Constant()": 1.0 + 2.0, "Constant() @ Exact()": 2.0 + 4.0 + (1.0 + 4 * (0.25 + 0.5))} == {
            name: value - without[name] for name, value in with_it.items()
        }


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
class TestEach:
    def test_what_it_fills_is_in_the_record(self, mode):
        """
        Its fields are the record's, each of its keys leads to one, and what was not measured is None.
        """
        row = rows.row(record())

        assert set(mode.fields) <= set(Measurement.__struct_fields__)
        assert [] == [path for path in mode.keys.values() if not hasattr(Measurement, path.partition(".")[0])]
        assert {None} == {row[key] for key in mode.keys}

    def test_it_runs_somewhere(self, mode):
        """
        Its loop is run in some process, and takes time there that the estimate knows.
        """
        pace = Pace(n_queries=10, one=0.1, every=0.05, settings=Settings())

        assert set() < set(mode.scopes) <= set(get_args(Scope))
        assert mode.seconds(pace) >= latency.SECONDS_A_ROUND

    def test_it_is_described(self, mode):
        """
        A README says what it is.
        """
        pages = [path.read_text(encoding="utf-8") for path in Path(ROOT / "bench").rglob("README.md")]

        assert any(f"`{mode.name}`" in page for page in pages)


def test_samples_of_a_round_have_names_of_their_own():
    """
    No two modes fill the same field, or the same key.
    """
    fields = [field for mode in MODES.values() for field in mode.fields]
    keys = [key for mode in MODES.values() for key in mode.keys]

    assert (len(set(fields)), len(set(keys))) == (len(fields), len(keys))


def test_chosen_modes_are_in_their_order():
    """
    Loops are run in the order of the registry, however a suite names them.
    """
    assert ["single", "rate"] == [mode.name for mode in modes.chosen(("rate", "single", "rate"))]


def test_the_gap_of_both_parts_in_one_process():
    """
    A joint p50 of 1.2 ms beside 1 ms of the parts' sum is a gap of 20 %; without either there is none.
    """
    one, both = (Latency(p50=p50, p95=None, p99=None, cold=None) for p50 in (1.0, 1.2))

    found = [record(single=single, joint=joint).joint_gap for single, joint in ((one, both), (one, None), (None, both))]

    assert [pytest.approx(0.2), None, None] == found
