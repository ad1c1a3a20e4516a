"""A tiny passage set and a short way to run cells on it, for the tests of the harness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.instruments.stability import CONTENDED, UNSTABLE
from bench.passages.loader import PassageSet
from bench.records import run_folder
from bench.records.schema import Measurement, digest
from bench.run import runner
from bench.run.suite import CellGroup, Limits, Suite
from retrievers.registry import Registry, installed
from tests.helpers.places import KNOWN

MS = 1_000_000  # nanoseconds


def tiny_set(n_passages: int = 30, n_queries: int = 20, *, judged: bool = True, name: str = "tiny") -> PassageSet:
    """Passage i holds word i; query i asks for word i, and passage i is its answer."""
    passages = tuple(f"passage with word{i} in it" for i in range(n_passages))
    queries = tuple(f"where is word{i}" for i in range(n_queries))
    qrels = {f"q{i}": {f"p{i}": 1} for i in range(n_queries)} if judged else None
    return PassageSet(
        name=name,
        title=name,
        language="en",
        licence="",
        citation="",
        sha256=digest([passages, queries, qrels]),
        passage_ids=tuple(f"p{i}" for i in range(n_passages)),
        passages=passages,
        query_ids=tuple(f"q{i}" for i in range(n_queries)),
        queries=queries,
        qrels=qrels,
    )


def registry(*plugins: Path) -> Registry:
    """The installed adapters and those of known cost, or of other plug-in files."""
    found = installed()
    for path in plugins or (KNOWN,):
        found.add_file(path)
    return found


def suite(
    *retrievers: str,
    passages: str = "tiny",
    rounds: int = 1,
    modes: Sequence[str] = (),
    limits: Limits = Limits(seconds=60, memory="4GB"),  # noqa: B008  # frozen
    seed: int = 7,
    baseline: str | None = None,
) -> Suite:
    """Cells on the tiny set; without modes nothing is timed, which saves a second a stage."""
    return Suite(
        name="test",
        passages=(passages,),
        cells=(CellGroup(retrievers=retrievers),),
        rounds=rounds,
        modes=tuple(modes),
        limits=limits,
        seed=seed,
        baseline=baseline,
        encode_threads=1,
    )


def run(
    cells: Suite,
    folder: Path,
    passage_set: PassageSet | None = None,
    known: Registry | None = None,
    plugins: Sequence[Path] = (KNOWN,),
) -> dict[str, Measurement]:
    """The measurements of a run in this process, by the retriever's spelling."""
    found = known or registry(*plugins)
    outcome = runner.run(cells, [passage_set or tiny_set()], folder, found, plugins=plugins)
    return {measurement.retriever: measurement for measurement in outcome.measurements}


def journal(folder: Path) -> list[run_folder.FinishedStage]:
    """The finished stages of a run folder, as they were finished."""
    return run_folder.lines(folder / run_folder.STAGES, run_folder.FinishedStage)


def settled(flags: Iterable[str]) -> tuple[str, ...]:
    """The flags that do not hang on what else the machine did while a cell ran."""
    return tuple(flag for flag in flags if not flag.startswith((UNSTABLE, CONTENDED)))


def without_times(measurement: Measurement) -> dict[str, object]:
    """The columns of a measurement that must not depend on when and how often it was interrupted."""
    kept = ("cell", "retriever", "status", "quality", "n_unanswered", "tie_rate", "overlap_with_exact", "shape")
    return {name: value for name, value in msgspec.structs.asdict(measurement).items() if name in kept}


def noisy(n_passes: int, n_queries: int, n_rounds: int = 3) -> list[np.ndarray]:
    """Rounds over the same queries, each a little quicker or slower as a whole."""
    rng = np.random.default_rng(11)
    queries = rng.lognormal(0, 0.5, n_queries)
    return [
        (MS * rng.normal(1, 0.05) * queries * rng.lognormal(0, 0.1, (n_passes, n_queries))).astype(np.int64)
        for _ in range(n_rounds)
    ]
