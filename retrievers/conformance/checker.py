"""
`python -m retrievers.conformance.checker FOLDER`: hold the first of some spelled adapters to its checks.

The folder holds job.json. A line of JSON each is written to `told`: the rules of every spelling, or why one can not be
checked; then how each check of the first one ended.
"""

from __future__ import annotations

import json
import math
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from retrievers.conformance import checks
from retrievers.registry import PluginError, installed, parse

GRACE_SECONDS = 10  # after which it ends by itself: whoever started it is no longer there to do so


def main(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with (folder / "told").open("w", encoding="utf-8") as told:
        _limit(job["seconds"])
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
        _limit(job["seconds"])
        for check in every[0]:
            outcome = check.outcome()
            found = outcome.found.encode("utf-8", "backslashreplace").decode()  # halves of characters are no text
            _tell(told, {"status": outcome.status, "found": found})
    return 0


def _limit(seconds: float) -> None:
    """Begin the time anew, after which the kernel ends this process, whatever an adapter is doing in it."""
    signal.alarm(math.ceil(seconds) + GRACE_SECONDS)


def _tell(told: TextIO, line: dict[str, object]) -> None:
    told.write(json.dumps(line) + "\n")
    told.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
