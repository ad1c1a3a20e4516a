"""Where retrievers disagree: all that can be said of their hits where nobody has judged them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from rich.console import Console
from rich.text import Text

from bench import quality
from bench.corpora import PassageSet
from bench.record import Measurement
from bench.report.plain import printable
from bench.store import Run, read_hits

K = 10
MOST = 5


def disagreements(run: Run, passage_sets: Sequence[PassageSet], console: Console) -> None:
    """For each set without judgments, the queries on which its retrievers' top 10 overlap least, if on any."""
    for passage_set in passage_sets:
        cells = [m for m in run.measurements if m.passage_set == passage_set.name and m.status == "ok"]
        if passage_set.qrels is not None or len(cells) < 2:
            continue
        least = least_agreed(run, cells)
        said = f"queries most disagreed on (mean overlap@{K} of all pairs)" if least else f"all agree on every top {K}"
        console.print(Text(f"\n{printable(passage_set.name)}: {said}"))
        for query, share in least:
            line = printable(f"{passage_set.query_ids[query]}: {passage_set.queries[query]}")
            console.print(Text(f"  {share:.2f}  {line}"), overflow="ellipsis", no_wrap=True)


def least_agreed(run: Run, cells: Sequence[Measurement], most: int = MOST) -> list[tuple[int, float]]:
    """(query, mean overlap@10 over all pairs of cells) of the queries with the least; full agreement is left out."""
    hits = [read_hits(run.folder, cell.cell) for cell in cells]
    overlaps = [quality.overlap(one, other, K) for one, other in combinations(hits, 2)]
    mean = np.mean(overlaps, axis=0)
    return [(int(query), float(mean[query])) for query in np.argsort(mean, kind="stable")[:most] if mean[query] < 1]
