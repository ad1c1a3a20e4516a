"""What the stages of the cells of one passage set left -> their measurements, in the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from bench.records.journal import Writer
from bench.records.run_folder import asked as asked_of
from bench.records.run_folder import read_hits, read_timed
from bench.records.schema import UNTRIED, Measurement, StageResult
from bench.run import going_on, looks
from bench.run.agreement import Agreement
from bench.run.cells import Cell
from bench.run.children import Children
from bench.run.keys import build_key, joint_key, query_key, search_key
from bench.run.measurement import is_judged, judged_again, measurement
from bench.run.results import CellResults, rounds_of
from bench.run.suite import Suite
from bench.run.tasks import Work
from bench.stage import plugin_files
from retrievers.contract import Hits


class Prepared(NamedTuple):
    """The cells of one passage set, encoded and built: what their rounds and their measurements need."""

    cells: Sequence[Cell]
    todo: Sequence[Cell]  # of them those that are to be measured
    work: Work
    encoded: dict[str, StageResult]  # encoder -> what encoding took
    predicted: dict[str, dict[str, int] | None]  # cell key -> its storage's ledger, predicted


@dataclass
class Concluding:
    """Which cells of a run are finished, and the measurements of those that are."""

    suite: Suite
    writer: Writer
    children: Children

    def finished(self, cell: Cell) -> bool:
        """Whether the folder holds a cell's last word: measured by the code that there is now, or refused by design."""
        known = self.writer.measurements.get(cell.key)
        if known is None or known.status != "ok":
            return known is not None and known.status in UNTRIED
        return going_on.is_timed(cell, self.suite, self.writer)

    def is_judged(self, cell: Cell) -> bool:
        """Whether a finished cell was judged by the judgments and the measures that there are now."""
        known = self.writer.measurements[cell.key]
        return known.status != "ok" or is_judged(known, cell, self.suite, self.writer.folder)

    def conclude(self, prepared: Prepared) -> None:
        """Write the measurements of one passage set; of finished cells only agreement with newly finished ones."""
        work, encoded = prepared.work, prepared.encoded
        agreement = Agreement(self.children.alive(prepared.cells), self.suite, self.writer.folder)
        plugins = {cell.encoder: cell.plugins for cell in prepared.todo if cell.encoder and cell.encoder in encoded}
        changed = {name: tuple(plugin_files.changed(encoded[name].opened, of_it)) for name, of_it in plugins.items()}
        for cell in prepared.cells:
            old = self.writer.measurements[cell.key] if self.finished(cell) else None
            if old is None:
                result = self.measured(prepared, cell, changed.get(cell.encoder or "", ()))
            elif self.is_judged(cell):
                result = old
            else:
                result = judged_again(old, cell, self.suite, self.writer.folder, self.hits(cell))
            result = agreement.filled_in(result, cell)
            if result != old:
                self.writer.measured(result)
        work.remove([build_key(cell) for cell in prepared.todo if cell.key in self.children.failed])

    def measured(self, prepared: Prepared, cell: Cell, changed_files: tuple[str, ...]) -> Measurement:
        """The measurement of a cell that has run, or failed. changed_files: of its encoder's plug-in."""
        work, failure, stages = prepared.work, self.children.failed.get(cell.key), self.writer.stages
        hits, asked = (None, None) if failure else (self.hits(cell), asked_of(self.writer.folder, cell.key))
        decision = None if work.looks is None or hits is None else work.looks.decision(cell, *hits, asked)
        if looks.stopped_itself(asked, decision):
            failure, hits, asked, decision = looks.STOPPED_ITSELF, None, None, None
        results = CellResults(
            cell=cell,
            failure=failure,
            encode=prepared.encoded.get(cell.encoder or ""),
            build=stages.get(build_key(cell)),
            queries=rounds_of(stages, query_key, cell),
            searches=rounds_of(stages, search_key, cell),
            joints=rounds_of(stages, joint_key, cell),
            predicted_ledger=prepared.predicted.get(cell.key),
            changed_files=changed_files,
            deployment=self.children.deployments.get(cell.key),
            n_timed=len(work.sample),
            decision=decision,
            baseline_failed=work.looks is not None and work.looks.has_failed(self.children.failed),
            asked=asked,
        )
        made = measurement(results, self.suite, self.writer.folder, hits)
        return msgspec.structs.replace(made, timed_at=self.writer.began if made.status == "ok" else None)

    def hits(self, cell: Cell) -> tuple[Hits, Hits]:
        """What a cell found: to the depth, and in the search for k."""
        folder, apart = self.writer.folder, cell.searched_apart(self.suite)
        return read_hits(folder, cell.key), read_timed(folder, cell.key, self.suite.k, apart=apart)
