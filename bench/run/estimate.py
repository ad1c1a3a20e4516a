"""
What a run will take, told before it begins: every part is rehearsed on a share of its passages, in processes like
those of the run, and what each child of the run will do is reckoned from that; a ledger is predicted by its storage.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import psutil

from bench.instruments.latency import SECONDS_A_ROUND, WARM_UP_QUERIES
from bench.instruments.load import offered_qps, span
from bench.records.schema import Fact, StageResult, Status
from bench.run.cells import Cell
from bench.run.suite import Suite
from bench.run.tasks import Task, Work, in_one_process
from bench.stage import matrices
from bench.stage.rehearsal import extrapolated, extrapolated_shape, largest, smallest
from bench.stage.validate import check_ledger
from retrievers.contract import Lexical, Persistent, Predictable, Unsupported, spell

FEWEST_PASSAGES = 5_000  # a smaller set takes less time than it is worth to predict
COUNTED_SECONDS = 60.0  # a lexical encoder that takes no longer encodes all passages, where the caller allows it

Attempt: TypeAlias = Callable[[Task], StageResult]  # runs one child
# In the cache before; counted on all passages; told by a model of fixed dims; or grown from a share of the passages.
Source: TypeAlias = Literal["cached", "counted", "predicted"]

Stages: TypeAlias = list[tuple[float, int]]  # seconds of a child, and how many such there are


class Shape(NamedTuple):
    """The size of an encoder's matrix of passages, and how it is known."""

    dims: int
    nonzeros: int | None  # None: dense
    source: Source


class Prediction(NamedTuple):
    """The ledger that a storage predicts, and whether it is refused for it. None: it predicts none."""

    ledger: dict[str, int] | None = None
    status: Status = "ok"
    reason: str = ""


class Encoding(NamedTuple):
    """What is predicted of an encoder."""

    seconds: float  # to encode all passages and queries, unless that is in the cache, and to be asked
    peak_bytes: int | None  # of fitting and encoding, above what was resident before
    shape: Shape | None
    longest_seconds: float = 0.0  # of one stage, of those that are still to run
    encoded: bool = False  # whether the passages are in the cache, so that peak_bytes is of what was


class SearchEstimate(NamedTuple):
    """What is predicted of what serves a cell: building (once for all that share a build) and serving."""

    prediction: Prediction
    seconds: float | None = None  # None: its rehearsal failed, or it is refused
    peak_bytes: int | None = None  # of building, above what was resident before: its vectors are
    ledger_bytes: int | None = None  # grown from a share: of one that can not predict its ledger
    status: Status = "ok"  # of its rehearsal, or its encoder's
    reason: str = ""
    longest_seconds: float = 0.0  # of one stage; the build among them, also where another cell does it


