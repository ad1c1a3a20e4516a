"""The verdict in words: each situation by what it says, every figure walked back to a record, no clause too strong."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bench.analysis.evidence import Evidence, ties
from bench.analysis.prices import Prices
from bench.instruments.stability import UNSTABLE
from bench.records.decision import Decision
from bench.report import rows as flat
from bench.report.tables.cells import grids
from bench.report.verdict.run import lines, verdict
from bench.statistics import over_sets, paired, power, signs
from bench.statistics.clusters import totals
from tests.helpers.pooled import pooled_run
from tests.helpers.verdicts import (
    BM25,
    HNSW,
    MEASURE,
    MINILM,
    TFIDF,
    costs,
    found,
    situation,
    times,
    without_values,
)

CHEAP, DEAR = costs(0.2, 3_000_000), costs(30.0, 8_000_000, seconds=400.0, deployed=7 * 10**8)
COSTS = {BM25: CHEAP, TFIDF: CHEAP, MINILM: DEAR, HNSW: costs(29.9, 9_000_000, seconds=400.0)}
NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d[\d,]*)?\.?\d+")
GIVEN = {".01", ".010", ".98", ".980", "80", "10", "95"}  # of the method, and no figure of a record


def said(run, kind=None, passage_set="primer"):
    """The sentences on a set, of one kind or all."""
    (one,) = (one for one in verdict(run) if one.passage_set == passage_set)
    return " ".join(clause.text for clause in one.clauses if kind in (None, clause.kind))


# The situations


def won(first: int, second: int, both: int, of: int = 100) -> dict[str, list[float]]:
    """BM25 and MiniLM: how many queries the first finds alone, the second alone, and both."""
    left = [0.0] * (of - first - second - both)
    return {
        BM25: [1.0] * first + [0.0] * second + [1.0] * both + left,
        MINILM: [0.0] * first + [1.0] * second + [1.0] * both + left,
    }


def clear_winner(folder):
    return situation(folder, won(0, 40, 30), COSTS)


def tie(folder):
    return situation(folder, won(1, 2, 1000, 2000), COSTS)


def undecided(folder):
    return situation(folder, won(10, 14, 26), COSTS)


def saturated(folder):
    return situation(folder, won(2, 4, 394, 400), COSTS)


def no_judgments(folder):
    nothing = {"quality": None, "n_judged": None, "n_unanswered": None, "files": {}}
    return situation(folder, won(0, 1, 1), {name: changes | nothing for name, changes in COSTS.items()})


def failed_cells(folder):
    broken = {"status": "failed", "reason": "it broke", "quality": None}
    return situation(folder, won(0, 40, 30) | {TFIDF: found(30)}, COSTS | {TFIDF: broken})


def one_cell(folder):
    return situation(folder, {BM25: found(30)}, COSTS)


def ladder(folder):
    fast = costs(0.1, 1_000_000)
    return situation(folder, {TFIDF: found(20), BM25: found(50), MINILM: found(90)}, COSTS | {TFIDF: fast})


def imported(folder):
    return situation(folder, won(0, 40, 30), {BM25: {"origin": "a.run"}, MINILM: {"origin": "b.run"}})


def two_sets(folder):
    one, other = situation(folder, won(0, 40, 30), COSTS), situation(folder / "b", won(40, 0, 30), COSTS)
    kept = msgspec.json.decode((folder / "b/sets/primer.json").read_bytes()) | {"name": "names"}
    (folder / "sets/names.json").write_bytes(msgspec.json.encode(kept))
    moved = tuple(
        msgspec.structs.replace(m, cell=f"b{m.cell}", passage_set="names", files={"quality": f"b/quality/{m.cell}.npz"})
        for m in other.measurements
    )
    return replace(one, measurements=(*one.measurements, *moved))


def unstable_times(folder):
    doubted = {"flags": (f"{UNSTABLE}: p50 moves by 20 %",)}
    return situation(folder, won(0, 40, 30), {name: changes | doubted for name, changes in COSTS.items()})


def over_budget(folder):
    refused = {"status": "over-budget", "reason": "would take 9 GB", "quality": None}
    return situation(folder, {BM25: found(30), MINILM: found(70), TFIDF: found(30)}, COSTS | {TFIDF: refused})


def approximate(folder):
    values = won(1, 3, 1000, 2000)
    return situation(
        folder, {MINILM: values[MINILM], HNSW: values[BM25]}, COSTS | {HNSW: COSTS[HNSW] | {"overlap_with_exact": 0.97}}
    )


def sparse_better_on_names(folder):
    labels = ["name"] * 80 + ["other"] * 320
    return situation(folder, won(72, 220, 108, 400), COSTS, labels=labels)


def everything_equal(folder):
    return situation(folder, {BM25: found(30), TFIDF: found(30), MINILM: found(30)}, COSTS)


def values_gone(folder):
    return without_values(situation(folder, won(0, 40, 30), COSTS))


def stopped(folder):
    decision = Decision(
        baseline=BM25,
        measure=MEASURE,
        verdict="worse",
        n_asked=40,
        n_looks=2,
        planned_looks=5,
        difference=-0.3,
        interval=(-0.5, -0.1),
        level=0.99,
    )
    unknown = {"decision": decision, "quality": None}
    return situation(folder, won(0, 40, 30) | {TFIDF: found(10)}, COSTS | {TFIDF: CHEAP | unknown})


def synthetic(folder):
    nothing = {"quality": None, "n_judged": None, "n_distractors": 1000}
    return situation(folder, won(0, 1, 1), {name: changes | nothing for name, changes in COSTS.items()})


def remembers(folder):
    flags = ("remembers: repeated queries are answered x5.0 faster",)
    asked = {"flags": flags, "new": times(1.0)}
    return situation(folder, won(0, 40, 30), COSTS | {BM25: CHEAP | asked})


SAYS = {
    clear_winner: [
        f"{MINILM} finds most: nDCG@10 .700",
        f"{BM25} (.400 less [",
        "finds significantly less",
        f"{BM25} answers faster: p50 0.200 ms, index 3.00 MB, 2.00 s to index, 100 MB deployed",
        f"{MINILM}: p50 30.0 ms (x150), index 8.00 MB (x2.7), 7 min to index (about x200), 700 MB deployed (x7)",
    ],
    tie: ["finds as much, within .010", f"{BM25} answers faster"],
    undecided: [
        f"{MINILM} finds most: nDCG@10 .400",
        f"but not significantly more than {BM25} (.040 less [-.",
        f"Undecided: whether {MINILM} finds more than {BM25} (about ",
        "more judged queries would tell a lead of .040, at 80 % power)",
    ],
    saturated: ["find nearly all there is (above .980): these queries are too easy to rank by"],
    no_judgments: [
        "Nobody has judged these queries: which retriever finds more is not known.",
        f"{BM25} answers fastest: p50 0.200 ms",
        "sparring judge-sheet",
    ],
    failed_cells: ["Not in this: TfIdf() @ CSR() (failed)."],
    one_cell: [f"{BM25}: nDCG@10 .300", "nothing was measured beside it", "p50 0.200 ms"],
    ladder: [
        f"{MINILM} finds most: nDCG@10 .900",
        f"{BM25} (.400 less [",
        "and 1 more find significantly less",
        f"By means alone the frontier of nDCG@10 and p50: {TFIDF} (.200, 0.100 ms), {BM25} (.500, 0.200 ms), ",
        f"and of nDCG@10 and index size: {TFIDF} (.200, 1.00 MB), ",
    ],
    imported: ["What they cost was not measured.", "finds significantly less"],
    two_sets: [
        f"{MINILM} finds most on primer; {BM25} finds most on names",
        f"The sets disagree: {MINILM} finds significantly more than {BM25} on primer, and less on names.",
    ],
    unstable_times: ["Times of all cells were unstable", "(about x150)"],
    over_budget: ["Not in this: TfIdf() @ CSR() (over-budget)."],
    approximate: [f"{HNSW} is approximate: it finds .970 of the first 10 of exact search."],
    sparse_better_on_names: [
        f"{MINILM} finds most",
        f'On the 80 queries labelled "name" {BM25} finds .800 more (exploratory; significant beside all labels).',
    ],
    everything_equal: [
        "All 3 cells find the same: nDCG@10 .300",
        f"{MINILM}: p50 30.0 ms (x150), index 8.00 MB (x2.7)",
    ],
    values_gone: ["how sure that is cannot be told: the values of each query are not on disk"],
    stopped: [
        f"Of the cells that were asked all queries {MINILM} finds most",
        f"TfIdf() @ CSR() was decided worse beside {BM25} after 40 queries (by -.300 on these).",
    ],
    synthetic: ["Among 1,000 synthetic passages quality is not measured: this is cost alone."],
    remembers: [f"{BM25} answers faster: p50 of new queries 1.00 ms", "(x30)"],
}
NEVER = {
    clear_winner: ["Undecided", "not significantly", "unstable"],
    tie: ["significantly", "Undecided"],
    undecided: ["finds significantly less", "as much"],
    saturated: ["significantly less"],
    no_judgments: ["finds most", "significant"],
    one_cell: ["finds most", "significant"],
    everything_equal: ["finds most", "significant"],
    stopped: ["nothing was measured beside"],
    values_gone: ["significantly"],
    synthetic: ["judge-sheet", "finds most"],
    imported: ["p50", "index"],
    two_sets: ["not significantly more than every"],
}


@pytest.mark.parametrize("made", SAYS, ids=lambda made: made.__name__)
def test_a_situation(tmp_path, made):
    """
    What a run says of each situation, and what it does not.
    """
    run = made(tmp_path)

    told = "\n".join(lines(run))

    for phrase in SAYS[made]:
        assert phrase in told
    for phrase in NEVER.get(made, []):
        assert phrase not in told


@pytest.mark.parametrize("made", SAYS, ids=lambda made: made.__name__)
def test_it_is_short(tmp_path, made):
    """
    A verdict on a set has one to six sentences or pairs of sentences, one subject each.
    """
    for one in verdict(made(tmp_path)):
        assert 1 <= len(one.clauses) <= 6


# Every figure has a record


def recomputed(run, m, figure):
    """A figure as it follows from the record of its cell and from the values of each query, in the obvious way."""
    key, cells = figure.key, [cell for cell in run.measurements if cell.passage_set == m.passage_set]
    one = flat.row(m)
    if key in one:
        return one[key]
    name, _, rest = key.partition(":")
    if name == "ratio":
        known = {flat.row(cell)[rest] for cell in cells} | {flat.row(cell)["new_p50_ms"] for cell in cells}
        return min(
            (one[rest] / other for other in known if other), key=lambda ratio: abs(ratio - figure.value), default=None
        )
    values = {cell.cell: kept(run, cell) for cell in cells if cell.status == "ok" and cell.quality}
    best = max(values, key=lambda cell: values[cell].mean())
    differences = values[best] - values[m.cell]
    alone, clustered = key in (f"{MEASURE}_low", f"{MEASURE}_high"), None
    around = paired.interval_of_mean(values[m.cell], clustered) if alone else paired.interval(differences, clustered)
    if key == "p":
        return min(adjusted(values, best)[m.cell], planned(run, cells, values, best, m))
    if key == "n_more":
        alone, all_of_them = paired.paired(values[m.cell], values[best]).p, adjusted(values, best)[m.cell]
        distinct = len({one.tobytes() for one in values.values()})
        n_tests = min(max(1, np.log(1 - all_of_them) / np.log(1 - alone)), distinct * (distinct - 1) / 2)
        spread, sizes = power.spread_of(differences, clustered), totals(differences, None)[1]
        needed = power.queries_for(max(abs(differences.mean()), 0.01), sizes, spread, 1 - 0.95 ** (1 / n_tests))
        return needed - len(differences)
    if name in ("label", "n"):
        labels = msgspec.json.decode((run.folder / "sets/primer.json").read_bytes())["labels"]
        inside = np.array([label == rest for label in labels])
        return -differences[inside].mean() if name == "label" else inside.sum()
    if name.startswith("mean_lead"):
        return over_sets_of(run, m)[name]
    if name == "mean":
        whole = [kept(run, cell).mean() for cell in run.measurements if cell.retriever == m.retriever]
        return np.mean(whole)
    return {
        "lead": differences.mean(),
        "lead_sought": max(abs(differences.mean()), 0.01),
        "lead_low": around and around[0],
        "lead_high": around and around[1],
        f"{MEASURE}_low": around and around[0],
        f"{MEASURE}_high": around and around[1],
    }[key]


def adjusted(values, best):
    """The p of each cell beside the best: all pairs', or Holm's of the intervals where that is greater."""
    order = list(values)
    pairs = signs.all_pairs(np.array(list(values.values())))[order.index(best)]
    saids = {cell: paired.paired(values[cell], values[best]) for cell in order if cell != best}
    differ = [cell for cell, said in saids.items() if said.p_interval is not None]
    of_intervals = dict(zip(differ, paired.holm([saids[cell].p_interval for cell in differ]), strict=True))
    return {cell: max(pairs[order.index(cell)], of_intervals.get(cell, 1.0)) for cell in order}


def planned(run, cells, values, best, m):
    """The p of the comparison with the baseline, where one of the two is that; 1 of others."""
    base = next(cell.cell for cell in cells if cell.retriever == run.record.suite["baseline"])
    if base not in (best, m.cell):
        return 1.0
    saids = {cell: paired.paired(values[base], values[cell]) for cell in values if cell != base}
    asked = [cell for cell, said in saids.items() if said.verdict != "identical"]
    of_both = paired.holm([max(saids[cell].p, saids[cell].p_interval) for cell in asked])
    return dict(zip(asked, of_both, strict=True))[m.cell if base == best else best]


def over_sets_of(run, m):
    """The lead of the best over sets, and its interval."""
    sets = {cell.passage_set: cell for cell in run.measurements if cell.retriever == m.retriever}
    best = {cell.passage_set: cell for cell in run.measurements if cell.retriever != m.retriever}
    found_here = over_sets.over_sets(
        [over_sets.SetValues(kept(run, sets[name]), kept(run, best[name])) for name in sets]
    )
    low, high = found_here.interval
    return {"mean_lead": found_here.difference, "mean_lead_low": low, "mean_lead_high": high}


def kept(run, m):
    """The values of every query, read as the run keeps them."""
    with np.load(run.folder / m.files["quality"]) as found_there:
        return found_there[MEASURE]


@pytest.mark.parametrize("made", SAYS, ids=lambda made: made.__name__)
def test_every_figure_is_that_of_a_record(tmp_path, made):
    """
    Each number in a verdict is written from a figure, and each figure follows from the record of the cell it names.
    """
    run = made(tmp_path)
    by_key = {m.cell: m for m in run.measurements}

    for one in verdict(run):
        for clause in one.clauses:
            for figure in clause.figures:
                m = by_key[figure.cell]
                expected = m.quality[MEASURE] if figure.key == MEASURE else recomputed(run, m, figure)
                assert pytest.approx(expected, rel=1e-9, abs=1e-12) == figure.value, (clause.kind, figure)
            left = clause.text.replace(str(run.folder), "")
            for name in sorted({m.retriever for m in run.measurements}, key=len, reverse=True):
                left = left.replace(name, "")
            written = [number for figure in clause.figures for number in NUMBER.findall(figure.written)]
            counts = {str(n) for n in range(1, len(run.measurements) + 1)} | {
                f"{m.n_distractors:,}" for m in by_key.values()
            }
            unknown = set(NUMBER.findall(left.replace(MEASURE, ""))) - set(written) - GIVEN - counts
            assert not unknown, (clause.text, unknown)


# No clause is stronger than its statistic


def test_alike_retrievers_are_rarely_told_apart(tmp_path):
    """
    Of 200 runs of five retrievers that are all alike, those whose verdict tells any apart are no more than 5 % allow.
    """
    rng, told = np.random.default_rng(5), 0
    for number in range(200):
        values = {f"R{each}()": rng.integers(0, 2, 60).astype(float).tolist() for each in range(5)}
        told += "finds significantly less" in said(situation(tmp_path / str(number), values), "best")

    assert told <= 18  # 10 expected; more than 18 of 200 at 5 % in fewer than one draw of a hundred


@pytest.mark.parametrize(
    ("lead", "spread", "flags", "says"),
    [
        (1.5, 0.02, (), "(x1.5)"),
        (1.5, 0.4, (), "(not told apart)"),
        (1.03, 0.01, (), "(as much)"),
        (1.5, 0.02, (f"{UNSTABLE}: it moves",), "(about x1.5)"),
    ],
)
def test_faster_needs_intervals_apart(tmp_path, lead, spread, flags, says):
    """
    One answers faster where the intervals of p50 are apart, by more than little, and nothing speaks against a time.
    """
    at = {BM25: costs(1.0, 10, spread=spread), MINILM: costs(lead, 10, spread=spread) | {"flags": flags}}

    told = said(situation(tmp_path, won(0, 40, 30), at), "cost")

    assert says in told
    assert (says == "(x1.5)") is ("answers faster" in told)


def test_times_without_intervals_are_no_claim(tmp_path):
    """
    Where a p50 has no interval, its figure stands and nothing is claimed of which is faster.
    """
    at = {
        name: changes | {"single": msgspec.structs.replace(changes["single"], p50_interval=None)}
        for name, changes in COSTS.items()
    }

    told = said(situation(tmp_path, won(0, 40, 30), at), "cost")

    assert "p50 0.200 ms" in told
    assert "p50 30.0 ms (about x150)" in told
    assert "faster" not in told


def test_a_cell_that_was_decided_better(tmp_path):
    """
    Beside a cell that was stopped since it is better, nothing finds most but of those that were asked all queries.
    """
    decision = Decision(
        baseline=BM25,
        measure=MEASURE,
        verdict="better",
        n_asked=40,
        n_looks=2,
        planned_looks=5,
        difference=0.3,
        interval=(0.1, 0.5),
        level=0.99,
    )
    at = COSTS | {MINILM: DEAR | {"decision": decision, "quality": None}}

    one = said(situation(tmp_path / "one", won(0, 40, 30), at), "best")
    two = said(situation(tmp_path / "two", won(0, 40, 30) | {TFIDF: found(5)}, at), "best")

    decided = f"{MINILM} was decided better beside {BM25} after 40 queries (by .300 on these)."
    assert f"{BM25}: nDCG@10 .300 [.212, .400]; no other was asked all queries. {decided}" == one
    assert two.startswith(f"Of the cells that were asked all queries {BM25} finds most")
    assert two.endswith(decided)


def test_equal_means_are_no_lead(tmp_path):
    """
    Of two with the same mean over other queries neither finds most, and no query is counted that would tell a lead.
    """
    run = situation(tmp_path, won(20, 20, 10), COSTS)

    assert "find as much on average, on other queries: nDCG@10 .300" in said(run, "best")
    assert "finds most" not in said(run)
    assert "" == said(run, "undecided")


@pytest.mark.parametrize("clusters", [None, ["one"]], ids=["a query", "a cluster"])
def test_one_query_tells_nothing(tmp_path, clusters):
    """
    Of one query, or of one cluster, no p is written, and it is said that it tells nothing apart.
    """
    n = 1 if clusters is None else 40
    run = situation(tmp_path, {BM25: [0.0] * n, MINILM: [1.0] * n}, COSTS, clusters and clusters * n)

    told = said(run)

    assert "one query, or one cluster of them, tells nothing apart" in told
    assert "p =" not in told
    assert f"{n} judged {'query' if n == 1 else 'queries'}" in "".join(lines(run))


def test_queries_without_a_label(tmp_path):
    """
    Queries that have no label are called that, and a label is shown as it is written.
    """
    labels = [""] * 80 + ['it\'s "x"'] * 320

    told = said(situation(tmp_path, won(72, 220, 108, 400), COSTS, labels=labels), "labels")

    assert told.startswith(f"On the 80 queries without a label {BM25} finds .800 more")


def test_what_leads_was_imported(tmp_path):
    """
    Where what leads was not timed, it is said that its cost was not measured, beside the cost of what was.
    """
    at = {"a.run": {"origin": "a.run"}, "b.run": {"origin": "b.run"}, "RankBM25()": CHEAP}
    three = {"a.run": found(90), "b.run": found(80), "RankBM25()": found(30)}
    two = {"a.run": found(90), "RankBM25()": found(30)}

    assert "What they cost was not measured." in said(situation(tmp_path / "3", three, at), "cost")
    told = said(situation(tmp_path / "2", two, at), "cost")
    assert "RankBM25(): p50 0.200 ms" in told
    assert "a.run: what it costs was not measured." in told


def test_the_baseline_was_named_before(tmp_path):
    """
    What differs from the baseline by the comparison that the suite named is told apart, though not among all pairs.
    """
    rng, met = np.random.default_rng(2), 0
    others = {f"R{n}()": (rng.random(300) < 0.3).astype(float).tolist() for n in range(3)}
    for more in range(20, 26):
        values = won(20, 20 + more, 100, 300) | others
        run = situation(tmp_path / str(more), values, COSTS)
        marked = {line[0].text: line[1].mark for line in grids([run])[0].lines}
        is_tied = ties(Evidence(), [(run, m) for m in run.measurements], MEASURE)[0]
        if marked[MINILM] == "†" and is_tied:
            met += 1
            assert f"{BM25} (" in said(run, "best")
            assert ", as planned beside the baseline)" in said(run, "best")
            assert "significantly less" in said(run, "best")

    assert met


def test_what_finds_the_same_is_of_its_kind(tmp_path):
    """
    Where a sparse and a dense cell find just the same, the dense one is named beside the other, with what it costs.
    """
    told = said(situation(tmp_path, {MINILM: found(60), BM25: found(60), TFIDF: found(30)}, COSTS), "others")

    assert f"Dense: {MINILM} finds just what {BM25} does; beside" in told


def test_as_much_allows_for_how_many(tmp_path):
    """
    Two that are equivalent alone are not told to be so where twenty others are compared with the best.
    """
    pair = won(46, 55, 2800, 3000)  # .003 apart: 95 % of it within .0095, 99.8 % within .013
    rng = np.random.default_rng(1)
    others = {f"R{n}()": (rng.random(3000) < 0.5).astype(float).tolist() for n in range(20)}

    alone, many = (said(situation(tmp_path / str(len(each)), each), "best") for each in (pair, pair | others))

    assert "as much, within .010" in alone
    assert "as much" not in many


def test_clusters_decide(tmp_path):
    """
    Forty queries won in one cluster of two are no significant lead.
    """
    values, clusters = won(0, 40, 30), ["one"] * 50 + ["other"] * 50

    assert "finds significantly less" not in said(situation(tmp_path, values, COSTS, clusters), "best")


def test_the_dense_cell_is_told_where_sparse_ones_lead(tmp_path):
    """
    Where the best and what it is compared with are sparse, the best dense cell has a sentence: what it finds and costs.
    """
    values = {BM25: found(60), TFIDF: found(59), MINILM: found(40)}

    told = said(situation(tmp_path, values, COSTS), "others")

    assert told.startswith(f"Dense: {MINILM} finds .200 less [")
    assert f"beside {BM25}: p50 30.0 ms (x150), index 8.00 MB (x2.7)" in told


PRICES = Prices(currency="EUR", ram_gb_hour=0.01, core_hour=36.0, queries_a_month=1_000_000, hours_a_month=100)


def test_what_a_month_costs(tmp_path):
    """
    With prices a sentence says what a month of both cells costs, and from which volume on the other costs less.
    """
    # A core-second costs .01. BM25: 10 GB for 10, .2 ms of a core: 2 for a million queries. MiniLM: 1 GB, 30 ms: 300.
    at = {BM25: COSTS[BM25] | {"deployment_bytes": 10**10}, MINILM: COSTS[MINILM] | {"deployment_bytes": 10**9}}
    run = situation(tmp_path, won(0, 40, 30), {name: one | {"encode_threads": 1} for name, one in at.items()})

    (one,) = verdict(run, PRICES)
    (clause,) = [clause for clause in one.clauses if clause.kind == "cost"]

    assert "A month of 1,000,000 queries costs: " in clause.text
    assert f"{BM25} at most 12.0 EUR, once 0.0200 to index" in clause.text
    assert f"{MINILM} at most 301 EUR (x25), once 4.00 to index" in clause.text
    # 10 + .000002 q = 1 + .0003 q
    assert f"From about 30,000 queries a month on {BM25} costs less than {MINILM}." in clause.text
    figures = {(figure.cell, figure.key): figure.value for figure in clause.figures}
    rows = {str(number): row for number, row in enumerate(flat.rows([run], PRICES))}
    for cell, key in (("0", "price_a_month"), ("1", "price_a_month"), ("0", "price_index"), ("1", "price_index")):
        assert rows[cell][key] == figures[cell, key]


def test_no_price_is_no_sentence(tmp_path):
    """
    Where the memory of no deployment was measured nothing is said of prices.
    """
    at = {name: one | {"deployment_bytes": None} for name, one in COSTS.items()}
    (one,) = verdict(situation(tmp_path, won(0, 40, 30), at), PRICES)

    assert not any("A month" in clause.text for clause in one.clauses)


def test_retrievers_that_agree_least(tmp_path):
    """
    Without judgments the two that agree least are named with how far they do, and the next step by its command.
    """
    run = pooled_run(tmp_path, {"A()": [[0, 1]], "B()": [[0, 2]], "C()": [[3, 4]]}, queries={"q": "what"})

    told = said(run, passage_set="zoo")

    assert "agree least: .000 of the shorter first 10 is in the other's, which is no quality" in told
    assert f"sparring judge-sheet {run.folder} -o sheet.csv" in told
