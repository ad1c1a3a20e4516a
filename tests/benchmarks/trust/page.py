"""The page of what was measured: rules met or not by the figures, rates with bounds, budget against power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.gate.figures import FIGURES, P50
from bench.gate.speed import Speed
from bench.records import run_folder
from bench.run.suite import Gate
from tests.benchmarks.intervals import table
from tests.benchmarks.trust import pooled, rates
from tests.benchmarks.trust.rates import SLOWED, SPEED_ALIKE, Rate, Rounds
from tests.benchmarks.trust.statistics import COMMITTED, section
from tests.benchmarks.trust.trials import CELLS, Trial

BUDGET = Gate().budget_seconds(len(CELLS))  # seconds of a gate run
RESAMPLED = 2_000  # gate runs, loaded and unloaded each
DRAWS = 2_000  # of each figure of the curve
PAIRS = (5, 6, 8, 10, 12, 16, 24, 32)
SEED = 7
FALSE, FALSE_BOUND, CAUGHT = 0.005, 0.02, 0.90  # the rule: of cells; its upper bound; of +10 %
SIZES = {"Slower10()": 1.10, "Slower20()": 1.20}
CAUGHT_ROWS = {
    **{cell: f"+{100 * (size - 1):.0f} % p50" for cell, size in SIZES.items()},
    "Heavier()": "+1 % ledger bytes",
    "Poorer()": "-.02 R@10",
}


class Group(NamedTuple):
    """The trials of one load, or of both."""

    name: str
    gates: Sequence[Trial]
    resampled: Sequence[dict[str, tuple[Speed, ...]]]


class Rule(NamedTuple):
    """One rule, and what was found."""

    said: str
    found: Rate
    holds: Callable[[Rate], bool]

    def __str__(self) -> str:
        met = "met" if self.found.n and self.holds(self.found) else "not met" if self.found.n else "not measured"
        return f"| {self.said} | {self.found} | {met} |"


def groups(trials: Sequence[Trial]) -> list[Group]:
    """Unloaded, loaded, and both together."""
    found = []
    for name, loaded in (("unloaded", False), ("loaded", True)):
        of_load = [t for t in trials if t.loaded is loaded]
        recordings = recorded(of_load)
        drawn = rates.gate_runs(np.random.default_rng(SEED), recordings, BUDGET, RESAMPLED) if recordings else []
        found.append(Group(name, [t for t in of_load if t.kind == "gate"], drawn))
    gates, drawn = ([*of(found[0]), *of(found[1])] for of in (lambda g: g.gates, lambda g: g.resampled))
    return [*found, Group("together", gates, drawn)]


def recorded(trials: Sequence[Trial]) -> list[Rounds]:
    return [rates.rounds_of(t) for t in trials if t.kind == "recording"]


def rules(both: Group) -> list[Rule]:
    """The rules, held to the runs of both loads."""

    def few(found: Rate) -> bool:
        return found.value <= FALSE

    def surely(found: Rate) -> bool:
        return found.bounds[1] < FALSE_BOUND

    def often(found: Rate) -> bool:
        return found.value >= CAUGHT

    def always(found: Rate) -> bool:
        return found.hits == found.n

    real, drawn = rates.false_speed(both.gates), rates.slower(both.resampled, SPEED_ALIKE)
    return [
        *(
            Rule(f"false alarms of speed, {name}: at most {FALSE:.1%} of {what}", found, few)
            for name, what, found in (("real", "figures", real), ("resampled", "cells", drawn))
        ),
        *(
            Rule(f"the same, {name}: upper bound under {FALSE_BOUND:.0%}", found, surely)
            for name, found in (("real", real), ("resampled", drawn))
        ),
        Rule("false alarms of quality and bytes, real: none", rates.false_exact(both.gates), lambda r: not r.hits),
        Rule(f"+10 % caught, real: at least {CAUGHT:.0%}", rates.caught(both.gates, "Slower10()"), often),
        Rule(f"+10 % caught, resampled: at least {CAUGHT:.0%}", rates.slower(both.resampled, ["Slower10()"]), often),
        Rule("+1 % bytes caught, real: always", rates.caught(both.gates, "Heavier()"), always),
        Rule("-.02 R@10 caught, real: always", rates.caught(both.gates, "Poorer()"), always),
    ]


def real_rows(by_load: Sequence[Group]) -> Iterator[list[str]]:
    """What was counted in real gate runs, a column a group."""
    counted: dict[str, Callable[[Sequence[Trial]], Rate]] = {
        "false: speed, of figures of cells whose search is alike": rates.false_speed,
        "false: anything, of cells in which nothing changed": rates.false_same,
        "false: quality and bytes, of findings where they are alike": rates.false_exact,
        "false: anything, of gate runs": rates.false_runs,
        **{
            f"caught: {said}": lambda trials, cell=cell: rates.caught(trials, cell)
            for cell, said in CAUGHT_ROWS.items()
        },
    }
    for said, of in counted.items():
        yield [said, *(str(of(group.gates)) for group in by_load)]


def resampled_rows(by_load: Sequence[Group]) -> Iterator[list[str]]:
    yield ["false: speed, of cells whose search is alike"] + [
        str(rates.slower(group.resampled, SPEED_ALIKE)) for group in by_load
    ]
    for name, figure in FIGURES.items():
        found = [rates.slower_figures(group.resampled, SPEED_ALIKE).get(name) for group in by_load]
        yield [f"of these: {figure.name}", *("–" if rate is None else str(rate) for rate in found)]
    yield ["false: speed, of gate runs", *(str(rates.slower_runs(group.resampled)) for group in by_load)]
    for cell in SLOWED:
        yield [f"caught: {CAUGHT_ROWS[cell]}", *(str(rates.slower(group.resampled, [cell])) for group in by_load)]


def recording_rows(by_load: Sequence[Group], trials: Sequence[Trial]) -> Iterator[list[str]]:
    """What is drawn from each recording, beside how much its rounds vary."""
    for group, loaded in zip(by_load, (False, True), strict=False):
        recordings = recorded([t for t in trials if t.loaded is loaded])
        for place, rounds in enumerate(recordings):
            runs = group.resampled[place :: len(recordings)]  # drawn from each by turns
            alike = np.concatenate([rounds.ratios(cell) for cell in SPEED_ALIKE])
            middle = np.subtract(*np.quantile(alike, [0.75, 0.25])) / 1.349  # as a standard deviation: of a normal one
            yield [
                group.name, f"{100 * alike.std():.1f} %", f"{100 * middle:.1f} %",
                *(f"{100 * rates.slower(runs, cells).value:.1f} %" for cells in (SPEED_ALIKE, *([c] for c in SLOWED))),
            ]  # fmt: skip


def open_rows(by_load: Sequence[Group]) -> Iterator[list[str]]:
    """How speed came out in real runs."""
    for said, cells in (("alike", SPEED_ALIKE), *((CAUGHT_ROWS[cell], (cell,)) for cell in SLOWED)):
        found = [rates.outcomes(group.gates, cells) for group in by_load]
        yield [said, *(f"{f['pass']} / {f['undecided']} / {f['fail']}" for f in found)]


def size_rows(trials: Sequence[Trial]) -> Iterator[list[str]]:
    """What the injected changes measure, over all recorded pairs of rounds, and how far pairs lie apart."""
    for cell in CELLS:
        line = [cell, f"×{SIZES.get(cell, 1.0):.2f}"]
        for loaded in (False, True):
            found = [t.times[cell][P50].ratios for t in trials if t.kind == "recording" and t.loaded is loaded]
            every = np.concatenate(found) if found else np.zeros(2)
            told = (f"×{np.exp(np.median(every)):.3f}", f"{100 * every.std(ddof=1):.1f} %", str(len(every)))
            line += told if found else ("–", "–", "–")
        yield line


def curve_rows(trials: Sequence[Trial]) -> Iterator[list[str]]:
    """Budget against power: a cell's pairs of rounds, their seconds, and how many cells are called slower by then."""
    for name, loaded in (("unloaded", False), ("loaded", True)):
        recordings = recorded([t for t in trials if t.loaded is loaded])
        if recordings:
            first = float(np.mean([rounds.first_seconds for rounds in recordings]))
            more = float(np.mean([rounds.seconds for rounds in recordings]))
            of_cells = [
                rates.power(np.random.default_rng(SEED), recordings, cells, PAIRS, DRAWS)
                for cells in (SPEED_ALIKE, *((cell,) for cell in SLOWED))
            ]
            for pairs in PAIRS:
                found = [f"{100 * of_cell[pairs].value:.2f} %" for of_cell in of_cells]
                yield [name, str(pairs), f"{first + (pairs - 1) * more:.0f}", *found]