class Estimate(NamedTuple):
    """What is predicted of the cells of one passage set."""

    encodings: dict[str, Encoding]  # by the encoder's spelling
    searches: dict[str, SearchEstimate]  # by the cell's name

    @property
    def seconds(self) -> dict[str, float]:
        """Encoder or retriever -> seconds of all its children."""
        known = {name: encoding.seconds for name, encoding in self.encodings.items()}
        return known | {name: each.seconds for name, each in self.searches.items() if each.seconds is not None}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Retrievers whose rehearsal failed."""
        return tuple(name for name, serving in self.searches.items() if serving.status != "ok")

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def estimate(cells: Sequence[Cell], work: Work, attempt: Attempt, fill: Attempt | None = None) -> Estimate:
    """
    Rehearse the parts of some cells of one passage set and add up what the run's children will take.

    A part whose rehearsal fails is left out, and named; one that the run will refuse for its predicted bytes takes no
    time. fill: encodes all passages into the cache, for lexical encoders that do it in COUNTED_SECONDS; without it the
    size of their matrix is grown from a share.
    """
    folder = work.folder / "rehearsal"
    encodings: dict[str, Encoding] = {}
    searches: dict[str, SearchEstimate] = {}
    rehearsed: dict[str, StageResult] = {}
    samples: dict[str, Path] = {}
    built: set[str] = set()
    for cell in cells:
        name, encoder = cell.encoder, None
        if name is not None and name not in rehearsed:
            samples[name] = folder / str(len(samples))
            samples[name].mkdir(parents=True)
            rehearsed[name] = attempt(work.rehearsal(cell, samples[name], of_encoder=True))
            if rehearsed[name].status == "ok":
                alike = [other for other in cells if other.encoder == name]
                encodings[name], matrix = _encoding(rehearsed[name], alike, work, fill)
                samples[name] = matrix or samples[name]
        if name is not None:
            encoder = rehearsed[name]
            if encoder.status != "ok":
                searches[cell.name] = SearchEstimate(Prediction(), status=encoder.status, reason=encoder.reason)
                continue
        shape = encodings[name].shape if name is not None else None
        told = Prediction() if shape is None else predict(cell.searcher, work.n_passages, shape, work.suite)
        if told.status != "ok":
            searches[cell.name] = SearchEstimate(told)
            continue
        server = attempt(work.rehearsal(cell, samples.get(name or "", folder), of_encoder=False))
        builds = cell.build_spelling not in built
        searches[cell.name] = _serving(server, encoder, told, shape, cell, work, builds=builds)
        if server.status == "ok":
            built.add(cell.build_spelling)
    shutil.rmtree(folder, ignore_errors=True)
    return Estimate(encodings, searches)


def predict(server: Any, n: int, shape: Shape, suite: Suite) -> Prediction:  # Any: a storage, or an engine
    """
    A storage's ledger before it takes the bytes; over the suite's limit of memory, or the machine's, it is refused.

    n: passages. What is free at the moment is no limit: the same run would be refused today and not tomorrow.
    """
    if not isinstance(server, Predictable):
        return Prediction()
    try:
        ledger = check_ledger(server.predict_ledger(n, shape.dims, shape.nonzeros))
    except Unsupported as error:
        return Prediction(None, "unsupported", str(error))
    except Exception as error:  # an adapter may raise anything, and breaks its own row alone
        return Prediction(None, "failed", f"predict_ledger: {type(error).__name__}: {error}")
    limit, predicted = memory_limit(suite), sum(ledger.values())
    if predicted > limit:
        reason = f"{spell(server)} would take {predicted:,} bytes, the limit is {limit:,}"
        return Prediction(ledger, "over-budget", reason)
    return Prediction(ledger)


def memory_limit(suite: Suite) -> int:
    """Bytes that a stage may take: the suite's limit, or all that the machine has."""
    return min(suite.limits.memory_bytes, psutil.virtual_memory().total)


def _encoded(cell: Cell, work: Work) -> int:
    """Passages that the encoder of a cell encodes: the vectors of synthetic ones need no encoding, their texts do."""
    return work.n_passages if cell.counts_words else len(work.passage_set.passages)


def _encoding(
    result: StageResult, cells: Sequence[Cell], work: Work, fill: Attempt | None
) -> tuple[Encoding, Path | None]:
    """What is predicted of the encoder of some cells, and the folder of its matrix, where that is in the cache now."""
    n, cell = work.n_passages, cells[0]
    matrix = None if cell.matrix_key is None else matrices.place(cell.matrix_key)
    # Once: a matrix in the cache is read whole to see that it is sound.
    known = None if matrix is None else matrices.find(matrix)
    peak = _bytes(result.facts, "peak", _encoded(cell, work))
    source: Source = "cached"
    if known is None and fill is not None and largest(result.facts) < n and _countable(result, cell, n):
        encoded, source = fill(work.encode(cells)), "counted"
        known = encoded if encoded.status == "ok" else None
    if known is not None and known.shape is not None:
        shape: Shape | None = Shape(known.shape[1], known.nonzeros, source)
        if known.build_memory is not None and known.build_memory.peak_above_start is not None:
            peak = known.build_memory.peak_above_start
    else:
        shape = _shape(result.facts, n)
    seconds, longest = _total(_encoder_stages(result, cell, work, known is not None))
    return Encoding(seconds, peak, shape, longest, known is not None), matrix if known else None


def _countable(result: StageResult, cell: Cell, n: int) -> bool:
    return isinstance(cell.retriever.encoder, Lexical) and extrapolated(result.facts, "make", n) <= COUNTED_SECONDS


def _shape(facts: dict[str, Fact], n: int) -> Shape | None:
    """Counted, where the rehearsal went through all passages, or the vectors are dense and of the same dims always."""
    found = extrapolated_shape(facts, n)
    if found is None:
        return None
    dims, nonzeros = found
    same = nonzeros is None and len({value for name, value in facts.items() if name.startswith("dims ")}) == 1
    return Shape(dims, nonzeros, "counted" if same or largest(facts) == n else "predicted")


