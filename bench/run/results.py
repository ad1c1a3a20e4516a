"""What the stages of one cell left in the journal and the run folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.instruments.modes import Rounds
from bench.records.decision import Decision
from bench.records.run_folder import samples
from bench.records.schema import Fact, Stage, StageResult
from bench.run.cells import Cell
from bench.run.quality_fields import kept_file
from bench.run.suite import Suite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    changed_files: tuple[str, ...] = ()  # beside a plug-in: no longer what the passages were encoded with
    deployment: StageResult | None = None
    n_timed: int = 0  # queries
    decision: Decision | None = None  # beside the baseline, of a suite that stops what is decided
    baseline_failed: bool = False  # after it had been searched for what was decided by
    asked: NDArray[np.int64] | None = None  # positions of the queries, of a cell that was stopped

    @property
    def rounds(self) -> dict[Stage, tuple[StageResult, ...]]:
        """The stages that answer queries, a result a round."""
        return {"query": self.queries, "search": self.searches, "joint": self.joints}

    def timed(self, folder: Path, suite: Suite) -> Rounds:
        """What the modes summarise. folder: of the run."""

        @functools.cache
        def read(stage: Stage, name: str) -> list[NDArray[np.int64]]:
            return samples(folder, self.rounds[stage], name)

        return Rounds(
            samples=read,
            cold_ms={stage: [result.cold_ms for result in results] for stage, results in self.rounds.items()},
            paired=self.cell.encoder is not None,
            whole="joint" if self.joints else "search",
            n_queries=self.n_timed,
            settings=suite.settings,
        )

    def facts(self) -> dict[str, Fact]:
        """What the parts say of themselves, in the first round."""
        facts: dict[str, Fact] = {}
        for result in (self.encode, self.build, *self.searches[:1]):
            if result is not None:
                facts |= result.facts
        return facts

    def files(self, suite: Suite) -> dict[str, str]:
        """What the run folder holds of the cell: what -> path."""
        files: dict[str, str] = {}
        if self.failure is None:
            files["hits"] = f"hits/{self.cell.key}.npz"
            if self.cell.searched_apart(suite):
                files["hits_k"] = f"hits/{self.cell.key}.k{suite.k}.npz"
            if self.asked is not None:
                files["quality_asked"] = f"quality/{self.cell.key}.asked.npz"
            elif (path := kept_file(self.cell.key, self.cell.passage_set, suite)) is not None:
                files["quality"] = path
        for stage, results in self.rounds.items():
            for number, result in enumerate(results):
                if result.samples:
                    files[f"{stage}-{number}"] = result.samples
        return files


def rounds_of(
    stages: Mapping[str, StageResult], key: Callable[[Cell, int], str], cell: Cell
) -> tuple[StageResult, ...]:
    """What the journal holds of a stage of a cell, by round: every one that was asked for, however many."""
    found: list[StageResult] = []
    while (result := stages.get(key(cell, len(found)))) is not None:
        found.append(result)
    return tuple(found)
