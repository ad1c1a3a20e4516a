"""
What a run will take, told before it begins: every part is rehearsed on a share of its passages, in processes like
those of the run, and what each child of the run will do is estimated from that; a ledger is predicted by its storage.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple, TypeAlias

from bench.progress import Range
from bench.records.schema import Fact, Stage, StageResult, Status
from bench.run import rates
from bench.run.cells import Cell
from bench.run.durations import Alike, Stages, encoded_passages, encoder_stages, searcher_stages, total
from bench.run.extrapolation import NOTHING, extrapolated, without_core
from bench.run.prediction import Prediction, Shape, Source, predict
from bench.run.tasks import Task, Work
from bench.stage import blocks, matrices
from bench.stage.rehearsal import extrapolated_shape, largest
from retrievers.contract import Lexical, spell

FEWEST_PASSAGES = 5_000  # a smaller set takes less time than it is worth to predict, but for a slow encoder
FLOAT_BYTES = INDEX_BYTES = 4  # of a value, and of its column
FEWEST_ENCODED = 200  # and that of one that is so small
DISTURBED = 0.2  # share of a rehearsal that other work takes: below it the range is hardly wider
COUNTED_SECONDS = 60.0  # a lexical encoder that takes no longer encodes all passages, where the caller allows it

Attempt: TypeAlias = Callable[[Task], StageResult]  # runs one child


class Encoding(NamedTuple):
    """What is predicted of an encoder."""

    stages: Stages  # encoding all passages and queries, unless that is in the cache, and queries in every round
    peak_bytes: int | None = None  # of fitting and encoding, above what was resident before
    shape: Shape | None = None
    encoded: bool = False  # whether the passages are in the cache, so that peak_bytes is of what was

    @property
    def seconds(self) -> Range:
        """Of all its children."""
        return total(self.stages)


class SearchEstimate(NamedTuple):
    """What is predicted of the storage or engine of a cell: building (once for all that share a build) and search."""

    prediction: Prediction
    stages: Stages | None = None  # None: its rehearsal failed, or it is refused
    peak_bytes: int | None = None  # of building, above what was resident before: its vectors are
    ledger_bytes: int | None = None  # grown from a share: of one that cannot predict its ledger
    status: Status = "ok"  # of its rehearsal, or its encoder's
    reason: str = ""

    @property
    def seconds(self) -> Range | None:
        """Of all its children."""
        return None if self.stages is None else total(self.stages)


class Estimate(NamedTuple):
    """What is predicted of the cells of one passage set."""

    encodings: dict[str, Encoding]  # by the encoder's spelling
    searches: dict[str, SearchEstimate]  # by the cell's name
    expected: dict[tuple[Stage, str], Range]  # stage and subject of a child -> its seconds
    without_core: float = 0.0  # share of a rehearsal's time that other work had: the most of any

    @property
    def disturbed(self) -> str:
        """What is to be said of other work that the rehearsals met; empty where there was little."""
        if self.without_core < DISTURBED:
            return ""
        return f"other work took {self.without_core:.0%} of a rehearsal's time: at the least is what it takes without"

    @property
    def seconds(self) -> dict[str, Range]:
        """Encoder or retriever -> seconds of all its children."""
        known = {name: encoding.seconds for name, encoding in self.encodings.items()}
        return known | {name: each.seconds for name, each in self.searches.items() if each.seconds is not None}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Retrievers whose rehearsal failed."""
        return tuple(name for name, search in self.searches.items() if search.status != "ok")

    @property
    def total(self) -> Range:
        """Seconds of all children."""
        return Range.total(self.seconds.values())


