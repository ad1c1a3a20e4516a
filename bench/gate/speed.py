"""Whether one side of an A/B has become slower, by the suite's policy."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bench.run.suite import Gate
from bench.statistics.sequential import Decision, decision_of


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one cell is beside the other side's, by interleaved rounds."""

    decision: Decision
    rounds: int
    old: float  # medians over rounds of each round's median service time, milliseconds
    new: float
    ratio: float  # new / old: the median over pairs of rounds
    bounds: tuple[float, float] | None  # of it: what slower and pass go by; None with too few rounds


def decided(old: Sequence[float], new: Sequence[float], policy: Gate) -> Speed:
    """What is decided of one cell. old, new: the median service time of each pair of rounds, milliseconds, above 0."""
    ratios = np.log(np.asarray(new, np.float64) / np.asarray(old, np.float64))
    was, now = float(np.median(old)), float(np.median(new))
    decision, bounds = decision_of(ratios, policy.slower)
    if decision == "slower" and now - was < policy.milliseconds:
        decision = "pass"
    return Speed(
        decision=decision,
        rounds=len(ratios),
        old=was,
        new=now,
        ratio=float(np.exp(np.median(ratios))),
        bounds=None if bounds is None else (float(np.exp(bounds[0])), float(np.exp(bounds[1]))),
    )
