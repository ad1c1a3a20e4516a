"""A run: cells, stages in processes of their own, statuses, and what is shared."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import msgspec
import psutil
import pytest

from bench.records import run_folder
from bench.records.schema import Measurement
from bench.report import rows
from bench.run.cells import make_cells
from bench.run.suite import Limits
from bench.run.tasks import Work
from bench.stage import cgroup
from retrievers.registry import Entry
from tests.helpers.places import KNOWN
from tests.helpers.tiny import journal, registry, run, settled, suite, tiny_set


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


def processes_with(word: str) -> list[psutil.Process]:
    """The running processes that have a word in their command line."""
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if any(word in part for part in process.info["cmdline"] or ())]


def own_cgroups() -> list[Path]:
    """The control groups that this process made and has not taken away."""
    parents = [parent for parent, _, _ in cgroup.parents()]
    return [group for parent in parents for group in parent.glob(f"sparring-{os.getpid()}-*")]


class TestMeasurements:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("mode", "flags"), [("batch", ()), ("single", ("1 of the 3 rounds that a latency needs",))]
    )
    def test_rounds_that_a_latency_needs(self, tmp_path, mode, flags):
        """
        Too few rounds are told of a cell that has a latency, and of no other.
        """
        found = run(suite("Constant() @ Exact()", modes=(mode,)), tmp_path / "run")

        assert flags == settled(found["Constant() @ Exact()"].flags)

    @pytest.mark.slow
    def test_a_cell_of_known_cost(self, tmp_path):
        """
        Each stage's time is its own: encoding 2 ms a query, searching 3 ms, both together 5 ms.
        """
        found = run(suite("Constant(ms=2.0) @ Spin(3.0)", modes=("single", "batch", "joint")), tmp_path / "run")

        cell = found["Constant(ms=2.0) @ Spin(3.0)"]
        assert "ok" == cell.status
        # A spinning adapter cannot be faster than it says; how much slower it is seen, `sparring calibrate` says.
        assert cell.encode.p50 >= 2.0
        assert cell.search.p50 >= 3.0
        assert cell.single.p50 >= 5.0
        assert cell.joint.p50 >= 5.0
        assert 0 < cell.batch_qps <= 200
        assert 0 < cell.search_batch_qps <= 1000 / 3
        assert (None, None) == (cell.single.p95, cell.single.p99)  # of 20 queries
        assert cell.single.cold >= 5.0

    @pytest.mark.slow
    def test_quality_of_known_hits(self, tmp_path):
        """
        Query i is answered by passage i; a storage that finds passages 0, 1, 2 ... finds 1 of 20 first and 10 in ten.
        """
        found = run(suite("Constant() @ Exact()"), tmp_path / "run")

        cell = found["Constant() @ Exact()"]
        assert {"R@1": 0.05, "R@10": 0.5, "R@100": 1.0} == {k: v for k, v in cell.quality.items() if k.startswith("R@")}
        assert (20, 0, 1.0) == (cell.n_judged, cell.n_unanswered, cell.tie_rate)

    @pytest.mark.slow
    def test_without_modes_nothing_is_timed(self, tmp_path):
        """
        What was not measured is None, and no 0.
        """
        cell = run(suite("Constant() @ Exact()"), tmp_path / "run")["Constant() @ Exact()"]

        assert [None] * 5 == [cell.single, cell.joint, cell.batch_qps, cell.search_batch_qps, cell.predicted_bytes]

    @pytest.mark.slow
    def test_agreement(self, tmp_path):
        """
        Overlap with the exact search of the same encoder, and with the baseline: every second of ten is five of ten.
        """
        cells = suite("Constant() @ Half()", "Constant() @ Exact()", baseline="Constant() @ Exact()")

        found = run(cells, tmp_path / "run")

        half, exact = found["Constant() @ Half()"], found["Constant() @ Exact()"]
        assert (0.5, 0.5) == (half.overlap_with_exact, half.overlap_with_baseline)
        assert (None, 1.0) == (exact.overlap_with_exact, exact.overlap_with_baseline)
        assert (False, True) == (half.exact, exact.exact)

    @pytest.mark.slow
    def test_a_set_without_qrels(self, tmp_path):
        """
        Without judgments quality is null, while cost and agreement are whole.
        """
        cells = suite("Constant() @ Exact()", "Constant() @ Half()", baseline="Constant() @ Exact()", modes=("batch",))

        cell = run(cells, tmp_path / "run", tiny_set(judged=False))["Constant() @ Half()"]

        assert ("ok", None, None, None) == (cell.status, cell.quality, cell.n_judged, cell.n_unanswered)
        assert 0.5 == cell.overlap_with_baseline
        assert cell.search_batch_qps > 0
        assert cell.storage_weight is not None

    @pytest.mark.slow
    def test_what_cannot_be_saved_is_built_where_it_serves(self, tmp_path):
        """
        An engine or a storage without `save` is measured all the same, and its record says that memory is not split.
        """
        found = run(suite("Scan()", "Constant() @ Unsaved()", "Constant() @ Exact()"), tmp_path / "run")

        for spelling in ("Scan()", "Constant() @ Unsaved()"):
            cell = found[spelling]
            assert ("ok", False, None) == (cell.status, cell.built_apart, cell.load_seconds)
            assert cell.build_seconds is not None
            assert any("built and searched in one process" in flag for flag in cell.flags)
        assert (None, None) == (found["Scan()"].encoder, found["Scan()"].encode)
        assert found["Constant() @ Exact()"].built_apart
        assert 1 == sum(line.result.stage == "build" for line in journal(tmp_path / "run"))

    @pytest.mark.slow
    def test_threads_are_declared(self, tmp_path):
        """
        A stage runs on as many threads as its record says, by the environment and by the libraries it loads.
        """
        cells = msgspec.structs.replace(suite("Constant() @ Threads()"), threads=1, encode_threads=2)

        cell = run(cells, tmp_path / "run")["Constant() @ Threads()"]

        told = {line.result.stage: line.result for line in journal(tmp_path / "run")}
        assert {"encode": 2, "build": 2, "query": 1, "search": 1} == {stage: told[stage].threads for stage in told}
        assert (2, 1) == (told["build"].facts["declared"], told["search"].facts["declared"])
        assert 1 == told["search"].facts["pools"]  # as many as it declares; where there is one core, a build has fewer
        assert (1, 2) == (cell.threads, cell.encode_threads)


class TestSharing:
    @pytest.mark.slow
    def test_cells_share_encoding_asking_and_building(self, tmp_path):
        """
        An encoder is encoded once and asked once a round; what differs in search options alone is built once. The index
        time of each cell is that of both, in full.
        """
        cells = suite("Constant() @ Tuned(effort=1)", "Constant() @ Tuned(effort=2)", "Constant() @ Tuned(2)", rounds=2)

        found = run(cells, tmp_path / "run")

        assert {"ok"} == {cell.status for cell in found.values()}
        assert ["Constant() @ Tuned()", "Constant() @ Tuned(effort=2)", "Constant() @ Tuned(width=2)"] == list(found)
        lines = journal(tmp_path / "run")
        assert {"encode": 1, "query": 2, "build": 2, "search": 6} == Counter(line.result.stage for line in lines)
        seconds = [rows.row(cell)["index_seconds"] for cell in found.values()]
        encoded = next(line.result.build_seconds for line in lines if line.result.stage == "encode")
        built = {encoded + line.result.build_seconds for line in lines if line.result.stage == "build"}
        assert seconds[0] == seconds[1]
        assert built == set(seconds)

    @pytest.mark.slow
    def test_stages_are_interleaved_in_seeded_order(self, tmp_path):
        """
        The order of a round is shuffled, another in each round, and the same for the same seed.
        """

        def orders(seed: int) -> list[list[str]]:
            cells = suite(*(f"Constant() @ Tuned({width})" for width in range(1, 7)), seed=seed)
            made = make_cells(cells, [tiny_set()], registry())
            work = Work(cells, tmp_path / "run", registry(), tiny_set())
            return [[f"{task.job.stage} {task.subject}" for task in work.round(number, made)] for number in range(2)]

        first, second = orders(seed=7)
        assert [first, second] == orders(seed=7)
        assert first != second
        assert sorted(first) == sorted(second) != first
        assert first != orders(seed=8)[0]

    def test_timed_queries_are_the_same_for_every_cell(self, tmp_path):
        """
        A seeded sample of the queries is timed: the same in every stage, another for another seed.
        """

        def sample(seed: int) -> set[tuple[int, ...]]:
            cells = suite("Constant() @ Exact()", "TfIdf() @ Half()", seed=seed)
            cells = msgspec.structs.replace(cells, queries=5)
            made = make_cells(cells, [tiny_set()], registry())
            tasks = Work(cells, tmp_path / "run", registry(), tiny_set()).round(0, made)
            return {task.job.sample for task in tasks}

        (chosen,) = sample(seed=7)
        assert 5 == len(set(chosen))
        assert sample(seed=7) == {chosen} != sample(seed=8)


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """One run whose cells end in every way there is, and the folder it left behind."""
    home = tmp_path_factory.mktemp("ends")
    known = registry()
    broken = home / "broken.py"
    broken.write_text("import no_such_module\n")
    known.add(Entry("storages", "Broken", f"{broken}:Broken", "a-package"))
    cells = suite(
        "Constant() @ Exact()",
        "Constant() @ Broken()",
        "Constant() @ Raises()",
        "Constant() @ Backwards()",
        "Constant() @ Sleeps()",
        "Constant() @ Hungry()",
        "Constant() @ Huge()",
        "Constant() @ Refuses()",
        f'Constant() @ Spawns("{home}/spawned")',
        limits=Limits(seconds=8, memory="300MB"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(home / "cache"))
        return home, run(cells, home / "run", known=known)


@pytest.mark.slow
class TestStatuses:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("storage", "status", "reason"),
        [
            ("Exact()", "ok", ""),
            ("Broken()", "failed", "storage 'Broken' from package 'a-package' cannot be loaded"),
            ("Raises()", "failed", "RuntimeError: broken on purpose"),
            ("Backwards()", "failed", "ValueError: hits: expected scores descending"),
            ("Sleeps()", "timeout", "build took more than its limit of 8 s"),
            ("Hungry()", "out-of-memory", ""),
            ("Huge()", "over-budget", "Huge() would take 1,000,000,000,000,000 bytes"),
            ("Refuses()", "unsupported", "only vectors of two dimensions"),
        ],
    )
    def test_each_end_is_a_status(self, ends, storage, status, reason):
        """
        Whatever happens to a cell is its status, with the reason, and breaks no other cell.
        """
        _, found = ends

        cell = found[f"Constant() @ {storage}"]

        assert (status, reason) == (cell.status, cell.reason[: len(reason)])
        assert (status == "ok") == (cell.quality is not None)

    @pytest.mark.slow
    def test_last_words_are_kept(self, ends):
        """
        What did not end well keeps the last lines that it printed.
        """
        _, found = ends

        output = found["Constant() @ Raises()"].output

        assert "about to break" == output[0]
        assert "RuntimeError: broken on purpose" == output[-1]

    def test_nothing_is_left_behind(self, ends):
        """
        After a run no process of it is alive (nor what an adapter started), no control group, nothing half written, and
        in the scratch folder only what cells had built that failed.
        """
        home, found = ends
        failed = [m for m in found.values() if m.status not in ("ok", "over-budget", "unsupported")]
        scratch = {path.name for path in (home / "run" / "work").glob("*/*")} - {"stages"}

        assert [] == processes_with(str(home))
        assert [] == own_cgroups()
        assert 0 < len(scratch) < len(failed)
        assert all(name.startswith("build-") for name in scratch)
        assert [] == [path for path in home.rglob("*") if ".part" in path.name]

    @pytest.mark.slow
    def test_only_what_failed_is_tried_again(self, tmp_path):
        """
        The same run again tries what failed, and neither what was measured nor what was refused by design.
        """
        cells = suite("Constant() @ Exact()", "Constant() @ Huge()", "Constant() @ Refuses()", "Constant() @ Raises()")
        first = run(cells, tmp_path / "run")
        stages = journal(tmp_path / "run")

        again = run(cells, tmp_path / "run")

        lines = run_folder.lines(tmp_path / "run" / run_folder.MEASUREMENTS, Measurement)
        assert first == again
        assert [*first.values(), first["Constant() @ Raises()"]] == lines
        assert stages == journal(tmp_path / "run")

    @pytest.mark.slow
    def test_memory_is_limited_without_a_control_group(self, tmp_path, monkeypatch):
        """
        Where no control group can be made, the child's own limit holds, and the record says which one did.
        """
        monkeypatch.setattr(cgroup, "make_cgroup", lambda limit: None)
        limits = Limits(seconds=60, memory="300MB")

        found = run(suite("Constant() @ Hungry()", "Constant() @ Exact()", limits=limits), tmp_path / "run")

        assert "out-of-memory" == found["Constant() @ Hungry()"].status
        assert ("ok", "rlimit-data") == (found["Constant() @ Exact()"].status, found["Constant() @ Exact()"].limited_by)

    def test_a_folder_that_only_looks_like_a_control_group_is_none(self, tmp_path, monkeypatch):
        """
        A folder in which the kernel made no limit to write to limits nothing: it is not taken for a control group.
        """
        monkeypatch.setattr(cgroup, "parents", lambda: iter([(tmp_path, "cgroup-v2", "memory.max")]))

        assert cgroup.make_cgroup(10**9) is None
        assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_share_of_measured_time_is_told(tmp_path):
    """
    A run tells what share of its wall time was spent in measured stages.
    """
    from bench.run import runner

    outcome = runner.run(suite("Constant() @ Exact()"), [tiny_set()], tmp_path / "run", registry(), plugins=[KNOWN])

    assert 0 < outcome.measured_share < 1
    assert not outcome.failed
