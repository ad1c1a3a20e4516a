"""Progress: who is told how far a long piece of work is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Range(NamedTuple):
    """What something will take, and between which bounds; likely and high None: not known, low at least."""

    low: float
    likely: float | None
    high: float | None

    @classmethod
    def exactly(cls, value: float) -> Range:
        return cls(value, value, value)

    @classmethod
    def total(cls, parts: Iterable[Range]) -> Range:
        """All of them one after the other: not known where one is not."""
        found = list(parts)
        likely = [part.likely for part in found if part.likely is not None]
        high = [part.high for part in found if part.high is not None]
        known = len(likely) == len(high) == len(found)
        return cls(sum(part.low for part in found), sum(likely) if known else None, sum(high) if known else None)

    def times(self, number: float) -> Range:
        """So many of it."""
        likely, high = (None if value is None else number * value for value in (self.likely, self.high))
        return Range(number * self.low, likely, high)

    @property
    def at_least(self) -> float:
        """The best single figure that there is."""
        return self.low if self.likely is None else self.likely


class Passages(NamedTuple):
    """How far an encoding is."""

    done: int
    total: int
    per_second: float | None  # of those that this process has encoded; None before any


class Progress(Protocol):
    """Who is told how work goes: the stages of a run, the bytes of a download."""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        """Something begins; `done` of `total` are done (None: unknown), and all will take so long."""

    def moves(self, done: int) -> None:
        """So much is done by now, of the total that was said last."""

    def runs(self, passages: Passages | None, stage_left: float | None, seconds_left: float | None) -> None:
        """
        What was begun last still runs: told once a second.

        passages: how far it is. stage_left, seconds_left: seconds, of it and of all. None: not known.
        """

    def estimates(self, passage_set: str, seconds: Mapping[str, Range], unknown: Sequence[str]) -> None:
        """What a set has still to do takes so long; seconds: of each part, unknown: what is not in them."""

    def says(self, line: str) -> None:
        """Something happened."""


class Silent:
    """Tells nobody."""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None: ...

    def moves(self, done: int) -> None: ...

    def runs(self, passages: Passages | None, stage_left: float | None, seconds_left: float | None) -> None: ...

    def estimates(self, passage_set: str, seconds: Mapping[str, Range], unknown: Sequence[str]) -> None: ...

    def says(self, line: str) -> None: ...
