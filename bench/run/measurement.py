"""The stage results of a cell -> its record."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from bench.errors import InputError
from bench.instruments import latency, stability
from bench.instruments.modes import MODES, SINGLE, Rounds, text_to_ids
from bench.passages.loader import text_bytes
from bench.records.schema import Fact, Measurement, RecordFields, StageResult
from bench.run import flags, weights
from bench.run.cells import Cell
from bench.run.new_queries import new_queries
from bench.run.quality_fields import fields_of_stopped, kept_file, quality_fields
from bench.run.results import CellResults
from bench.run.suite import Suite
from retrievers.contract import Adapter, Hits, VectorRetriever, spell
from retrievers.registry import spelled_in_full


def measurement(results: CellResults, suite: Suite, folder: Path, hits: tuple[Hits, Hits] | None) -> Measurement:
    """
    The record of one cell, but for its agreement with others.

    hits: to the depth, and of the search for k; None where it failed.
    """
    cell, failure = results.cell, results.failure
    if failure is not None:  # half of the rounds are no measurement: what they gave is in the journal
        results = replace(results, queries=(), searches=(), joints=())
    passage_set = cell.passage_set
    encoder, storage = cell.parts
    encode = results.encode
    encoding = None if cell.given else encode  # a look-up says nothing of the model that made the vectors
    first = results.searches[0] if results.searches else None
    build = results.build or first
    storage_weight, storage_flags = weights.footprint(
        results.searches, results.build, "storage" if encoder else "engine"
    )
    encoder_weight, encoder_flags = weights.footprint(results.queries, encoding, "encoder")
    contention = stability.contention([result.facts for result in (*results.queries, *results.searches)])
    whole = [result.facts for result in results.joints or results.searches]
    contention |= stability.contention(whole, stability.UNDER_LOAD)
    facts = weights.with_mapping(results.facts()) | contention | flags.waits(results)
    timed = hits[1] if hits is not None and results.asked is None else None
    if timed is not None:
        facts |= flags.hit_facts(timed, passage_set, suite.k)
    rounds = results.timed(folder, suite)
    times = {field: value for mode in MODES.values() for field, value in mode.summary(rounds).items()}
    new = new_queries(rounds)
    times["new"] = latency.summary(new.times)
    return Measurement(
        cell=cell.key,
        suite=suite.name,
        cell_name=cell.given_name,
        passage_set=passage_set.name,
        passage_set_sha256=passage_set.sha256,
        language=passage_set.language,
        retriever=cell.spelling,
        encoder=encoder,
        storage=storage,
        resolved=spell(cell.retriever) if cell.retriever is not None else cell.spelling,
        options=_options(cell.retriever),
        status="ok" if failure is None else failure.status,
        reason="" if failure is None else failure.reason,
        output=() if failure is None else failure.output,
        seed=suite.seed,
        rounds=len(results.searches),
        threads=cell.threads,
        encode_threads=encode.threads if encode else None,
        k=suite.k,
        depth=suite.depth,
        limit_seconds=suite.limits.seconds,
        limit_idle_seconds=suite.limits.idle,
        limit_memory_bytes=suite.limits.memory_bytes,
        limited_by=(first or build or encode or _NOTHING).limited_by,
        n_passages=len(passage_set.passages) + suite.distractors,
        n_distractors=suite.distractors,
        n_queries=len(passage_set.queries),
        n_timed=results.n_timed,
        n_merged=len(passage_set.merged),
        unknown_judgments=passage_set.unknown_judgments,
        text_bytes=text_bytes(passage_set),
        shape=encode.shape if encode else None,
        nonzeros=encode.nonzeros if encode else None,
        exact=cell.exact,
        **_quality(results, hits, suite, folder),
        overlap_with_exact=None,
        overlap_with_baseline=None,
        **times,
        new_ratio=new.ratio,
        cpu_p50=_cpu_ms(results, rounds),
        batch_overlap=_number(facts.get("batch_overlap")),
        encode_seconds=encoding.build_seconds if encoding else None,
        build_seconds=build.build_seconds if build else None,
        load_seconds=_median([result.load_seconds for result in results.searches]) if results.build else None,
        storage_weight=storage_weight,
        encoder_weight=encoder_weight,
        build_memory=build.build_memory if build else None,
        search_memory=weights.typical([result.timed_memory for result in results.searches]),
        encode_memory=encoding.build_memory if encoding else None,
        query_memory=weights.typical([result.timed_memory for result in results.queries]),
        runtime_bytes=weights.runtime_bytes(results.searches),
        encoder_runtime_bytes=weights.runtime_bytes(results.queries),
        deployment_bytes=results.deployment.deployment_bytes if results.deployment else None,
        predicted_ledger=results.predicted_ledger,
        built_apart=all(result.built_apart for result in (*results.searches, *results.queries)),
        reused_matrix=encode.reused if encode else False,
        matrix_key=cell.matrix_key,
        queries_key=cell.queries_key,
        facts=facts,
        flags=(
            *flags.of_distractors(facts, suite),
            *storage_flags,
            *encoder_flags,
            *(() if timed is None or hits is None else flags.of_hits(hits, passage_set, suite, is_exact=cell.exact)),
            *flags.of_parts(facts, results),
            *flags.of_files(results),
            *flags.of_decision(results),
            *flags.of_times(times, results, suite),
            *filter(None, [new.flag]),
            *flags.of_work(results),
            *stability.warnings(text_to_ids(rounds)),
        ),
        figure_flags=stability.figure_flags(times, contention),
        files=results.files(suite),
    )


def is_judged(m: Measurement, cell: Cell, suite: Suite, folder: Path) -> bool:
    """Whether a cell was judged by the judgments and the measures that there are now, and that is still there."""
    measures = suite.measures if m.quality is not None else ()
    return (
        m.passage_set_sha256 == cell.passage_set.sha256
        and tuple(m.quality or ()) == measures
        and all((folder / path).is_file() for what, path in m.files.items() if what.startswith("quality"))
    )


def judged_again(old: Measurement, cell: Cell, suite: Suite, folder: Path, hits: tuple[Hits, Hits]) -> Measurement:
    """
    A measurement with the judgments and the measures that there are now; whatever was timed stays.

    hits: to the depth, and of the search for k.
    """
    deep, timed = hits
    passage_set = cell.passage_set
    files = {what: path for what, path in old.files.items() if what != "quality"}
    if (path := kept_file(cell.key, passage_set, suite)) is not None:
        files["quality"] = path
    kept = (flag for flag in old.flags if not flag.startswith(flags.OF_HITS))
    return msgspec.structs.replace(
        old,
        suite=suite.name,
        cell_name=cell.given_name,
        passage_set_sha256=passage_set.sha256,
        unknown_judgments=passage_set.unknown_judgments,
        files=files,
        flags=(*kept, *flags.of_hits(hits, passage_set, suite, is_exact=cell.exact)),
        **quality_fields(cell.key, deep, suite, passage_set, folder, timed=timed),
    )


def _quality(results: CellResults, hits: tuple[Hits, Hits] | None, suite: Suite, folder: Path) -> RecordFields:
    key, passage_set = results.cell.key, results.cell.passage_set
    if hits is not None and results.asked is not None:
        if results.decision is None:
            raise InputError(
                f"run folder {folder}: expected the hits of {suite.baseline}, beside which {results.cell.spelling} was "
                "decided and stopped, found none: choose another folder with -o"
            )
        return fields_of_stopped(key, hits, results.asked, results.decision, suite, passage_set, folder)
    fields = quality_fields(key, hits and hits[0], suite, passage_set, folder, timed=hits and hits[1])
    return fields | {"decision": results.decision}


def _cpu_ms(results: CellResults, rounds: Rounds) -> float | None:
    """
    CPU time of a query in mode single, text to ids: the median over rounds of what the parts took.

    Of a part: its p50, times the CPUs that were at work in its loop on average.
    """
    parts: list[list[float]] = []
    for stage in ("query", "search") if results.queries else ("search",):
        pairs = zip(rounds.samples(stage, SINGLE.name), results.rounds[stage], strict=False)
        loops = [(times, result.loops[SINGLE.name]) for times, result in pairs if SINGLE.name in result.loops]
        parts.append([float(np.median(times)) / 1e6 * loop.cpu_seconds / loop.wall_seconds for times, loop in loops])
    whole = [sum(round_) for round_ in zip(*parts, strict=False)]
    return statistics.median(whole) if whole else None


def _number(fact: Fact) -> float | None:
    return fact if isinstance(fact, float) else None


_NOTHING = StageResult(stage="search", status="failed")


def _options(retriever: Adapter | None) -> dict[str, dict[str, str]]:
    if retriever is None:
        return {}
    if isinstance(retriever, VectorRetriever):
        return {"encoder": spelled_in_full(retriever.encoder), "storage": spelled_in_full(retriever.storage)}
    return {"retriever": spelled_in_full(retriever)}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
