"""One child process: exec'd afresh, limited in time and memory, watched, and ended with all it started."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.failure import reason, signal_name, tells_of_memory
from bench.record import StageResult, Status
from bench.stages import Job

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
LAST_LINES = 20
_LOG_TAIL_BYTES = 20_000


class Cgroup(NamedTuple):
    """A control group of this run: where a child joins, and where the kernel tells that it hit the limit."""

    folder: Path
    version: str

    @property
    def join(self) -> Path:
        return self.folder / "cgroup.procs"

    def out_of_memory(self) -> bool:
        with contextlib.suppress(OSError):
            name = "memory.oom_control" if self.version == "cgroup-v1" else "memory.events"
            for line in (self.folder / name).read_text().splitlines():
                key, _, count = line.partition(" ")
                if key == "oom_kill":
                    return int(count) > 0
        return False


@contextlib.contextmanager
def memory_cgroup(limit: int) -> Iterator[Cgroup | None]:
    """A fresh control group with that limit, where this user may make one (v1 or v2); else None."""
    group = _make_cgroup(limit)
    try:
        yield group
    finally:
        if group is not None:
            for _ in range(100):  # the kernel lets go of an ended child a little later
                try:
                    group.folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.01)


def _make_cgroup(limit: int) -> Cgroup | None:
    for parent, version, control in _cgroup_parents():
        _remove_abandoned(parent)
        folder = parent / f"sparring-{os.getpid()}-{time.monotonic_ns()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            with (folder / control).open("r+") as file:  # the kernel makes it; where it is not there, this is no cgroup
                file.write(str(limit))
            if version == "cgroup-v2":
                with contextlib.suppress(OSError):  # there is no such file where the kernel does not account for swap
                    (folder / "memory.swap.max").write_text("0")
            return Cgroup(folder, version)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return None


def _cgroup_parents() -> Iterator[tuple[Path, str, str]]:
    """This process's own groups that may hold a memory limit: folder, version, file of the limit."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                yield Path("/sys/fs/cgroup/memory" + path), "cgroup-v1", "memory.limit_in_bytes"
            elif not controllers:
                yield Path("/sys/fs/cgroup" + path), "cgroup-v2", "memory.max"


def _remove_abandoned(parent: Path) -> None:
    """Groups of runs that were killed: empty ones whose run is gone."""
    for folder in parent.glob("sparring-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def run(job: Job, folder: Path, *, threads: int, seconds: float, memory_bytes: int) -> StageResult:
    """
    Do one job in a child of its own and say how it ended.

    folder: a scratch folder for job, result and log. Every way to end badly is a status, never an exception; so is a
    child that this process could not start or watch (no memory to start it, no room on the disk).
    """
    try:
        return _run(job, folder, threads, seconds, memory_bytes)
    except OSError as error:
        said = f"{job.stage} could not be run: {reason(error)}"
        return StageResult(stage=job.stage, status="failed", reason=said, threads=threads)


def _run(job: Job, folder: Path, threads: int, seconds: float, memory_bytes: int) -> StageResult:
    folder.mkdir(parents=True, exist_ok=True)
    log, result_file = folder / "log", Path(job.result)
    result_file.unlink(missing_ok=True)
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
    with memory_cgroup(memory_bytes) as group, log.open("wb") as output:
        job = msgspec.structs.replace(
            job, parent=os.getpid(), cgroup=str(group.join) if group else None, memory_bytes=memory_bytes
        )
        job_file = folder / "job.json"
        job_file.write_bytes(msgspec.json.encode(job))
        start = time.perf_counter()
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", "bench.worker", str(job_file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # so that it can be ended with all it started
        )
        timed_out = True
        try:
            timed_out = not _ended_within(child, seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        elapsed = time.perf_counter() - start
        killed_for_memory = group is not None and group.out_of_memory()
        result = _result(job, result_file, child.returncode, timed_out, killed_for_memory, seconds, memory_bytes, log)
    return msgspec.structs.replace(
        result,
        process_seconds=elapsed,
        threads=threads,
        limited_by=group.version if group else "rlimit-data",
        output=() if result.status == "ok" else last_lines(log),
    )


def _ended_within(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a child; woken by the kernel where it offers that, since `Popen.wait` polls up to 50 ms late."""
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(child.pid)
        try:
            return bool(select.select([descriptor], [], [], seconds)[0])
        finally:
            os.close(descriptor)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _result(
    job: Job,
    result_file: Path,
    code: int,
    timed_out: bool,
    killed_for_memory: bool,
    seconds: float,
    memory_bytes: int,
    log: Path,
) -> StageResult:
    over = f"{job.stage} needed more than its limit of {memory_bytes:,} bytes"
    if code == 0 and not timed_out and result_file.is_file():
        with contextlib.suppress(msgspec.DecodeError):
            result = msgspec.json.decode(result_file.read_bytes(), type=StageResult)
            if result.status != "ok" and killed_for_memory:  # the kernel chose a process that the child had started
                return msgspec.structs.replace(result, status="out-of-memory", reason=f"{over}: {result.reason}")
            return result
    status: Status
    if timed_out:
        status, said = "timeout", f"{job.stage} took more than its limit of {seconds:g} s"
    elif killed_for_memory or tells_of_memory("\n".join(last_lines(log))):
        status, said = "out-of-memory", over
    elif code < 0:
        status, said = "failed", f"{job.stage} was ended by {signal_name(-code)}"
    else:
        status, said = "failed", f"{job.stage} ended with exit code {code} and no result"
    return StageResult(stage=job.stage, status=status, reason=said)


def last_lines(log: Path) -> tuple[str, ...]:
    """The last lines that a child printed."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _LOG_TAIL_BYTES, 0))
        return tuple(file.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:])
