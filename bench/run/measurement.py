"""Stage results of the cells of one passage set -> their measurements."""

from __future__ import annotations

import contextlib
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.instruments import latency, load, memory, quality, stability
from bench.passages.loader import PassageSet, text_bytes
from bench.records.run_folder import read_hits, samples
from bench.records.schema import Fact, Footprint, Latency, Measurement, Memory, Rate, StageResult
from bench.run.cells import Cell
from bench.run.suite import Suite
from retrievers.contract import Hits, VectorRetriever, spell
from retrievers.registry import spelled_in_full

MADE_ELSEWHERE = "vectors made elsewhere: encoding is not measured"
LEDGER_TOLERANCE = 0.02  # a growth may lie this share below the ledger (or 1 MiB), not more


@dataclass(frozen=True)
class CellResults:
    """All that was measured of one cell."""

    cell: Cell
    failure: StageResult | None
    encode: StageResult | None
    build: StageResult | None
    queries: tuple[StageResult, ...]
    searches: tuple[StageResult, ...]
    joints: tuple[StageResult, ...]
    predicted_ledger: dict[str, int] | None


class Agreement:
    """The hits of the cells of one passage set, compared with the baseline's and with exact search."""

    def __init__(self, cells: Sequence[Cell], suite: Suite, folder: Path) -> None:
        self.hits: dict[str, Hits] = {}
        for cell in cells:
            with contextlib.suppress(InputError):  # of a finished cell, taken away since: it agrees with nothing then
                self.hits[cell.key] = read_hits(folder, cell.key)
        found = [cell for cell in cells if cell.key in self.hits]
        # Within equal threads: a library may well find others with more of them.
        self._exact = {(c.encoder, c.threads): self.hits[c.key] for c in found if c.encoder and c.exact}
        self._baseline = {cell.threads: self.hits[cell.key] for cell in found if cell.spelling == suite.baseline}

    def filled_in(self, measured: Measurement, cell: Cell) -> Measurement:
        """The measurement with what can be said of its agreement; what it has already stays."""
        own = self.hits.get(cell.key)
        exact = None if cell.exact else _overlap(own, self._exact.get((cell.encoder or "", cell.threads)))
        baseline = _overlap(own, self._baseline.get(cell.threads))
        return msgspec.structs.replace(
            measured,
            overlap_with_exact=measured.overlap_with_exact if exact is None else exact,
            overlap_with_baseline=measured.overlap_with_baseline if baseline is None else baseline,
        )


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
    held_up = stability.held_up([result.facts for result in (*results.queries, *results.searches)])
    facts = _facts(results) | held_up
    times, whole = _times(results, folder, len(passage_set.queries), suite)
    timed = times["single"] is not None or times["joint"] is not None
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
            *_grown_flags(facts, suite),
            *storage_flags,
            *encoder_flags,
            *_flags(facts, results, timed=timed),
            *_rate_flags(times["rate"], results, suite),
            *stability.warnings(whole, held_up),
        ),
        files=_files(results, suite),
    )


_NOTHING = StageResult(stage="search", status="failed")


def _options(retriever: Any) -> dict[str, dict[str, str]]:  # Any: an adapter or None
    if retriever is None:
        return {}
    if isinstance(retriever, VectorRetriever):
        return {"encoder": spelled_in_full(retriever.encoder), "storage": spelled_in_full(retriever.storage)}
    return {"retriever": spelled_in_full(retriever)}


def quality_fields(key: str, hits: Hits | None, suite: Suite, passage_set: PassageSet, folder: Path) -> dict[str, Any]:
    """The quality fields of a record (Any: of their several types); the value of every query is kept in a file."""
    fields: dict[str, Any] = dict.fromkeys(  # Any: see above
        ("quality", "quality_by_label", "label_counts", "n_judged", "n_unanswered", "tie_rate")
    )
    if hits is None:
        return fields
    fields["tie_rate"] = quality.tie_rate(hits, suite.k)
    qrels = passage_set.qrels
    if qrels is None or suite.distractors:  # a synthetic passage has no judgment, and may well hold an answer
        return fields
    answers = passage_set.answers
    texts = None if answers is None else quality.Texts(passage_set.passages, answers)
    asked = passage_set.passage_ids, passage_set.query_ids, qrels, suite.measures, texts
    values = quality.measure(hits, *asked)
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **values)  # type: ignore[arg-type]  # measures by name
    write_whole(folder / "quality" / f"{key}.npz", arrays.getvalue())
    judged = quality.judged(passage_set.query_ids, qrels)
    fields["n_judged"] = int(judged.sum())
    fields["n_unanswered"] = quality.n_unanswered(hits, passage_set.query_ids, qrels)
    fields["quality"] = {name: quality.mean(values[name]) if name in values else None for name in suite.measures}
    fields["ceilings"] = quality.ceilings(*asked)
    if passage_set.labels is not None:
        labels = [label for label, is_judged in zip(passage_set.labels, judged, strict=True) if is_judged]
        by_label = {name: quality.by_label(one, labels) for name, one in values.items()}
        groups = next(iter(by_label.values()), {})  # the same groups of queries whatever the measure
        fields["label_counts"] = {label: count for label, (count, _) in groups.items()}
        fields["quality_by_label"] = {
            label: {name: means[label][1] for name, means in by_label.items()} for label in groups
        }
    return fields


def _overlap(one: Hits | None, other: Hits | None) -> float | None:
    if one is None or other is None or len(one.rows) == 0:
        return None
    return float(quality.overlap(one, other, quality.OVERLAP_K).mean())