def _serving(
    result: StageResult,
    encoder: StageResult | None,
    told: Prediction,
    shape: Shape | None,
    cell: Cell,
    work: Work,
    *,
    builds: bool,
) -> SearchEstimate:
    if result.status != "ok":
        return SearchEstimate(told, status=result.status, reason=result.reason)
    n = work.n_passages
    peak = _bytes(result.facts, "peak", n)
    rehearsed = extrapolated_shape(result.facts, n)
    if peak is not None and told.ledger and shape is not None and rehearsed not in (None, shape[:2]):
        # It was rehearsed with fewer columns than there will be: what it takes grows with its ledger.
        smaller = predict(cell.searcher, n, Shape(*rehearsed, "predicted"), work.suite).ledger
        peak = round(peak * sum(told.ledger.values()) / max(sum((smaller or told.ledger).values()), 1))
    seconds, longest = _total(_searcher_stages(result, encoder, cell, work, builds=builds))
    return SearchEstimate(told, seconds, peak, _bytes(result.facts, "ledger", n), longest_seconds=longest)


def _bytes(facts: dict[str, Fact], what: str, n: int) -> int | None:
    """Bytes at a size, no less than at any that was tried: the first step pays for what is set up only once."""
    tried = [value for name, value in facts.items() if name.startswith(f"{what} ") and isinstance(value, int | float)]
    return ceil(max(extrapolated(facts, what, n), *tried)) if tried else None


def _encoder_stages(result: StageResult, cell: Cell, work: Work, known: bool) -> Stages:
    n, n_queries = work.n_passages, len(work.passage_set.queries)
    start, facts = _startup(result), result.facts
    encode = start + extrapolated(facts, "make", _encoded(cell, work)) + n_queries * extrapolated(facts, "every", n)
    ask = 0.0 if cell.given else start + smallest(facts, "make") + _rounds(result, work)
    return [(0.0 if known else encode, 1), (ask, work.suite.rounds * len(work.suite.thread_counts))]


def _searcher_stages(
    result: StageResult, encoder: StageResult | None, cell: Cell, work: Work, *, builds: bool
) -> Stages:
    n, rounds = work.n_passages, work.suite.rounds
    start, make = _startup(result), extrapolated(result.facts, "make", n)
    savable = isinstance(cell.searcher, Persistent)
    serve = start + (0.0 if savable else make) + _rounds(result, work)
    one, joint = _pass(result, work), 0.0
    if encoder is None or cell.given:
        serve += _under_load(one, work)
    elif in_one_process(work.suite) and savable:
        joint = _startup(encoder) + smallest(encoder.facts, "make") + _rounds(encoder, work) + _rounds(result, work)
        joint += _under_load(_pass(encoder, work) + one, work)
    every = len(work.passage_set.queries) * extrapolated(result.facts, "every", n)  # in the first round
    build = [(start + make, int(builds))] if savable else []
    return [*build, (serve + every, 1), (serve, rounds - 1), (joint, rounds)]


def _total(stages: Stages) -> tuple[float, float]:
    """Seconds of all, and of the longest one."""
    return sum(seconds * number for seconds, number in stages), max(seconds for seconds, _ in stages)


def _startup(result: StageResult) -> float:
    """Seconds of a child besides what it rehearsed: its start, its imports, its end."""
    inside = result.facts.get("seconds")
    return max(0.0, (result.process_seconds or 0.0) - (inside if isinstance(inside, float) else 0.0))


def _rounds(result: StageResult, work: Work) -> float:
    """Seconds of the timed loops of one round, and of warming up before them."""
    timed, one = len(work.common["sample"]), _pass(result, work)
    every = timed * extrapolated(result.facts, "every", work.n_passages)
    seconds = min(1.0, WARM_UP_QUERIES / max(timed, 1)) * one
    seconds += _passes(one) if "single" in work.suite.modes else 0.0
    return seconds + (every + _passes(every) if "batch" in work.suite.modes else 0.0)


def _pass(result: StageResult, work: Work) -> float:
    """Seconds of one pass over the timed queries, one at a time."""
    return len(work.common["sample"]) * extrapolated(result.facts, "one", work.n_passages)


def _under_load(one: float, work: Work) -> float:
    """Seconds of the closed and the open loop of one round, of a stage whose pass takes `one`."""
    if "rate" not in work.suite.modes or not one:
        return 0.0
    offered = offered_qps(work.suite.rate, len(work.common["sample"]) / one)
    return _passes(one) + span(offered, work.suite.rate_seconds)


def _passes(seconds: float) -> float:
    """Whole passes until a round's time has gone by."""
    return seconds * max(1, ceil(SECONDS_A_ROUND / seconds)) if seconds else 0.0
