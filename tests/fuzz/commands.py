"""
Bad inputs to whole commands: options, files, records, references and environments that nobody would give on purpose.

    python -m tests.fuzz.commands [--times 2500] [--seed N]

Every case spoils one thing in a folder where a command would end well. Whatever it is, the command ends soon, in
bounded memory, without a traceback, with an exit code that says what happened, and leaves nothing half-written. Most
run in a fork of this process, which has all imported; what is of the environment, and some of the others, as a user
starts them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.lock import LOCK
from tests.fuzz import home
from tests.fuzz.mutants import NUMBERS, TEXTS, mutant
from tests.helpers.command import SPARRING

LARGEST = 2**30  # bytes; what was made huge before is not read
LONGEST = 60.0  # seconds
ROOM = 2**30  # bytes of memory that a fork may take beyond what this process has
WHOLE = 8 * 2**30  # that a process of its own may, libraries included
APART = 0.05  # of the cases beside those of the environment
SETTLED = (0, 2)
VERDICTS = ("gate", "check", "table", "plot")  # commands that say no by 1
OUTPUTS = ("out", "out.csv", "out.svg", "out.md", "out.xml", "reference")
ODD = (
    *(text for text in (*NUMBERS, *TEXTS) if "\0" not in text and len(text) < 10_000),
    *("~nobody/x", "a" * 300, "-", "--", ".", "nowhere", "http://127.0.0.1:1/x"),
    *("run", "reference", "p.csv", "set", "loop", "mine.py", "small.toml", "docs.parquet", "a.run", "self", "nan"),
    *("BM25()", "BM25() @", "BM25(k1='x') @ CSR()", "BM25(" * 200, "Vectors('p.csv') @ Flat()", "__import__('os')"),
    *("=1+1", "\x1b]0;x\x07", "<script>", "\\input{x}", "\u202eabc", "\udc80", "R@0", "R@99999999999", "nDCG"),
    *("inf", "%s", "\U0001f986" * 99),
)


class Case(NamedTuple):
    """A command with something wrong in its words, its folder or its environment."""

    kind: str
    words: tuple[str, ...]
    spoil: Callable[[Path], str]  # what it did, in words
    variables: dict[str, str | None]
    is_apart: bool  # in a process of its own


class Outcome(NamedTuple):
    """How a command ended."""

    code: int | None  # None: it had to be ended
    said: str


# Drawing


def cases(seed: int, n: int) -> Iterator[Case]:
    """So many cases, the same for a seed, each kind as often."""
    rng = random.Random(seed)
    kinds = (_option, _file, _record, _reference, _environment)
    for number in range(n):
        yield kinds[number % len(kinds)](rng)


def _command(rng: random.Random, *names: str) -> list[str]:
    chosen = [command for command in home.COMMANDS if not names or command.split()[0] in names]
    return home.words(rng.choice(chosen))


def _nothing(folder: Path) -> str:  # of a case that spoils no file
    return ""


def _option(rng: random.Random) -> Case:
    words = _command(rng)
    at = rng.randrange(1, len(words)) if len(words) > 1 else 1
    match rng.randrange(4):
        case 0:
            words.insert(at, rng.choice(ODD))
        case 1 if len(words) > 2:
            del words[at]
        case _:
            words[at : at + 1] = [rng.choice(ODD)]
    return Case("option", tuple(words), _nothing, {}, rng.random() < APART)


def _environment(rng: random.Random) -> Case:
    names = rng.sample(home.ENVIRONMENT, rng.randint(1, 3))
    found = {name: None if rng.random() < 0.3 else rng.choice((*ODD, "", "p.csv", "loop")) for name in names}
    return Case("environment", tuple(_command(rng)), _nothing, found, is_apart=True)


def _file(rng: random.Random) -> Case:
    command = _command(rng, "plan", "import", "gate", "fetch", "datasets", "table")
    return Case("file", tuple(command), _spoiling(rng, ("run", "reference", "cache", "home")), {}, rng.random() < APART)


def _record(rng: random.Random) -> Case:
    names = ("table", "compare", "explain", "show", "export", "history", "plot", "judge-sheet", "gate", "import")
    return Case("record", tuple(_command(rng, *names)), _spoiling(rng, (), inside="run"), {}, rng.random() < APART)


def _reference(rng: random.Random) -> Case:
    words = tuple(_command(rng, "gate"))
    return Case("reference", words, _spoiling(rng, (), inside="reference"), {}, rng.random() < APART)


def _spoiling(rng: random.Random, but: tuple[str, ...], inside: str = ".") -> Callable[[Path], str]:
    """What spoils one or two files below a folder, or folders; all is drawn from this state of the generator."""
    seed = rng.randrange(2**32)

    def spoil(folder: Path) -> str:
        drawn, said = random.Random(seed), []
        for _ in range(drawn.choice((1, 1, 1, 2))):
            paths = [path for path in sorted((folder / inside).rglob("*")) if path.name not in ("lock", ".lock")]
            paths = [path for path in paths if path.relative_to(folder).parts[0] not in but]
            files = [path for path in paths if path.is_file() and not path.is_symlink()]
            path = drawn.choice(files if drawn.random() < 0.9 else paths)
            said.append(f"{path.relative_to(folder)} {_spoilt(path, files, drawn)}")
        return ", ".join(said)

    return spoil


def _spoilt(path: Path, others: list[Path], rng: random.Random) -> str:
    kinds = ("gone", "empty", "a folder", "a loop", "a link", "another", "noise", "brackets", "huge")
    kind = rng.choice((*("mutated",) * len(kinds), *kinds))
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("a file")
        return "made a file"
    content = b"" if path.is_symlink() or path.stat().st_size > LARGEST else path.read_bytes()
    path.unlink()
    match kind:
        case "mutated":
            path.write_bytes(mutant(content, rng, [content]))
        case "empty":
            path.touch()
        case "a folder":
            path.mkdir()
        case "a loop":
            path.symlink_to(path.name)
        case "a link":
            path.symlink_to("/etc/hostname")
        case "another":
            there = [other for other in others if other.is_file()]
            path.write_bytes(rng.choice(there).read_bytes() if there else b"")
        case "noise":
            path.write_bytes(rng.randbytes(rng.choice((1, 100, 5000))))
        case "brackets":
            path.write_bytes(b"[" * 100_000)
        case "huge":
            path.touch()
            os.truncate(path, 2**40)
    return kind


# Trying


def tried(case: Case, template: Path, folder: Path) -> tuple[Outcome, list[str]]:
    """How a case ended in a folder that is not there yet, and what that shows to be wrong."""
    home.copy(template, folder)
    (folder / "loop").symlink_to("loop")
    what = case.spoil(folder)
    before = _outputs(folder)
    variables = home.variables(folder) | {name: text for name, text in case.variables.items() if text is not None}
    for name in (name for name, text in case.variables.items() if text is None):
        variables.pop(name, None)
    outcome = _outcome(case, folder, variables)
    setting = f" with {case.variables}" if case.variables else ""
    words = " ".join(map(_short, case.words))
    return outcome, [
        f"{case.kind}: sparring {words}{setting}; {what}: {fault}" for fault in _faults(case, outcome, folder, before)
    ]


def _short(word: str) -> str:
    return repr(word if len(word) < 80 else word[:60] + "...") if not word.isascii() or len(word) > 79 else word


def _outputs(folder: Path) -> dict[str, object]:
    """What stands where a command would write, by place."""
    return {name: _content(folder / name) for name in OUTPUTS}


def _content(path: Path) -> object:
    if path.is_dir() and not path.is_symlink():
        files = [each for each in sorted(path.rglob("*")) if not each.is_dir() and each.name != LOCK]
        return {str(each.relative_to(path)): _content(each) for each in files} or False  # empty: as if not there
    with contextlib.suppress(OSError), path.open("rb") as file:
        return path.stat().st_size, file.read(2**20)
    return path.is_symlink()


def _faults(case: Case, outcome: Outcome, folder: Path, before: dict[str, object]) -> Iterator[str]:
    said = outcome.said[-600:]
    if outcome.code is None:
        yield f"hung for {LONGEST:g} s: {said}"
        return
    is_verdict = outcome.code == 1 and case.words[0] in VERDICTS and outcome.said.strip() and "Aborted" not in said
    if outcome.code not in SETTLED and not is_verdict:
        yield f"exit code {outcome.code}: {said}"
    if "Traceback (most recent call last)" in outcome.said:
        yield f"a traceback: {said}"
    after = _outputs(folder)
    may_be_silent = "--check" in case.words  # that all is well
    if outcome.code == SETTLED[0] and not outcome.said.strip() and after == before and not may_be_silent:
        yield "ended well, and said and did nothing"
    if outcome.code != SETTLED[0] and not is_verdict and after != before:
        yield f"left {[name for name in OUTPUTS if after[name] != before[name]]}, exit code {outcome.code}: {said}"
    left = [str(path.relative_to(folder)) for path in folder.rglob("*.part*") if "cache" not in path.parts]
    if left:
        yield f"left {left}"


def _outcome(case: Case, folder: Path, variables: dict[str, str]) -> Outcome:
    """The command, in a fork of this process or in one of its own."""
    said = folder.with_name(f"{folder.name}.said")
    until = time.monotonic() + LONGEST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does without
        pid = os.fork()
    if not pid:
        _become(case, folder, variables, said)
    code, done = None, 0
    while not done and time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
        else:
            time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # with what it has started
    if not done:
        os.waitpid(pid, 0)
    text = said.read_bytes().decode(errors="replace")
    said.unlink()
    return Outcome(code, text)


def _become(case: Case, folder: Path, variables: dict[str, str], said: Path) -> None:
    """What the forked process does, which does not come back."""
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        for number, path in ((0, os.devnull), (1, str(said)), (2, str(said))):
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.dup2(opened, number)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = WHOLE if case.is_apart else used + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        if case.is_apart:
            os.execve(SPARRING[0], [*SPARRING, *case.words], variables)  # a command of ours
        from bench import cli

        tempfile.tempdir = None
        for number, stream in ((1, "stdout"), (2, "stderr")):
            setattr(sys, stream, open(number, "w", closefd=False, errors="replace"))  # noqa: SIM115
        sys.argv = ["sparring", *case.words]
        cli.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def faults(seed: int, n: int, template: Path, says: Callable[[str], None] = lambda _: None) -> list[str]:
    """What some cases show to be wrong."""
    found = []
    with tempfile.TemporaryDirectory(prefix="sparring-bad-") as scratch:
        for number, case in enumerate(cases(seed, n)):
            folder = Path(scratch) / str(number)
            _, wrong = tried(case, template, folder)
            for fault in wrong:
                says(f"{number}: {fault}")
            found += wrong
            shutil.rmtree(folder, ignore_errors=True)
    return found


def plain(words: Sequence[str]) -> Case:
    """A command of which nothing is spoilt."""
    return Case("option", tuple(words), _nothing, {}, is_apart=False)


def refusals(template: Path) -> list[str]:
    """Commands that do not end well with nothing spoilt: what is spoilt would not be what they are refused for."""
    found = []
    with tempfile.TemporaryDirectory(prefix="sparring-bad-") as scratch:
        for number, command in enumerate(home.COMMANDS):
            outcome, wrong = tried(plain(home.words(command)), template, Path(scratch) / str(number))
            found += wrong + ([f"{command}: exit code {outcome.code}: {outcome.said[-600:]}"] if outcome.code else [])
    return found


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz.commands", description=__doc__.strip().splitlines()[0])
    options.add_argument("--times", type=int, default=2_500, help="cases in all (%(default)s)")
    options.add_argument("--seed", type=int, default=18, help="of what is drawn (%(default)s)")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sparring-home-") as scratch:
        template = home.make(Path(scratch) / "home")
        found = refusals(template) + faults(asked.seed, asked.times, template, lambda said: print(said, flush=True))
    print(f"{asked.times:,} bad inputs, {len(found)} findings")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
