"""
A/B: a revision of the user's own repository against the working tree, on this machine, rounds interleaved.

Each side is a real run in a process of its own (`bench.gate.ab_worker`). The revision is checked out beside the working
tree, and where the suite says how, installed into an environment of its own that inherits the present one: what it does
not install itself is the very library that the other side runs on. Both time their queries in step, one side at a time
(`bench.stage.turns`); which goes first alternates. Whatever happens, both processes are ended and the checkout is
removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.gate.ab_process import ABSide, started
from bench.gate.ab_worker import ABJob, Answer, Request
from bench.gate.policy import policy_changes, with_longer_budget
from bench.gate.revision import environment, toplevel, worktree
from bench.gate.rounds import ROUND_SECONDS, speeds_of
from bench.gate.speed import Speed
from bench.git import git
from bench.passages import cards
from bench.passages.exclusion import SELF
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.run import suite as suites
from bench.run.suite import Gate, Suite

PREPARING_SECONDS = 600.0  # beside the limits of the stages


@dataclass(frozen=True)
class ABResult:
    """What an A/B came to: the runs of both sides, and how fast each cell of the new one is beside the old one's."""

    old: Run
    new: Run
    speeds: Mapping[str, Sequence[Speed]]  # new cell key -> its figures, p50 first; none without a counterpart
    policy: Gate  # as the revision's suite has it
    primary: str
    changed_policy: tuple[str, ...]  # what of both is another now
    notes: tuple[str, ...]  # what a reader must know of how the sides were made


@contextlib.contextmanager
def run_ab(
    suite_file: Path,
    ref: str,
    *,
    plugins: Sequence[Path] = (),
    keep: Path | None = None,
    thorough: bool = False,
    says: Callable[[str], None] = lambda _: None,
) -> Iterator[ABResult]:
    """
    Run both sides until every cell's p50 is decided, with what looks slower, or the budget is spent.

    suite_file: in the repository; its cells and plug-ins at `ref` are the old side's, its conditions now hold for both.
    plugins: files beside the suite's own, of the repository each side's version. keep: an empty or new folder for the
    two runs; None: they are removed with the rest. thorough: until every figure of every cell is decided. Raises
    InputError for a revision that is none, an installation that fails, and a side that cannot run.
    """
    repository = toplevel(suite_file.resolve().parent)
    suite = msgspec.structs.replace(suites.load(str(suite_file)), stop=None)  # every query is held
    with _terminable(), worktree(repository, ref) as tree:
        scratch = tree.parent
        runs = _empty(scratch / "runs" if keep is None else keep)
        moved = _Checkout(repository, tree)
        former = _former(moved, suite_file.resolve(), ref) or suite
        past, gone = _past_plugins(moved, former if former.plugins else suite, plugins)
        suite, present = suites.without_plugins(suite, plugins)
        own, old_suite = suite.gate or Gate(), _old_suite(former, suite)
        policy, install = with_longer_budget(former.gate or Gate(), own, suite.n_cells), own.install
        changed = policy_changes(_plain(former), _plain(suite), suite.n_cells)
        python, variables, notes = environment(install, tree, scratch, says)
        present = [path.resolve() for path in present]
        notes += [f"{path.name} is not in {ref}" for path in gone]
        if not install and old_suite.pairs() == suite.pairs():
            _refuse_itself(moved, present, suite, ref)
        cwd = moved.path(Path.cwd())
        place = cwd if cwd.is_dir() else tree
        job = _job(old_suite, runs / "old", past, lenient=True)
        sides = (
            ABSide(ref, job, scratch / "old.log", python, place, variables, _own_code(repository, ref)),
            ABSide("the working tree", _job(suite, runs / "new", present), scratch / "new.log"),
        )
        with _prepared(sides, (old_suite, suite), says) as (old, new):
            speeds = speeds_of(old, new, policy, suite, says, thorough=thorough)
            for side in (old, new):
                side.ask(Request(end=True), PREPARING_SECONDS)
        yield ABResult(
            old=run_folder.read(runs / "old"),
            new=run_folder.read(runs / "new"),
            speeds=speeds,
            policy=policy,
            primary=former.primary,
            changed_policy=tuple(changed),
            notes=tuple(notes),
        )


