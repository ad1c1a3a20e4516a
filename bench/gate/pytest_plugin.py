"""
The gate as tests: `pytest --sparring suite.toml --sparring-reference FOLDER` (or `--sparring-ab REF`).

Each cell of the suite is an item, `suite.toml::scifact: BM25() @ CSR()`, beside all other tests. The gate itself runs
once, in a process of its own, when the first of them is reached: collecting measures nothing. Without `--sparring`
nothing but this module and its child's, which imports nothing at its start, is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from bench.gate import pytest_child

VerdictJson: TypeAlias = dict[str, Any]  # Any: the JSON object of `sparring gate --json`
Finding: TypeAlias = dict[str, Any]  # Any: one of its findings

CELL_FAILED = 3  # exit code of a run in which a cell failed: the gate judges it
GATE_FAILED = 1
LAST_LINES = 20
GONE = "cells that are gone"


class GateError(Exception):
    """The gate's own words, shown in place of a traceback."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the gate."""
    group = parser.getgroup("sparring", "the gate of retrievers (sparring)")
    group.addoption("--sparring", metavar="SUITE", help="gate each cell of this suite (a TOML file)")
    group.addoption("--sparring-reference", metavar="DIR", help="the reference that the suite's run is held to")
    group.addoption("--sparring-ab", metavar="REF", help="or: the git revision to measure beside the working tree")
    group.addoption(
        "--sparring-plugin", metavar="FILE", action="append", default=[], help="a file with adapters; repeatable"
    )
    group.addoption("--sparring-output", metavar="DIR", help="keep the run here (with --sparring-ab: both)")
    group.addoption("--sparring-strict", action="store_true", help="a cell without its counterpart fails")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options once, before anything is collected."""
    suite = config.getoption("--sparring")
    if suite is None:
        return
    if not Path(suite).is_file():
        raise pytest.UsageError(f"--sparring: expected a suite's TOML file, found no file {suite}")
    reference = config.getoption("--sparring-reference")
    if (reference is None) == (config.getoption("--sparring-ab") is None):
        raise pytest.UsageError("--sparring: expected one of --sparring-reference DIR and --sparring-ab REF")
    if reference is not None and not Path(reference, "run.json").is_file():
        raise pytest.UsageError(
            f"--sparring-reference: expected a reference, found none in {reference}: make it and commit it: "
            f"sparring run {suite} -o RUN, then sparring gate RUN --accept --reference {reference}"
        )
    if reference is not None:
        _refuse_stop(Path(suite).resolve())
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--sparring measures time and memory: leave out -n, so that nothing runs beside it")
    path = Path(suite).resolve()
    if all(Path(argument.partition("::")[0]).resolve() != path for argument in config.args):
        config.args.append(str(path))


def _refuse_stop(suite: Path) -> None:
    """
    UsageError for a suite that stops cells once they are decided: the gate holds each query.

    With a revision the gate asks all whatever the suite says. A suite that cannot be read is told when it is collected.
    """
    from bench.errors import InputError
    from bench.run import suite as suites

    try:
        stop = suites.load(str(suite)).stop
    except InputError:
        return
    if stop is not None:
        raise pytest.UsageError(
            f"--sparring: expected every query asked of every cell, found stop = {stop!r} in {suite}: "
            f"the gate holds each query; leave it out"
        )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the suite's file as the gate's tests, where the gate was asked for."""
    suite = parent.config.getoption("--sparring")
    if suite is None or file_path != Path(suite).resolve():
        return None
    found: pytest.Collector = SuiteFile.from_parent(parent, path=file_path)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The gate's line and notes at the end of the session."""
    judgment = config.stash.get(JUDGED, None)
    if isinstance(judgment, dict):
        terminalreporter.section("sparring")
        for line in (*(f"note: {note}" for note in judgment["notes"]), judgment["line"]):
            terminalreporter.line(line)


JUDGED = pytest.StashKey[VerdictJson | GateError]()


class SuiteFile(pytest.File):
    """A suite: its cells are its items."""

    def collect(self) -> Iterator[pytest.Item]:
        names = _cells(self.path, self.config.getoption("--sparring-plugin"))
        for name in names:
            yield CellItem.from_parent(self, name=name)
        yield GoneItem.from_parent(self, name=GONE, known=names)


