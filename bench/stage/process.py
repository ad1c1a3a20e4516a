"""One child process: exec'd afresh, limited in time and memory, watched, and ended with all it started."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.records.schema import StageResult, Status
from bench.stage import cleanup, stopping, worker
from bench.stage.cgroup import memory_cgroup
from bench.stage.failure import reason, shortened, signal_name, tells_of_memory
from bench.stage.job import Job
from bench.stage.stopping import GoesOn, Question

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
LAST_LINES = 30
_LAST_BYTES = 20_000
_PIPE_BYTES = 1 << 20  # so much may be printed before a child has to wait for this process
_PAUSE_SECONDS = 0.01  # this process is not woken for every line that a child prints
_POLL_SECONDS = 0.05  # where the kernel does not tell that a process has ended


def run(
    job: Job, folder: Path, *, threads: int, seconds: float, memory_bytes: int, goes_on: GoesOn | None = None
) -> StageResult:
    """
    Do one job in a child of its own and say how it ended.

    folder: a scratch folder for job and result. goes_on: asked after each look of a job that has looks; a search in
    looks that nobody is asked about is whole. Every way to end badly is a status, never an exception; so is a child
    that this process could not start or watch (no memory to start it, no room on the disk). Of what it started or
    wrote nothing is left then; of a child that ended well, its files alone.
    """
    try:
        if goes_on is None:
            result = _run(job, folder, threads, seconds, memory_bytes)
        else:
            result = _run_in_looks(job, folder, threads, seconds, memory_bytes, goes_on)
    except OSError as error:
        said = f"{job.stage} could not be run: {reason(error)}"
        result = StageResult(stage=job.stage, status="failed", reason=said, threads=threads)
    if result.status != "ok" and job.out is not None:  # others may need the room
        shutil.rmtree(job.out, ignore_errors=True)
    return result


def _run_in_looks(
    job: Job, folder: Path, threads: int, seconds: float, memory_bytes: int, goes_on: GoesOn
) -> StageResult:
    """The same, of a child that asks after each look; what it has kept by then may be anything, and be refused."""
    refused: list[str] = []

    def judged(job: Job) -> bool:
        try:
            return goes_on(job)
        except Exception as error:
            refused.append(reason(error))
            return False

    with stopping.pipes() as pipes:
        job = msgspec.structs.replace(job, pipes=pipes.of_child)
        result = _run(job, folder, threads, seconds, memory_bytes, pipes.question(job, judged))
    if refused and result.status == "ok":
        result = msgspec.structs.replace(result, status="failed", reason=f"a look could not be judged: {refused[0]}")
    return result


def _run(
    job: Job, folder: Path, threads: int, seconds: float, memory_bytes: int, question: Question | None = None
) -> StageResult:
    folder.mkdir(parents=True, exist_ok=True)
    result_file = Path(job.result)
    result_file.unlink(missing_ok=True)
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": hash_seed(job), "PYTHONUNBUFFERED": "1"}
    with cleanup.removed() as variables, memory_cgroup(memory_bytes) as group:
        job = msgspec.structs.replace(
            job, parent=os.getpid(), cgroup=str(group.join) if group else None, memory_bytes=memory_bytes
        )
        job_file = folder / "job.json"
        job_file.write_bytes(msgspec.json.encode(job))
        start = time.perf_counter()
        with started(worker.__name__, job_file, environment | variables, job.pipes or ()) as output:
            timed_out = not output.read_until_it_ends(seconds, question)
        elapsed = time.perf_counter() - start
        killed_for_memory = group is not None and group.out_of_memory()
        code, lines = output.exit_code(), output.last_lines()
        result = _result(job, result_file, code, timed_out, killed_for_memory, seconds, memory_bytes, lines)
    return msgspec.structs.replace(
        result,
        process_seconds=elapsed,
        threads=threads,
        limited_by=group.version if group else "rlimit-data",
        output=() if result.status == "ok" else lines,
    )


def hash_seed(job: Job) -> str:
    """
    What Python seeds the hashes of texts with: another in each stage and round, and the same when a run is repeated.

    So an order that hangs on hashes is drawn anew each round, and is seen as what varies between rounds.
    """
    drawn = random.Random(f"{job.seed} {job.stage} {job.number}")  # noqa: S311  # no secret
    return str(drawn.randrange(1, 2**32))  # 0 would be no seed: hashes as they stand


@contextlib.contextmanager
def started(
    module: str, job: Path, environment: Mapping[str, str], descriptors: Sequence[int] = ()
) -> Iterator[ChildOutput]:
    """
    A module of ours in a process of its own, given a file; ended with all of its session when the block ends.

    descriptors: of files, that it inherits.
    """
    with subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-P", "-m", module, str(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,  # so that it can be ended with all it started
    ) as child:
        try:
            output = ChildOutput(child)
            yield output
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.read()


class ChildOutput:
    """
    What a child prints, read while it runs: the last of it is kept, however much there is.

    A file would grow without bound. A child that prints more than the pipe holds waits for this process, up to
    _PAUSE_SECONDS at a time.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdout is None:
            raise ValueError("expected a child's output in a pipe, found none")
        self._child, self._pipe, self._open = child, child.stdout.fileno(), True
        self._last = b""
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(OSError, AttributeError):  # refused by the kernel, or there is no such request
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def read_until_it_ends(self, seconds: float, question: Question | None = None) -> bool:
        """
        Whether the child ends within so many seconds; what it starts may hold the pipe for longer.

        question: answered whenever the child asks it; the time that takes is the child's.
        Woken by the kernel where it offers that, since `Popen.wait` polls up to 50 ms late.
        """
        told = [os.pidfd_open(self._child.pid)] if hasattr(os, "pidfd_open") else []
        asked = [] if question is None else [question.readable]
        deadline, rests_until = time.perf_counter() + seconds, 0.0
        try:
            while not self._ended(told):
                now = time.perf_counter()
                if now >= deadline:
                    return False
                resting = self._open and now < rests_until
                wait = min(deadline, rests_until if resting else deadline) - now
                watched = [*told, self._pipe] if self._open and not resting else told
                ready, _, _ = select.select([*watched, *asked], [], [], wait if told else min(wait, _POLL_SECONDS))
                if question is not None and question.readable in ready:
                    question.answer()
                if self._pipe in ready and self.read() < _PIPE_BYTES // 2:
                    rests_until = time.perf_counter() + _PAUSE_SECONDS
            return True
        finally:
            for descriptor in told:
                os.close(descriptor)

    def _ended(self, told: list[int]) -> bool:
        """Asked without reaping it where that can be: its number, and its group's, is given to no other until then."""
        return bool(select.select(told, [], [], 0)[0]) if told else self._child.poll() is not None

    def read(self) -> int:
        """Take what there is now; how many bytes that were."""
        try:
            found = os.read(self._pipe, _PIPE_BYTES)
        except BlockingIOError:
            return 0
        self._open = bool(found)  # nothing at all: whoever could print has closed it
        self._last = (self._last + found[-_LAST_BYTES:])[-_LAST_BYTES:]
        return len(found)

    def exit_code(self) -> int:
        """Waits for the end of the child; that of a signal is negative."""
        return self._child.wait()

    def last_lines(self) -> tuple[str, ...]:
        return tuple(self._last.decode("utf-8", "replace").splitlines()[-LAST_LINES:])


