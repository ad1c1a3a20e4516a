"""
The pictures that `sparring plot` draws: a name and an entry each.

The commands read this module for their help, so what draws is imported when it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from bench.records.run_folder import Run


class Choice(NamedTuple):
    """What of some runs is drawn; None: what there is one of."""

    passages: str | None = None
    measure: str | None = None
    cost: str | None = None
    prices: str | None = None  # the path of their file


class PictureKind(NamedTuple):
    """One kind of picture."""

    shows: str  # for --help
    svg: Callable[[Sequence[Run], Choice], str]
    takes: tuple[str, ...] = Choice._fields
    of_folders: bool = False  # draws folders of runs too, as `sparring history` takes them


def _frontier(runs: Sequence[Run], choice: Choice) -> str:
    from bench.analysis import prices as of_file
    from bench.report.charts import frontier
    from bench.report.tables.frontier import read

    prices = None if choice.prices is None else of_file.read(Path(choice.prices))
    return frontier.svg(read(runs, choice.passages, choice.measure, choice.cost, prices))


def _storage(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import storages

    return storages.svg(storages.read(_of(runs, choice.passages)))


def _growth(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import growth
    from bench.report.tables.growth import read

    return growth.svg(read(runs, choice.passages, choice.cost))


def _history(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import history
    from bench.report.tables.over_time import read

    return history.svg(read(runs, choice.passages, choice.measure))


def _latency(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import latency
    from bench.report.tables.latency import read

    return latency.svg(read(runs, choice.passages))


def _memory(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import memory
    from bench.report.tables.memory import read

    return memory.svg(read(runs, choice.passages))


def _labels(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import label_means
    from bench.report.tables.label_means import read

    return label_means.svg(read(runs, choice.passages, choice.measure))


def _overlap(runs: Sequence[Run], choice: Choice) -> str:
    from bench.report.charts import overlap
    from bench.report.tables.overlap import read

    return overlap.svg(read(runs, choice.passages, choice.measure))


def _of(runs: Sequence[Run], passage_set: str | None) -> list[Run]:
    """The runs' cells of one passage set; InputError where there are none."""
    if passage_set is None:
        return list(runs)
    known = list(dict.fromkeys(m.passage_set for run in runs for m in run.measurements))
    if passage_set not in known:
        hint = did_you_mean(passage_set, known)
        raise InputError(f"--passages: expected one of {', '.join(known)}, found {passage_set!r}.{hint}")
    cells = [tuple(m for m in run.measurements if m.passage_set == passage_set) for run in runs]
    return [replace(run, measurements=found) for run, found in zip(runs, cells, strict=True) if found]


SET = ("passages",)
KINDS: Mapping[str, PictureKind] = {
    "frontier": PictureKind("quality against a cost, marks as large as the index", _frontier),
    "storage": PictureKind("bytes of a passage in each storage, and what it loses", _storage, takes=("passages",)),
    "growth": PictureKind("a cost by the number of passages", _growth, takes=("passages", "cost")),
    "history": PictureKind("a measure and p50 run after run", _history, takes=("passages", "measure"), of_folders=True),
    "latency": PictureKind("how the times of single queries are spread, p50, p95 and stages", _latency, takes=SET),
    "memory": PictureKind("index, encoder and libraries of each cell, and its deployment", _memory, takes=SET),
    "labels": PictureKind("a measure by what the queries test, with intervals", _labels),
    "overlap": PictureKind(
        "a measure by how many words query and relevant passage share", _overlap, takes=("passages", "measure")
    ),
}


def svg(kind: str, runs: Sequence[Run], choice: Choice) -> str:
    """A picture of some runs. InputError for a kind that is none, an option that it does not take, and as it draws."""
    if kind not in KINDS:
        raise InputError(f"plot: expected one of {', '.join(KINDS)}, found {kind!r}.{did_you_mean(kind, KINDS)}")
    for name, value in choice._asdict().items():
        if value is not None and name not in KINDS[kind].takes:
            raise InputError(f"plot {kind}: takes no --{name}: leave it out")
    return KINDS[kind].svg(runs, choice)
