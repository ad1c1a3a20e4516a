"""Progress: who is told how far a long piece of work is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Progress(Protocol):
    """Who is told how work goes: the stages of a run, the bytes of a download."""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        """Something begins; `done` of `total` are done (None: unknown), and all will take so long."""

    def moves(self, done: int) -> None:
        """So much is done by now, of the total that was said last."""

    def says(self, line: str) -> None:
        """Something happened."""

    def estimates(self, passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> None:
        """The cells of a set will take so long; seconds: of each part, unknown: what is not in them."""


class Silent:
    """Tells nobody."""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None: ...

    def moves(self, done: int) -> None: ...

    def says(self, line: str) -> None: ...

    def estimates(self, passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> None: ...
