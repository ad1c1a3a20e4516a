"""The provenance of one cell: what makes it again, what its numbers hold for, and what stands behind each."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.analysis import reproduce
from bench.analysis.in_looks import level_text
from bench.formats import arrays
from bench.records.run_folder import STAGES, FinishedStage, Run, lines, samples
from bench.records.schema import Environment, Footprint, Latency, Measurement, Memory, Rate, StageResult
from bench.run.keys import encode_key

STAGE_OF = {"encode": "query", "search": "search", "joint": "joint"}  # latency -> the stage whose samples make it


class Detail(NamedTuple):
    """One line: what, its value, and where it comes from."""

    name: str
    value: str
    source: str = ""


class Explanation(NamedTuple):
    """A cell, explained; the sections in the order in which they are read."""

    cell: str
    passage_set: str
    retriever: str
    command: str  # makes the same cell again
    suite: str | None  # what the file `reproduce.SUITE_FILE` must hold; None where the command says it all
    sections: dict[str, list[Detail]]


def explanation_of(run: Run, m: Measurement) -> Explanation:
    """All that is known of where the numbers of a cell come from. Raises InputError for files that are damaged."""
    command, suite = reproduce.command_of(run, m)
    sections = {
        "result": list(_result(m)),
        "conditions": list(_conditions(run, m)),
        "hashes": list(_hashes(run, m)),
        "facts": [Detail(name, str(fact)) for name, fact in m.facts.items() if fact is not None],
        "quality": list(_quality(m)),
        "time": list(_time(run, m)),
        "bytes": list(_bytes(m)),
        "flags": [Detail("", flag) for flag in m.flags] + [Detail(*each) for each in m.figure_flags.items()],
    }
    return Explanation(m.cell, m.passage_set, m.retriever, command, suite, {n: p for n, p in sections.items() if p})


# What stands behind it


def _result(m: Measurement) -> Iterator[Detail]:
    yield Detail("status", m.status, m.reason)
    yield from (Detail("printed", line) for line in m.output)
    if m.origin is None:
        yield Detail("resolved", m.resolved, "every option that was left to the passage set filled in")
    else:
        yield Detail("imported", m.origin, "scored here, not measured here")


def _conditions(run: Run, m: Measurement) -> Iterator[Detail]:
    if m.origin is None:
        encoding = "" if m.encode_threads is None else f", {m.encode_threads} for passages"
        yield Detail("rounds", str(m.rounds), f"seed {m.seed}")
        yield Detail("threads", str(m.threads), f"for queries{encoding}")
        times = [
            *([] if m.limit_seconds is None else [f"{m.limit_seconds:g} s"]),
            *([] if m.limit_idle_seconds is None else [f"{m.limit_idle_seconds:g} s without progress"]),
        ]
        yield Detail("limits", f"{', '.join([*times, f'{m.limit_memory_bytes:,} bytes'])} a stage", m.limited_by)
    timed = "" if m.origin is not None else f"; timed at k = {m.k}"
    yield Detail("depth", str(m.depth), f"hits kept a query{timed}")
    synthetic = f" ({m.n_distractors:,} of them synthetic)" if m.n_distractors else ""
    searched = f"{m.n_passages:,} passages{synthetic}, {m.n_queries:,} queries"
    yield Detail("searched", searched, f"{m.n_merged:,} equal passages merged")
    if m.n_timed is not None and m.origin is None:
        yield Detail("timed", f"{m.n_timed:,} of {m.n_queries:,} queries", "the same ones of every cell of the set")
    if m.decision is not None:
        looks = f"{m.decision.n_looks} of {m.decision.planned_looks}"
        shared = "the cells of the run share 5 %, so that it may be decided sooner where it is made again alone"
        yield Detail("looks", looks, f"bounds of {level_text(m.decision.level)}: {shared}")
    if m.origin is None:
        machine = run.environment
        known = f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB"
        yield Detail("machine", known, machine.platform)
        yield from _processor(machine)
    yield Detail("made", m.timed_at or run.record.made, shlex.join(run.record.command))


def _processor(machine: Environment) -> Iterator[Detail]:
    """What of the processor decides times beside its name, as far as it was told."""
    if machine.cpu_stepping is not None:
        caches = ", ".join(f"{name} {size / 1024:,.0f} KiB" for name, size in machine.caches.items())
        yield Detail("processor", machine.cpu_stepping, caches)
    if machine.affinity:
        yield Detail("CPUs", ", ".join(map(str, machine.affinity)), "that the run might use")
    if machine.mhz is not None:
        later = "" if machine.mhz_end is None else f", {machine.mhz_end:,.0f} MHz when it ended"
        governor = "" if machine.governor is None else f"; governor {machine.governor}"
        yield Detail("clock", f"{machine.mhz:,.0f} MHz", f"of the first CPU when the run began{later}{governor}")


def _hashes(run: Run, m: Measurement) -> Iterator[Detail]:
    yield Detail("passage set", m.passage_set_sha256, "ids, texts, queries, judgments")
    identity = run.record.identities.get(f"{m.passage_set}: {m.retriever}")
    if identity is not None:
        yield Detail("models and code", identity, "of the adapters that the spelling names")
    yield Detail("bench and retrievers", run.environment.code_sha256, _commit(run))
    yield Detail("installed", run.environment.installed_sha256, "every distribution and its version")
    if m.matrix_key is not None:
        reused = "found in the cache: its cost was measured when it was made" if m.reused_matrix else "made in this run"
        yield Detail("matrix", m.matrix_key, reused)
        yield from _opened(run, m.matrix_key)
    for path, sha256 in run.record.plugin_hashes:
        yield Detail("plug-in", sha256, path)
    for what, path in m.files.items():
        file = run.folder / path
        yield Detail(what, _sha256(file), path)


def _sha256(path: Path) -> str:
    """Of a file of the run; in words where there is none that a run writes."""
    if not path.is_file():
        return "gone"
    if path.stat().st_size > arrays.MOST_BYTES:
        return "larger than any that a run writes"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(run: Run, matrix_key: str) -> Iterator[Detail]:
    """The files beside a plug-in that its encoder read."""
    journal = {line.task: line.result for line in lines(run.folder / STAGES, FinishedStage)}
    encoded = journal.get(encode_key(matrix_key))
    for name, sha256 in encoded.opened.items() if encoded is not None else ():
        yield Detail("read", sha256, f"{name}: by the encoder of that plug-in")


def _commit(run: Run) -> str:
    if run.environment.commit is None:
        return "no checkout"
    return f"commit {run.environment.commit}" + (" with uncommitted changes" if run.environment.dirty else "")


def _quality(m: Measurement) -> Iterator[Detail]:
    unanswered = f"; {m.n_unanswered:,} with no hits (scored 0)" if m.n_unanswered else ""
    for name, value in (m.quality or {}).items():
        ceiling = (m.ceilings or {}).get(name)
        at_best = "" if ceiling is None else f"; {ceiling:.4f} if each query's own passage were found"
        said = f"mean over {m.n_judged or m.n_queries:,} judged queries{unanswered}{at_best}"
        yield Detail(name, "not measured" if value is None else f"{value:.4f}", said)
    d = m.decision
    if d is not None:
        asked = f"{d.n_asked:,} of {m.n_judged:,} judged queries"
        low, high = d.interval
        by = f"{d.measure} beside {d.baseline}, by {asked}, {d.n_looks} of {d.planned_looks} looks"
        around = f"{d.difference:+.4f}, bounds {low:+.4f} to {high:+.4f} that hold at all looks"
        yield Detail("decision", d.verdict, f"{by}: {around}")
        for name, mean in d.means.items():
            yield Detail(name, f"{mean:.4f}", f"mean over {asked}: those that were asked")
    if m.tie_rate is not None:
        yield Detail(f"tie_rate@{m.k}", f"{m.tie_rate:.4f}", "queries whose top k is decided by position somewhere")
    if m.overlap_with_exact is not None:
        yield Detail("overlap@10", f"{m.overlap_with_exact:.4f}", "with the exact search of the same vectors")
    if m.batch_overlap is not None:
        said = "of queries encoded all at once with the same encoded one at a time"
        yield Detail(f"batch_overlap@{m.k}", f"{m.batch_overlap:.4f}", said)


def _time(run: Run, m: Measurement) -> Iterator[Detail]:
    stages = [line.result for line in lines(run.folder / STAGES, FinishedStage)] if m.origin is None else []
    by_file = {result.samples: result for result in stages if result.samples}
    for what, found in (("encode", m.encode), ("search", m.search), ("joint", m.joint)):
        rounds = [
            by_file[path] for name, path in m.files.items() if name.startswith(STAGE_OF[what]) and path in by_file
        ]
        yield from _latency(run, what, found, rounds)
    if m.single is not None and m.encode is not None:
        yield from _percentiles("single", m.single, "encode + search, query by query and round by round")
    yield from _new_queries(m)
    if m.rate is not None:
        yield from _under_load(m.rate)
        if m.rate.held_qps is not None:
            said = f"highest rate tried whose p99 is within {run.record.suite.get('p99')}"
            yield Detail("capacity queries/s", f"{m.rate.held_qps:,.1f}", said)
    for name, seconds in (("encode", m.encode_seconds), ("build", m.build_seconds), ("load", m.load_seconds)):
        if seconds is not None:
            yield Detail(f"{name} seconds", f"{seconds:.4g}", "median over rounds" if name == "load" else "once")
    for name, rate in (("batch", m.batch_qps), ("search batch", m.search_batch_qps)):
        if rate is not None:
            yield Detail(f"{name} queries/s", f"{rate:,.0f}", "all timed queries at once, median over rounds")


def _new_queries(m: Measurement) -> Iterator[Detail]:
    """What queries took that the process had not seen before, and what CPU time a repeated one takes."""
    if m.new is not None:
        yield from _percentiles("new", m.new, "queries that the process had not seen before; median over rounds")
    if m.new_ratio is not None:
        low, high = m.new_ratio
        yield Detail("new / repeated", f"{low:.3f} to {high:.3f}", "95 % interval of the median query's")
    if m.cpu_p50 is not None:
        yield Detail("CPU ms", f"{m.cpu_p50:.4g}", "of a query, all processes of the retriever; median over rounds")


def _latency(run: Run, what: str, found: Latency | None, rounds: Sequence[StageResult]) -> Iterator[Detail]:
    """The percentiles of one stage, and each round's median, from the raw times."""
    if found is None:
        return
    times = samples(run.folder, rounds, "joint" if what == "joint" else "single")
    times = [each.sum(axis=2) if each.ndim == 3 else each for each in times]
    medians = ", ".join(f"{np.quantile(each, 0.5) / 1e6:.4g}" for each in times)
    shapes = ", ".join(f"{each.shape[0]} x {each.shape[1]}" for each in times)
    yield from _percentiles(what, found, f"median over rounds; p50 of each: {medians} (passes x queries: {shapes})")