def _empty(folder: Path) -> Path:
    """The folder, made where it is new. InputError where it is none, or not empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = "files in it" if any(folder.iterdir()) else ""
    except OSError as error:
        found = f"what is none: {error.strerror}"
    if found:
        raise InputError(f"folder {folder}: expected an empty or new folder for both runs, found {found}")
    return folder


@contextlib.contextmanager
def _prepared(
    sides: tuple[ABSide, ABSide], their_suites: tuple[Suite, Suite], says: Callable[[str], None]
) -> Iterator[tuple[ABSide, ABSide]]:
    """Both sides, started one after the other, with every cell encoded and built."""
    with contextlib.ExitStack() as both:
        for side, suite in zip(sides, their_suites, strict=True):
            says(f"{side.name}: encode and build")
            both.enter_context(started(side)).known(_preparing(suite))
        yield sides


# What a side is told


def _job(suite: Suite, folder: Path, plugins: Sequence[Path], *, lenient: bool = False) -> ABJob:
    """What a side is told: passage sets by absolute path, and of the suite what is not left at its default."""
    own = {name: str(Path(name).absolute()) for name in suite.passages if _is_path(name)}
    groups = tuple(
        msgspec.structs.replace(
            group, passages=None if group.passages is None else tuple(own.get(name, name) for name in group.passages)
        )
        for group in suite.cells
    )
    passages = tuple(own.get(name, name) for name in suite.passages)
    exclude = suite.exclude if suite.exclude in (None, SELF) else str(Path(suite.exclude).absolute())
    whole = msgspec.structs.replace(
        suite, passages=passages, cells=groups, modes=("single", "batch"), gate=None, exclude=exclude
    )
    defaults = {field.name: field.default for field in msgspec.structs.fields(Suite)}
    told = {name: value for name, value in msgspec.structs.asdict(whole).items() if value != defaults[name]}
    return ABJob(
        suite=msgspec.to_builtins(told),
        folder=str(folder.absolute()),
        plugins=tuple(map(str, plugins)),
        lenient=lenient,
        round_seconds=ROUND_SECONDS,
        parent=os.getpid(),
    )


def _is_path(name: str) -> bool:
    return name not in cards.names() and Path(name).exists()


def _preparing(suite: Suite) -> float:
    """Seconds within which a side must have encoded and built all its cells."""
    return PREPARING_SECONDS + 2 * len(suite.pairs()) * suite.limits.at_most


# The revision


@dataclass(frozen=True)
class _Checkout:
    """Where the paths of the working tree lie in the checkout."""

    repository: Path
    tree: Path

    def path(self, path: Path) -> Path:
        """The same path in the checkout; itself where it lies outside the repository."""
        if not path.is_relative_to(self.repository):
            return path
        return self.tree / path.relative_to(self.repository)


def _former(moved: _Checkout, suite_file: Path, ref: str) -> Suite | None:
    """The suite as it was at the revision, its plug-ins where they lie now; None where there was none."""
    path = moved.path(suite_file)
    if not path.is_file():
        return None
    try:
        return suites.load(str(path), former=True, home=suite_file.parent)
    except InputError as error:
        raise InputError(f"{ref}: {error}") from error


def _past_plugins(moved: _Checkout, suite: Suite, given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files of the revision that a suite and the command line name, and those that it has not."""
    files = [moved.path(path.resolve()) for path in suites.without_plugins(suite, given)[1]]
    return [path for path in files if path.exists()], [path for path in files if not path.exists()]


def _plain(suite: Suite) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(suite)
    return found


def _old_suite(was: Suite, now: Suite) -> Suite:
    """The present conditions with the cells that the suite had at the revision; the present ones where it had none."""
    groups = [
        msgspec.structs.replace(group, passages=tuple(p for p in group.passages or was.passages if p in now.passages))
        for group in was.cells
    ]
    kept = tuple(group for group in groups if group.passages)
    return msgspec.structs.replace(now, cells=kept) if kept else now


def _refuse_itself(moved: _Checkout, plugins: Sequence[Path], suite: Suite, ref: str) -> None:
    """InputError where no adapter is read from the checkout: no plug-in file, no path that a cell names (a model)."""
    named = [quoted for _, spelling in suite.pairs() for quoted in re.findall(r'["\']([^"\']+)["\']', spelling)]
    paths = [*plugins, *(path.resolve() for path in map(Path, named) if path.exists())]
    if all(moved.path(path) == path for path in paths):
        raise InputError(
            f"--ab: expected something of {ref} to run, found nothing that would: no [gate] install in the suite, no "
            f"plug-in file that lies in {moved.repository}, and the suite's cells as they are now. An adapter that is "
            f'installed runs as of {ref} by [gate] install = "pip install ."'
        )


def _own_code(repository: Path, ref: str) -> Callable[[Answer], None]:
    """What refuses an old side that imported files of the working tree: it would be the new side, against itself."""
    names = os.fsdecode(git(repository, "ls-files", "-z").stdout).split("\0")
    tracked = {str(repository / name) for name in names if name}

    def refuse(answer: Answer) -> None:
        own = sorted(tracked.intersection(answer.code))
        if own:
            raise InputError(
                f"{ref}: expected its own code to run, found {', '.join(own[:3])} of the working tree imported: "
                f'say how it is installed: [gate] install = "pip install ." in the suite'
            )

    return refuse


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """What stops a CI job (SIGTERM) or a closed terminal's (SIGHUP) ends as Ctrl-C does: with everything removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
