"""
Fuzzing of whatever reads what others wrote: nothing but the reader's own error may come out, soon and in little memory.

    python -m tests.fuzz --minutes 30 [--reader NAME] [--seed N] [--findings FOLDER]

Each reader runs in a child of its own whose memory is limited; what a child was reading when it died or hung is a
finding too. With atheris installed, libFuzzer prefers mutants that reach new code; without it, mutants of the seeds are
drawn alone. A finding's bytes are kept in a file: mend the reader, and put the case into tests/fuzz/test_found.py.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import mmap
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.mutants import LARGEST, mutant
from tests.fuzz.readers import Reader, readers
from tests.helpers.places import ROOT

OURS = (str(ROOT / "bench"), str(ROOT / "retrievers"))
SLOW = 5.0  # seconds of processor time that a case may take
HUNG = 60.0  # seconds that a child may stay beyond its share
ROOM = 2**30  # bytes that a child may take beyond what it has after its imports
LENGTH = 4  # bytes of its length, where it is kept


# The child: one reader


class Session:
    """One reader's executions and findings, of which each kind is kept once."""

    def __init__(self, name: str, reader: Reader, findings: Path, seconds: float) -> None:
        self.name, self.reader, self.findings = name, reader, findings
        self.current = _mapped(findings / f"{name}.current")  # what is being read, should the child die of it
        self.deadline = time.monotonic() + seconds
        self.executions = 0
        self.found: dict[str, str] = {}

    def read(self, data: bytes) -> None:
        """Read one case; ends the child when its time is over."""
        self.current[: LENGTH + len(data)] = len(data).to_bytes(LENGTH, "big") + data
        started = time.process_time()
        try:
            self.reader.read(data)
        except self.reader.allowed:
            pass
        except BaseException as error:
            self.keep(data, error)
        if time.process_time() - started > SLOW:
            self.keep(data, TimeoutError(f"took {time.process_time() - started:.1f} s"))
        self.executions += 1
        if time.monotonic() > self.deadline:
            self.end()

    def keep(self, data: bytes, error: BaseException) -> None:
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(OURS)]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "no line of ours"
        kind = f"{type(error).__name__} at {place}"
        if kind not in self.found:
            path = self.findings / f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            self.found[kind] = f"{kind}: {str(error)[:200]}: {path}"

    def end(self) -> None:
        """Report and leave: libFuzzer does not come back."""
        report = {"executions": self.executions, "findings": list(self.found.values())}
        (self.findings / f"{self.name}.json").write_text(json.dumps(report))
        os._exit(0)


def _mapped(path: Path) -> mmap.mmap:
    """A file in memory, which outlives the process and costs no system call a case."""
    path.write_bytes(bytes(LENGTH + LARGEST))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def child(name: str, seed: int, seconds: float, findings: Path) -> None:
    """Fuzz one reader until its time is over."""
    steered = importlib.util.find_spec("atheris") is not None
    if steered:
        import atheris

        with atheris.instrument_imports(include=["bench", "retrievers"]):
            reader = readers()[name]
    else:
        reader = readers()[name]
    for data in reader.seeds:
        reader.read(data)  # each is valid; whatever is imported on use is imported now
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    session = Session(name, reader, findings, seconds)
    rng = random.Random(seed)
    if not steered:
        while True:
            session.read(mutant(rng.choice(reader.seeds), rng, reader.seeds))

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        drawn = random.Random(seed)
        return atheris.Mutate(data, largest) if drawn.random() < 0.3 else mutant(data, drawn, reader.seeds)[:largest]

    corpus = findings / f"{name}.corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(reader.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [
        f"-seed={seed % 2**31 or 1}",
        f"-max_len={LARGEST}",
        "-rss_limit_mb=0",
        "-timeout=3600",
        "-verbosity=0",
        f"-artifact_prefix={findings}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], session.read, custom_mutator=mutated)
    atheris.Fuzz()


# The parent


def fuzz(name: str, seed: int, seconds: float, findings: Path) -> tuple[int, list[str]]:
    """Executions and findings of one reader; where a child died or hung, the next one goes on with another seed."""
    until, executions, found = time.monotonic() + seconds, 0, []
    while (left := until - time.monotonic()) > 0:
        counted, cases = _child(name, seed, left, findings)
        executions, found, seed = executions + counted, found + cases, seed + 1
    return executions, found


def _child(name: str, seed: int, seconds: float, findings: Path) -> tuple[int, list[str]]:
    report, current = findings / f"{name}.json", findings / f"{name}.current"
    for file in (report, current):
        file.unlink(missing_ok=True)
    arguments = [sys.executable, "-m", "tests.fuzz", "--child", name, "--seed", str(seed), "--findings", str(findings)]
    try:
        finished = subprocess.run(
            [*arguments, "--minutes", str(seconds / 60)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + HUNG,
            check=False,
        )
        said = f"exit code {finished.returncode}: {finished.stdout.decode(errors='replace')[-300:]}"
    except subprocess.TimeoutExpired:
        said = "hung"
    if report.is_file():
        told = json.loads(report.read_text())
        return told["executions"], told["findings"]
    mapped = current.read_bytes() if current.is_file() else bytes(LENGTH)
    case = findings / f"{name}-died-{seed}"
    case.write_bytes(mapped[LENGTH : LENGTH + int.from_bytes(mapped[:LENGTH], "big")])
    return 0, [f"its child ended, {said}: {case}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=30.0, help="in all, shared by the readers")
    parser.add_argument("--reader", action="append", help="one reader; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=None, help="folder of the cases that were found")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, chosen.seed, chosen.minutes * 60, chosen.findings)
    unknown = set(chosen.reader or ()) - readers().keys()
    if unknown:
        parser.error(f"--reader: expected one of {', '.join(sorted(readers()))}, found {', '.join(sorted(unknown))}")
    findings = (chosen.findings or Path(tempfile.mkdtemp(prefix="fuzz-"))).absolute()
    findings.mkdir(parents=True, exist_ok=True)
    names = chosen.reader or list(readers())
    engine = "atheris" if importlib.util.find_spec("atheris") else "mutants alone"
    print(
        f"{len(names)} readers, {chosen.minutes} min, seed {chosen.seed}, {engine}; findings in {findings}", flush=True
    )
    total = count = 0
    for position, name in enumerate(names):
        executions, found = fuzz(name, chosen.seed + position, chosen.minutes * 60 / len(names), findings)
        total, count = total + executions, count + len(found)
        print("\n  ".join([f"{name}: {executions:,} executions, {len(found)} findings", *found]), flush=True)
    print(f"{total:,} executions, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
