"""One stage in a child process: limited in time and memory, and how it ended, as a result."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.records.schema import StageResult, Status
from bench.stage import cleanup, reported, stopping, worker
from bench.stage.cgroup import memory_cgroup
from bench.stage.child import Allowed, StageLimits, started
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


def run(
    job: Job,
    folder: Path,
    allowed: Allowed,
    *,
    goes_on: GoesOn | None = None,
    told: Callable[[], object] | None = None,
) -> StageResult:
    """
    Do one job in a child of its own and say how it ended.

    folder: a scratch folder for job and result. goes_on: asked after each look of a job that has looks; a search in
    looks that nobody is asked about is whole. told: called about once a second while the child runs.

    Every way to end badly is a status, never an exception; so is a child that this process could not start or watch (no
    memory to start it, no room on the disk). Of what it started or wrote nothing is left then, but for the blocks of a
    matrix; of a child that ended well, its files alone.
    """
    try:
        if goes_on is None:
            result = _run(job, folder, allowed, told)
        else:
            result = _run_in_looks(job, folder, allowed, told, goes_on)
    except OSError as error:
        said = f"{job.stage} could not be run: {reason(error)}"
        result = StageResult(stage=job.stage, status="failed", reason=said, threads=allowed.threads)
    if result.status != "ok" and job.out is not None:  # others may need the room
        shutil.rmtree(job.out, ignore_errors=True)
    return result


def _run_in_looks(
    job: Job, folder: Path, allowed: Allowed, told: Callable[[], object] | None, goes_on: GoesOn
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
        result = _run(job, folder, allowed, told, pipes.question(job, judged))
    if refused and result.status == "ok":
        result = msgspec.structs.replace(result, status="failed", reason=f"a look could not be judged: {refused[0]}")
    return result


def _run(
    job: Job, folder: Path, allowed: Allowed, told: Callable[[], object] | None, question: Question | None = None
) -> StageResult:
    folder.mkdir(parents=True, exist_ok=True)
    result_file = Path(job.result)
    for left in (result_file, result_file.with_name(reported.NAME)):
        left.unlink(missing_ok=True)
    memory_bytes = allowed.memory_bytes
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(allowed.threads))
    environment |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": hash_seed(job), "PYTHONUNBUFFERED": "1"}
    with cleanup.removed() as variables, memory_cgroup(memory_bytes) as group:
        job = msgspec.structs.replace(
            job, parent=os.getpid(), cgroup=str(group.join) if group else None, memory_bytes=memory_bytes
        )
        job_file = folder / "job.json"
        job_file.write_bytes(msgspec.json.encode(job))
        start = time.perf_counter()
        with started(worker.__name__, job_file, environment | variables, job.pipes or ()) as output:
            over = output.read_until_it_ends(StageLimits(job, output.process, allowed, told), question)
        elapsed = time.perf_counter() - start
        killed_for_memory = group is not None and group.out_of_memory()
        code, lines = output.exit_code(), output.last_lines()
        result = _result(job, result_file, code, over, killed_for_memory, memory_bytes, lines)
    return msgspec.structs.replace(
        result,
        process_seconds=elapsed,
        threads=allowed.threads,
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


def _result(
    job: Job,
    result_file: Path,
    code: int,
    over_time: str,
    killed_for_memory: bool,
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
    if over_time:
        status, said = "timeout", over_time
    elif killed_for_memory or tells_of_memory("\n".join(lines)):
        status, said = "out-of-memory", over
    elif code == -signal.SIGALRM:
        said = f"{job.stage} did not end of itself"
    elif code < 0:
        said = f"{job.stage} was ended by {signal_name(-code)}"
    else:
        said = f"{job.stage} ended with exit code {code}"
    if found is not None:  # written last of all, so it was wholly measured, and its files are in their places
        not_closed = [found.facts.get("not_closed"), f"{said} once it was measured" if code or over_time else None]
        facts = {"not_closed": "; ".join(str(each) for each in not_closed if each)} if any(not_closed) else {}
        return msgspec.structs.replace(found, facts=found.facts | facts)
    if status == "failed" and code >= 0:
        said += " and no result"
        if code == 1 and lines:  # as Python ends for what nobody caught: its last line names it
            said += f": {shortened(lines[-1])}"
    return StageResult(stage=job.stage, status=status, reason=said)
