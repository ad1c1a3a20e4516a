"""A run that asks no more queries of a cell once it is decided beside the baseline."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.analysis import export
from bench.errors import InputError
from bench.gate import reference
from bench.records import run_folder
from bench.records.run_folder import ASKED, CLUSTERS
from bench.run import looks
from bench.run.cells import make_cells
from bench.run.suite import CellGroup
from bench.run.tasks import Work
from bench.statistics import sequential_quality
from bench.statistics.clusters import totals
from tests.helpers.tiny import registry, run, suite, tiny_set

# Finds the passage of each query, and fails in every process but the first that was asked all of them.
LATER = """

class Later(Same):
    def search(self, queries, k):
        import os, pathlib, re

        first = pathlib.Path({first!r})
        if len(queries) == {n} and not first.exists():
            first.write_text(str(os.getpid()))
        if first.exists() and first.read_text() != str(os.getpid()):
            raise ValueError("no more")
        hits = no_hits(len(queries), k)
        hits.rows[:, 0] = [int((re.findall("[0-9]+", query) or ["0"])[0]) % {n} for query in queries]
        hits.scores[:, 0] = 1.0
        return hits
"""
N = 80  # queries: looks at 20, 40 and 80
BASELINE, WRONG, RIGHT = "BM25() @ CSR()", "Same()", "TfIdf() @ CSR()"


def stopping(*others: str, **changes):
    """A suite that stops what is decided beside BM25, which finds every answer of the tiny set first."""
    known = suite(BASELINE, *others, baseline=BASELINE)
    return msgspec.structs.replace(known, **{"stop": "decided"} | changes)


def planned(engines, passage_set, **changes):
    """The looks at the queries of a set of that suite with two others."""
    known = stopping(WRONG, RIGHT, **changes)
    cells = make_cells(known, [passage_set], registry(engines))
    return looks.planned(known, cells, None, print)


class TestPlan:
    def test_every_query_is_asked_once(self, engines):
        """
        Looks double, from at least 20 queries on; together they hold every query once.
        """
        found = planned(engines, tiny_set(N, N))

        assert [20, 20, 40] == [len(rows) for rows in found.rows]
        assert list(range(N)) == sorted(row for rows in found.rows for row in rows)
        assert [20, 40, 80] == [look.n_clusters for look in found.planned]

    def test_other_retrievers_share_what_may_err(self, engines):
        """
        Two retrievers beside the baseline: each look has the level of half of 5 %, in the part that its clusters are.
        """
        levels = [look.level for look in planned(engines, tiny_set(N, N)).planned]

        assert pytest.approx([1 - 0.025 / 4, 1 - 0.025 / 4, 1 - 0.025 / 2]) == levels

    def test_a_cluster_is_asked_as_a_whole(self, engines):
        """
        Queries of one cluster are in one look, clusters in the order of the suite's seed.
        """
        clusters = tuple(f"article {query // 4}" for query in range(160))
        passage_set = msgspec.structs.replace(tiny_set(160, 160), clusters=clusters)

        found = planned(engines, passage_set, seed=3)

        drawn = [f"article {number}" for number in sequential_quality.order(40, 3)]
        so_far = [look.n_clusters for look in found.planned]
        assert [20, 40] == so_far
        assert {clusters[row] for row in found.rows[0]} == set(drawn[:20])

    def test_a_first_look_of_few_queries_is_passed_over(self, engines):
        """
        Of 300 queries 19 are too few to be timed: the first look is at 38.
        """
        assert [38, 75, 150, 300] == [look.n_clusters for look in planned(engines, tiny_set(300, 300)).planned]

    def test_unjudged_queries_are_in_every_look(self, engines):
        """
        Queries without judgments are dealt out over the looks: when one is asked does not tell whether it is judged.
        """
        passage_set = tiny_set(2 * N, 2 * N)
        qrels = {query: grades for query, grades in passage_set.qrels.items() if int(query[1:]) % 2}

        found = planned(engines, msgspec.structs.replace(passage_set, qrels=qrels))

        assert [40, 40, 80] == [len(rows) for rows in found.rows]
        assert [20, 20, 40] == [sum(row % 2 for row in rows) for rows in found.rows]
        assert list(range(2 * N)) == sorted(row for rows in found.rows for row in rows)

    def test_what_cannot_run_counts_too(self, engines):
        """
        Looks and levels are those of all cells, also of one that cannot run today: the same command may go on with it.
        """
        known = stopping(WRONG, RIGHT)
        cells = make_cells(known, [tiny_set(N, N)], registry(engines))
        gone = [replace(cell, problem="no model") if cell.spelling == RIGHT else cell for cell in cells]

        assert looks.planned(known, cells, None, print).planned == looks.planned(known, gone, None, print).planned

    def test_a_measure_that_the_set_has_not(self, engines):
        """
        Where the primary measure reads answers that the set has not, nothing is decided and all is asked at once.
        """
        assert planned(engines, tiny_set(N, N), primary="Answer@10", measures=("Answer@10", "R@1")) is None

    @pytest.mark.parametrize(
        ("n_queries", "judged", "changes"),
        [
            (30, True, {}),  # one look alone
            (N, False, {}),
            (N, True, {"stop": None}),
            (N, True, {"cells": (CellGroup(retrievers=(BASELINE,)),)}),
            (N, True, {"cells": (CellGroup(retrievers=(WRONG,)),)}),
        ],
    )
    def test_all_at_once(self, engines, n_queries, judged, changes):
        """
        Without judgments, a second look, a baseline or another cell, every query is asked at once.
        """
        assert planned(engines, tiny_set(n_queries, n_queries, judged=judged), **changes) is None

    def test_what_is_timed_was_asked(self, engines, tmp_path):
        """
        The sample that is timed lies in the first look, and is the same for every cell.
        """
        known, passage_set = stopping(WRONG), tiny_set(N, N)
        cells = make_cells(known, [passage_set], registry(engines))
        found = looks.planned(known, cells, tmp_path, print)

        work = Work(known, tmp_path, registry(engines), passage_set, looks=found)

        assert set(work.sample) == set(found.rows[0])
        tasks = [task for task in work.round(0, cells) if task.job.stage == "search"]
        assert [(BASELINE, 0), (WRONG, 3)] == [(task.cells[0].spelling, len(task.job.looks)) for task in tasks]
        assert [()] * 2 == [task.job.looks for task in work.round(1, cells) if task.job.stage == "search"]


@pytest.fixture(scope="module")
def stopped(engines, tmp_path_factory):
    """A run in which one cell is clearly worse, and one finds what the baseline finds; never written to."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPARRING_CACHE", str(folder / "cache"))
        known = registry(engines)
        return folder / "run", run(stopping(WRONG, RIGHT), folder / "run", tiny_set(N, N), known, (engines,))