def _times(
    results: CellResults, folder: Path, n_queries: int, suite: Suite
) -> tuple[dict[str, Any], list[NDArray[np.int64]]]:  # Any: record fields
    """The times of a record by its fields, and the raw ones of each round from text to ids: (n_passes, n_queries)."""
    searches, encodes = samples(folder, results.searches, "single"), samples(folder, results.queries, "single")
    search = latency.summary(searches, [result.cold_ms for result in results.searches])
    encode = latency.summary(encodes, [result.cold_ms for result in results.queries])
    timed = min(suite.queries, n_queries)
    search_qps = latency.throughput(samples(folder, results.searches, "batch"), timed)
    encode_qps = latency.throughput(samples(folder, results.queries, "batch"), timed)
    single: Latency | None = search
    whole_qps, whole = search_qps, searches
    if results.cell.encoder:
        whole = [latency.end_to_end(*pair) for pair in zip(encodes, searches, strict=False)]
        single = latency.summary(
            whole,
            [
                a.cold_ms + s.cold_ms
                for a, s in zip(results.queries, results.searches, strict=False)
                if a.cold_ms is not None and s.cold_ms is not None
            ],
        )
        whole_qps = 1 / (1 / encode_qps + 1 / search_qps) if encode_qps and search_qps else None
    loaded = results.joints or results.searches
    return {
        "single": single,
        "encode": encode,
        "search": search,
        "joint": latency.summary([times.sum(axis=2) for times in samples(folder, results.joints, "joint")]),
        "rate": load.under_load(samples(folder, loaded, "rate"), samples(folder, loaded, "closed"), suite.rate, timed),
        "batch_qps": whole_qps,
        "search_batch_qps": search_qps,
    }, whole


def _footprint(
    rounds: Sequence[StageResult], made: StageResult | None, part: str
) -> tuple[Footprint | None, list[str]]:
    """The weight of one part, and what there is to say against it."""
    if not rounds and made is None:
        return None, []
    ledger = rounds[0].ledger if rounds else made.ledger if made else None
    resident = _typical([result.load_memory for result in rounds])
    flags = []
    # Of mapped files only the pages that were touched are resident, and the kernel may take them back.
    mapped = bool(rounds) and rounds[0].facts.get("memory_mapped") == 1
    if ledger is not None and resident is not None and not mapped:
        known = sum(ledger.values())
        if resident.resident < known - max(memory.RESOLUTION, LEDGER_TOLERANCE * known):
            flags.append(
                f"{part}: resident growth of {resident.resident:,} bytes lies below its ledger of {known:,}: withheld"
            )
            resident = None
    weight = Footprint(
        ledger=ledger,
        disk_bytes=made.disk_bytes if made else None,
        resident=resident,
        under_resolution=resident is not None and resident.resident < memory.RESOLUTION,
    )
    return weight, flags


def _typical(figures: Sequence[Memory | None]) -> Memory | None:
    """The figure whose growth is the median of the rounds'."""
    known = sorted((figure for figure in figures if figure is not None), key=lambda figure: figure.resident)
    return known[(len(known) - 1) // 2] if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _facts(results: CellResults) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for result in (results.encode, results.build, *results.searches[:1]):
        if result is not None:
            facts.update(result.facts)
    return facts


def _flags(facts: dict[str, Fact], results: CellResults, *, timed: bool) -> list[str]:
    """What there is to say against the numbers of a cell. timed: whether it has a latency."""
    flags = []
    for result in (results.encode, results.build, *results.queries, *results.searches, *results.joints):
        told = result.facts if result is not None else {}
        if "not_warmed" in told:
            flags.append(f"weighed without a warm-up of its code: {told['not_warmed']}")
        if "not_closed" in told:
            flags.append(f"did not close: {told['not_closed']}")
    flags = list(dict.fromkeys(flags))  # every round says the same
    cut = facts.get("passages_cut")
    if isinstance(cut, float) and cut > 0:
        flags.append(f"{cut:.1%} of passages are cut at the model's length")
    if results.cell.given and results.failure is None:
        flags.append(MADE_ELSEWHERE)
        flags += _given_flags(facts, results)
    if results.failure is None and not all(result.built_apart for result in (*results.searches, *results.queries)):
        flags.append("built and searched in one process: resident memory includes what building left")
    if timed and len(results.searches) < latency.ROUNDS and results.failure is None:
        flags.append(f"{len(results.searches)} of the {latency.ROUNDS} rounds that a latency needs")
    return flags


def _rate_flags(found: Rate | None, results: CellResults, suite: Suite) -> list[str]:
    """Why a cell has nothing to tell under load, where that was asked for."""
    if found is not None or "rate" not in suite.modes or results.failure is not None:
        return []
    return ["under load: not measured, since what can not be saved is not loaded into one process"]


def _given_flags(facts: dict[str, Fact], results: CellResults) -> list[str]:
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
        flags.append(f"{share:.3g}% of passages are not of unit length: scores are inner products, no cosines")
    return flags


def _grown_flags(facts: dict[str, Fact], suite: Suite) -> list[str]:
    """What a set that was grown by synthetic passages can not tell."""
    if not suite.distractors:
        return []
    flags = [f"grown by {suite.distractors:,} synthetic passages: bytes and time only"]
    if facts.get("synthetic") == "vectors":
        flags.append("synthetic vectors are real ones, moved: encoding took the real passages alone")
    return flags


def _files(results: CellResults, suite: Suite) -> dict[str, str]:
    files: dict[str, str] = {}
    if results.failure is None:
        files["hits"] = f"hits/{results.cell.key}.npz"
        if results.cell.passage_set.qrels is not None and not suite.distractors:
            files["quality"] = f"quality/{results.cell.key}.npz"
    for name, rounds in (("query", results.queries), ("search", results.searches), ("joint", results.joints)):
        for number, result in enumerate(rounds):
            if result.samples:
                files[f"{name}-{number}"] = result.samples
    return files
