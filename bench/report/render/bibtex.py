"""What the figures of some runs rest on, as BibTeX."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.run_folder import Run
from bench.report import citations
from bench.report.view import DEFAULT, View


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:  # noqa: ARG001  # every format's signature
    """An entry each for passage sets, models, storages and measures."""
    return "\n".join(citations.entries(runs).values())
