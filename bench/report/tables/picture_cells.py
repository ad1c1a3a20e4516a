"""The cells that a picture of one passage set is made of, and what is said below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import InputError, did_you_mean
from bench.records.run_folder import Run
from bench.report import rows as flat
from bench.report.tables.lines import RunCell, names_of, shortened

NAMED = 4  # cells of a remark that are named; of the others the number


@dataclass(frozen=True)
class PictureCells:
    """The cells of one passage set."""

    passage_set: str
    cells: tuple[RunCell, ...]
    names: tuple[str, ...]  # of each: with its run and its threads where they tell it from another

    @property
    def runs(self) -> list[Run]:
        """Those that have a cell, each once."""
        return list({id(run): run for _, run, _ in self.cells}.values())

    @property
    def conditions(self) -> str:
        """Those of every run."""
        return "; ".join(dict.fromkeys(map(conditions_of, self.runs)))


def cells_of(runs: Sequence[Run], passage_set: str | None, kind: str) -> PictureCells:
    """
    The cells of the one passage set of some runs, or of the one that is asked for.

    kind: of the picture, for messages. InputError where the set has to be named or is not there, and for runs that have
    other passages under its name.
    """
    name = passage_set_of(runs, passage_set, kind)
    cells: list[RunCell] = [
        (run_name, run, m)
        for run_name, run in zip(flat.names(runs), runs, strict=True)
        for m in run.measurements
        if m.passage_set == name
    ]
    if len({m.passage_set_sha256 for _, _, m in cells}) > 1:
        raise InputError(f"{kind} of {name}: expected the same passages in every run, found others of that name")
    return PictureCells(name, tuple(cells), tuple(map(shortened, _names(cells))))


def refuse_other_hardware(found: PictureCells, kind: str) -> None:
    """InputError for cells that were timed on unlike machines."""
    if apart := flat.hardware(found.runs):
        raise InputError(
            f"{kind} of {found.passage_set}: expected times of one machine, found {apart}: draw each run by itself"
        )


def measure_of(runs: Sequence[Run], asked: str | None, kind: str) -> str:
    """The measure that is asked for, or the one that the runs named before they ran; InputError where there is none."""
    known = flat.measures(runs)
    primaries = list(dict.fromkeys(flat.primary(run) for run in runs))
    if asked is None and len(primaries) == 1 and primaries[0] is not None:
        return primaries[0]
    if asked is None:
        found = ", ".join(map(str, primaries))
        raise InputError(f"{kind}: expected one primary measure, found {found}: name one with --measure")
    if asked not in known:
        raise InputError(f"--measure: expected one of {', '.join(known)}, found {asked!r}.{did_you_mean(asked, known)}")
    return asked


def remarks_of(lacking: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A remark for each thing that some cells lack: what it is, and their names."""
    return tuple(f"{why}: {several_of(names)}" for why, names in lacking.items())


def several_of(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _names(cells: Sequence[RunCell]) -> list[str]:
    """What each cell is called; of a set that grew, with its synthetic passages."""
    grown = len({m.n_distractors for _, _, m in cells}) > 1
    return [
        f"{name}, {m.n_distractors:,} synthetic passages" if grown else name
        for name, (_, _, m) in zip(names_of(cells), cells, strict=True)
    ]


def passage_set_of(runs: Sequence[Run], asked: str | None, kind: str) -> str:
    """The one passage set of the runs, or the one that is asked for; InputError, naming the picture, for any other."""
    known = list(dict.fromkeys(m.passage_set for run in runs for m in run.measurements))
    if asked is None and len(known) == 1:
        return known[0]
    listed = ", ".join(known) or "runs without cells"
    if asked is None:
        raise InputError(f"{kind}: expected one passage set, found {listed}: name one with --passages")
    if asked not in known:
        raise InputError(f"--passages: expected one of {listed}, found {asked!r}.{did_you_mean(asked, known)}")
    return asked


def conditions_of(run: Run) -> str:
    """What a picture has room for of what its numbers hold for; the run's table says the rest."""
    machine, rounds = run.environment, run.record.suite.get("rounds")
    parts = [f"{machine.cpu}, {machine.cores} cores"]
    parts += [f"{rounds} rounds"] if rounds else []
    parts.append(run.record.made[:10])
    if machine.commit is not None:
        parts.append(f"commit {machine.commit[:10]}" + (" with uncommitted changes" if machine.dirty else ""))
    return ", ".join(parts)