class _GateItem(pytest.Item):
    def tell(self, outcome: str, findings: Sequence[Finding]) -> None:
        """Fail, skip or pass, as the gate does: what is undecided, or was compared with nothing, does not block."""
        shown = [one for one in findings if one["outcome"] != "pass"] or findings
        said = "\n".join(f"{one['name']} {one['said']}" for one in shown)
        if outcome == "fail":
            raise GateError(said)
        if outcome != "pass":
            pytest.skip(f"{self.name}: {outcome}: {said}".replace("\n", "; "))
        self.add_report_section("call", "sparring", said)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # Any: pytest's own
    ) -> Any:  # Any: pytest's own
        return str(excinfo.value) if isinstance(excinfo.value, GateError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        return self.path, 0, self.name  # a line has to be: an item that a mark skips is told by it


class CellItem(_GateItem):
    """The gate of one cell."""

    def runtest(self) -> None:
        judgment = judged(self.config)
        cell = next((cell for cell in judgment["cells"] if self.name in _names(cell)), None)
        if cell is None:
            raise GateError(f"the gate says nothing of it: {judgment['line']}")
        self.tell(cell["outcome"], cell["findings"])


class GoneItem(_GateItem):
    """What the gate says of cells that the suite has no more."""

    def __init__(self, *, known: Sequence[str], **rest: Any) -> None:  # Any: what pytest hands on
        super().__init__(**rest)
        self.known = set(known)

    def runtest(self) -> None:
        judgment = judged(self.config)
        if judgment["outcome"] == "fail" and all(cell["outcome"] != "fail" for cell in judgment["cells"]):
            raise GateError(judgment["line"])  # no cell was held to anything
        gone = [cell for cell in judgment["cells"] if not self.known.intersection(_names(cell))]
        outcome = next((one for one in ("fail", "skipped") if any(cell["outcome"] == one for cell in gone)), "pass")
        findings = [one | {"name": _names(cell)[0]} for cell in gone for one in cell["findings"]]
        self.tell(outcome, findings)


def _names(cell: VerdictJson) -> tuple[str, str]:
    """How a cell's item is called: with its threads where the suite measures it under several numbers of them."""
    name = f"{cell['passage_set']}: {cell['retriever']}"
    return name, f"{name} (threads={cell['threads']})"


def _cells(suite_file: Path, plugins: Sequence[str]) -> list[str]:
    """The names of a suite's cells, once each, in its order; nothing is measured, and no passage is read."""
    from bench.errors import InputError
    from bench.passages import loader
    from bench.run import suite as suites
    from bench.run.resolve import canonical
    from bench.stage.plugin_process import try_out
    from retrievers.registry import PluginError, SpellingError, installed

    try:
        registry = installed()
        suite, files = suites.without_plugins(suites.load(str(suite_file)), map(Path, plugins))
        try_out(files, [spelling for _, spelling in suite.pairs()])
        for file in files:
            registry.add_file(file)
        counts = suite.thread_counts
        cells = [(loader.name_of(name), canonical(spelling, registry)) for name, spelling in suite.pairs()]
    except (InputError, PluginError, SpellingError) as error:
        said = str(error).replace("--plugin", "--sparring-plugin")  # as the option is called here
        raise pytest.Collector.CollectError(f"--sparring: {said}") from None
    threads = [f" (threads={count})" for count in counts] if len(counts) > 1 else [""]
    return list(dict.fromkeys(f"{name}: {spelling}{count}" for name, spelling in cells for count in threads))


# The gate


def judged(config: pytest.Config) -> VerdictJson:
    """What the gate says, found once for all items. Raises GateError where it cannot be run."""
    found = config.stash.get(JUDGED, None)
    if found is None:
        try:
            found = _judged(config)
        except GateError as why:
            found = why
        config.stash[JUDGED] = found
    if isinstance(found, GateError):
        raise found
    return found


def _judged(config: pytest.Config) -> VerdictJson:
    suite, reference, ab, keep = (
        config.getoption(f"--sparring{name}") for name in ("", "-reference", "-ab", "-output")
    )
    plugins = [word for plugin in config.getoption("--sparring-plugin") for word in ("--plugin", plugin)]
    strict = ["--strict"] if config.getoption("--sparring-strict") else []
    folder = config.invocation_params.dir
    if ab is not None:
        kept = [] if keep is None else ["-o", keep]
        return _said(folder, "gate", "--json", "--ab", ab, *plugins, *kept, *strict, "--", suite)
    with tempfile.TemporaryDirectory(prefix="sparring-") as scratch:
        run = keep or str(Path(scratch, "run"))
        _called(folder, "run", *plugins, "-o", run, "--", suite, allowed=(0, CELL_FAILED))
        return _said(folder, "gate", "--json", "--reference", reference, *strict, "--", run)


def _said(folder: Path, *arguments: str) -> VerdictJson:
    found: VerdictJson = json.loads(_called(folder, *arguments, allowed=(0, GATE_FAILED)))
    return found


def _called(folder: Path, *arguments: str, allowed: tuple[int, ...]) -> str:
    """What the command printed; GateError, with its last lines, where it ended otherwise than allowed."""
    process = subprocess.Popen(  # noqa: S603  # this interpreter and our own command
        [sys.executable, "-P", "-m", pytest_child.__name__, str(os.getpid()), *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # so that Ctrl-C reaches this process alone, which then asks for a tidy end
    )
    try:
        out, errors = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode not in allowed:
        last = "\n".join((out + errors).splitlines()[-LAST_LINES:])
        raise GateError(f"sparring {' '.join(arguments)}\nended with exit code {process.returncode}:\n{last}")
    return out
