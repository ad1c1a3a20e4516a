"""The environment instrument: what of the machine and the software decides numbers."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

import bench
from bench.errors import InputError
from bench.git import git, text
from bench.instruments import processor
from bench.records.schema import Environment

LIBRARIES = (
    "bm25s",
    "faiss-cpu",
    "ir-measures",
    "numba",
    "numpy",
    "PyStemmer",
    "pytrec-eval-terrier",
    "rank-bm25",
    "regex",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "sparring",
    "tokenizers",
    "torch",
    "usearch",
    "transformers",
)

GIT_SECONDS = 10.0  # a file system that hangs keeps no run from starting


def code_files(*packages: str) -> dict[str, Path]:
    """
    Every Python file of some packages of this project (`bench`, `retrievers`), by its path from where they lie.

    Raises RuntimeError for a package without any: a hash of nothing would never change.
    """
    home = Path(bench.__file__).parent.parent
    found: dict[str, Path] = {}
    for package in packages:
        paths = sorted((home / package).rglob("*.py"))
        if not paths:
            raise RuntimeError(f"{home / package}: expected the code of {package}, found no Python file")
        found |= {path.relative_to(home).as_posix(): path for path in paths}
    return found


def code_sha256(*packages: str) -> str:
    """sha256 over names and bytes of `code_files`."""
    total = hashlib.sha256()
    for name, path in code_files(*packages).items():
        total.update(name.encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Versions of the libraries that numbers depend on, of those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def installed_sha256() -> str:
    """sha256 over name and version of every installed distribution: a stranger's adapter may depend on any of them."""
    names = sorted(f"{found.name}=={found.version}" for found in metadata.distributions())
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


@functools.cache
def machine() -> tuple[str, str, str | None, str | None, str | None]:
    """Python's version (it carries Unicode's), the processor, the accelerator, which may be used, and the stepping."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return platform.python_version(), _cpu(), _accelerator(), visible, processor.stepping()


def collect() -> Environment:
    """The environment of this process."""
    commit, dirty = _checkout()
    return Environment(
        cpu=machine()[1],
        cores=processor.cores(),
        memory_bytes=psutil.virtual_memory().total,
        kernel=platform.release(),
        platform=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        accelerator=machine()[2],
        libraries=versions(),
        commit=commit,
        dirty=dirty,
        code_sha256=code_sha256("bench", "retrievers"),
        installed_sha256=installed_sha256(),
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        cpu_stepping=machine()[4],
        caches=processor.caches(),
        affinity=processor.affinity(),
        governor=processor.governor(),
        mhz=processor.mhz(),
    )


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _accelerator() -> str | None:
    """The GPU's name, asked of its driver's own tool: importing torch to ask would take seconds."""
    try:
        answer = subprocess.run(  # fixed arguments
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],  # noqa: S607  # found on PATH
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().splitlines()[0] if answer.stdout.strip() else None


def _checkout() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this package lies in, and whether it has uncommitted changes."""
    home = Path(bench.__file__).parent.parent
    if not (home / ".git").exists():
        return None, None
    try:
        head = git(home, "rev-parse", "HEAD", seconds=GIT_SECONDS)
        changed = git(home, "status", "--porcelain", "--untracked-files=no", seconds=GIT_SECONDS)
    except (InputError, subprocess.TimeoutExpired):
        return None, None
    if head.returncode or changed.returncode:
        return None, None
    return text(head.stdout), bool(changed.stdout.strip())