def page(folder: Path) -> tuple[str, bool]:
    """The page, and whether every rule of the gate is met."""
    trials = run_folder.lines(folder / "trials.jsonl", Trial)
    by_load = groups(trials)
    held = rules(by_load[-1])
    names = [group.name for group in by_load]
    level = pooled.of_figures(np.random.default_rng(SEED), trials)
    text = PAGE.format(
        statistics=section(COMMITTED)[0],
        conditions=conditions(trials),
        rules="\n".join(["| rule | found | |", "| --- | --- | --- |", *map(str, held)]),
        real=table(["real gate runs", *names], list(real_rows(by_load))),
        open=table(["search", *names], list(open_rows(by_load))),
        pooled=table(["new / old", "median", "new is greater", "pairs", "runs", ""], list(pooled.rows(level))),
        pooled_most=100 * pooled.MOST,
        resampled=table(["resampled gate runs", *names], list(resampled_rows(by_load))),
        by_recording=table(
            ["recording", "spread", "of the middle", "false", *(f"caught: {CAUGHT_ROWS[cell]}" for cell in SLOWED)],
            list(recording_rows(by_load, trials)),
        ),
        sizes=table(
            ["cell", "true", "unloaded", "spread", "pairs", "loaded", "spread", "pairs"], list(size_rows(trials))
        ),
        curve=table(
            ["", "pairs", "seconds", "alike", *(CAUGHT_ROWS[cell] for cell in SLOWED)], list(curve_rows(trials))
        ),
        n_cells=len(CELLS),
        n_alike=len(SPEED_ALIKE),
        budget=BUDGET,
        block=rates.BLOCK,
        drawn=RESAMPLED,
        draws=DRAWS,
        seed=SEED,
        slower=100 * rates.POLICY.slower,
    )
    leans = not all(one.is_level for one in level.values())
    return text, not leans and all(rule.found.n and rule.holds(rule.found) for rule in held)


