"""Where retrievers disagree: all that can be said of their hits where nobody has judged them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from bench.instruments import quality
from bench.passages.loader import PassageSet, id_of
from bench.records.run_folder import Run, read_ranking, searched_apart
from bench.report.text import printable
from retrievers.contract import Hits

K = 10
MOST = 5


def disagreements(run: Run, passage_sets: Sequence[PassageSet], console: Console) -> None:
    """
    For each set without judgments, the queries on which its retrievers agree least, if on any, and what each put first.

    Sets that a run kept have no texts: their queries are shown by id.
    """
    for passage_set in passage_sets:
        cells = [m for m in run.measurements if m.passage_set == passage_set.name and m.status == "ok"]
        if passage_set.qrels is not None or len(cells) < 2:
            continue
        hits = [read_ranking(run.folder, cell.cell, cell.k, apart=searched_apart(cell)) for cell in cells]
        least = least_agreed(hits)
        same = all(bool((quality.overlap(*pair, K) == 1).all()) for pair in combinations(hits, 2))
        said = (
            f"queries most disagreed on (share of the shorter top {K} that the other has too, mean of all pairs; "
            f"first hits of {', '.join(cell.retriever for cell in cells)})"
            if least
            else f"all find the same passages in every top {K}"
            if same
            else f"no top {K} goes against another: where one is shorter, the other has all of it"
        )
        console.print(Text(f"\n{printable(passage_set.name)}: {printable(said)}"), soft_wrap=True)
        for query, share in least:
            firsts = [int(found.rows[query, 0]) for found in hits]
            first = " | ".join("-" if row < 0 else id_of(passage_set, row) for row in firsts)
            text = passage_set.queries[query] if passage_set.queries else ""
            line = printable(f"{passage_set.query_ids[query]}: {text} [{first}]")
            console.print(Text(f"  {share:.2f}  {line}"), soft_wrap=True)


def least_agreed(hits: Sequence[Hits], most: int = MOST) -> list[tuple[int, float]]:
    """
    (query, agreement) of the queries that some rankings agree least on; full agreement is left out.

    Agreement is the mean over all pairs of the share of the shorter top 10 that stands in the other's: a retriever that
    finds two passages, both of them in the other's ten, does not disagree with it. 0 where only one finds anything.
    """
    shares = [_shared(one, other) for one, other in combinations(hits, 2)]
    mean = np.mean(shares, axis=0)
    return [(int(query), float(mean[query])) for query in np.argsort(mean, kind="stable")[:most] if mean[query] < 1]


def _shared(one: Hits, other: Hits) -> NDArray[np.float64]:
    """The share of each query's shorter top 10 that is in the longer: (n_queries,)."""
    lengths = np.stack([(found.rows[:, :K] >= 0).sum(axis=1) for found in (one, other)])
    shorter, longer = lengths.min(axis=0), lengths.max(axis=0)
    # The overlap is divided by the longer list.
    common = quality.overlap(one, other, K) * np.maximum(longer, 1)
    return np.where(longer == 0, 1.0, np.where(shorter == 0, 0.0, common / np.maximum(shorter, 1)))
