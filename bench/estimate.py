"""
How long a run will take, told before it begins: every part is rehearsed on a share of its passages, in processes like
those of the run, and what each child of the run will do is reckoned from that.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench import matrices
from bench.cells import Cell
from bench.latency import SECONDS_A_ROUND, WARM_UP_QUERIES
from bench.record import StageResult
from bench.rehearsal import foretold, foretold_shape, smallest
from bench.tasks import Task, Work
from retrievers.contract import Persistent, Predictable

FEWEST_PASSAGES = 5_000  # a smaller set takes less time than it is worth to foretell


class Estimate(NamedTuple):
    """Foretold seconds of the cells of one passage set, by what takes them."""

    seconds: dict[str, float]  # encoder or retriever -> seconds of all its children
    untold: tuple[str, ...]  # retrievers whose rehearsal failed

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def estimate(cells: Sequence[Cell], work: Work, attempt: Callable[[Task], StageResult]) -> Estimate:
    """
    Rehearse the parts of some cells of one passage set and add up what the run's children will take.

    attempt: runs one child. A part whose rehearsal fails is left out, and named; one that the run will refuse for its
    predicted bytes takes no time.
    """
    seconds: dict[str, float] = {}
    untold: list[str] = []
    folder = work.folder / "rehearsal"
    places = {encoder: folder / str(number) for number, encoder in enumerate({cell.encoder: None for cell in cells})}
    rehearsed: dict[str, StageResult | None] = {}
    built: set[str] = set()
    for cell in cells:
        sample, encoder, server = places[cell.encoder], None, None
        if cell.encoder is not None:
            if cell.encoder not in rehearsed:
                sample.mkdir(parents=True)
                result = _sound(attempt(work.rehearsal(cell, sample, of_encoder=True)))
                rehearsed[cell.encoder] = result
                if result is not None:  # once: a matrix in the cache is read whole to see that it is sound
                    seconds[cell.encoder] = _encoder_seconds(result, cell, work)
            encoder = rehearsed[cell.encoder]
            if encoder is not None and _over_budget(encoder, cell, work):
                continue
        if cell.encoder is None or encoder is not None:
            server = _sound(attempt(work.rehearsal(cell, sample, of_encoder=False)))
        if server is None:
            untold.append(cell.spelling)
            continue
        builds = cell.build_spelling not in built
        seconds[cell.spelling] = _server_seconds(server, encoder, cell, work, builds=builds)
        built.add(cell.build_spelling)
    shutil.rmtree(folder, ignore_errors=True)
    return Estimate(seconds, tuple(untold))


def _sound(result: StageResult) -> StageResult | None:
    return result if result.status == "ok" else None


def _over_budget(encoder: StageResult, cell: Cell, work: Work) -> bool:
    """Whether the storage would take more than the run's limit, as far as it can tell beforehand."""
    n = len(work.passage_set.passages)
    shape = foretold_shape(encoder.facts, n)
    if shape is None or not isinstance(cell.server, Predictable):
        return False
    with contextlib.suppress(Exception):  # an adapter may raise anything: the run will say it
        return sum(cell.server.predict_ledger(n, *shape).values()) > work.suite.limits.memory_bytes
    return False


def _encoder_seconds(result: StageResult, cell: Cell, work: Work) -> float:
    n, n_queries = len(work.passage_set.passages), len(work.passage_set.queries)
    start, facts = _startup(result), result.facts
    encode = start + foretold(facts, "make", n) + n_queries * foretold(facts, "every", n)
    known = cell.matrix_key is not None and matrices.find(matrices.place(cell.matrix_key)) is not None
    ask = 0.0 if cell.given else start + smallest(facts, "make") + _rounds(result, work)
    return (0.0 if known else encode) + work.suite.rounds * ask


def _server_seconds(result: StageResult, encoder: StageResult | None, cell: Cell, work: Work, *, builds: bool) -> float:
    n, n_queries = len(work.passage_set.passages), len(work.passage_set.queries)
    start, make = _startup(result), foretold(result.facts, "make", n)
    savable = isinstance(cell.server, Persistent)
    serve = start + (0.0 if savable else make) + _rounds(result, work)
    joint = 0.0
    if "joint" in work.suite.modes and encoder is not None and savable:
        joint = _startup(encoder) + smallest(encoder.facts, "make") + _rounds(encoder, work) + _rounds(result, work)
    every = n_queries * foretold(result.facts, "every", n)
    return work.suite.rounds * (serve + joint) + every + (start + make if savable and builds else 0.0)


def _startup(result: StageResult) -> float:
    """Seconds of a child besides what it rehearsed: its start, its imports, its end."""
    inside = result.facts.get("seconds")
    return max(0.0, (result.process_seconds or 0.0) - (inside if isinstance(inside, float) else 0.0))


def _rounds(result: StageResult, work: Work) -> float:
    """Seconds of the timed loops of one round, and of warming up before them."""
    n, timed = len(work.passage_set.passages), len(work.common["sample"])
    one, every = timed * foretold(result.facts, "one", n), timed * foretold(result.facts, "every", n)
    seconds = min(1.0, WARM_UP_QUERIES / max(timed, 1)) * one
    seconds += _passes(one) if "single" in work.suite.modes else 0.0
    return seconds + (every + _passes(every) if "batch" in work.suite.modes else 0.0)


def _passes(seconds: float) -> float:
    """Whole passes until a round's time has gone by."""
    return seconds * max(1, math.ceil(SECONDS_A_ROUND / seconds)) if seconds else 0.0
