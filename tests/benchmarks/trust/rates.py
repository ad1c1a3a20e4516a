"""How often the gate was wrong and what it caught: counted in real runs, and in runs drawn from recorded rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bench.gate.figures import P50
from bench.gate.rounds import is_open
from bench.gate.speed import Speed, decided
from bench.gate.verdict import Finding
from bench.run.suite import Gate
from bench.statistics.sequential_speed import STEADY
from tests.benchmarks.intervals import bounds
from tests.benchmarks.trust.trials import CELLS, Times, Trial

BLOCK = 4  # neighbouring pairs of rounds that are drawn together, so that what drifts stays
POLICY = Gate()
SPEED_ALIKE = tuple(cell for cell, change in CELLS.items() if change != "speed")  # their search did not change
SLOWED = tuple(cell for cell, change in CELLS.items() if change == "speed")
NAMED = {"bytes": "ledger_bytes", "quality": "R@10", "speed": "single_p50_ms"}


class Rate(NamedTuple):
    """Hits of n, with Clopper and Pearson's 95 % bounds."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else float("nan")

    @property
    def bounds(self) -> tuple[float, float]:
        return bounds(self.hits, self.n) if self.n else (0.0, 1.0)

    def __str__(self) -> str:
        if not self.n:
            return "–"
        low, high = (100 * bound for bound in self.bounds)
        return f"{self.hits:,} of {self.n:,}: {100 * self.value:.2f} % ({low:.2f}–{high:.2f})"


def share(flags: Iterable[bool]) -> Rate:
    """How many of some flags are set."""
    found = list(flags)
    return Rate(sum(found), len(found))


# Real gate runs


def findings(trials: Sequence[Trial]) -> Iterator[tuple[str, Finding]]:
    """Every finding of every gate run, with its cell."""
    for trial in trials:
        for verdict in trial.verdicts:
            yield from ((verdict.retriever, finding) for finding in verdict.findings)


def false_speed(trials: Sequence[Trial]) -> Rate:
    """Figures of speed of cells whose search did not change, that failed."""
    found = findings(trials)
    return share(f.outcome == "fail" for cell, f in found if f.kind == "speed" and cell in SPEED_ALIKE)


def false_same(trials: Sequence[Trial]) -> Rate:
    """Cells in which nothing changed, and that failed, for whatever reason."""
    verdicts = [verdict for trial in trials for verdict in trial.verdicts]
    return share(v.outcome == "fail" for v in verdicts if CELLS[v.retriever] is None)


def false_exact(trials: Sequence[Trial]) -> Rate:
    """Findings that are neither of speed nor of what changed in their cell, and that failed."""
    found = findings(trials)
    return share(f.outcome == "fail" for cell, f in found if f.kind not in ("speed", CELLS[cell]))


def false_runs(trials: Sequence[Trial]) -> Rate:
    """Gate runs in which anything failed that had not changed."""
    return share(any(f.outcome == "fail" and f.kind != CELLS[cell] for cell, f in findings([t])) for t in trials)


def caught(trials: Sequence[Trial], cell: str) -> Rate:
    """Gate runs in which a cell failed for what was changed in it."""
    name = NAMED[str(CELLS[cell])]
    return share(f.outcome == "fail" for of, f in findings(trials) if of == cell and f.name == name)


def outcomes(trials: Sequence[Trial], cells: Sequence[str]) -> Counter[str]:
    """How the speed of some cells came out: pass, fail, undecided, skipped."""
    return Counter(f.outcome for cell, f in findings(trials) if f.kind == "speed" and cell in cells)


# Gate runs drawn from recorded rounds


class Rounds(NamedTuple):
    """What a recording gives to draw from."""

    # Cell -> (n_pairs, n_figures, 3): old and new, as they were measured, and new / old query by query, or NaN; n_pairs
    # even.
    pairs: Mapping[str, np.ndarray]
    first_seconds: float  # that the first pair of a cell takes: every query is answered there, for the hits
    seconds: float  # and each other pair
    figures: tuple[str, ...] = (P50,)

    def ratios(self, cell: str) -> np.ndarray:
        """(n_pairs,) log of new / old of p50."""
        old, new, matched = self.pairs[cell][:, 0].T
        return np.log(np.where(np.isnan(matched), new / old, matched))


def rounds_of(recording: Trial) -> Rounds:
    """A recording's pairs of rounds, as many of every cell."""
    figures = tuple(next(iter(recording.times.values())))
    n = min(len(times[P50].old) for times in recording.times.values()) // 2 * 2
    taken = np.diff(recording.ended)
    first = len(recording.times) - 1  # after the very first, which has no start to be told from
    pairs = {
        cell: np.array([_sides(times[name], n) for name in figures]).transpose(2, 0, 1)
        for cell, times in recording.times.items()
    }
    return Rounds(pairs, float(taken[:first].mean()), float(taken[first:].mean()), figures)


