"""
`python -m retrievers.conformance.check_child FOLDER`: hold the first of some spelled adapters to its checks.

The folder holds job.json. A line of JSON each is written to `told`: the rules of every spelling, or why one can not be
checked; then how each check of the first one ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from retrievers.conformance import checks
from retrievers.registry import PluginError, installed, parse

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    _die_with(job["parent"])
    with (folder / "told").open("w", encoding="utf-8") as told:
        try:
            registry = installed()
            for path in job["plugins"]:
                registry.add_file(Path(path))
            every = [checks(partial(parse, spelling, registry)) for spelling in job["spellings"]]
        except (Exception, SystemExit) as error:  # an adapter may raise anything; the parent tells it
            said = str(error) if isinstance(error, ValueError | PluginError) else f"{type(error).__name__}: {error}"
            _tell(told, {"refused": said})
            return 0
        for one in every:
            _tell(told, {"rules": {check.name: check.sentence for check in one}})
        for check in every[0]:
            outcome = check.outcome()
            found = outcome.found.encode("utf-8", "backslashreplace").decode()  # halves of characters are no text
            _tell(told, {"status": outcome.status, "found": found})
    return 0


def _die_with(parent: int) -> None:
    """An adapter that never comes back does not outlive the one that would end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was set
        os._exit(1)


def _tell(told: TextIO, line: dict[str, object]) -> None:
    told.write(json.dumps(line) + "\n")
    told.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
