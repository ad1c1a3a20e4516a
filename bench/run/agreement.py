"""How far the hits of the cells of one passage set agree: with the baseline, and with exact search."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.instruments import quality
from bench.records.run_folder import asked, read_hits, read_timed
from bench.records.schema import Measurement
from bench.run.cells import Cell
from bench.run.suite import Suite
from retrievers.contract import Hits


class Agreement:
    """The hits of the cells of one passage set, compared with the baseline's and with exact search."""

    def __init__(self, cells: Sequence[Cell], suite: Suite, folder: Path) -> None:
        self.hits: dict[str, Hits] = {}
        for cell in cells:
            with contextlib.suppress(InputError):  # of a finished cell, taken away since: it agrees with nothing then
                if asked(folder, cell.key) is not None:
                    continue  # it was stopped: what agrees on a part is no agreement on the whole
                if suite.k >= quality.OVERLAP_K:
                    self.hits[cell.key] = read_timed(folder, cell.key, suite.k, apart=cell.searched_apart(suite))
                else:
                    self.hits[cell.key] = read_hits(folder, cell.key)
        found = [cell for cell in cells if cell.key in self.hits]
        # Within equal threads: a library may well find others with more of them.
        self._exact = {(c.encoder, c.threads): self.hits[c.key] for c in found if c.encoder and c.exact}
        self._baseline = {cell.threads: self.hits[cell.key] for cell in found if cell.spelling == suite.baseline}

    def filled_in(self, measured: Measurement, cell: Cell) -> Measurement:
        """The measurement with what can be said of its agreement; what it has already stays."""
        own = self.hits.get(cell.key)
        exact = None if cell.exact else _overlap(own, self._exact.get((cell.encoder or "", cell.threads)))
        baseline = _overlap(own, self._baseline.get(cell.threads))
        return msgspec.structs.replace(
            measured,
            overlap_with_exact=measured.overlap_with_exact if exact is None else exact,
            overlap_with_baseline=measured.overlap_with_baseline if baseline is None else baseline,
        )


def _overlap(one: Hits | None, other: Hits | None) -> float | None:
    if one is None or other is None or len(one.rows) == 0:
        return None
    return float(quality.overlap(one, other, quality.OVERLAP_K).mean())