def _percentiles(what: str, found: Latency, source: str) -> Iterator[Detail]:
    for name in ("p50", "p95", "p99", "cold"):
        value: float | None = getattr(found, name)
        if value is not None:
            yield Detail(f"{what} {name} ms", f"{value:.4g}", source if name == "p50" else "")


def _under_load(rate: Rate) -> Iterator[Detail]:
    share = f"{rate.offered} of {rate.capacity_qps:,.1f}" if "%" in rate.offered else "as the suite says"
    yield Detail(
        "offered queries/s", f"{rate.offered_qps:,.1f}", f"{share}; {rate.n_arrivals:,} arrivals in all rounds"
    )
    if rate.latency is None:
        yield Detail("loaded", "saturated", f"busy {rate.utilisation:.0%}: queries came faster than they were answered")
    else:
        source = f"from the intended arrival, the wait included; median over rounds; busy {rate.utilisation:.0%}"
        yield from _percentiles("loaded", rate.latency, source)


def _bytes(m: Measurement) -> Iterator[Detail]:
    for part, weight in (("storage" if m.encoder else "engine", m.storage_weight), ("encoder", m.encoder_weight)):
        if weight is not None:
            yield from _weight(part, weight)
    runtimes = (("runtime", m.runtime_bytes), ("encoder runtime", m.encoder_runtime_bytes))
    for what, size in runtimes:
        if size is not None:
            yield Detail(what, f"{size:,}", "of a clean process that imports the libraries; no part of the weight")
    if m.deployment_bytes is not None:
        said = "high-water mark of one process that turns text into ids, and what it started"
        yield Detail("deployment", f"{m.deployment_bytes:,}", said)
    memories = {"build": m.build_memory, "search": m.search_memory, "encode": m.encode_memory, "query": m.query_memory}
    for name, memory in memories.items():
        if memory is not None and memory.peak is not None:
            above = "" if memory.peak_above_start is None else f"; {memory.peak_above_start:,} above the phase's start"
            yield Detail(f"peak, {name}", f"{memory.peak:,}", f"whole process{above} ({memory.source})")
    if m.predicted_ledger is not None:
        weighed = m.storage_weight.ledger if m.storage_weight is not None else None
        yield Detail(
            "predicted", f"{m.predicted_bytes:,}", f"{_beside(m.predicted_ledger, weighed)}: before it was built"
        )


