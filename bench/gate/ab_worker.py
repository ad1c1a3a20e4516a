"""
One side of an A/B: a run in its own environment and folder, whose rounds are asked for one at a time.

Started with JOB.json by `bench.gate.ab_process`. It encodes and builds every cell, and says which there are; then each
line on stdin asks for one round of one cell and is answered by one line on stdout, until one asks for the end: then it
writes its measurements as any run does. What its plug-ins print goes to stderr.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.gate.figures import P50, of_round, times_of_round
from bench.passages import loader
from bench.passages.passage_set import PassageSet
from bench.records.schema import StageResult
from bench.run.cells import Cell
from bench.run.conclusion import Prepared
from bench.run.keys import query_key, search_key
from bench.run.runner import How, Runner, begun
from bench.run.suite import CellGroup, Suite
from bench.run.tasks import Task
from bench.stage.turns import Turns
from bench.stage.worker import die_with, imported
from retrievers.registry import PluginError, Registry, SpellingError, installed, parse


class ABJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a side is to run; paths are absolute, or relative to where it is started."""

    suite: dict[str, object]
    folder: str
    plugins: tuple[str, ...] = ()
    # A revision may not have all yet: leave out the cells that cannot be spelled here, fail those without their model.
    lenient: bool = False
    round_seconds: float
    parent: int  # the process that it does not outlive


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One line on stdin: a round of a cell, or the end."""

    cell: str = ""
    round: int = 0
    turns: Turns | None = None  # with the other side
    end: bool = False


class KnownCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that a side has."""

    cell: str
    passage_set: str
    retriever: str
    cell_name: str = ""  # given by the suite
    threads: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One line on stdout."""

    error: str = ""  # why there is no run: nothing follows
    cells: tuple[KnownCell, ...] = ()  # the first answer: what was prepared, whole or not
    keeps_step: bool = False  # whether it takes turns, query by query, as sides of before 0.3 do not
    code: tuple[str, ...] = ()  # files of Python that this side has imported so far and no library has
    figures: dict[str, float] = {}  # of a round: key of JSON -> its value; none where the cell failed
    times: dict[str, tuple[int, ...]] = {}  # samples -> nanoseconds of each call, as they were asked
    milliseconds: float | None = None  # the first of them, for a parent of before 0.3


def main(path: str) -> None:
    """Run the job in the file `path`; exit code 2, and the reason as the last answer, for a caller's mistake."""
    answers = _answers()
    job = msgspec.json.decode(Path(path).read_bytes(), type=ABJob)
    die_with(job.parent)
    signal.signal(signal.SIGTERM, _interrupted)  # so that a child that runs is ended with all it started
    try:
        run(job, sys.stdin, answers)
    except (InputError, PluginError, SpellingError, msgspec.ValidationError) as error:
        _say(answers, Answer(error=str(error)))
        sys.exit(2)


def run(job: ABJob, questions: Iterable[str], answers: io.TextIOBase) -> None:
    """Prepare every cell, answer each question, and write the measurements. Raises as `bench.run.runner.run` does."""
    registry = installed()
    for plugin in job.plugins:
        registry.add_file(Path(plugin))
    suite = msgspec.structs.replace(msgspec.convert(job.suite, Suite), baseline=None, published=())
    suite = spoken(suite, registry) if job.lenient else suite
    sets = [loader.load(name, exclude=suite.exclude) for name in suite.passages]
    _refuse_twins(sets)
    plugins = [Path(plugin) for plugin in job.plugins]
    how: How = {"plugins": plugins, "lenient": job.lenient}
    with begun(suite, sets, Path(job.folder), registry, **how) as (runner, cells):
        runner.round_seconds, runner.report_imports = job.round_seconds, True
        prepared = _prepared(runner, cells)
        known = tuple(_known(cell) for cell in cells)

        def code() -> tuple[str, ...]:
            return tuple(sorted(runner.children.code.union(imported())))

        _say(answers, Answer(cells=known, code=code(), keeps_step=True))
        by_key = {cell.key: cell for cell in cells}
        for line in questions:
            wanted = msgspec.json.decode(line, type=Request)
            if wanted.end:
                break
            cell = by_key[wanted.cell]
            parts = _round(runner, prepared[cell.passage_set.name], cell, wanted)
            found = of_round(runner.writer.folder, parts) if parts else {}
            times = times_of_round(runner.writer.folder, parts) if parts else {}
            _say(answers, Answer(figures=found, times=times, milliseconds=found.get(P50), code=code()))
        for of_set in prepared.values():
            runner.conclusion.conclude(of_set)
        shutil.rmtree(runner.writer.folder / "work", ignore_errors=True)
    _say(answers, Answer())


