"""
One child process: it joins its limits, does one stage, and writes the result.

Started as `python -m bench.worker JOB.json` in a fresh exec'd process; the result is a file. Whatever the adapter
prints goes to the log that is the process's stdout and stderr.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

import msgspec

from bench import failure, stages
from bench.record import StageResult
from bench.stages import Job

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(path: str) -> None:
    job = msgspec.json.decode(Path(path).read_bytes(), type=Job)
    _die_with(job.parent)
    _limit(job)
    result = writable(attempt(job))
    part = Path(job.result).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    if result.status == "ok":
        stages.place(job)
    part.replace(job.result)  # last: whoever finds a result finds its files


def _die_with(parent: int) -> None:
    """No child outlives the run that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was set
        os._exit(1)


def _limit(job: Job) -> None:
    if job.cgroup is not None:
        Path(job.cgroup).write_text(str(os.getpid()))
    elif job.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory_bytes, job.memory_bytes))


def attempt(job: Job) -> StageResult:
    """The stage's result; what an adapter raises becomes a typed one."""
    try:
        return stages.do(job)
    except Exception as error:  # an adapter may raise anything, and breaks its own row alone
        result = failure.raised(job.stage, error)
        if result.status == "failed":
            traceback.print_exc()
        return result


def writable(result: StageResult) -> StageResult:
    """The same result; where it could not be written and read again, that of a failure that says so."""
    try:
        msgspec.json.decode(msgspec.json.encode(result), type=StageResult)
    except Exception as error:
        reason = f"the result of {result.stage} can not be written: {failure.reason(error)}"
        return StageResult(stage=result.stage, status="failed", reason=reason)
    return result


if __name__ == "__main__":
    main(sys.argv[1])
