"""
One child process: it joins its limits, does one stage, and writes the result.

Started as `python -m bench.stage.worker JOB.json` in a fresh exec'd process; the result is a file. Whatever the adapter
prints goes to the process's stdout and stderr, of which who started it keeps the last.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from pathlib import Path

import msgspec

from bench.records.schema import StageResult
from bench.stage import failure, outputs, stages
from bench.stage.job import Job
from bench.stage.runtime import PACKAGES
from bench.stage.turns import elsewhere

EXIT_SECONDS = 3.0  # a stage is measured by then: what an adapter still does when its process ends is given so long
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)


def main(path: str) -> None:
    """Do the job in the file `path`, and write its result beside it, however it ends."""
    job = msgspec.json.decode(Path(path).read_bytes(), type=Job)
    shift = [] if job.turns is None else elsewhere()  # kept until the stage is done
    die_with(job.parent)
    _adopt()
    _limit(job)
    process = os.getpid()
    os.register_at_fork(after_in_child=lambda: _disown(job))
    result = attempt(job)
    shift.clear()
    if job.report_imports:
        result = msgspec.structs.replace(result, code=imported())
    result = writable(result)
    if os.getpid() != process:  # the adapter forked, and this is the other one
        os._exit(1)
    part = Path(job.result).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    if result.status == "ok":
        outputs.place(job)
    part.replace(job.result)  # last: whoever finds a result finds its files
    _end_within(EXIT_SECONDS)


def _disown(job: Job) -> None:
    """A process that an adapter forks and that comes back from it would write the stage's files a second time."""
    nowhere = Path(os.devnull) / "nowhere"
    msgspec.structs.force_setattr(job, "result", str(nowhere))
    msgspec.structs.force_setattr(job, "out", str(nowhere))


def _end_within(seconds: float) -> None:
    """A thread or an exit hook of an adapter's may hang: by then the kernel ends this process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, seconds)


def die_with(parent: int) -> None:
    """No child outlives the run that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was set
        os._exit(1)


def _adopt() -> None:
    """What a process of the adapter's starts and leaves behind is still the adapter's work, and seen as such."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _limit(job: Job) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # no file of a crash
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
            failure.show()
        return result


def imported() -> tuple[str, ...]:
    """Every file of Python that this process has imported, but for Python's own and those of installed packages."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if file}
    python = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    own = (path for path in paths if PACKAGES.isdisjoint(path.parts) and python.isdisjoint(path.parents))
    return tuple(sorted(map(str, own)))


def writable(result: StageResult) -> StageResult:
    """The same result; where it could not be written and read again, that of a failure that says so."""
    try:
        msgspec.json.decode(msgspec.json.encode(result), type=StageResult)
    except Exception as error:
        reason = f"the result of {result.stage} cannot be written: {failure.reason(error)}"
        return StageResult(stage=result.stage, status="failed", reason=reason)
    return result


if __name__ == "__main__":
    main(sys.argv[1])
