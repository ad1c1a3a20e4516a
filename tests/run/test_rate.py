"""Latency under load, in a run: text to ids in one process, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from bench.instruments import load as rate
from bench.report import rows
from bench.run.overrides import override
from bench.run.suite import Suite
from tests.helpers.tiny import run, suite


def asked(*retrievers: str, **changes: object) -> Suite:
    """A suite of one round under load and nothing else."""
    return override(suite(*retrievers, modes=("rate",)), {"rate_seconds": 0.05} | changes, {})


class TestRun:
    @pytest.mark.slow
    def test_the_highest_rate(self, cache, tmp_path):
        """
        With a p99 the highest rate that keeps it is searched for, and each rate that was tried is kept.
        """
        cell = run(asked("RankBM25()", p99="1s"), tmp_path / "run")["RankBM25()"]

        with np.load(tmp_path / "run" / cell.files["search-0"]) as arrays:
            tried = arrays["held"]
        assert rate.highest_held(tried) == cell.rate.held_qps == rows.row(cell)["capacity_qps"]
        assert 0 < cell.rate.held_qps < cell.rate.capacity_qps

    @pytest.mark.slow
    def test_text_to_ids_in_one_process(self, cache, tmp_path):
        """
        Encoder and storage are loaded into one process, an engine is in one anyway: text arrives, ids leave.
        """
        cells = asked("Constant() @ Spin(0.05)", "RankBM25()", rate="60%")
        found = run(cells, tmp_path / "run")

        for cell in found.values():
            assert "ok" == cell.status
            assert ("60%", 1_000) == (cell.rate.offered, cell.rate.n_arrivals)
            assert cell.rate.latency is None or cell.rate.latency.p50 >= cell.rate.service_p50
            assert cell.rate.offered_qps == pytest.approx(0.6 * cell.rate.capacity_qps)
            assert cell.joint is None
        assert {"joint-0", "search-0"} <= found["Constant() @ Spin(0.05)"].files.keys()
        assert "joint-0" not in found["RankBM25()"].files
        with np.load(tmp_path / "run" / found["RankBM25()"].files["search-0"]) as arrays:
            assert {"new", "again", "fresh", "closed", "rate", "rate_queries"} == set(arrays)
            assert (1_000, 3) == arrays["rate"].shape
            assert set(range(20)) == set(arrays["rate_queries"].tolist())

    @pytest.mark.slow
    def test_saturated(self, cache, tmp_path):
        """
        A cell that is offered more than it can answer reads "saturated" in its row, and has no percentiles.
        """
        cell = run(asked("Constant() @ Spin(0.5)", rate="4000/s"), tmp_path / "run")["Constant() @ Spin(0.5)"]

        row = rows.row(cell)

        assert cell.rate.saturated
        assert (True, None, 4000.0) == (row["rate_saturated"], row["rate_p50_ms"], row["rate_offered_qps"])
        assert row["rate_utilisation"] > 1

    @pytest.mark.slow
    def test_what_cannot_be_saved_says_why_it_has_none(self, cache, tmp_path):
        """
        An encoder and a storage that cannot be saved are not loaded into one process: the cell says so.
        """
        cell = run(asked("Constant() @ Unsaved()"), tmp_path / "run")["Constant() @ Unsaved()"]

        assert cell.rate is None
        assert any(flag.startswith("under load: not measured") for flag in cell.flags)
