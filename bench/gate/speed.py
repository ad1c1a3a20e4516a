"""Whether one side of an A/B has become slower, or heavier, by the suite's policy."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.gate.figures import FIGURES, P50, RESIDENT
from bench.run.suite import Gate
from bench.statistics.sequential_speed import (
    FEWEST_ROUNDS,
    NOISY,
    STEADY,
    Decision,
    decision_of,
    rounds_needed,
)

LEAST_BYTES = 4 * 2**20  # a growth of memory below it is let be: allocators keep more or less
NOISE = 2.0  # spread of pairs, in limits, from which it is what hides a difference that so many do not show
WOULD_TELL = "would tell"  # so many pairs
CALIBRATE = "`sparring calibrate` says whether this machine is quiet"


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How one figure of a cell is beside the other side's, by interleaved rounds."""

    name: str = P50  # its key of JSON
    decision: Decision
    rounds: int
    old: float  # medians over rounds, in the figure's unit: of p50, of each round's median service time
    new: float
    ratio: float  # new / old, of throughput old / new: above 1 is worse; the median over pairs, query by query
    bounds: tuple[float, float] | None  # of it: what slower and pass go by; None with too few rounds
    why: str = ""  # it is undecided
    needed: int | None = None  # pairs that would tell, were the others as those so far; None: not known, or decided


def decided(
    old: Sequence[float], new: Sequence[float], policy: Gate, name: str = P50, matched: Sequence[float] = ()
) -> Speed:
    """
    What is decided of one figure.

    old, new: its value in each pair of rounds, in its unit, above 0. matched: new / old of the times of each pair,
    where that is known query by query, or batch by batch.
    """
    figure = FIGURES[name]
    sides: list[NDArray[np.float64]] = [np.maximum(np.asarray(v, np.float64), figure.resolution) for v in (old, new)]
    ratios = np.log(matched) if matched else np.log(sides[1] / sides[0]) * (1 if figure.more_is_worse else -1)
    was, now = (float(np.median(side)) for side in sides)
    level = STEADY if name == P50 else NOISY
    decision, bounds = decision_of(ratios, policy.slower, level)
    growth = was * float(np.expm1(np.median(ratios))) if matched else now - was
    if decision == "slower" and _is_little(name, growth, policy):
        decision = "pass"
    if decision == "undecided" and bounds and name == RESIDENT and was * np.expm1(bounds[1]) < LEAST_BYTES:
        decision = "pass"  # however much more it may be, it is little
    is_open = decision == "undecided"
    needed = rounds_needed(ratios, policy.slower, level) if is_open and len(ratios) >= FEWEST_ROUNDS else None
    return Speed(
        name=name,
        decision=decision,
        rounds=len(ratios),
        old=was,
        new=now,
        ratio=float(np.exp(np.median(ratios))),
        bounds=None if bounds is None else (float(np.exp(bounds[0])), float(np.exp(bounds[1]))),
        why=_why(ratios, policy, needed) if is_open else "",
        needed=None if needed is None else max(needed, len(ratios) + 1),
    )


def _is_little(name: str, growth: float, policy: Gate) -> bool:
    """Whether a growth is too small to matter, whatever its share."""
    if name == RESIDENT:
        return growth < LEAST_BYTES
    return FIGURES[name].unit == "ms" and growth < policy.milliseconds


def _why(ratios: NDArray[np.float64], policy: Gate, needed: int | None) -> str:
    """What is missing for a decision. needed: pairs that would tell."""
    if len(ratios) < FEWEST_ROUNDS:
        return f"{len(ratios)} of the {FEWEST_ROUNDS} pairs of rounds needed"
    spread = float(np.std(ratios, ddof=1))
    if needed is not None:
        more = f"about {max(needed, len(ratios) + 1):,} {WOULD_TELL}"
    elif spread > NOISE * np.log1p(policy.slower):
        more = f"noise, far above the limit: {CALIBRATE}"
    else:
        more = "too near the limit to tell"
    return f"pairs: {len(ratios)}, which differ by ±{np.expm1(spread):.0%}; {more}"