def _result(
    job: Job,
    result_file: Path,
    code: int,
    timed_out: bool,
    killed_for_memory: bool,
    seconds: float,
    memory_bytes: int,
    lines: Sequence[str],
) -> StageResult:
    """What the child wrote down; else how it ended."""
    over = f"{job.stage} needed more than its limit of {memory_bytes:,} bytes"
    found = None
    with contextlib.suppress(OSError, msgspec.DecodeError):
        found = msgspec.json.decode(result_file.read_bytes(), type=StageResult)
    if found is not None and found.status != "ok" and killed_for_memory:  # the kernel chose a process it had started
        return msgspec.structs.replace(found, status="out-of-memory", reason=f"{over}: {found.reason}")
    status: Status = "failed"
    if timed_out:
        status, said = "timeout", f"{job.stage} took more than its limit of {seconds:g} s"
    elif killed_for_memory or tells_of_memory("\n".join(lines)):
        status, said = "out-of-memory", over
    elif code == -signal.SIGALRM:
        said = f"{job.stage} did not end of itself"
    elif code < 0:
        said = f"{job.stage} was ended by {signal_name(-code)}"
    else:
        said = f"{job.stage} ended with exit code {code}"
    if found is not None:  # written last of all, so it was wholly measured, and its files are in their places
        not_closed = [found.facts.get("not_closed"), f"{said} once it was measured" if code or timed_out else None]
        facts = {"not_closed": "; ".join(str(each) for each in not_closed if each)} if any(not_closed) else {}
        return msgspec.structs.replace(found, facts=found.facts | facts)
    if status == "failed" and code >= 0:
        said += " and no result"
        if code == 1 and lines:  # as Python ends for what nobody caught: its last line names it
            said += f": {shortened(lines[-1])}"
    return StageResult(stage=job.stage, status=status, reason=said)
