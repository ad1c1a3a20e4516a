"""How the numbers of one cell came about: what makes them again, what they hold for, and what stands behind each."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import msgspec
import numpy as np

from bench.errors import InputError
from bench.passages import loader
from bench.passages.loader import Columns
from bench.records.run_folder import STAGES, FinishedStage, Run, lines, samples
from bench.records.schema import Footprint, Latency, Measurement, Memory, Rate, StageResult
from bench.run.suite import CellGroup, Suite

AGAIN = "again.toml"
# Option of `sparring run` -> key of a suite; the two limits are told apart.
OPTIONS = {"--rounds": "rounds", "--threads": "threads", "--seed": "seed", "--queries": "queries", "--mode": "modes"}
OPTIONS |= {"--distractors": "distractors", "--rate": "rate"}
ROUNDS = {"encode": "query", "search": "search", "joint": "joint"}  # whose samples a latency is made of -> its stage


class Part(NamedTuple):
    """One line: what, its value, and how it came about."""

    name: str
    value: str
    source: str = ""


class Explanation(NamedTuple):
    """A cell, explained; the sections in the order in which they are read."""

    cell: str
    passage_set: str
    retriever: str
    command: str  # makes the same cell again
    suite: str | None  # what the file AGAIN must hold; None where the command says it all
    sections: dict[str, list[Part]]


def find(run: Run, wanted: str) -> Measurement:
    """
    The measurement of a cell: by its spelling, by "SET: SPELLING", or by the beginning of its key.

    Under several numbers of threads a cell is named with its own: "SPELLING (threads=2)". Raises InputError for none,
    with the nearest, and for several, with all of them.
    """
    several = len({m.threads for m in run.measurements}) > 1
    spelled = {m.cell: m.retriever + (f" (threads={m.threads})" if several else "") for m in run.measurements}
    named = {f"{m.passage_set}: {spelled[m.cell]}": m for m in run.measurements}
    plain = "".join(wanted.split())
    found = [
        m
        for name, m in named.items()
        if plain in ("".join(text.split()) for text in (name, m.retriever, spelled[m.cell]))
        or (plain and m.cell.startswith(plain))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        these = ", ".join(repr(f"{m.passage_set}: {spelled[m.cell]}") for m in found)
        raise InputError(f"run {run.folder}: expected one cell, found {len(found)} of {wanted!r}: name one of {these}")
    near = _nearest(wanted, list(dict.fromkeys(m.retriever for m in run.measurements)))
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(map(repr, named)) or "none yet"
    raise InputError(f"run {run.folder}: expected one of its cells ({known}), found {wanted!r}.{hint}")


def _nearest(wanted: str, retrievers: Sequence[str]) -> list[str]:
    """Those that begin with what was typed (but its set), else those that hold it, else the one most like it."""
    plain = "".join(wanted.rpartition(": ")[2].split()).casefold()
    places = {one: "".join(one.split()).casefold().find(plain) for one in retrievers} if plain else {}
    begin = [one for one, place in places.items() if place == 0]
    return (
        begin
        or [one for one, place in places.items() if place > 0]
        or get_close_matches(wanted, retrievers, n=1, cutoff=0.3)
    )


def explain(run: Run, m: Measurement) -> Explanation:
    """All that is known of how the numbers of a cell came about. Raises InputError for files that are damaged."""
    command, suite = again(run, m)
    sections = {
        "result": list(_result(m)),
        "conditions": list(_conditions(run, m)),
        "hashes": list(_hashes(run, m)),
        "facts": [Part(name, str(fact)) for name, fact in m.facts.items() if fact is not None],
        "quality": list(_quality(m)),
        "time": list(_time(run, m)),
        "bytes": list(_bytes(m)),
        "flags": [Part("", flag) for flag in m.flags],
    }
    return Explanation(m.cell, m.passage_set, m.retriever, command, suite, {n: p for n, p in sections.items() if p})


# What makes it again


def again(run: Run, m: Measurement) -> tuple[str, str | None]:
    """The command that makes a cell again, and the suite file that it needs where options can not say all of it."""
    if m.origin is not None:
        return shlex.join(run.record.command), None
    whole = msgspec.convert(run.record.suite, Suite)
    source = next((name for name in whole.passages if loader.name_of(name) == m.passage_set), m.passage_set)
    plain = Suite(name="again", passages=(source,), cells=(CellGroup(retrievers=(m.retriever,)),))
    one = msgspec.structs.replace(whole, name="again", passages=plain.passages, cells=plain.cells, baseline=None)
    one = msgspec.structs.replace(one, published=(), gate=None, threads=m.threads)
    plugins = [word for plugin in run.record.plugins for word in ("--plugin", plugin.rpartition(" sha256:")[0])]
    columns = [] if loader.has_card(source) else _columns(run)
    options = {name: getattr(one, name) for name in (*OPTIONS.values(), "limits")}
    into = ["-o", f"results/again-{m.cell[:8]}"]  # a cell each: a folder holds one suite
    if one == msgspec.structs.replace(plain, **options):
        words = [m.retriever, "--passages", source, *_options(one, plain)]
        return shlex.join(["sparring", "run", *words, *columns, *plugins, *into]), None
    return shlex.join(["sparring", "run", AGAIN, *plugins, *into]), toml(one)


def _options(one: Suite, plain: Suite) -> list[str]:
    """The options of `sparring run` that make the suite `plain` the suite `one`."""
    said = [(option, getattr(one, name), getattr(plain, name)) for option, name in OPTIONS.items()]
    said += [(f"--{name}", getattr(one.limits, name), getattr(plain.limits, name)) for name in ("seconds", "memory")]
    changed = [(option, value) for option, value, usual in said if value != usual]
    return [
        word
        for option, value in changed
        for each in (value if isinstance(value, tuple) else (value,))
        for word in (option, f"{each:g}" if isinstance(each, float) else str(each))
    ]


def _columns(run: Run) -> list[str]:
    """The options of `sparring run` that say how one's own files are read."""
    given, usual = run.record.columns or {}, msgspec.to_builtins(Columns())
    changed = {name: value for name, value in given.items() if value is not None and value != usual[name]}
    return [word for name, value in changed.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def toml(suite: Suite) -> str:
    """A suite as the text of a file that it is read from."""
    table = {name: value for name, value in msgspec.to_builtins(suite).items() if value is not None}
    limits, cells = table.pop("limits"), table.pop("cells")
    table.pop("published")
    written = [f"{name} = {_toml(value)}" for name, value in table.items()]
    written.append("limits = { " + ", ".join(f"{name} = {_toml(value)}" for name, value in limits.items()) + " }")
    for group in cells:
        written += ["", "[[cells]]"] + [f"{name} = {_toml(value)}" for name, value in group.items() if value]
    return "\n".join(written) + "\n"


def _toml(value: object) -> str:
    # TOML's basic strings, numbers and arrays of them are written as JSON's; DEL alone must be escaped in it.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# What stands behind it


def _result(m: Measurement) -> Iterator[Part]:
    yield Part("status", m.status, m.reason)
    yield from (Part("printed", line) for line in m.output)
    if m.origin is None:
        yield Part("resolved", m.resolved, "every option that was left to the passage set filled in")
    else:
        yield Part("imported", m.origin, "scored here, not measured here")


def _conditions(run: Run, m: Measurement) -> Iterator[Part]:
    if m.origin is None:
        encoding = "" if m.encode_threads is None else f", {m.encode_threads} for passages"
        yield Part("rounds", str(m.rounds), f"seed {m.seed}")
        yield Part("threads", str(m.threads), f"for queries{encoding}")
        yield Part("limits", f"{m.limit_seconds:g} s, {m.limit_memory_bytes:,} bytes a stage", m.limited_by)
    timed = "" if m.origin is not None else f"; timed at k = {m.k}"
    yield Part("depth", str(m.depth), f"hits kept a query{timed}")
    synthetic = f" ({m.n_distractors:,} of them synthetic)" if m.n_distractors else ""
    searched = f"{m.n_passages:,} passages{synthetic}, {m.n_queries:,} queries"
    yield Part("searched", searched, f"{m.n_merged:,} equal passages merged")
    if m.origin is None:
        machine = run.environment
        known = f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB"
        yield Part("machine", known, machine.platform)
    yield Part("made", run.record.made, shlex.join(run.record.command))


def _hashes(run: Run, m: Measurement) -> Iterator[Part]:
    yield Part("passage set", m.passage_set_sha256, "ids, texts, queries, judgments")
    identity = run.record.identities.get(f"{m.passage_set}: {m.retriever}")
    if identity is not None:
        yield Part("models and code", identity, "of the adapters that the spelling names")
    yield Part("bench and retrievers", run.environment.code_sha256, _commit(run))
    yield Part("installed", run.environment.installed_sha256, "every distribution and its version")
    if m.matrix_key is not None:
        reused = "found in the cache: its cost was measured when it was made" if m.reused_matrix else "made in this run"
        yield Part("matrix", m.matrix_key, reused)
    for plugin in run.record.plugins:
        path, _, sha256 = plugin.rpartition(" sha256:")
        yield Part("plug-in", sha256, path)
    for what, path in m.files.items():
        file = run.folder / path
        known = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "gone"
        yield Part(what, known, path)


def _commit(run: Run) -> str:
    if run.environment.commit is None:
        return "no checkout"
    return f"commit {run.environment.commit}" + (" with uncommitted changes" if run.environment.dirty else "")


def _quality(m: Measurement) -> Iterator[Part]:
    unanswered = f"; {m.n_unanswered:,} unanswered, which score 0" if m.n_unanswered else ""
    for name, value in (m.quality or {}).items():
        ceiling = (m.ceilings or {}).get(name)
        at_best = "" if ceiling is None else f"; {ceiling:.4f} if each query's own passage were found"
        said = f"mean over {m.n_judged or m.n_queries:,} judged queries{unanswered}{at_best}"
        yield Part(name, "not measured" if value is None else f"{value:.4f}", said)
    if m.tie_rate is not None:
        yield Part(f"tie_rate@{m.k}", f"{m.tie_rate:.4f}", "queries whose top k is decided by position somewhere")
    if m.overlap_with_exact is not None:
        yield Part("overlap@10", f"{m.overlap_with_exact:.4f}", "with the exact search of the same vectors")


def _time(run: Run, m: Measurement) -> Iterator[Part]:
    stages = [line.result for line in lines(run.folder / STAGES, FinishedStage)] if m.origin is None else []
    by_file = {result.samples: result for result in stages if result.samples}
    for what, found in (("encode", m.encode), ("search", m.search), ("joint", m.joint)):
        rounds = [by_file[path] for name, path in m.files.items() if name.startswith(ROUNDS[what]) and path in by_file]
        yield from _latency(run, what, found, rounds)
    if m.single is not None and m.encode is not None:
        yield from _percentiles("single", m.single, "encode + search, query by query and round by round")
    if m.rate is not None:
        yield from _under_load(m.rate)
    for name, seconds in (("encode", m.encode_seconds), ("build", m.build_seconds), ("load", m.load_seconds)):
        if seconds is not None:
            yield Part(f"{name} seconds", f"{seconds:.4g}", "median over rounds" if name == "load" else "once")
    for name, rate in (("batch", m.batch_qps), ("search batch", m.search_batch_qps)):
        if rate is not None:
            yield Part(f"{name} queries/s", f"{rate:,.0f}", "all timed queries at once, median over rounds")


def _latency(run: Run, what: str, found: Latency | None, rounds: Sequence[StageResult]) -> Iterator[Part]:
    """The percentiles of one stage, and each round's median, from the raw times."""
    if found is None:
        return
    times = samples(run.folder, rounds, "joint" if what == "joint" else "single")
    times = [each.sum(axis=2) if each.ndim == 3 else each for each in times]
    medians = ", ".join(f"{np.quantile(each, 0.5) / 1e6:.4g}" for each in times)
    shapes = ", ".join(f"{each.shape[0]} x {each.shape[1]}" for each in times)
    yield from _percentiles(what, found, f"median over rounds; p50 of each: {medians} (passes x queries: {shapes})")


def _percentiles(what: str, found: Latency, source: str) -> Iterator[Part]:
    for name in ("p50", "p95", "p99", "cold"):
        value: float | None = getattr(found, name)
        if value is not None:
            yield Part(f"{what} {name} ms", f"{value:.4g}", source if name == "p50" else "")


def _under_load(rate: Rate) -> Iterator[Part]:
    share = f"{rate.offered} of {rate.capacity_qps:,.1f}" if "%" in rate.offered else "as the suite says"
    yield Part("offered queries/s", f"{rate.offered_qps:,.1f}", f"{share}; {rate.n_arrivals:,} arrivals in all rounds")
    if rate.latency is None:
        yield Part("loaded", "saturated", f"busy {rate.utilisation:.0%}: queries came faster than they were answered")
    else:
        source = f"from the intended arrival, the wait included; median over rounds; busy {rate.utilisation:.0%}"
        yield from _percentiles("loaded", rate.latency, source)


def _bytes(m: Measurement) -> Iterator[Part]:
    for part, weight in (("storage" if m.encoder else "engine", m.storage_weight), ("encoder", m.encoder_weight)):
        if weight is not None:
            yield from _weight(part, weight)
    memories = {"build": m.build_memory, "search": m.search_memory, "encode": m.encode_memory, "query": m.query_memory}
    for name, memory in memories.items():
        if memory is not None and memory.peak is not None:
            above = "" if memory.peak_above_start is None else f"; {memory.peak_above_start:,} above the phase's start"
            yield Part(f"peak, {name}", f"{memory.peak:,}", f"whole process{above} ({memory.source})")
    if m.predicted_ledger is not None:
        weighed = m.storage_weight.ledger if m.storage_weight is not None else None
        yield Part(
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


def _weight(part: str, weight: Footprint) -> Iterator[Part]:
    if weight.ledger is not None:
        components = " + ".join(f"{name} {size:,}" for name, size in weight.ledger.items())
        yield Part(f"{part} ledger", f"{weight.ledger_bytes:,}", components)
    if weight.disk_bytes is not None:
        yield Part(f"{part} on disk", f"{weight.disk_bytes:,}", "all files that were saved")
    if weight.resident is not None:
        yield Part(f"{part} resident", f"{weight.resident.resident:,}", _resident(weight.resident, weight))


def _resident(memory: Memory, weight: Footprint) -> str:
    resolution = "; under 1 MiB, which can not be told from noise" if weight.under_resolution else ""
    return (
        f"the round of median growth: private {memory.private:,} (of files {memory.private_file:,}), "
        f"shared {memory.shared:,} ({memory.source}){resolution}"
    )