def conditions(trials: Sequence[Trial]) -> str:
    """Where and how the trials were made: a line for each machine and code."""
    lines = []
    for machine in dict.fromkeys((t.environment.cpu, t.environment.cores, t.environment.kernel) for t in trials):
        of_it = [t for t in trials if (t.environment.cpu, t.environment.cores, t.environment.kernel) == machine]
        counts = ", ".join(
            f"{sum(t.kind == kind and t.loaded is loaded for t in of_it)} {said}"
            for kind, loaded, said in (
                ("gate", False, "gate runs unloaded"),
                ("gate", True, "loaded"),
                ("recording", False, "recordings unloaded"),
                ("recording", True, "loaded"),
            )
        )
        typical = [t.seconds for t in of_it if t.kind == "gate"]
        took = f"; a gate run takes {np.median(typical):.0f} s in all (median)" if typical else ""
        first = of_it[0].environment
        codes = len({t.environment.code_sha256 for t in of_it})
        states = f", {codes} states of the code" if codes > 1 else ""
        lines.append(
            f"{first.cpu}, {first.cores} cores, {first.memory_bytes / 1e9:.1f} GB, {first.kernel}, "
            f"Python {first.python}, numpy {first.libraries.get('numpy')}; commit {(first.commit or 'none')[:7]}"
            f"{' and uncommitted changes' if first.dirty else ''}{states}. "
            f"{counts}{took}."
        )
    return "\n".join(lines) or "Not measured."


PAGE = """\
# How far the statistics and the gate can be trusted

Made by `make trust` from measured figures alone; no number here was put in by hand.

## Statistics

{statistics}

## The gate

{conditions}

Every gate run is the real command, `sparring gate suite.toml --ab HEAD~1`, on a git repository made for it:
{n_cells} engines on `primer`, whose second commit makes two of them slower (a query is searched 22 or 24 times in place
of 20), one heavier by 1 % of its lists and one poorer (it answers some queries by nothing, after the same work); in the
rest nothing changes. Budget {budget:g} s in all, the default. *Loaded*: another process keeps one core busy.

{rules}

The rules are held to the runs of both loads together. A false alarm of speed is counted over the {n_alike} of {n_cells}
cells whose search does not change: in real runs figure by figure (p50, p95, new queries, batch, memory), so that none
of m bounds their rate at 3/m; in resampled ones cell by cell, whichever figure it was. In brackets: Clopper-Pearson's
95 % bounds.

{real}

Speed in these runs, figures: pass / undecided / called slower (which fails). The gate calls slower what is {slower:g} %
slower and more.

{open}

Whether the gate leans to a side: new over old of those {n_alike} cells, pooled over all pairs of rounds of gate runs
and recordings. In brackets the 95 % interval (bootstrap over runs): it is to hold 1, and to reach no further than
{pooled_most:g} % to either side. Of memory it is to hold what the instrument does not tell from 1, a MiB: some pages of
4 KiB lie otherwise on the two sides.

{pooled}

### Resampled

A recording goes on with the gate's rounds whatever is decided. {drawn:,} gate runs a load are drawn from such
recordings (seed {seed}): of one recording, blocks of {block} neighbouring pairs of rounds, the same ones for every cell
(cells whose search is alike stand in for one another, block by block), asked by turns as the gate asks them, until
decided or until {budget:g} s of pairs are spent. The bounds tell of the drawing alone: the recordings are few. Quality
and bytes do not vary, and are not drawn.

{resampled}

Recording by recording, in the order they were made. Spread: of the log ratios of a pair of rounds where nothing
changed, their standard deviation, and that of their middle half, which no burst moves:

{by_recording}

What the changes truly measure in the recordings (the median over pairs of rounds, and the standard deviation of their
log ratio):

{sizes}

### Budget and power

Share of cells that is called slower by p50 within so many pairs of rounds of one cell, and the seconds these take;
{draws:,} drawn for each figure.

{curve}
"""