def estimate(cells: Sequence[Cell], work: Work, attempt: Attempt, fill: Attempt | None = None) -> Estimate:
    """
    Rehearse the parts of some cells of one passage set and add up what the run's children will take.

    How long an encoder takes is told by the last time that it was run on this machine, where there was one. A part
    whose rehearsal fails is left out, and named; one that the run will refuse for its predicted bytes takes no time.
    fill: encodes all passages into the cache, for lexical encoders that do it in COUNTED_SECONDS; without it the size
    of their matrix is grown from a share.
    """
    folder = work.folder / "rehearsal"
    encodings: dict[str, Encoding] = {}
    searches: dict[str, SearchEstimate] = {}
    rehearsed: dict[str, StageResult] = {}
    samples: dict[str, Path] = {}
    cached: set[str] = set()  # encoders of whose vectors all are in the cache
    expected: dict[tuple[Stage, str], Range] = {}
    built: set[str] = set()
    shares: list[float] = []
    for cell in cells:
        name, encoder = cell.encoder, None
        if name is not None and name not in rehearsed:
            samples[name] = folder / str(len(samples))
            samples[name].mkdir(parents=True)
            rehearsed[name] = attempt(work.rehearsal(cell, samples[name], of_encoder=True))
            shares.append(without_core(rehearsed[name].facts))
            if rehearsed[name].status == "ok":
                alike = [other for other in cells if other.encoder == name]
                encodings[name], is_cached = _encoding(rehearsed[name], alike, work, fill)
                cached |= {name} if is_cached else set()
                expected |= {(stage, name): found.each for stage, found in encodings[name].stages.items()}
        if name is not None:
            encoder = rehearsed[name]
            if encoder.status != "ok":
                searches[cell.name] = SearchEstimate(Prediction(), status=encoder.status, reason=encoder.reason)
                continue
        shape = encodings[name].shape if name is not None else None
        prediction = Prediction() if shape is None else predict(cell.searcher, work.n_passages, shape, work.suite)
        if prediction.status != "ok":
            searches[cell.name] = SearchEstimate(prediction)
            continue
        sample = samples.get(name or "", folder)
        searcher = attempt(work.rehearsal(cell, sample, of_encoder=False, is_cached=name in cached))
        shares.append(without_core(searcher.facts))
        builds = cell.build_spelling not in built
        searches[cell.name] = _search(searcher, encoder, prediction, shape, cell, work, builds=builds)
        if searcher.status == "ok":
            built.add(cell.build_spelling)
        for stage, found in (searches[cell.name].stages or {}).items():
            expected[stage, cell.build_spelling if stage == "build" else spell(cell.retriever)] = found.each
    shutil.rmtree(folder, ignore_errors=True)
    return Estimate(encodings, searches, expected, max(shares, default=0.0))


def estimate_encoders(cells: Sequence[Cell], work: Work, attempt: Attempt) -> Estimate:
    """
    The same of a set that is so small that encoding alone may take long: of the encoders that name no terms.

    Nothing is rehearsed of one that was run on this machine before.
    """
    folder = work.folder / "rehearsal"
    found: dict[str, Encoding] = {}
    shares: list[float] = []
    for cell in {cell.encoder: cell for cell in cells if cell.encoder and may_take_long(cell)}.values():
        left = _left(cell)
        if left is None:
            folder.mkdir(parents=True, exist_ok=True)
            result = attempt(work.rehearsal(cell, folder, of_encoder=True))
            shutil.rmtree(folder, ignore_errors=True)
            if result.status != "ok":
                continue
            stages = encoder_stages(result, cell, work, encode=None)
            shares.append(without_core(result.facts))
        else:
            stages = {"encode": Alike(left, 1)}
        found[cell.encoder or ""] = Encoding(stages)
    expected = {(stage, name): each for name, one in found.items() for stage, (each, _) in one.stages.items()}
    return Estimate(found, {}, expected, max(shares, default=0.0))


def _left(cell: Cell) -> Range | None:
    """Seconds that encoding its passages will take, by how fast that was or has been so far; None: nobody knows."""
    return rates.left(cell.encoder_key or "", cell.matrix_key or "", cell.passage_set.passages)


def may_take_long(cell: Cell) -> bool:
    """Whether encoding a small set may: engines encode nothing, terms are counted in no time, the cache is there."""
    if cell.matrix_key is None or cell.given or isinstance(cell.retriever.encoder, Lexical):
        return False
    return not matrices.place(cell.matrix_key).is_dir()


