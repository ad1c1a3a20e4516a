"""The flags of a cell: what there is to say against its numbers, a sentence each."""

from __future__ import annotations

import statistics

import numpy as np

from bench.hit_rules import MOST_PARTS
from bench.instruments import latency
from bench.instruments.modes import MODES, chosen
from bench.passages.passage_set import PassageSet, id_of
from bench.records.schema import Fact, Latency, RecordFields
from bench.run.results import CellResults
from bench.run.suite import Suite
from retrievers.contract import Hits

IDLE = 0.25  # CPUs that may be at work beside the declared threads: the interpreter's own, on average
WAITS = 0.5  # of the time without any work: it waits for something
FEW_HITS = 0.01  # of the queries may have fewer hits than were asked for, as short ones have
OF_HITS = ("few-hits: ", "self: ")  # how the flags of hits begin; others take their place when judgments are others
OWN_FIRST = 0.1  # of the queries: where both are numbered, a few find themselves by chance
MADE_ELSEWHERE = "vectors made elsewhere: encoding is not measured"


def of_distractors(facts: dict[str, Fact], suite: Suite) -> list[str]:
    """What a set that was grown by synthetic passages cannot tell."""
    if not suite.distractors:
        return []
    flags = [f"grown by {suite.distractors:,} synthetic passages: bytes and time only"]
    if facts.get("synthetic") == "vectors":
        flags.append("synthetic vectors are real ones, moved: encoding took the real passages alone")
    return flags


def n_few_hits(hits: Hits, passage_set: PassageSet, k: int) -> int:
    """How many queries have fewer than k hits, or than all that may be found where there are no more."""
    left_out = [
        len({passage_set.passage_ids[row] for row in rows})
        for rows in passage_set.excluded or ((),) * len(passage_set.query_ids)
    ]
    wanted = np.minimum(k, len(passage_set.rows) - np.array(left_out, np.int64))
    return int(((hits.rows[:, :k] >= 0).sum(axis=1) < wanted).sum())


def hit_facts(hits: Hits, passage_set: PassageSet, k: int, *, is_searched: bool = True) -> dict[str, Fact]:
    """
    Of the hits for k: how many queries have fewer, how many each search is for, where that is more, and of how many
    documents the passages are parts.
    """
    rules = passage_set.hit_rules
    search_k = k * rules.n_parts + rules.n_excluded
    facts: dict[str, Fact] = {"n_few_hits": n_few_hits(hits, passage_set, k)}
    if passage_set.has_parts:
        facts["n_documents"] = len(passage_set.rows)
    return facts | ({"search_k": search_k} if search_k > k and is_searched else {})


def of_hits(found: tuple[Hits, Hits], passage_set: PassageSet, suite: Suite, *, is_exact: bool | None) -> list[str]:
    """
    What of a cell's hits speaks against its quality: too few, or the query itself before all others.

    found: to the depth, and of the search for k. is_exact: where that finds few, as sparse vectors do of a query whose
    words few passages have, there are no more.
    """
    (deep, hits), k, depth = found, suite.k, suite.depth
    flags, n = [], len(hits.rows)
    few = n_few_hits(hits, passage_set, k)
    if few > FEW_HITS * n and not is_exact:
        flags.append(f"{OF_HITS[0]}{few:,} of {n:,} queries have fewer than {k} hits")
    elif passage_set.hit_rules.n_parts == MOST_PARTS and (few := n_few_hits(deep, passage_set, depth)) > FEW_HITS * n:
        flags.append(
            f"{OF_HITS[0]}{few:,} of {n:,} queries have fewer than {depth} hits, the depth of measures: some documents "
            f"have more than {MOST_PARTS} parts, and no search asks for more in place of one"
        )
    qrels = passage_set.qrels or {}
    first = zip(passage_set.query_ids, hits.rows[:, 0].tolist(), strict=True)
    own_first = (query for query, row in first if query in qrels and row >= 0 and id_of(passage_set, row) == query)
    own = sum(qrels[query].get(query, 0) <= 0 for query in own_first)
    if own > OWN_FIRST * len(qrels):
        flags.append(
            f"{OF_HITS[1]}{own:,} of {len(qrels):,} judged queries found the passage of their own id first, which no "
            "judgment finds relevant: --exclude self leaves it out"
        )
    return flags


