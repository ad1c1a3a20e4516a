"""What a table shows of some runs, as the options of `sparring table` say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

if TYPE_CHECKING:
    from bench.analysis.prices import Prices

Axis: TypeAlias = Literal["retriever", "encoder", "storage", "passages", "measure", "threads", "name", "run"]
AXES: tuple[Axis, ...] = get_args(Axis)


class Pivot(NamedTuple):
    """What stands across, and what is told of each cell."""

    axis: Axis
    measure: str | None = None  # a key of rows or a heading; None: the primary measure


@dataclass(frozen=True)
class View:
    """What is shown; by default what most readers look for: quality, time and size of each cell."""

    labels: bool = False  # the primary measure by what the queries test
    pivot: Pivot | None = None  # one table of one measure
    columns: tuple[str, ...] | None = None  # keys of rows or headings, in this order
    wide: bool = False  # every column that has a value
    published: bool = False  # ours against published figures alone
    intervals: bool = False  # beside each figure that has one
    cite: bool = False  # with its sources, where the format has a place for them
    prices: Prices | None = None  # what each cell costs by them

    @property
    def is_default(self) -> bool:
        """Whether nothing says what to show."""
        return self.columns is None and not (self.labels or self.pivot or self.wide or self.published)


DEFAULT = View()
