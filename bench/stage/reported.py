"""How far a stage is: a small file beside its result, written by the child and read by who waits for it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from bench.progress import Passages
from bench.stage.job import Job

NAME = "reported.json"


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """So much of an encoding is done."""

    done: int  # passages
    total: int
    share: float  # of the work, by the length of the texts; 0 to 1
    kept: int  # passages that an earlier process has encoded
    kept_share: float
    seconds: float  # that this process has encoded for

    def passages(self) -> Passages:
        """As it is told."""
        return Passages(self.done, self.total, (self.done - self.kept) / self.seconds if self.seconds else None)

    def seconds_left(self) -> float | None:
        """Of encoding the rest, as fast as what this process has done; None before it has done anything."""
        own = self.share - self.kept_share
        return self.seconds * (1 - self.share) / own if own > 0 else None


def report(job: Job, found: Reported) -> None:
    """Tell it. A disk that is full ends no stage."""
    path = Path(job.result).with_name(NAME)
    with contextlib.suppress(OSError):
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(found))
        part.replace(path)


def of(job: Job) -> Reported | None:
    """What a child has reported last; None: nothing."""
    try:
        return msgspec.json.decode(Path(job.result).with_name(NAME).read_bytes(), type=Reported)
    except (OSError, msgspec.DecodeError):
        return None
