"""The rounds of an A/B: pair by pair of both sides, until each cell is decided or the budget is spent."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from bench.analysis import matching
from bench.gate.ab_process import ABSide, ask_in_turns
from bench.gate.ab_worker import Answer, KnownCell, Request
from bench.gate.figures import FIGURES, P50, matched
from bench.gate.speed import WOULD_TELL, Speed, decided
from bench.instruments.processor import Cores
from bench.run.suite import Gate, Suite
from bench.statistics.sequential_speed import FEWEST_ROUNDS

ROUND_SECONDS = 0.2  # the start of a process takes longer: more rounds tell more than longer ones
ANSWER_SECONDS = 60.0  # of a round, beside the limits of its stages

Speeds = tuple[Speed, ...]  # of one cell: p50, and what else both sides tell


def speeds_of(
    old: ABSide,
    new: ABSide,
    policy: Gate,
    suite: Suite,
    says: Callable[[str], None],
    *,
    thorough: bool = False,
) -> dict[str, Speeds]:
    """
    The figures of the cells that both sides have, by the new side's key; one round of every other cell.

    A cell is done when something of it is slower; when its p50 is decided, and what else looks slower is too, unless
    there is no time for the pairs that would tell; thorough: when every figure is decided. All of it ends with the
    budget, which begins after the first round: in that every query is answered, for the hits.
    """
    pairs = [pair for pair in matching.matched(old.cells, new.cells) if pair[0].threads == pair[1].threads]
    seconds = 2 * suite.limits.at_most + ANSWER_SECONDS
    _measure_unpaired(old, {pair[0].cell for pair in pairs}, seconds)
    _measure_unpaired(new, {pair[1].cell for pair in pairs}, seconds)
    random_order = random.Random(suite.seed)  # noqa: S311  # no secret
    cores = Cores()
    rounds = {pair: _CellRounds(random_order.random() < 0.5, cores) for pair in pairs}
    open_pairs, speeds = dict(rounds), dict[str, Speeds]()
    end, number = math.inf, 0
    while open_pairs and time.monotonic() < end:
        for pair, of_cell in list(open_pairs.items()):
            if time.monotonic() >= end:
                break
            of_cell.add_round(old, new, pair, number, seconds)
            found = of_cell.speeds(policy)
            speeds.pop(pair[1].cell, None)  # a cell that has failed since has none
            if found:
                speeds[pair[1].cell] = found
            if not is_open(found, policy, thorough=thorough, room=_room(open_pairs.values(), end)):
                del open_pairs[pair]
        number += 1
        if number == 1:
            end = time.monotonic() + policy.budget_seconds(len(pairs))
            _say_if_short(open_pairs.values(), policy, len(pairs), says)
        says(f"round {number}: {len(speeds) - len(open_pairs)} of {len(speeds)} cells done")
    still_open = {cell for cell, found in speeds.items() if is_open(found, policy, thorough=thorough)}
    return _with_budget(speeds, rounds, policy, still_open)


def _measure_unpaired(side: ABSide, paired: Collection[str], seconds: float) -> None:
    """One round of each cell that the other side has not: it is measured, and compared with none."""
    for cell in side.cells:
        if cell.cell not in paired:
            side.ask(Request(cell=cell.cell), seconds)


def is_open(speeds: Speeds, policy: Gate, *, thorough: bool = False, room: float = math.inf) -> bool:
    """Whether a cell needs another pair of rounds. room: how many more of them there is time for."""
    if any(speed.decision == "slower" for speed in speeds):
        return False
    undecided = [speed for speed in speeds if speed.decision == "undecided"]
    return any(
        thorough or speed.name == P50 or (speed.ratio >= 1 + policy.slower and _would_tell(speed, room))
        for speed in undecided
    )


def _would_tell(speed: Speed, room: float) -> bool:
    """Whether what looks slower would be decided by the pairs that there is time for, as far as those so far tell."""
    return speed.rounds < FEWEST_ROUNDS or (speed.needed is not None and speed.needed <= speed.rounds + room)


@dataclass
class _CellRounds:
    """What the rounds of a cell answered so far."""

    old_first: bool
    cores: Cores
    old: list[Answer] = field(default_factory=list)
    new: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # that each pair took

    def add_round(
        self, old: ABSide, new: ABSide, pair: tuple[KnownCell, KnownCell], number: int, seconds: float
    ) -> None:
        """Ask both sides for a round, by turns where they can, else one after the other; the first alternates."""
        start = time.monotonic()
        order = [(old, pair[0], self.old), (new, pair[1], self.new)]
        if self.old_first != (number % 2 == 0):
            order.reverse()
        asked = [(side, Request(cell=cell.cell, round=number)) for side, cell, _ in order]
        if old.keeps_step and new.keeps_step:
            answers = ask_in_turns(asked, 2 * seconds, self.cores.quietest() if pair[0].threads == 1 else None)
        else:
            answers = [side.ask(wanted, seconds) for side, wanted in asked]
        for (_, _, found), answer in zip(order, answers, strict=True):
            found.append(answer)
        self.seconds.append(time.monotonic() - start)

    def speeds(self, policy: Gate) -> Speeds:
        """None of them where a side failed, or takes no time: its status says more."""
        old, new = ([_figures(answer) for answer in answers] for answers in (self.old, self.new))
        told = [name for name in FIGURES if all(_is_told(name, figures) for figures in (*old, *new))]
        if P50 not in told:
            return ()
        return tuple(
            decided([f[name] for f in old], [f[name] for f in new], policy, name, self._matched(name)) for name in told
        )

    def _matched(self, name: str) -> list[float]:
        """New / old of each pair of rounds, query by query; empty where that is not known."""
        found = [matched(name, old.times, new.times) for old, new in zip(self.old, self.new, strict=True)]
        return [ratio for ratio in found if ratio is not None] if None not in found else []


def _is_told(name: str, figures: Mapping[str, float]) -> bool:
    """Whether a round has a figure that can be compared: of bytes none is one, of times and rates it is not."""
    return name in figures and (figures[name] > 0 or FIGURES[name].resolution > 0)


def _figures(answer: Answer) -> Mapping[str, float]:
    """What a round told; of a side whose Sparring is older its median service time alone."""
    if answer.figures or answer.milliseconds is None:
        return answer.figures
    return {P50: answer.milliseconds}


# The budget


def _room(rounds: Collection[_CellRounds], end: float) -> float:
    """How many more pairs of each open cell there is time for."""
    a_round = sum(of_cell.seconds[-1] for of_cell in rounds if of_cell.seconds)
    return (end - time.monotonic()) / a_round if a_round else math.inf


def _say_if_short(rounds: Collection[_CellRounds], policy: Gate, n_cells: int, says: Callable[[str], None]) -> None:
    """That the budget is plainly short, before it is begun: judged by the first pairs, which take longest."""
    needed = (FEWEST_ROUNDS - 1) * sum(of_cell.seconds[0] for of_cell in rounds)
    if needed > policy.budget_seconds(n_cells):
        says(
            f"[gate] budget = {policy.budget!r} is short for {FEWEST_ROUNDS} pairs of rounds of {len(rounds)} "
            f"cell{'' if len(rounds) == 1 else 's'}: about {_rounded(needed)} s are needed"
        )


def _with_budget(
    speeds: Mapping[str, Speeds],
    rounds: Mapping[tuple[KnownCell, KnownCell], _CellRounds],
    policy: Gate,
    still_open: Collection[str],
) -> dict[str, Speeds]:
    """What stayed undecided for want of pairs says how to have more: which budget, or to measure on what looks well."""
    later = [of_cell.seconds[1:] or of_cell.seconds for of_cell in rounds.values()]
    needed = _rounded((FEWEST_ROUNDS - 1) * sum(max(each) for each in later))
    raised = f"raise [gate] budget = {policy.budget!r}"

    def one(speed: Speed, advice: str) -> Speed:
        if speed.decision != "undecided":
            return speed
        why = speed.why
        if advice == raised and speed.rounds < FEWEST_ROUNDS:
            why = f"budget: {why}; {raised} to {needed}s"
        elif why.endswith(WOULD_TELL) and advice:
            why = f"{why}: {advice}"
        return msgspec.structs.replace(speed, why=why)

    def advice_of(cell: str, speeds: Speeds) -> str:
        if any(speed.decision == "slower" for speed in speeds):  # it is decided that the cell fails
            return ""
        return raised if cell in still_open else "--undecided fail measures on"

    return {cell: tuple(one(speed, advice_of(cell, found)) for speed in found) for cell, found in speeds.items()}


def _rounded(seconds: float) -> int:
    """Up to the next ten seconds."""
    return 10 * math.ceil(seconds / 10)