def of_parts(facts: dict[str, Fact], results: CellResults) -> list[str]:
    """What encoder and storage do that makes their numbers mean something else."""
    flags = []
    for result in (results.encode, results.build, *results.queries, *results.searches, *results.joints):
        said = result.facts if result is not None else {}
        if "not_warmed" in said:
            flags.append(f"weighed without a warm-up of its code: {said['not_warmed']}")
        if "not_closed" in said:
            flags.append(f"did not close: {said['not_closed']}")
    flags = list(dict.fromkeys(flags))  # every round says the same
    flags += [
        f"{cut:.1%} of {texts} are cut at the model's length"
        for texts in ("passages", "queries")
        if isinstance(cut := facts.get(f"{texts}_cut"), float) and cut > 0
    ]
    if unused := facts.get("unused_prompts"):
        flags.append(f"prompts of the model that stand before no text (query_prompt= takes one): {unused}")
    if results.failure is not None:
        return flags
    if results.deployment is not None and results.deployment.status != "ok":
        status, reason = results.deployment.status, results.deployment.reason.splitlines()
        flags.append(f"memory: its deployment was not weighed: {status}: {(reason or [''])[0]}")
    if results.cell.given:
        flags += [MADE_ELSEWHERE, *_of_given_vectors(facts, results)]
    if not all(result.built_apart for result in (*results.searches, *results.queries)):
        flags.append("built and searched in one process: resident memory includes what building left")
    return flags


def of_files(results: CellResults) -> list[str]:
    """Files that encoding read, and that are others now: what was measured later may have read the new ones."""
    if results.failure is not None or not results.changed_files:
        return []
    return [f"stale: no longer what the passages were encoded with: {', '.join(results.changed_files)}"]


def of_times(times: RecordFields, results: CellResults, suite: Suite) -> list[str]:
    """Too few rounds for a latency, and modes that were asked for and have no figure. times: fields of the record."""
    if results.failure is not None:
        return []
    flags = []
    timed = any(isinstance(times[mode.fields[0]], Latency) for mode in MODES.values())
    if timed and len(results.searches) < latency.ROUNDS:
        flags.append(f"{len(results.searches)} of the {latency.ROUNDS} rounds that a latency needs")
    return flags + [
        mode.unmeasured for mode in chosen(suite.modes) if mode.unmeasured and times[mode.fields[0]] is None
    ]


def of_decision(results: CellResults) -> list[str]:
    """A decision beside a baseline that has come to nothing."""
    if results.decision is None or not results.baseline_failed:
        return []
    return [f"decided beside a baseline that failed: {results.decision.baseline}"]


def of_work(results: CellResults) -> list[str]:
    """What has more threads at work than it says, or other vectors in a batch than alone."""
    if results.failure is not None:
        return []
    flags = []
    for stage, share in cpu_shares(results).items():
        if share > results.cell.threads + IDLE:
            flags.append(f"threads: {share:.1f} CPUs at work in {stage}, {results.cell.threads} declared")
    differs = results.facts().get("batch_differs")
    if isinstance(differs, float):
        flags.append(
            f"batch: a query alone has another vector than in a batch, up to {differs:.2g} of its length away: quality "
            "is of queries alone"
        )
    return flags


def waits(results: CellResults) -> dict[str, Fact]:
    """The fact `waits`: for what share of the time a process was at work, of the stage in which that is least."""
    least = min(cpu_shares(results).values(), default=1.0)
    return {"waits": least} if least < WAITS else {}


def cpu_shares(results: CellResults) -> dict[str, float]:
    """
    CPUs that each stage had work for in its timed loops on average: of the mode with the most, the median over rounds.

    Work that was ready and had no core counts, or a busy machine would hide that there is more than one thread of it.
    """
    found: dict[str, float] = {}
    for stage, rounds in results.rounds.items():
        shares: dict[str, list[float]] = {}
        for result in rounds:
            for mode, loop in result.loops.items():
                if loop.wall_seconds and MODES[mode].closed:
                    shares.setdefault(mode, []).append((loop.cpu_seconds + loop.ready_seconds) / loop.wall_seconds)
        if shares:
            found[stage] = max(statistics.median(of_mode) for of_mode in shares.values())
    return found


def _of_given_vectors(facts: dict[str, Fact], results: CellResults) -> list[str]:
    """What there is to say against vectors that were made elsewhere."""
    flags = []
    others = facts.get("queries_with_another_vector")
    if isinstance(others, int) and others > 0:
        flags.append(f"queries with the text of an earlier one, whose vector was taken for their own: {others:,}")
    unit = facts.get("unit_length")
    dense = results.encode is not None and results.encode.nonzeros is None
    # Of a set of vectors without text it is known what the inner products stand for: its own are made for that.
    if dense and isinstance(unit, float) and unit < 1 and results.cell.passage_set.vectors is None:
        share = 100 * (1 - unit)
        flags.append(f"{share:.3g}% of passages are not of unit length: scores are not cosine similarities")
    return flags
