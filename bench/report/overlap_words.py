"""The share of a gap that goes with word overlap, in words: what it is, and what it is not."""

from __future__ import annotations

from collections.abc import Iterable

from bench.analysis.overlap import OverlapShare
from bench.report.numbers import bounds, four

THERE = {"lowest": "share the fewest words with what is relevant", "highest": "share the most"}


def share_said(share: OverlapShare) -> str:
    """One line: the share with its interval and the two gaps that it is made from; or why there is none."""
    if share.share is None or share.third is None:
        return f"no share of the gap that goes with word overlap: {share.why}"
    around = "(interval unknown)" if share.interval is None else bounds(share.interval, "{:.0%}".format)
    return (
        f"{share.share:.0%} {around} of the gap goes with word overlap: it is {four(share.gap_there, '+')} among the "
        f"{share.n_queries:,} queries that {THERE[share.third]}, {four(share.gap, '+')} over all"
    )


def noted(shares: Iterable[OverlapShare]) -> list[str]:
    """What such a share is not, once; nothing where none is told."""
    return list(dict.fromkeys(share.note for share in shares if share.share is not None))