@pytest.mark.slow
class TestRun:
    def test_unjudged_queries_that_were_asked(self, engines, tmp_path, cache):
        """
        Of a cell that was stopped the values are those of the judged queries alone, of what was asked.
        """
        passage_set = tiny_set(2 * N, 2 * N)
        qrels = {query: grades for query, grades in passage_set.qrels.items() if int(query[1:]) % 2}
        part = msgspec.structs.replace(passage_set, qrels=qrels)

        m = run(stopping(WRONG), tmp_path / "run", part, registry(engines), (engines,))[WRONG]

        asked = run_folder.asked(tmp_path / "run", m.cell)
        with np.load(tmp_path / "run" / m.files["quality_asked"]) as kept:
            values, judged = kept["R@1"], kept[ASKED]
        assert (40, 20, 20, N) == (len(asked), len(values), m.decision.n_asked, m.n_judged)
        assert [row // 2 for row in asked if row % 2] == judged.tolist()

    def test_one_that_breaks_the_pipe_fails_alone(self, engines, tmp_path, cache):
        """
        An adapter that speaks for the search, or closes its pipe, fails by its own fault; the others are measured.
        """
        plugin = tmp_path / "speaks.py"
        plugin.write_text(
            engines.read_text() + "\n\nimport os\n\n\ndef _pipes():\n"
            "    links = {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) > 2 and "
            "os.path.lexists(f'/proc/self/fd/{n}')}\n"
            "    return [int(n) for n, to in links.items() if to.startswith('pipe:')]\n"
            "\n\nclass Closes(Same):\n    'Closes what it did not open.'\n\n    def search(self, queries, k):\n"
            "        for number in _pipes():\n            os.close(number)\n        return super().search(queries, k)\n"
        )
        known = msgspec.structs.replace(suite(BASELINE, "Closes()", RIGHT, baseline=BASELINE), stop="decided")

        found = run(known, tmp_path / "run", tiny_set(N, N), registry(plugin), (plugin,))

        assert ("failed", "ok") == (found["Closes()"].status, found[RIGHT].status)
        assert "close no file that it did not open" in found["Closes()"].reason

    def test_a_baseline_that_fails_later(self, engines, tmp_path, cache):
        """
        A decision beside a baseline that failed in a later round is flagged.
        """
        plugin = tmp_path / "later.py"
        plugin.write_text(engines.read_text() + LATER.format(first=str(tmp_path / "first"), n=N))
        known = msgspec.structs.replace(suite("Later()", WRONG, baseline="Later()", rounds=2), stop="decided")

        found = run(known, tmp_path / "run", tiny_set(N, N), registry(plugin), (plugin,))

        assert "failed" == found["Later()"].status
        assert ("worse", 20) == (found[WRONG].decision.verdict, found[WRONG].decision.n_asked)
        assert "decided beside a baseline that failed: Later()" in found[WRONG].flags

    def test_what_is_decided_is_asked_no_more(self, stopped):
        """
        A cell that is clearly worse is stopped at the first look: it has no means over all queries, but what was
        decided; its hits and values are those of the queries that were asked.
        """
        folder, found = stopped
        m = found[WRONG]

        decision = m.decision
        assert ("worse", 20, 1, 3) == (decision.verdict, decision.n_asked, decision.n_looks, decision.planned_looks)
        assert (BASELINE, "nDCG@10") == (decision.baseline, decision.measure)
        assert m.is_stopped
        assert (None, None, None, None) == (m.quality, m.tie_rate, m.n_unanswered, m.overlap_with_baseline)
        assert (N, 20) == (m.n_judged, m.n_timed)
        asked = run_folder.asked(folder, m.cell)
        hits = run_folder.read_hits(folder, m.cell)
        assert asked.tolist() == np.flatnonzero((hits.rows >= 0).any(axis=1)).tolist()
        with np.load(folder / m.files["quality_asked"]) as kept:
            assert (20, N) == (len(kept[ASKED]), len(kept[CLUSTERS]))
            found_by_it = [float(query < 2) for query in asked]  # it finds the first two passages for every query
            assert found_by_it == kept["R@10"].tolist()
            assert sum(found_by_it) / 20 == decision.means["R@10"]
            assert pytest.approx(kept["nDCG@10"].mean() - 1) == decision.difference

    def test_what_is_not_decided_is_asked_all(self, stopped):
        """
        The baseline is asked all at once; a cell that finds the same is asked all, and says that it was in looks.
        """
        folder, found = stopped

        assert found[BASELINE].decision is None
        assert (1.0, N, False) == (found[RIGHT].quality["R@1"], found[RIGHT].decision.n_asked, found[RIGHT].is_stopped)
        assert ("identical", 0.0) == (found[RIGHT].decision.verdict, found[RIGHT].decision.difference)
        assert run_folder.asked(folder, found[RIGHT].cell) is None
        assert 1.0 == found[RIGHT].overlap_with_baseline

    def test_the_journal_remembers(self, stopped, engines, tmp_path, cache):
        """
        A run that goes on after its measurements are lost comes to the same, and searches for nothing anew.
        """
        made, found = stopped
        folder = shutil.copytree(made, tmp_path / "run")
        (folder / run_folder.MEASUREMENTS).unlink()
        before = (folder / "hits" / f"{found[WRONG].cell}.npz").stat().st_mtime_ns

        again = run(stopping(WRONG, RIGHT), folder, tiny_set(N, N), registry(engines), (engines,))

        assert [found[name].decision for name in (BASELINE, WRONG, RIGHT)] == [
            again[name].decision for name in (BASELINE, WRONG, RIGHT)
        ]
        assert before == (folder / "hits" / f"{found[WRONG].cell}.npz").stat().st_mtime_ns

    def test_without_a_baseline_nothing_is_stopped(self, engines, tmp_path, cache):
        """
        Where the baseline fails, every other cell is asked all, and nothing is decided.
        """
        known = msgspec.structs.replace(suite("Broken()", WRONG, baseline="Broken()"), stop="decided")
        broken = tmp_path / "broken.py"
        broken.write_text(
            engines.read_text() + "\n\nclass Broken(Same):\n    'Fails.'\n\n    def search(self, queries, k):\n"
            "        raise ValueError('no')\n"
        )

        found = run(known, tmp_path / "run", tiny_set(N, N), registry(broken), (broken,))

        assert ("failed", "ok") == (found["Broken()"].status, found[WRONG].status)
        assert (None, N) == (found[WRONG].decision, found[WRONG].n_judged)
        assert found[WRONG].quality["R@1"] == 1 / N

    def test_an_approximate_one_is_searched_for_k_too(self, engines, tmp_path, cache):
        """
        Of a retriever whose first k may depend on how many are wanted, both searches hold the queries that were asked.
        """
        near = tmp_path / "near.py"
        near.write_text(engines.read_text().replace("class Same:", "class Near:\n    exact = False\n"))
        known = msgspec.structs.replace(suite(BASELINE, "Near()", baseline=BASELINE), stop="decided")

        m = run(known, tmp_path / "run", tiny_set(N, N), registry(near), (near,))["Near()"]

        timed = run_folder.read_timed(tmp_path / "run", m.cell, 10, apart=True)
        assert m.is_stopped
        assert (N, 20) == (len(timed.rows), int((timed.rows >= 0).any(axis=1).sum()))

    def test_a_part_is_refused(self, stopped, tmp_path):
        """
        The gate takes no such run for a reference, and no part of one's hits is exported.
        """
        found = run_folder.read(stopped[0])

        with pytest.raises(InputError, match="stop = 'decided'"):
            reference.accept(found, tmp_path / "reference")
        with pytest.raises(InputError, match=r"found a part of them for Same\(\)"):
            export.export(found, tmp_path / "exported")


def test_a_decision_is_that_of_its_look(engines, tmp_path):
    """
    The bounds at a look are those of `sequential_quality.bounds` over whole runs, at whatever look.
    """
    known, passage_set = stopping(WRONG, RIGHT), tiny_set(N, N)
    cells = make_cells(known, [passage_set], registry(engines))
    base, wrong = cells[0], replace(cells[1], retriever=cells[0].retriever)
    rng = np.random.default_rng(5)
    (tmp_path / "hits").mkdir()
    every = {}
    for cell in (base, wrong):  # each finds the answer first, or another passage
        rows = np.where(rng.random(N) < 0.7, np.arange(N), (np.arange(N) + 1) % N)
        every[cell.key] = np.pad(rows[:, None], ((0, 0), (0, 9)), constant_values=-1).astype(np.int64)
        scores = np.where(every[cell.key] < 0, -np.inf, 1.0).astype(np.float32)
        np.savez(run_folder.hits_file(tmp_path, cell.key), rows=every[cell.key], scores=scores)
    measured = msgspec.structs.replace(known, measures=("R@1",), primary="R@1", depth=10)
    found = replace(looks.planned(known, cells, tmp_path, print), suite=measured)
    hits = run_folder.read_hits(tmp_path, wrong.key)
    values = [(every[cell.key][:, 0] == np.arange(N)).astype(float) for cell in (base, wrong)]
    sums, sizes = totals(values[1] - values[0], None)
    drawn = sequential_quality.order(N, known.seed)

    expected = list(sequential_quality.bounds(sums[drawn], sizes[drawn], 0.05 / 2))

    for number, (look, low, high) in enumerate(expected, start=1):
        asked = np.concatenate([np.array(rows, np.int64) for rows in found.rows[:number]])
        decision = found.decision(wrong, hits, hits, None if number == len(expected) else np.sort(asked))
        assert (number, look.level) == (decision.n_looks, decision.level)
        assert pytest.approx((float(low), float(high))) == decision.interval
