"""Cells of known cost, run by the real harness, with what disturbed them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.calibration.other_work import OtherWork, Shares
from bench.instruments import stability
from bench.passages import loader
from bench.progress import Progress
from bench.records import run_folder
from bench.records.schema import Fact, Measurement, Stage, StageResult
from bench.run import overrides, runner
from retrievers.registry import Registry, installed

KNOWN_COST = Path(__file__).with_name("known_cost.py")
OURS = "retrievers."  # begins the targets of the adapters that ship
QUERIES = 100
OFFERED, SECONDS_UNDER_LOAD = "50%", 3.0


class MeasuredCell(msgspec.Struct, frozen=True):
    """A cell as it was measured: its record, the stages behind it, where its raw times are, what else went on."""

    record: Measurement
    stages: Sequence[StageResult]
    folder: Path
    other_work: Shares

    @property
    def failure(self) -> str:
        """How it ended, where it did not end well."""
        return "" if self.record.status == "ok" else f"{self.record.status}: {self.record.reason}"

    def rounds(self, stage: Stage) -> list[StageResult]:
        """What a stage gave, round by round."""
        return [result for result in self.stages if result.stage == stage]

    def contention(self, *stages: Stage, prefix: str = "") -> float:
        """
        The share of the timed loops of some stages that went by without a core; of the whole run, where the kernel
        does not tell that of a process.

        prefix: of the facts; `stability.UNDER_LOAD` for the loops under load.
        """
        shares = [
            share
            for stage in stages
            for share in stability.contention([_under(prefix, result.facts) for result in self.rounds(stage)]).values()
            if isinstance(share, float)
        ]
        return max(shares, default=self.other_work.contention)


def _under(prefix: str, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): fact for name, fact in facts.items() if name.startswith(prefix)}


def measured(
    folder: Path,
    spelling: str,
    *,
    registry: Registry,
    progress: Progress,
    modes: Sequence[str] = (),
    rounds: int = 3,
) -> MeasuredCell:
    """Run one cell on the primer. folder: a new one, for the run."""
    chosen = overrides.override(
        overrides.from_retrievers(["primer"], [spelling]),
        {
            "modes": tuple(modes),
            "rounds": rounds,
            "queries": QUERIES,
            "rate": OFFERED,
            "rate_seconds": SECONDS_UNDER_LOAD,
        },
        {},
    )
    other_work = OtherWork()
    outcome = runner.run(chosen, [loader.load("primer")], folder, registry, plugins=[KNOWN_COST], progress=progress)
    shares = other_work.shares()
    journal = run_folder.lines(folder / run_folder.STAGES, run_folder.FinishedStage)
    return MeasuredCell(outcome.measurements[0], [line.result for line in journal], folder, shares)


def adapters() -> Registry:
    """Our own adapters and those of known cost: another package's of the same name must not stand in their way."""
    registry = Registry()
    for entry in installed().entries.values():
        if entry.target.startswith(OURS):
            registry.add(entry)
    registry.add_file(KNOWN_COST)
    return registry


@contextlib.contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Keep what is cached meanwhile in a folder of its own, so that nothing is reused and nothing is left."""
    before = os.environ.get("SPARRING_CACHE")
    os.environ["SPARRING_CACHE"] = str(folder)
    try:
        yield
    finally:
        del os.environ["SPARRING_CACHE"]
        if before is not None:
            os.environ["SPARRING_CACHE"] = before
