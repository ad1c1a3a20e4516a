"""What a verdict says of prices: what a month of the two cells costs, and at which volume the other costs less."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.analysis.price_crossings import crossing
from bench.analysis.prices import Prices, price_of
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.numbers import money
from bench.report.tables.prices import plain
from bench.report.verdict.clauses import ALIKE, Wording, about, rough


def prices_of(run: Run, cells: Sequence[Measurement], prices: Prices, words: Wording) -> str:
    """Empty where no cell has a price. cells: one or two; the second beside the first."""
    found = [(m, price_of(m, run, prices)) for m in cells]
    known = [(m, price, price.month) for m, price in found if price.month is not None]
    if not known:
        return ""
    first = known[0][2]
    parts = []
    for m, price, month in known:
        most = "at most " if price.basis != "CPU time" else ""
        said = f"{words.name(m)} {most}{words.figure(m.cell, 'price_a_month', month, money(month))} {prices.currency}"
        ratio = month / first if first else 1.0
        beside = f" ({words.figure(m.cell, 'ratio:price_a_month', ratio, rough(ratio))})"
        said += beside if m is not known[0][0] and not 1 / ALIKE < ratio < ALIKE else ""
        if price.index is not None:
            said += f", once {words.figure(m.cell, 'price_index', price.index, money(price.index))} to index"
        parts.append(said)
    told = f"A month of {plain(prices.queries_a_month)} queries costs: {'; '.join(parts)}."
    if len(known) < 2:
        return told
    met = crossing(known[0][1], known[1][1])
    if met is None or met.queries is None or met.queries < 1 or met.interval is None or met.interval[1] == math.inf:
        return told
    cheaper, dearer = known[met.above][0], known[met.below][0]
    volume = words.figure(cheaper.cell, "price_crossing", met.queries, about(round(met.queries)))
    cores = max(price.cores_at(met.queries) or 0.0 for _, price, _ in known)
    if cores >= min(m.threads for m, _, _ in known):  # beyond one process, whose memory alone is in the price
        return told
    return f"{told} From about {volume} queries a month on {words.name(cheaper)} costs less than {words.name(dearer)}."
