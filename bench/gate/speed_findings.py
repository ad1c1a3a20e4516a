"""What the gate says of the figures of an A/B that it holds: how far each has moved, and what decides nothing."""

from __future__ import annotations

from bench.analysis.compare import CellPair
from bench.gate.figures import FIGURES, P50, RESIDENT
from bench.gate.speed import CALIBRATE, Speed
from bench.gate.verdict import FASTER, LITTLE, Finding, Outcome
from bench.instruments import stability
from bench.run.suite import Gate

SUSPICIOUS = 0.5  # times as long, and less: is it still doing the work?
UNTIMED = Finding(kind="speed", name=P50, outcome="skipped", said="not timed on both sides")


def speed_finding(speed: Speed, policy: Gate, pair: CellPair) -> Finding:
    """What is said of one figure of a pair of cells; what remembers decides none of repeated queries."""
    outcomes: dict[str, Outcome] = {"slower": "fail", "pass": "pass", "undecided": "undecided"}
    outcome, figure = outcomes[speed.decision], FIGURES[speed.name]
    bounds = "" if speed.bounds is None else f", bounds x{speed.bounds[0]:.3f} to x{speed.bounds[1]:.3f}"
    told = "{:,.0f} -> {:,.0f} {}" if speed.name == RESIDENT else "{:.4g} -> {:.4g} {}"
    values = told.format(speed.old, speed.new, figure.unit)
    as_long = "" if figure.more_is_worse else " as long"  # of a rate it is of the time that it takes
    if (speed.ratio - 1) * (speed.new - speed.old) * (1 if figure.more_is_worse else -1) < 0:
        values = f"{values} (medians of the sides; of the pairs it is the other way round)"
    worse = "heavier" if speed.name == RESIDENT else "slower"
    more = f"; {worse} from x{1 + policy.slower:g} on" if speed.decision != "slower" else ""
    said = f"x{speed.ratio:.3f}{as_long}{bounds}, {speed.rounds} pairs of rounds: {values}{more}"
    why = speed.why
    remembering = [name for name, m in (("old", pair.old), ("new", pair.new)) if stability.remembers(m.flags)]
    if remembering and figure.repeated:  # what was timed are repeated queries, and no user's
        outcome, why = "undecided", f"{' and '.join(remembering)}: repeated queries are answered faster than new ones"
    if outcome == "undecided":
        disturbed = _disturbed(pair, speed.name)
        advice = CALIBRATE if disturbed and CALIBRATE not in why else ""
        said = "; ".join(filter(None, (said, why, disturbed, advice)))
    if speed.name == RESIDENT and outcome == "pass" and not _is_alike(speed, policy):
        said = f"{said}; it {LITTLE}"
    if speed.ratio <= SUSPICIOUS and speed.name != RESIDENT:
        said = f"{said}; {FASTER} by {1 / speed.ratio:.1f} times: is it still doing the work?"
    return Finding(kind="speed", name=speed.name, outcome=outcome, said=said, old=speed.old, new=speed.new, why=why)


def _is_alike(speed: Speed, policy: Gate) -> bool:
    """Whether it is no worse by its share, and not only by how little it is."""
    return speed.bounds is None or max(speed.ratio, speed.bounds[1]) < 1 + policy.slower


def _disturbed(pair: CellPair, name: str) -> str:
    """What ran beside a figure's rounds, where it was so much that it is flagged."""
    found = [doubt for m in (pair.new, pair.old) for doubt in stability.doubts(m.flags, m.figure_flags, name)]
    return next((doubt for doubt in found if doubt.startswith((stability.CONTENDED, stability.UNSTABLE))), "")