def _encoding(result: StageResult, cells: Sequence[Cell], work: Work, fill: Attempt | None) -> tuple[Encoding, bool]:
    """What is predicted of the encoder of some cells, and whether all its vectors are in the cache now."""
    n, cell = work.n_passages, cells[0]
    # Once: a matrix in the cache is read whole to see that it is sound.
    known, of_queries = (
        None if key is None else matrices.find(matrices.place(key), cell.plugins)
        for key in (cell.matrix_key, cell.queries_key)
    )
    is_cached = known is not None and of_queries is not None
    in_blocks = not isinstance(cell.retriever.encoder, Lexical)
    peak = _encoding_peak(result.facts, encoded_passages(cell, work), in_blocks=in_blocks)
    source: Source = "cached"
    if known is None and fill is not None and largest(result.facts) < n and _countable(result, cell, n):
        encoded, source = fill(work.encode(cells)), "counted"
        known = encoded if encoded.status == "ok" else None
        is_cached = known is not None
    if known is not None and known.shape is not None:
        shape: Shape | None = Shape(known.shape[1], known.nonzeros, source)
        if known.build_memory is not None and known.build_memory.peak_above_start is not None:
            peak = known.build_memory.peak_above_start
    else:
        shape = _shape(result.facts, n)
    encode = NOTHING if known is not None else None if work.suite.distractors else _left(cell)
    stages = encoder_stages(result, cell, work, encode=encode)
    return Encoding(stages, peak, shape, known is not None), is_cached


def _countable(result: StageResult, cell: Cell, n: int) -> bool:
    return (
        isinstance(cell.retriever.encoder, Lexical)
        and extrapolated(result.facts, "make", n).at_least <= COUNTED_SECONDS
    )


def _shape(facts: dict[str, Fact], n: int) -> Shape | None:
    """Counted, where the rehearsal went through all passages, or the vectors are dense and of the same dims always."""
    found = extrapolated_shape(facts, n)
    if found is None:
        return None
    dims, nonzeros = found
    same = nonzeros is None and len({value for name, value in facts.items() if name.startswith("dims ")}) == 1
    return Shape(dims, nonzeros, "counted" if same or largest(facts) == n else "predicted")


def _search(
    result: StageResult,
    encoder: StageResult | None,
    prediction: Prediction,
    shape: Shape | None,
    cell: Cell,
    work: Work,
    *,
    builds: bool,
) -> SearchEstimate:
    if result.status != "ok":
        return SearchEstimate(prediction, status=result.status, reason=result.reason)
    n = work.n_passages
    peak = _bytes(result.facts, "peak", n)
    rehearsed = extrapolated_shape(result.facts, n)
    if peak is not None and prediction.ledger and shape is not None and rehearsed not in (None, shape[:2]):
        # It was rehearsed with fewer columns than there will be: what it takes grows with its ledger.
        smaller = predict(cell.searcher, n, Shape(*rehearsed, "predicted"), work.suite).ledger
        peak = round(peak * sum(prediction.ledger.values()) / max(sum((smaller or prediction.ledger).values()), 1))
    stages = searcher_stages(result, encoder, cell, work, builds=builds)
    return SearchEstimate(prediction, stages, peak, _bytes(result.facts, "ledger", n))


def _encoding_peak(facts: dict[str, Fact], n: int, *, in_blocks: bool) -> int | None:
    """A model reads a block of texts at once, however many there are, and their vectors are kept; terms are fitted."""
    shape = extrapolated_shape(facts, n)
    if not in_blocks or n <= blocks.ROWS or shape is None:
        return _bytes(facts, "peak", n)
    (dims, nonzeros), at_once = shape, _bytes(facts, "peak", blocks.ROWS) or 0
    return at_once + (FLOAT_BYTES * n * dims if nonzeros is None else (FLOAT_BYTES + INDEX_BYTES) * nonzeros)


def _bytes(facts: dict[str, Fact], what: str, n: int) -> int | None:
    """Bytes at a size, no less than at any that was tried: the first step pays for what is set up only once."""
    tried = [value for name, value in facts.items() if name.startswith(f"{what} ") and isinstance(value, int | float)]
    return ceil(max(extrapolated(facts, what, n).at_least, *tried)) if tried else None
