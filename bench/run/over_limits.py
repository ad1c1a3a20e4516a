"""What is predicted over the limits of one stage, said before it starts, with the option that lifts them."""

from __future__ import annotations

from collections.abc import Iterator

from bench.run.durations import longest
from bench.run.estimate import Encoding, SearchEstimate
from bench.run.prediction import memory_limit
from bench.run.suite import Suite


def over_limits(search: SearchEstimate | None, encoding: Encoding | None, suite: Suite) -> Iterator[str]:
    """What of a cell is predicted over the limits of one stage, a line each."""
    estimates = []
    if encoding is not None:
        kept = "; what is encoded by then is kept"
        estimates.append(("encoding: ", kept, None if encoding.encoded else encoding.peak_bytes, encoding.stages))
    if search is not None and search.stages is not None:
        estimates.append(("", "", search.peak_bytes, search.stages))
    most, limit = memory_limit(suite), suite.limits.seconds
    for part, kept, nbytes, stages in estimates:
        if nbytes is not None and nbytes > most:
            yield f"{part}peak over the limit: about {nbytes:,} bytes of {most:,}: --memory lifts it"
        seconds = longest(stages).at_least
        if limit is not None and seconds > limit:
            yield (
                f"{part}time over the limit: about {seconds:,.0f} s in one stage of {limit:g}: --seconds lifts it{kept}"
            )
