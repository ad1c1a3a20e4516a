"""Every figure of some runs as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from bench.records.run_folder import Run
from bench.report.text import cell, joined
from bench.report.verdict.run import rows
from bench.report.view import DEFAULT, View


def table(runs: Sequence[Run], view: View = DEFAULT) -> str:
    """One line a cell under one line of keys; empty where not measured, several values of one field joined by `; `."""
    found = rows(runs, view.prices)
    keys = dict.fromkeys(key for row in found for key in row)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(cell, keys))
    writer.writerows([cell(joined(row.get(key))) for key in keys] for row in found)
    return file.getvalue()
