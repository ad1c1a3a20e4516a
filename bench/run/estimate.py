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

from bench.records.schema import Fact, StageResult, Status
from bench.run.cells import Cell
from bench.run.durations import encoded_passages, encoder_stages, searcher_stages, total
from bench.run.prediction import Prediction, Shape, Source, predict
from bench.run.tasks import Task, Work
from bench.stage import matrices
from bench.stage.rehearsal import extrapolated, extrapolated_shape, largest
from retrievers.contract import Lexical

FEWEST_PASSAGES = 5_000  # a smaller set takes less time than it is worth to predict
COUNTED_SECONDS = 60.0  # a lexical encoder that takes no longer encodes all passages, where the caller allows it

Attempt: TypeAlias = Callable[[Task], StageResult]  # runs one child


class Encoding(NamedTuple):
    """What is predicted of an encoder."""

    seconds: float  # to encode all passages and queries, unless that is in the cache, and queries in every round
    peak_bytes: int | None  # of fitting and encoding, above what was resident before
    shape: Shape | None
    longest_seconds: float = 0.0  # of one stage, of those that are still to run
    encoded: bool = False  # whether the passages are in the cache, so that peak_bytes is of what was


class SearchEstimate(NamedTuple):
    """What is predicted of the storage or engine of a cell: building (once for all that share a build) and search."""

    prediction: Prediction
    seconds: float | None = None  # None: its rehearsal failed, or it is refused
    peak_bytes: int | None = None  # of building, above what was resident before: its vectors are
    ledger_bytes: int | None = None  # grown from a share: of one that cannot predict its ledger
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
        return tuple(name for name, search in self.searches.items() if search.status != "ok")

    @property
    def total(self) -> float:
        """Seconds of all children."""
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
        prediction = Prediction() if shape is None else predict(cell.searcher, work.n_passages, shape, work.suite)
        if prediction.status != "ok":
            searches[cell.name] = SearchEstimate(prediction)
            continue
        searcher = attempt(work.rehearsal(cell, samples.get(name or "", folder), of_encoder=False))
        builds = cell.build_spelling not in built
        searches[cell.name] = _search(searcher, encoder, prediction, shape, cell, work, builds=builds)
        if searcher.status == "ok":
            built.add(cell.build_spelling)
    shutil.rmtree(folder, ignore_errors=True)
    return Estimate(encodings, searches)


def _encoding(
    result: StageResult, cells: Sequence[Cell], work: Work, fill: Attempt | None
) -> tuple[Encoding, Path | None]:
    """What is predicted of the encoder of some cells, and the folder of its matrix, where that is in the cache now."""
    n, cell = work.n_passages, cells[0]
    matrix = None if cell.matrix_key is None else matrices.place(cell.matrix_key)
    # Once: a matrix in the cache is read whole to see that it is sound.
    known = None if matrix is None else matrices.find(matrix, cell.plugins)
    peak = _bytes(result.facts, "peak", encoded_passages(cell, work))
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
    seconds, longest = total(encoder_stages(result, cell, work, encoded=known is not None))
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
    seconds, longest = total(searcher_stages(result, encoder, cell, work, builds=builds))
    return SearchEstimate(prediction, seconds, peak, _bytes(result.facts, "ledger", n), longest_seconds=longest)


def _bytes(facts: dict[str, Fact], what: str, n: int) -> int | None:
    """Bytes at a size, no less than at any that was tried: the first step pays for what is set up only once."""
    tried = [value for name, value in facts.items() if name.startswith(f"{what} ") and isinstance(value, int | float)]
    return ceil(max(extrapolated(facts, what, n), *tried)) if tried else None