def _refuse_twins(sets: Sequence[PassageSet]) -> None:
    """InputError for two sets of one content: their cells are the same ones, and would be asked by one name."""
    known: dict[str, str] = {}
    for one in sets:
        other = known.setdefault(one.asked_sha256, one.name)
        if other != one.name:
            raise InputError(
                f"passages: expected each set once, found {other} and {one.name} with one content: leave one out"
            )


def spoken(suite: Suite, registry: Registry) -> Suite:
    """The suite with the cells alone that can be spelled here."""
    groups = []
    for group in suite.cells:
        spellings = tuple(spelling for spelling in group.spellings() if _is_spelled(spelling, registry))
        groups.append(CellGroup(retrievers=spellings, passages=group.passages, name=group.name))
    kept = tuple(group for group in groups if group.retrievers)
    return msgspec.structs.replace(suite, cells=kept)


def _is_spelled(spelling: str, registry: Registry) -> bool:
    try:
        parse(spelling, registry)
    except SpellingError:
        return False
    except Exception:  # an adapter may raise anything: its cell says so
        return True
    return True


def _prepared(runner: Runner, cells: Iterable[Cell]) -> dict[str, Prepared]:
    """Every passage set's cells, encoded and built, by the set's name."""
    of_sets: dict[str, list[Cell]] = {}
    for cell in cells:
        of_sets.setdefault(cell.passage_set.name, []).append(cell)
    runner.children.left = {name: {} for name in of_sets}  # nobody is told how many stages are left
    return {name: runner.prepare(of_set) for name, of_set in of_sets.items()}


def _known(cell: Cell) -> KnownCell:
    return KnownCell(
        cell=cell.key,
        passage_set=cell.passage_set.name,
        retriever=cell.spelling,
        cell_name=cell.given_name,
        threads=cell.threads,
    )


def _round(runner: Runner, prepared: Prepared, cell: Cell, wanted: Request) -> list[StageResult]:
    """One round of a cell: of all that goes from text to ids; none where it failed."""
    number, turns = wanted.round, wanted.turns
    runner.round(prepared, number, [cell], None if turns is None else partial(_in_its_turn, runner, turns, count()))
    if cell.key in runner.children.failed:
        return []
    stages = runner.writer.stages
    keys = [query_key] if cell.timed_apart else []
    return [stages[key(cell, number)] for key in (*keys, search_key)]


def _in_its_turn(runner: Runner, turns: Turns, stages: Iterator[int], task: Task) -> None:
    """A task of a round, for twice as long: half of the time is the other side's. stages: counts the tasks."""
    stage = next(stages)
    own = turns._replace(stage=stage, behind=turns.take((stage, 0, 0)))
    job = msgspec.structs.replace(task.job, turns=own, round_seconds=2 * runner.round_seconds)
    runner.children.do(task._replace(job=job))
    turns.give((stage + 1, 0, 0))


def _answers() -> io.TextIOWrapper:
    """Standard output for the answers alone: whatever else is printed there goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return kept


def _say(answers: io.TextIOBase, answer: Answer) -> None:
    answers.write(msgspec.json.encode(answer).decode() + "\n")
    answers.flush()


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(sys.argv[1])
