"""The figures that are read off the records of cells of known cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.calibration import cells, instruments, processes
from bench.calibration.cells import MeasuredCell
from bench.calibration.other_work import Shares
from bench.records.schema import Rate, StageResult
from bench.run.runner import Silent
from retrievers.registry import parse
from tests.helpers.records import failed, latency, measurement, memory, weight

MS = 1_000_000  # nanoseconds


def stage(name: str, **facts: float) -> StageResult:
    return StageResult(stage=name, status="ok", facts=facts)


def timed(*stages: StageResult, others: float = 0.0) -> MeasuredCell:
    """A cell whose times are all known ones, but that of encoding."""
    record = measurement(
        encode=latency(2.5),
        search=latency(5.0),
        single=latency(7.01),
        joint=latency(7.0),
        batch_qps=142.0,
        search_batch_qps=200.0,
    )
    return MeasuredCell(record, stages, Path(), Shares(others))


class TestTimes:
    def test_each_is_held_to_what_is_known(self):
        """
        Encoding takes 2 ms, searching 5, both together 7, each within 2 %; rates are one over that.
        """
        found = list(instruments.times(timed(stage("query", waited_share=0.0))))

        assert [2.0, 5.0, 7.0, 7.0, 1000 / 7, 200.0] == [figure.known for figure in found]
        assert [2.5, 5.0, 7.01, 7.0, 142.0, 200.0] == [figure.reported for figure in found]
        assert ["off", *["holds"] * 5] == [figure.verdict for figure in found]
        assert 0.04 == found[0].bound

    def test_each_has_the_contention_of_its_own_stages(self):
        """
        A figure has the contention of its own stages, their rounds' median; one of two stages that of the worse.
        """
        stages = [stage("query", waited_share=share) for share in (0.9, 0.3, 0.1)]
        stages += [stage("search", waited_share=0.01, stolen_share=0.02), stage("joint", waited_share=0.0)]

        found = {figure.name: figure for figure in instruments.times(timed(*stages))}

        assert (0.3, 0.02, 0.3, 0.0) == tuple(found[f"{name} p50"].contention for name in NAMES)
        assert (0.3, 0.02) == (found["batch"].contention, found["search batch"].contention)
        assert "not decided" == found["encode p50"].verdict

    def test_where_the_kernel_does_not_tell(self):
        """
        Where the kernel does not tell a process's contention, other processes' share of the machine stands for it.
        """
        figure, *_ = instruments.times(timed(stage("query"), others=0.6))

        assert (0.6, "not decided") == (figure.contention, figure.verdict)

    def test_a_cell_that_failed(self):
        """
        A cell that failed has figures that are off, and say why.
        """
        figure, *_ = instruments.times(MeasuredCell(failed(), [], Path(), Shares(0.0)))

        assert (None, "off", "failed: it broke") == (figure.reported, figure.verdict, figure.reason)


NAMES = ("encode", "search", "single", "joint")


def loaded(folder: Path, *, saturated: bool = False) -> MeasuredCell:
    """A cell that was asked under load, each of whose queries started 3 ms late, while it waited for a core."""
    served = np.array([(10 * n, 10 * n + 3, 1) for n in range(20)], np.int64) * MS
    np.savez(folder / "joint.npz", rate=served)
    joint = StageResult(
        stage="joint",
        status="ok",
        samples="joint.npz",
        facts={"waited_share": 0.9, "rate_waited_share": 0.01, "rate_stolen_share": 0.0},
    )
    rate = Rate(
        offered="50%",
        offered_qps=100.0,
        capacity_qps=200.0,
        utilisation=0.5,
        n_arrivals=20,
        latency=None,
        service_p50=1.0,
        saturated=saturated,
    )
    return MeasuredCell(measurement(rate=rate), [joint], folder, Shares(0.0))


class TestWaits:
    def test_late_starts(self, tmp_path):
        """
        Waits are off by how late they began; what counts is the contention under load, not that of other loops.
        """
        found = instruments.wait("wait", loaded(tmp_path))

        assert (3.0, 0.01, "not decided") == (found.reported, found.contention, found.verdict)

    def test_saturated(self, tmp_path):
        """
        A cell that is saturated at half its capacity has no waits to compare, and says so.
        """
        found = instruments.wait("wait", loaded(tmp_path, saturated=True))

        assert (None, "saturated at half its capacity") == (found.reported, found.reason)


class TestBytes:
    def test_ledger_and_resident(self):
        """
        The ledger is exact, the resident growth within 2 %.
        """
        record = measurement(storage_weight=weight(200_000_001, 203_900_000))

        ledger, resident = instruments.weight(MeasuredCell(record, [], Path(), Shares(0.9)))

        assert (200.000001, "off") == (ledger.reported, ledger.verdict)
        assert (203.9, "holds") == (resident.reported, resident.verdict)

    def test_the_peak(self, monkeypatch):
        """
        The peak above the start of a build; where the system is not Linux, it is not measured.
        """
        record = measurement(build_memory=memory(0))
        cell = MeasuredCell(record, [], Path(), Shares(0.9))
        monkeypatch.setattr(instruments.sys, "platform", "linux")
        here = instruments.peak(cell)
        monkeypatch.setattr(instruments.sys, "platform", "darwin")

        elsewhere = instruments.peak(cell)

        assert (0.001, "off") == (here.reported, here.verdict)
        assert "not measured" == elsewhere.verdict


class TestAdapters:
    def test_ours_and_those_of_known_cost(self):
        """
        Every retriever that is calibrated with can be spelled, whatever else is installed.
        """
        registry = cells.adapters()

        spellings = (instruments.TIMED, instruments.LOADED, instruments.LEXICAL)
        assert list(spellings) == [repr(parse(spelling, registry)) for spelling in spellings]
        assert {"sparring", str(cells.KNOWN_COST)} == {entry.package for entry in registry.entries.values()}

    @pytest.mark.parametrize("before", ["/somewhere", None])
    def test_a_cache_of_its_own(self, tmp_path, monkeypatch, before):
        """
        Nothing is reused from the user's cache, and what stood in the environment stands there afterwards.
        """
        monkeypatch.setenv("SPARRING_CACHE", before) if before else monkeypatch.delenv("SPARRING_CACHE", raising=False)

        with cells.own_cache(tmp_path):
            inside = cells.os.environ["SPARRING_CACHE"]

        assert (str(tmp_path), before) == (inside, cells.os.environ.get("SPARRING_CACHE"))


@pytest.mark.slow
def test_known_bytes_by_the_real_harness(cache, tmp_path, monkeypatch):
    """
    The real harness reports the exact ledger of a storage that holds known bytes, and its stages are found.
    """
    monkeypatch.setattr(instruments, "HELD_BYTES", 20 * processes.MB)
    spelling = f"Constant() @ Holds({instruments.HELD_BYTES})"

    cell = cells.measured(tmp_path / "run", spelling, registry=cells.adapters(), progress=Silent(), rounds=1)

    ledger, _ = instruments.weight(cell)
    assert (20.0, "holds") == (ledger.reported, ledger.verdict)
    assert (1, 1) == (len(cell.rounds("search")), len(cell.rounds("query")))


@pytest.mark.slow
def test_contention_under_load_by_the_real_harness(cache, tmp_path, monkeypatch):
    """
    The loops under load tell their own contention, and their raw times are where the waits are read.
    """
    monkeypatch.setattr(cells, "SECONDS_UNDER_LOAD", 0.01)
    monkeypatch.setattr(cells, "OFFERED", "20000/s")
    names = {"rate_waited_share", "rate_stolen_share"}

    cell = cells.measured(
        tmp_path / "run",
        "Constant() @ First()",
        registry=cells.adapters(),
        progress=Silent(),
        modes=("rate",),
        rounds=1,
    )

    (joint,) = cell.rounds("joint")
    assert names <= joint.facts.keys() or not Path("/proc/self/schedstat").exists()
    assert instruments.wait("wait", cell).reason in ("", "saturated at half its capacity")


@pytest.mark.slow
def test_limits_by_real_processes(tmp_path):
    """
    Under a limit of half its bytes a mapped storage is searched, and a loaded one runs out of memory.
    """
    found = processes.limited(cells.adapters(), tmp_path)

    assert ["holds", "holds"] == [figure.verdict for figure in found], found


@pytest.mark.slow
def test_a_process_that_cannot_be_measured(tmp_path, monkeypatch):
    """
    Where the trivial process does not end well, its overhead is off and says how it ended.
    """
    monkeypatch.setattr(processes, "BUILD_BYTES", processes.MB)
    monkeypatch.setattr(processes, "PAIRS", 1)

    (found,) = processes.overhead(cells.adapters(), tmp_path)

    assert (None, "off") == (found.reported, found.verdict)
    assert found.reason
