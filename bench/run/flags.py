"""The flags of a cell: what there is to say against its numbers, a sentence each."""

from __future__ import annotations

from bench.instruments import latency
from bench.instruments.modes import MODES, chosen
from bench.records.schema import Fact, Latency, RecordFields
from bench.run.results import CellResults
from bench.run.suite import Suite

MADE_ELSEWHERE = "vectors made elsewhere: encoding is not measured"


def of_distractors(facts: dict[str, Fact], suite: Suite) -> list[str]:
    """What a set that was grown by synthetic passages cannot tell."""
    if not suite.distractors:
        return []
    flags = [f"grown by {suite.distractors:,} synthetic passages: bytes and time only"]
    if facts.get("synthetic") == "vectors":
        flags.append("synthetic vectors are real ones, moved: encoding took the real passages alone")
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
    cut = facts.get("passages_cut")
    if isinstance(cut, float) and cut > 0:
        flags.append(f"{cut:.1%} of passages are cut at the model's length")
    if results.failure is not None:
        return flags
    if results.cell.given:
        flags += [MADE_ELSEWHERE, *_of_given_vectors(facts, results)]
    if not all(result.built_apart for result in (*results.searches, *results.queries)):
        flags.append("built and searched in one process: resident memory includes what building left")
    return flags


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
