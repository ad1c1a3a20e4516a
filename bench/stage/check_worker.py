"""
The child of `sparring check`: makes adapters, and holds the first of them to the rules of the contract.

Started as `python -m bench.stage.check_worker JOB.json` by `bench.stage.check_process`, which reads what it writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from bench.stage.worker import die_with
from retrievers.conformance import checks
from retrievers.registry import PluginError, installed, parse


class CheckJob(msgspec.Struct, frozen=True):
    """What is to be made, in this order, and the first of it to be checked."""

    spellings: tuple[str, ...]
    plugins: tuple[str, ...]
    lines: str  # the file to write to, a line of JSON at a time
    parent: int  # the process that it does not outlive


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: the rules, or why there are none; then one for each rule, in their order."""

    refused: str = ""  # why one of the adapters cannot be checked: nothing follows
    rules: dict[str, str] = {}  # copied by msgspec; name -> sentence
    status: str = ""
    found: str = ""


def main(path: str) -> None:
    """Do the job in the file `path`."""
    job = msgspec.json.decode(Path(path).read_bytes(), type=CheckJob)
    die_with(job.parent)
    with Path(job.lines).open("wb", buffering=0) as file:
        for line in _lines(job):
            file.write(msgspec.json.encode(line) + b"\n")


def _lines(job: CheckJob) -> Iterator[CheckLine]:
    try:
        registry = installed()
        for plugin in job.plugins:
            registry.add_file(Path(plugin))
        first, *_ = [checks(partial(parse, spelling, registry)) for spelling in job.spellings]
    except (Exception, SystemExit) as error:  # an adapter may raise anything
        said = str(error) if isinstance(error, ValueError | PluginError) else f"{type(error).__name__}: {error}"
        yield CheckLine(refused=said)
        return
    yield CheckLine(rules={check.name: check.sentence for check in first})
    for check in first:
        outcome = check.outcome()
        found = outcome.found.encode("utf-8", "backslashreplace").decode()  # halves of characters are no text
        yield CheckLine(status=outcome.status, found=found)


if __name__ == "__main__":
    main(sys.argv[1])