def _sides(times: Times, n: int) -> tuple[Sequence[float], ...]:
    """Old, new and matched of the first n pairs."""
    return times.old[:n], times.new[:n], times.matched[:n] or [np.nan] * n


def drawn(rng: np.random.Generator, rounds: Rounds, n: int) -> dict[str, np.ndarray]:
    """
    Rounds of one gate run: (n, n_figures, 3) of each cell, in blocks of BLOCK neighbours; past the end comes the first.

    All cells take the same positions, so that what befell the machine befalls them together. The cells whose search is
    alike run the very same code: block by block they stand in for one another, which makes a few rounds many.
    """
    n_pairs, n_blocks = len(next(iter(rounds.pairs.values()))), -(-n // BLOCK)
    starts = 2 * rng.integers(n_pairs // 2, size=n_blocks)
    positions = ((starts[:, None] + np.arange(BLOCK)) % n_pairs).ravel()[:n]
    alike = np.array([rounds.pairs[cell] for cell in SPEED_ALIKE])
    order = rng.permuted(np.tile(np.arange(len(alike)), (n_blocks, 1)), axis=1).repeat(BLOCK, axis=0)[:n]
    found = {cell: alike[order[:, column], positions] for column, cell in enumerate(SPEED_ALIKE)}
    return {cell: found.get(cell, pairs[positions]) for cell, pairs in rounds.pairs.items()}


def resampled(rng: np.random.Generator, rounds: Rounds, budget: float) -> dict[str, tuple[Speed, ...]]:
    """
    What one gate run decides on rounds drawn from a recording, in the budget of seconds, cell by cell.

    As in `bench.gate.rounds`: pairs of open cells by turns, the first of each whatever the time.
    """
    pairs = drawn(rng, rounds, max(1, int(budget / rounds.seconds) + 1))
    found: dict[str, tuple[Speed, ...]] = {}
    still, left, number = list(rounds.pairs), budget, 0
    while still:
        for cell in list(still):
            if number and left <= 0:
                return found
            left -= rounds.seconds if number else rounds.first_seconds
            found[cell] = speeds_of(pairs[cell][: number + 1], rounds.figures)
            if not is_open(found[cell], POLICY, room=left / (rounds.seconds * len(still))):
                still.remove(cell)
        number += 1
    return found


def speeds_of(pairs: np.ndarray, figures: Sequence[str]) -> tuple[Speed, ...]:
    """What is decided of each figure. pairs: (n, n_figures, 3)."""
    found = []
    for at, name in enumerate(figures):
        old, new, matched = pairs[:, at].T
        found.append(decided(old, new, POLICY, name, () if np.isnan(matched).any() else matched.tolist()))
    return tuple(found)


def is_slower(speeds: Sequence[Speed]) -> bool:
    return any(speed.decision == "slower" for speed in speeds)


def gate_runs(
    rng: np.random.Generator, recordings: Sequence[Rounds], budget: float, n: int
) -> list[dict[str, tuple[Speed, ...]]]:
    """So many gate runs, by turns from each recording."""
    return [resampled(rng, recordings[number % len(recordings)], budget) for number in range(n)]


def slower(runs: Sequence[Mapping[str, Sequence[Speed]]], cells: Sequence[str]) -> Rate:
    """Of some cells of some gate runs those of which a figure is called slower."""
    return share(is_slower(run[cell]) for run in runs for cell in cells)


def slower_figures(runs: Sequence[Mapping[str, Sequence[Speed]]], cells: Sequence[str]) -> dict[str, Rate]:
    """The same figure by figure."""
    found: dict[str, list[bool]] = {}
    for speed in (speed for run in runs for cell in cells for speed in run[cell]):
        found.setdefault(speed.name, []).append(speed.decision == "slower")
    return {name: share(flags) for name, flags in found.items()}


def slower_runs(runs: Sequence[Mapping[str, Sequence[Speed]]]) -> Rate:
    """Gate runs in which any cell is called slower whose search did not change."""
    return share(any(is_slower(run[cell]) for cell in SPEED_ALIKE) for run in runs)


def power(
    rng: np.random.Generator, recordings: Sequence[Rounds], cells: Sequence[str], pairs: Sequence[int], n: int
) -> dict[int, Rate]:
    """How many of n cells are called slower by p50 within so many pairs of rounds of their own."""
    when = []
    for number in range(n // len(cells)):
        drawn_pairs = drawn(rng, recordings[number % len(recordings)], max(pairs))
        for cell in cells:
            looks = (
                (size, speeds_of(drawn_pairs[cell][:size, :1], (P50,))[0].decision)
                for size in range(min(STEADY.beyond_noise), max(pairs) + 1)
            )
            size, decision = next((look for look in looks if look[1] != "undecided"), (0, "undecided"))
            when.append(size if decision == "slower" else max(pairs) + 1)
    return {most: share(size <= most for size in when) for most in pairs}
