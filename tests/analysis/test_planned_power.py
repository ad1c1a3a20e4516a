"""What the queries of a suite can show, before anything of it runs."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli
from bench.analysis.assumed_spreads import ASSUMED
from bench.analysis.planned_power import planned_power, spreads_of
from bench.errors import InputError
from bench.report.console.power import print_power
from bench.run.suite import CellGroup, Suite
from bench.statistics import paired, power
from tests.helpers.console import printed
from tests.helpers.run_folders import N, cell
from tests.helpers.tiny import tiny_set

BM25, TFIDF, OTHER = "BM25() @ CSR()", "TfIdf() @ CSR()", "BM25(k1=1.2) @ CSR()"


def suite(*retrievers: str, baseline: str | None = BM25, measures=("nDCG@10", "R@10"), **changes) -> Suite:
    cells = (CellGroup(retrievers=retrievers),)
    return Suite(name="s", passages=("tiny",), cells=cells, baseline=baseline, measures=measures, **changes)


def piloted(folders, *, clusters=None):
    """A run of two retrievers, and the differences of their nDCG@10."""
    if clusters is not None:
        folders.passage_set = msgspec.structs.replace(folders.passage_set, clusters=clusters, clustered_by="article")
    differences = np.random.default_rng(1).normal(0.0, 0.2, N)
    run = folders.run("pilot", cell(cell="1", n_judged=N), cell(cell="2", retriever=TFIDF), baseline=BM25)
    for name, values in (("1", np.full(N, 0.5)), ("2", 0.5 + differences)):
        np.savez(run.folder / "quality" / f"{name}.npz", **{"nDCG@10": values, "R@10": np.ones(N)})
    return run, differences


def test_without_a_pilot_spreads_are_assumed():
    """
    A row for each assumption and measure, the primary one first, with what such a spread lets these queries detect.
    """
    rows = planned_power(suite(BM25, TFIDF, measures=("R@10", "nDCG@10")), [tiny_set(N, N)])

    spread = ASSUMED["other options (BM25)"]["nDCG@10"]
    first = rows[0]
    assert [(pair, measure) for pair in ASSUMED for measure in ("nDCG@10", "R@10")] == [
        (r.pair, r.measure) for r in rows
    ]
    assert (True, N, N, 1, 0.05, *spread) == (
        *(first.assumed, first.n_queries, first.n_clusters, first.n_compared, first.alpha),
        *(first.deviation, first.correlation, first.discordant),
    )
    assert power.detectable_of(np.ones(N), spread) == first.detectable
    assert power.queries_for(0.01, np.ones(N), spread) == first.n_queries_needed


def test_a_pilot_tells_the_spread(folders):
    """
    The spread is that of the pilot's pair with its baseline, clusters and all; a measure without one has no figure.
    """
    clusters = tuple(f"article {number // 5}" for number in range(N))
    run, differences = piloted(folders, clusters=clusters)

    rows = planned_power(suite(BM25, TFIDF), [folders.passage_set], run)

    told = paired.paired(np.zeros(N), differences, clusters).detectable or 0.0
    expected = power.detectable_of(np.full(8, 5.0), power.spread_of(differences, clusters))
    assert [f"{BM25} → {TFIDF}"] * 2 == [row.pair for row in rows]
    assert (8, "article", expected, None) == (rows[0].n_clusters, rows[0].clustered_by, *(r.detectable for r in rows))
    assert told in (0.0, pytest.approx(expected))


def test_several_retrievers_share_the_level():
    """
    Three retrievers against a baseline are tested at a third of 5 % each; without a baseline all pairs are.
    """
    one, three, pairs = (
        planned_power(found, [tiny_set(N, N)])[0]
        for found in (
            suite(BM25, TFIDF),
            suite(BM25, TFIDF, OTHER, "RankBM25()"),
            suite(BM25, TFIDF, OTHER, "RankBM25()", baseline=None),
        )
    )

    assert (1, 3, 6) == (one.n_compared, three.n_compared, pairs.n_compared)
    assert 0.05 / 3 == three.alpha
    assert one.detectable < three.detectable < pairs.detectable


def test_a_pilot_on_another_set(folders):
    """
    Where the pilot has not run on a set, its pairs on others stand, each with the name of its set.
    """
    run, _ = piloted(folders)

    rows = planned_power(
        msgspec.structs.replace(suite(BM25, TFIDF), passages=("new",)), [tiny_set(N, N, name="new")], run
    )

    assert f"tiny: {BM25} → {TFIDF}" == rows[0].pair


def test_what_cannot_be_planned_is_refused(folders):
    """
    No judged queries, synthetic passages, a pilot without a baseline or without a second retriever: said, with why.
    """
    alone = folders.run("alone", cell(cell="1"), values={"nDCG@10": np.ones(N)}, baseline=BM25)

    with pytest.raises(InputError, match="expected judged queries, found none in tiny"):
        planned_power(suite(BM25, TFIDF), [tiny_set(N, N, judged=False)])
    with pytest.raises(InputError, match="found distractors = 9"):
        planned_power(suite(BM25, TFIDF, distractors=9), [tiny_set(N, N)])
    with pytest.raises(InputError, match="expected another retriever beside its baseline"):
        spreads_of(alone)
    with pytest.raises(InputError, match="its suite names no baseline"):
        spreads_of(folders.run("none", cell(cell="1"), baseline=None))


def test_a_reader_sees_what_is_assumed():
    """
    The table names the clusters, the level, the assumption and the queries that .01 needs; few differing ones have ~.
    """
    passage_set = msgspec.structs.replace(
        tiny_set(N, N), clusters=tuple(str(number % 8) for number in range(N)), clustered_by="article"
    )
    rows = planned_power(suite(BM25, TFIDF, OTHER), [passage_set])

    said = printed(print_power, rows)

    assert "tiny: 40 judged queries, in 8 clusters (articles); 2 comparisons, each at 5 % / 2" in said
    assert f"{rows[0].n_queries_needed:,}" in said
    assert "assumed: other options (BM25)" in said
    assert "~." in said


def test_the_command_runs_nothing():
    """
    `sparring plan --power` answers at once, a row a spread and measure; --pilot goes with it alone.
    """
    asked = ["plan", "--passages", "primer", BM25, TFIDF]

    ended, refused = (
        CliRunner().invoke(cli.app, [*asked, *more]) for more in (["--power", "--json"], ["--pilot", "x"])
    )

    rows = json.loads(ended.stdout)
    assert (0, 2) == (ended.exit_code, refused.exit_code)
    assert ("primer", "nDCG@10", 495, 150, "paragraph") == tuple(
        rows[0][key] for key in ("passage_set", "measure", "n_queries", "n_clusters", "clustered_by")
    )
    assert len(ASSUMED) * 5 == len(rows)