def _beside(predicted: Mapping[str, int], weighed: Mapping[str, int] | None) -> str:
    """
    Each component as it was predicted, and what it came to where that is another number.

    Of ledgers that name other components, as old records and storages that only guess do, the sums are compared.
    """
    if weighed is None:
        weighed = predicted
    alike = predicted.keys() == weighed.keys()

    def one(name: str, told: int) -> str:
        return f"{name} {told:,}" + (f" (came to {weighed[name]:,})" if alike and told != weighed[name] else "")

    parts, whole = " + ".join(one(*part) for part in predicted.items()), sum(weighed.values())
    return parts if alike or whole == sum(predicted.values()) else f"{parts} (came to {whole:,} in all)"


def _weight(part: str, weight: Footprint) -> Iterator[Detail]:
    if weight.ledger is not None:
        components = " + ".join(f"{name} {size:,}" for name, size in weight.ledger.items())
        yield Detail(f"{part} ledger", f"{weight.ledger_bytes:,}", components)
    if weight.disk_bytes is not None:
        yield Detail(f"{part} on disk", f"{weight.disk_bytes:,}", "all files that were saved")
    if weight.resident is not None:
        yield Detail(f"{part} resident", f"{weight.resident.resident:,}", _resident(weight.resident, weight))


def _resident(memory: Memory, weight: Footprint) -> str:
    resolution = "; under 1 MiB, which cannot be told from noise" if weight.under_resolution else ""
    return (
        f"the round of median growth: private {memory.private:,} (of files {memory.private_file:,}), "
        f"shared {memory.shared:,} ({memory.source}){resolution}"
    )
