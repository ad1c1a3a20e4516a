"""
What an adapter runs on, and does not weigh: libraries of other distributions, and the kernels that we compile.

A process that has made a part once tells what that took (`modules`, `compiled`); whoever weighs the part afterwards
brings that in first, so that all that comes later is the adapter's own: its package or file, its `prepare`, its data.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.records.schema import Memory
from bench.stage.job import Job

PACKAGES = {"site-packages", "dist-packages"}  # where installed packages lie
OURS = {"__main__", "bench", "retrievers"}
KERNELS = "retrievers.storages.search.compiled"


def load(job: Job) -> Memory:
    """Import the libraries that the job's adapters run on, and compile the kernels: how much memory that took."""
    from bench.instruments.memory import Phase

    phase = Phase()
    for name in job.runtime:
        with contextlib.suppress(Exception, SystemExit):  # what an adapter needs it will miss itself
            importlib.import_module(name)
    if job.kernels:
        from retrievers.storages.search import kernels

        kernels.compile_again(job.kernels)
    taken = phase.end()
    # What the harness itself needs while it weighs and times is no adapter's either.
    from bench.stage import timing  # noqa: F401
    from retrievers import registry  # noqa: F401

    return taken


def modules(job: Job, imported: Mapping[str, object]) -> tuple[str, ...]:
    """
    The modules of installed distributions that were imported, but for ours and the adapters' own.

    imported: `sys.modules`, in the order of import.
    """
    own = OURS.union(*(_top_levels(target, package) for target, package in _named(job)))
    return tuple(
        name for name, module in list(imported.items()) if name.partition(".")[0] not in own and _is_installed(module)
    )


def compiled() -> tuple[str, ...]:
    """The kernels of ours that this process has compiled, or loaded compiled."""
    if KERNELS not in sys.modules:
        return ()
    from retrievers.storages.search import kernels

    return tuple(kernels.compiled_so_far())


def _named(job: Job) -> Iterator[tuple[str, str]]:
    """Target and package of the adapters that the job spells, also inside of others."""
    spelled = f"{job.encoder} {job.storage}"
    for _, name, target, package in job.entries:
        if f"{name}(" in spelled:
            yield target, package


def _top_levels(target: str, package: str) -> set[str]:
    """The modules and packages that one distribution installs; of a plug-in file its own module."""
    from importlib import metadata

    from retrievers.plugin import MODULE

    module = target.rpartition(":")[0]
    found = {f"{MODULE}{Path(module).stem}"} if module.endswith(".py") else {module.partition(".")[0]}
    with contextlib.suppress(metadata.PackageNotFoundError, ValueError):
        for file in metadata.distribution(package).files or ():
            found.add(file.parts[0].partition(".")[0])
    return found


def _is_installed(module: object) -> bool:
    """Whether its file lies where packages are installed. Not asked by getattr: some modules import what they miss."""
    file = getattr(module, "__dict__", {}).get("__file__")
    return isinstance(file, str) and not PACKAGES.isdisjoint(Path(file).parts)
