"""Every figure of some runs as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.records.run_folder import Run
from bench.report.verdict.run import rows
from bench.report.view import DEFAULT, View


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """One array, one object a cell (`bench.report.rows.row`); null where not measured."""
    return msgspec.json.format(msgspec.json.encode(rows(runs, view.prices)), indent=2).decode() + "\n"
