"""The stage results of a cell -> its record."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.instruments import memory, stability
from bench.instruments.modes import MODES, text_to_ids
from bench.passages.loader import text_bytes
from bench.records.schema import Footprint, Measurement, Memory, StageResult
from bench.run import flags
from bench.run.quality_fields import quality_fields
from bench.run.results import CellResults
from bench.run.suite import Suite
from retrievers.contract import Adapter, Hits, VectorRetriever, spell
from retrievers.registry import spelled_in_full

LEDGER_TOLERANCE = 0.02  # a growth may lie this share below the ledger (or 1 MiB), not more


def measurement(results: CellResults, suite: Suite, folder: Path, hits: Hits | None) -> Measurement:
    """The record of one cell, but for its agreement with others. hits: None where it failed."""
    cell, failure = results.cell, results.failure
    if failure is not None:  # half of the rounds are no measurement: what they gave is in the journal
        results = replace(results, queries=(), searches=(), joints=())
    passage_set = cell.passage_set
    encoder, storage = cell.parts
    encode = results.encode
    encoding = None if cell.given else encode  # a look-up says nothing of the model that made the vectors
    first = results.searches[0] if results.searches else None
    build = results.build or first
    storage_weight, storage_flags = _footprint(results.searches, results.build, "storage" if encoder else "engine")
    encoder_weight, encoder_flags = _footprint(results.queries, encoding, "encoder")
    contention = stability.contention([result.facts for result in (*results.queries, *results.searches)])
    facts = results.facts() | contention
    rounds = results.timed(folder, suite)
    times = {field: value for mode in MODES.values() for field, value in mode.summary(rounds).items()}
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
        limit_memory_bytes=suite.limits.memory_bytes,
        limited_by=(first or build or encode or _NOTHING).limited_by,
        n_passages=len(passage_set.passages) + suite.distractors,
        n_distractors=suite.distractors,
        n_queries=len(passage_set.queries),
        n_merged=len(passage_set.merged),
        unknown_judgments=passage_set.unknown_judgments,
        text_bytes=text_bytes(passage_set),
        shape=encode.shape if encode else None,
        nonzeros=encode.nonzeros if encode else None,
        exact=cell.exact,
        **quality_fields(cell.key, hits, suite, passage_set, folder),
        overlap_with_exact=None,
        overlap_with_baseline=None,
        **times,
        encode_seconds=encoding.build_seconds if encoding else None,
        build_seconds=build.build_seconds if build else None,
        load_seconds=_median([result.load_seconds for result in results.searches]) if results.build else None,
        storage_weight=storage_weight,
        encoder_weight=encoder_weight,
        build_memory=build.build_memory if build else None,
        search_memory=_typical([result.timed_memory for result in results.searches]),
        encode_memory=encoding.build_memory if encoding else None,
        query_memory=_typical([result.timed_memory for result in results.queries]),
        predicted_ledger=results.predicted_ledger,
        built_apart=all(result.built_apart for result in (*results.searches, *results.queries)),
        reused_matrix=encode.reused if encode else False,
        matrix_key=cell.matrix_key,
        facts=facts,
        flags=(
            *flags.of_distractors(facts, suite),
            *storage_flags,
            *encoder_flags,
            *flags.of_parts(facts, results),
            *flags.of_times(times, results, suite),
            *stability.warnings(text_to_ids(rounds), contention),
        ),
        files=results.files(suite),
    )


_NOTHING = StageResult(stage="search", status="failed")


def _options(retriever: Adapter | None) -> dict[str, dict[str, str]]:
    if retriever is None:
        return {}
    if isinstance(retriever, VectorRetriever):
        return {"encoder": spelled_in_full(retriever.encoder), "storage": spelled_in_full(retriever.storage)}
    return {"retriever": spelled_in_full(retriever)}


def _footprint(
    rounds: Sequence[StageResult], made: StageResult | None, part: str
) -> tuple[Footprint | None, list[str]]:
    """The weight of one part, and what there is to say against it."""
    if not rounds and made is None:
        return None, []
    first = rounds[0] if rounds else made
    ledger = first.ledger if first is not None else None
    resident = _typical([result.load_memory for result in rounds])
    found = []
    # Of mapped files only the pages that were touched are resident, and the kernel may take them back.
    mapped = bool(rounds) and rounds[0].facts.get("memory_mapped") == 1
    if ledger is not None and resident is not None and not mapped:
        known = sum(ledger.values())
        if resident.resident < known - max(memory.RESOLUTION, LEDGER_TOLERANCE * known):
            found.append(
                f"{part}: resident growth of {resident.resident:,} bytes lies below its ledger of {known:,}: withheld"
            )
            resident = None
    weight = Footprint(
        ledger=ledger,
        disk_bytes=made.disk_bytes if made else None,
        resident=resident,
        under_resolution=resident is not None and resident.resident < memory.RESOLUTION,
    )
    return weight, found


def _typical(figures: Sequence[Memory | None]) -> Memory | None:
    """The figure whose growth is the median of the rounds'."""
    known = sorted((figure for figure in figures if figure is not None), key=lambda figure: figure.resident)
    return known[(len(known) - 1) // 2] if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
