"""Which cell of one run is which of another: one rule for what is compared, gated, and timed side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar


class Matchable(Protocol):
    """What a cell is found again by."""

    @property
    def passage_set(self) -> str: ...
    @property
    def retriever(self) -> str: ...
    @property
    def cell_name(self) -> str: ...
    @property
    def threads(self) -> int | None: ...


Matched = TypeVar("Matched", bound=Matchable)


def matched(olds: Sequence[Matched], news: Sequence[Matched]) -> list[tuple[Matched, Matched]]:
    """
    Each new cell with the old one that is its counterpart, where there is one; none is taken twice.

    By passage set, and by name or else by spelling; of several with as many threads, where there is one.
    """
    ways: tuple[Callable[[Matched], object], ...] = (
        lambda cell: (cell.passage_set, cell.cell_name, cell.threads) if cell.cell_name else None,
        lambda cell: (cell.passage_set, cell.cell_name) if cell.cell_name else None,
        lambda cell: (cell.passage_set, cell.retriever, cell.threads),
        lambda cell: (cell.passage_set, cell.retriever),
    )
    found: dict[int, Matched] = {}  # position in news -> the old one
    left = list(olds)
    for way in ways:
        for index, cell in enumerate(news):
            key = way(cell)
            if index in found or key is None:
                continue
            match = next((one for one in left if way(one) == key), None)
            if match is not None:
                left.remove(match)
                found[index] = match
    return [(found[index], cell) for index, cell in enumerate(news) if index in found]
